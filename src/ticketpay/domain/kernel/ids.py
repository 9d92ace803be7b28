"""Identifiers: UUIDs with a name each, so that a type checker keeps them apart.

New ids come from the ``Ids`` port (UUIDv7); no rule relies on their order.
"""

from __future__ import annotations

from typing import NewType
from uuid import UUID

__all__ = [
    "DisputeId",
    "EventId",
    "OrderId",
    "PaymentId",
    "PayoutId",
    "QuoteId",
    "RefundId",
    "SubscriptionId",
    "TenantId",
    "TicketTypeId",
    "UserId",
    "VenueId",
]

TenantId = NewType("TenantId", UUID)
VenueId = NewType("VenueId", UUID)
EventId = NewType("EventId", UUID)
TicketTypeId = NewType("TicketTypeId", UUID)
UserId = NewType("UserId", UUID)
QuoteId = NewType("QuoteId", UUID)
OrderId = NewType("OrderId", UUID)
PaymentId = NewType("PaymentId", UUID)
RefundId = NewType("RefundId", UUID)
DisputeId = NewType("DisputeId", UUID)
PayoutId = NewType("PayoutId", UUID)
SubscriptionId = NewType("SubscriptionId", UUID)
