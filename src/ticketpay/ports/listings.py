"""Ports for what operators look at."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.ledger import Posting
from ticketpay.domain.orders.summary import OrderSummary
from ticketpay.domain.payments.history import Happening
from ticketpay.domain.payments.sales import Sale
from ticketpay.ports.later import Later

__all__ = ["Listings"]


class Listings(Protocol):
    """**Protocol:** lists of one tenant, page by page along a key; a page costs the same anywhere.

    Ids are made in the order of time, so the largest id is the newest.
    """

    def orders(self, before: UUID, limit: int) -> Later[tuple[OrderSummary, ...]]:
        """Orders whose id is smaller than ``before``, largest first."""
        ...

    def payments(self, before: UUID, limit: int) -> Later[tuple[Sale, ...]]:
        """Payments whose id is smaller than ``before``, largest first."""
        ...

    def postings(self, after: str, limit: int) -> Later[tuple[Posting, ...]]:
        """Postings whose key is greater than ``after``, by key."""
        ...

    def history(self, payment_id: PaymentId, order_id: OrderId) -> Later[tuple[Happening, ...]]:
        """Attempts, moves, postings and messages of a payment, its order and its refunds."""
        ...
