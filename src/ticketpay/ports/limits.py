"""Ports for admission: counters of requests, and the turn of a buyer's purchase (S10, S16).

Both are hints that may be lost at any moment: nothing that is sold or paid rests on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from ticketpay.domain.admission import Decision, Limit, Turn
    from ticketpay.domain.kernel.ids import TenantId, UserId

__all__ = ["PurchaseTurns", "RateLimiter"]


class RateLimiter(Protocol):
    """**Protocol:** counts requests by the name of their limit and a subject."""

    def check(self, limit: Limit, subject: str) -> Decision:
        """Count one request if it is allowed; refused ones cost nothing.

        ``subject`` has 1 to 200 characters, else ValueError. Raises ``Unavailable`` when it
        cannot count.
        """
        ...


class PurchaseTurns(Protocol):
    """**Protocol:** who of a buyer's purchases is under way."""

    def take(self, tenant_id: TenantId, user_id: UserId, key: UUID, owner: UUID) -> Turn:
        """Take the buyer's turn for the purchase with the idempotency ``key``.

        A key that took a turn in the last hour is KNOWN and never refused. Only TAKEN makes
        ``owner`` its owner, until ``release`` or the adapter's time to live. Raises ``Unavailable``.
        """
        ...

    def release(self, tenant_id: TenantId, user_id: UserId, owner: UUID) -> None:
        """Give the turn back if ``owner`` has it; nothing otherwise. Raises ``Unavailable``."""
        ...
