"""Authentication: a bearer token becomes an actor, or nothing does (S08).

The token is the only source of the tenant, the user, the role and the venues.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import attrs
import jwt
from starlette.requests import Request

from ticketpay.domain.kernel.errors import FieldError, InvalidInput, Unauthenticated
from ticketpay.domain.kernel.ids import TenantId, UserId, VenueId
from ticketpay.domain.parties import Actor, Role
from ticketpay.entrypoints.http.body import parse_json
from ticketpay.entrypoints.http.errors import TenantRequired
from ticketpay.entrypoints.settings import Settings

__all__ = ["Guard", "issue_token", "uuid_of"]

_ALGORITHM: Final = "HS256"
_BELIEVED_MAX: Final = 4096
_CREDENTIALS: Final = re.compile(r"bearer +((?:[\w-]+\.){2}[\w-]+) *", re.ASCII | re.IGNORECASE)
_DATES: Final = ("exp", "iat", "nbf")
_LEEWAY_SECONDS: Final = 30
_LIFETIME_SECONDS_MAX: Final = 24 * 3600
_SECRET_LENGTH_MIN: Final = 32
_TOKEN_LENGTH_MAX: Final = 4096
_OPTIONS: Final[Any] = {"require": ["exp", "iat", "sub", "iss", "aud"]}
# Beside its own errors, PyJWT lets through what odd JSON raises in the standard library.
_UNREADABLE: Final = (
    jwt.PyJWTError,
    InvalidInput,
    ValueError,
    TypeError,
    OverflowError,
    RecursionError,
)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def uuid_of(value: object) -> UUID | None:
    """The UUID that a text with hyphens stands for, else None."""
    return UUID(value) if isinstance(value, str) and _UUID.fullmatch(value) else None


class _StrictJwt(jwt.PyJWT):
    """PyJWT, but the claims are strict JSON and their dates are numbers (RFC 7519)."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        claims = parse_json(decoded["payload"])
        if not isinstance(claims, dict):
            raise jwt.DecodeError("The claims are no object")
        if any(type(claims.get(name, 0)) not in (int, float) for name in _DATES):
            raise jwt.DecodeError("A date is no number")
        return claims


_JWT: Final = _StrictJwt()


@attrs.frozen
class Guard:
    """Believes tokens signed with one of ``secrets`` for this issuer and audience."""

    secrets: tuple[str, ...] = attrs.field(repr=False)
    issuer: str
    audience: str
    _believed: dict[bytes, tuple[Actor, int]] = attrs.field(factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Guard:
        """The guard that settings describe; raises ``InvalidInput`` on a weak secret."""
        secrets = tuple(one.value for one in settings.jwt_secrets)
        if not secrets or min(map(len, secrets)) < _SECRET_LENGTH_MIN:
            message = f"must have at least {_SECRET_LENGTH_MIN} characters"
            raise InvalidInput(f"JWT_SECRET {message}", errors=(FieldError("JWT_SECRET", message),))
        return cls(secrets, settings.jwt_issuer, settings.jwt_audience)

    def actor(self, request: Request) -> Actor:
        """Who calls; raises ``Unauthenticated`` or ``TenantRequired``.

        A verified token is remembered by its hash until it expires: verifying costs more than
        everything else that a request does on the event loop.
        """
        token = _bearer(request)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._believed.get(digest)
        if known is not None and time.time() < known[1] + _LEEWAY_SECONDS:
            return known[0]
        claims = self._claims(token)
        actor = _actor_of(claims)
        if len(self._believed) >= _BELIEVED_MAX:
            self._believed.clear()
        self._believed[digest] = (actor, int(claims["exp"]))
        return actor

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            claims = self._decoded(token)
            lifetime = int(claims["exp"]) - int(claims["iat"])
        except _UNREADABLE as error:
            raise Unauthenticated("The token is not valid") from error
        if not 0 < lifetime <= _LIFETIME_SECONDS_MAX:
            raise Unauthenticated("The token is not valid")
        return claims

    def _decoded(self, token: str) -> dict[str, Any]:
        """The claims; the last of the secrets decides what was wrong with the signature."""
        *others, last = self.secrets
        for secret in others:
            with suppress(jwt.InvalidSignatureError):
                return self._decoded_by(secret, token)
        return self._decoded_by(last, token)

    def _decoded_by(self, secret: str, token: str) -> dict[str, Any]:
        claims: dict[str, Any] = _JWT.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            options=_OPTIONS,
            audience=self.audience,
            issuer=self.issuer,
            leeway=_LEEWAY_SECONDS,
        )
        return claims


def _actor_of(claims: dict[str, Any]) -> Actor:
    if claims.get("tenant") in (None, ""):
        raise TenantRequired("The token names no tenant")
    tenant, user = uuid_of(claims["tenant"]), uuid_of(claims["sub"])
    role, venues = _role(claims.get("role")), _venues(claims.get("venues", []))
    if tenant is None or user is None or role is None or venues is None:
        raise Unauthenticated("The token is not valid")
    return Actor(tenant_id=TenantId(tenant), user_id=UserId(user), role=role, venues=venues)


def _bearer(request: Request) -> str:
    sent = request.headers.getlist("authorization")
    found = _CREDENTIALS.fullmatch(sent[0]) if len(sent) == 1 else None
    if found is None or len(found[1]) > _TOKEN_LENGTH_MAX:
        raise Unauthenticated("A bearer token is required")
    return found[1]


def _role(value: object) -> Role | None:
    return Role(value) if isinstance(value, str) and value in list(Role) else None


def _venues(value: object) -> frozenset[VenueId] | None:
    if not isinstance(value, list):
        return None
    venues = [uuid_of(item) for item in value]
    known = frozenset(VenueId(venue) for venue in venues if venue is not None)
    return known if None not in venues else None


def issue_token(
    secret: str,
    *,
    tenant: UUID,
    user: UUID,
    role: str,
    lifetime_seconds: int,
    now: datetime,
    issuer: str,
    audience: str,
    venues: Sequence[UUID] = (),
) -> str:
    """A signed token for one user of one tenant; ``now`` must be aware, the lifetime <= 1 day."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": str(user),
        "tenant": str(tenant),
        "role": str(Role(role)),
        "iat": now,
        "exp": now + timedelta(seconds=lifetime_seconds),
    }
    if venues:
        claims["venues"] = [str(venue) for venue in venues]
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)
