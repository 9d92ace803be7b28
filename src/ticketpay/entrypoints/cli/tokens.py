"""``ticketpay tokens``: bearer tokens for people who hold the secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs
import click

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.shell import Group, emit, settings_for

if TYPE_CHECKING:
    from ticketpay.domain.audit import Detail
    from ticketpay.entrypoints.settings import Settings

__all__ = ["claims_of", "token_for", "tokens"]

_MINUTES_MAX: Final = 24 * 60
_MANAGER: Final = "venue_manager"
_VENUES_MAX: Final = 12
"""More would not fit into the audit entry, which names all of them."""

_ROLES: Final = ("customer", _MANAGER, "support", "compliance", "admin")


@click.group(cls=Group)
def tokens() -> None:
    """Bearer tokens for development and operations."""


@tokens.command("issue")
@click.option("--tenant", type=click.UUID, required=True, help="Whose token.")
@click.option("--user", type=click.UUID, required=True, help="The subject.")
@click.option("--role", type=click.Choice(_ROLES), required=True, help="What they may do.")
@click.option(
    "--venue",
    "venues",
    type=click.UUID,
    multiple=True,
    help="A venue that a venue_manager manages; without one, they see none.",
)
@click.option(
    "--minutes",
    type=click.IntRange(1, _MINUTES_MAX),
    default=60,
    show_default=True,
    help="How long it is good, at most a day.",
)
def tokens_issue(
    tenant: UUID, user: UUID, role: str, venues: tuple[UUID, ...], minutes: int
) -> None:
    """Print a token signed with JWT_SECRET; there is no dry run."""
    if venues and role != _MANAGER:
        raise click.UsageError(f"--venue is for --role {_MANAGER} only: other roles have no venues")
    if len(venues) > _VENUES_MAX:
        raise click.UsageError(f"--venue may be given {_VENUES_MAX} times")
    settings = settings_for("JWT_SECRET")
    managed = {"venues": " ".join(map(str, venues))} if venues else {}
    _record_token(settings, TenantId(tenant), user, role=role, minutes=minutes, **managed)
    token = token_for(settings, tenant=tenant, user=user, role=role, minutes=minutes, venues=venues)
    emit({"token": token}, [token])


@tokens.command("inspect")
@click.argument("token")
def tokens_inspect(token: str) -> None:
    """Print what a token says; its signature is not checked."""
    claims = claims_of(token)
    emit(claims, [f"{name:<8}  {value}" for name, value in claims.items()])


def _record_token(settings: Settings, tenant: TenantId, user: UUID, **details: Detail) -> None:
    """Before it is printed: a token that nobody has recorded is not given out."""
    from ticketpay.entrypoints import bootstrap
    from ticketpay.entrypoints.cli.books import require_known

    if settings.database_url:
        require_known(settings, tenant)
        entry = attrs.evolve(operator_entry("token.issue", "user", user), details=details)
        with bootstrap.audit_desk(settings) as desk:
            desk.record(tenant, entry)


def token_for(
    settings: Settings,
    *,
    tenant: UUID,
    user: UUID,
    role: str,
    minutes: int,
    venues: Sequence[UUID] = (),
) -> str:
    """A bearer token good for ``minutes`` from now."""
    from ticketpay.entrypoints.http.auth import issue_token

    return issue_token(
        settings.jwt_secrets[0].value,
        tenant=tenant,
        user=user,
        role=role,
        lifetime_seconds=60 * minutes,
        now=datetime.now(UTC),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        venues=venues,
    )


def claims_of(token: str) -> dict[str, Any]:
    """What a token says, its signature unchecked; raises ``InvalidInput`` when it is no token."""
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise InvalidInput("TOKEN is not a JSON web token") from error
    return claims
