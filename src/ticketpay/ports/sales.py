"""Ports for lists of sales."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ticketpay.domain.kernel.ids import UserId, VenueId
from ticketpay.domain.payments.sales import Sale, SaleCount, SaleKey
from ticketpay.ports.later import Later

__all__ = ["Sales"]


class Sales(Protocol):
    """**Protocol:** the sales of one tenant, newest first; a page costs the same anywhere."""

    def of_user(self, user_id: UserId, after: SaleKey, limit: int) -> Later[tuple[Sale, ...]]:
        """The next ``limit`` sales of a buyer that are older than ``after``."""
        ...

    def of_venue(self, venue_id: VenueId, after: SaleKey, limit: int) -> Later[tuple[Sale, ...]]:
        """The next ``limit`` sales at a venue that are older than ``after``."""
        ...

    def counts(self, since: datetime) -> Later[tuple[SaleCount, ...]]:
        """The payments created since an instant, by currency and state."""
        ...
