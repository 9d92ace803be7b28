"""An order in a list."""

from __future__ import annotations

from datetime import datetime

import attrs

from ticketpay.domain.kernel.ids import EventId, OrderId, UserId, VenueId
from ticketpay.domain.money import ExchangeRate
from ticketpay.domain.orders.states import OrderState

__all__ = ["OrderSummary"]


@attrs.frozen(kw_only=True)
class OrderSummary:
    """What a list shows of an order; ``total_cents`` is what is charged."""

    id: OrderId
    user_id: UserId
    event_id: EventId
    venue_id: VenueId
    state: OrderState
    currency: str
    total_cents: int
    ticket_count: int
    created_at: datetime
    exchange: ExchangeRate | None = None
