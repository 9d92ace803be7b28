"""Tokens for people who hold the secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.entrypoints.http.auth import issue_token

if TYPE_CHECKING:
    from ticketpay.entrypoints.settings import Settings

__all__ = ["claims_of", "token_for"]


def token_for(settings: Settings, *, tenant: UUID, user: UUID, role: str, minutes: int) -> str:
    """A bearer token good for ``minutes`` from now."""
    return issue_token(
        settings.jwt_secret.value,
        tenant=tenant,
        user=user,
        role=role,
        lifetime_seconds=60 * minutes,
        now=datetime.now(UTC),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, its signature unchecked; raises ``InvalidInput`` when it is no token."""
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise InvalidInput("TOKEN is not a JSON web token") from error
    return claims
