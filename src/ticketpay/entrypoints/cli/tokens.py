"""Tokens for people who hold the secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from ticketpay.entrypoints.http.auth import issue_token

if TYPE_CHECKING:
    from ticketpay.entrypoints.settings import Settings

__all__ = ["token_for"]


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
