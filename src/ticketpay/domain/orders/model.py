"""The order: its totals, its tickets and its state."""

from __future__ import annotations

from datetime import date, datetime

import attrs

from ticketpay.domain.kernel.ids import EventId, OrderId, UserId, VenueId
from ticketpay.domain.money import Currency, ExchangeRate, Money
from ticketpay.domain.orders.states import ORDER_MACHINE, OrderState
from ticketpay.domain.pricing.model import Charge, Quote, TicketLine

__all__ = ["Order"]


@attrs.frozen(kw_only=True)
class Order:
    """One purchase of one user for one event; amounts in cents of ``currency``.

    ``tickets`` and ``charges`` are snapshots of the quote: refunds, resale and tax forms use
    their stored rates, never today's. ``exchange`` is the rate by which the event's prices were
    converted; nothing is converted again (S23 D2). ``version`` grows by one with every change.
    """

    id: OrderId
    user_id: UserId
    event_id: EventId
    venue_id: VenueId
    state: OrderState
    currency: Currency
    tickets_cents: int
    fees_cents: int
    taxes_cents: int
    ticket_count: int
    tax_jurisdiction: str
    tax_date: date
    created_at: datetime
    expires_at: datetime
    version: int = 1
    tickets: tuple[TicketLine, ...] = ()
    charges: tuple[Charge, ...] = ()
    exchange: ExchangeRate | None = None

    @property
    def all_in(self) -> Money:
        """Tickets with every mandatory fee, without taxes."""
        return Money(self.tickets_cents + self.fees_cents, self.currency)

    @property
    def total(self) -> Money:
        """What is charged."""
        return Money(self.tickets_cents + self.fees_cents + self.taxes_cents, self.currency)

    @property
    def tax_estimated(self) -> bool:
        """Whether one of the taxes is only estimated; known as long as the charges are here."""
        return any(charge.estimated for charge in self.charges)

    @classmethod
    def of(cls, quote: Quote, *, order_id: OrderId, now: datetime, expires_at: datetime) -> Order:
        """A new order in state ``created`` with everything that ``quote`` promised."""
        return cls(
            id=order_id,
            user_id=quote.user_id,
            event_id=quote.event_id,
            venue_id=quote.venue_id,
            state=ORDER_MACHINE.initial,
            currency=quote.currency,
            tickets_cents=quote.tickets_cents,
            fees_cents=quote.fees_cents,
            taxes_cents=quote.taxes_cents,
            ticket_count=len(quote.tickets),
            tax_jurisdiction=quote.tax_jurisdiction,
            tax_date=quote.tax_date,
            created_at=now,
            expires_at=expires_at,
            tickets=quote.tickets,
            charges=quote.charges,
            exchange=quote.exchange,
        )
