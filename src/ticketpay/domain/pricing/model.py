"""Demands, charges, ticket lines and quotes."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

import attrs

from ticketpay.domain.kernel.ids import EventId, QuoteId, TicketTypeId, UserId, VenueId
from ticketpay.domain.money import Currency, ExchangeRate, Money, Rate

__all__ = ["Address", "Charge", "ChargeKind", "Demand", "DemandLine", "Quote", "TicketLine"]


@attrs.frozen(kw_only=True, repr=False)
class Address:
    """Where a buyer lives, for the tax alone: it is never printed and never kept (R13)."""

    street: str
    city: str
    state: str
    zip: str
    country: str = "US"


class ChargeKind(StrEnum):
    """What a charge is for; fees belong to the all-in price, taxes do not."""

    PLATFORM_FEE = "platform_fee"
    ISSUING_FEE = "issuing_fee"
    STATE_TAX = "state_tax"
    LOCAL_TAX = "local_tax"
    SPECIAL_TAX = "special_tax"

    @property
    def is_tax(self) -> bool:
        """Whether the charge is a tax."""
        return self.value.endswith("_tax")


@attrs.frozen
class Charge:
    """One fee or tax on a ticket or an order: its name, exact rate, cents and refundability.

    ``rate`` is None for a fixed amount per ticket. ``refundable`` is what the buyer was shown
    and what a refund will follow (field notes 3.1). ``estimated`` is a tax that could not be asked
    for and has to be calculated again (S58 D3).
    """

    kind: ChargeKind
    name: str
    rate: Rate | None
    cents: int
    refundable: bool
    estimated: bool = False


@attrs.frozen
class DemandLine:
    """A ticket type, how many, and which seats; ``price_cents`` is only ever compared."""

    type_id: TicketTypeId
    quantity: int
    seats: tuple[str, ...] = ()
    price_cents: int | None = None


@attrs.frozen
class Demand:
    """What a buyer wants of one event; in the event's ``currency`` if none is named."""

    event_id: EventId
    lines: tuple[DemandLine, ...]
    currency: Currency | None = None

    @property
    def type_ids(self) -> tuple[TicketTypeId, ...]:
        """The ticket types wanted, each once, in lock order."""
        return tuple(sorted({line.type_id for line in self.lines}))

    @property
    def seats(self) -> tuple[tuple[TicketTypeId, str], ...]:
        """The seats wanted, in lock order."""
        return tuple(sorted((line.type_id, seat) for line in self.lines for seat in line.seats))

    def quantity_of(self, type_id: TicketTypeId) -> int:
        """How many tickets of one type are wanted."""
        return sum(line.quantity for line in self.lines if line.type_id == type_id)


@attrs.frozen
class TicketLine:
    """One ticket of an order: its face price in cents and its share of every charge."""

    number: int
    type_id: TicketTypeId
    seat: str | None
    price_cents: int
    charges: tuple[Charge, ...]


@attrs.frozen(kw_only=True)
class Quote:
    """A priced demand. All amounts in ``currency``; ``tax_date`` is the day at the venue.

    ``exchange`` is the rate by which the event's prices were converted, if they were (S23 D2).
    """

    id: QuoteId
    user_id: UserId
    event_id: EventId
    venue_id: VenueId
    currency: Currency
    tickets: tuple[TicketLine, ...]
    charges: tuple[Charge, ...]
    tax_jurisdiction: str
    tax_date: date
    expires_at: datetime
    exchange: ExchangeRate | None = None

    @property
    def tickets_cents(self) -> int:
        """The sum of the face prices."""
        return sum(ticket.price_cents for ticket in self.tickets)

    @property
    def fees_cents(self) -> int:
        """The sum of all fees."""
        return sum(charge.cents for charge in self.charges if not charge.kind.is_tax)

    @property
    def taxes_cents(self) -> int:
        """The sum of all taxes."""
        return sum(charge.cents for charge in self.charges if charge.kind.is_tax)

    @property
    def all_in(self) -> Money:
        """Tickets with every mandatory fee, without taxes: the price to show first (16 CFR 464)."""
        return Money(self.tickets_cents + self.fees_cents, self.currency)

    @property
    def total(self) -> Money:
        """What is charged."""
        return Money(self.tickets_cents + self.fees_cents + self.taxes_cents, self.currency)

    @property
    def tax_estimated(self) -> bool:
        """Whether one of the taxes is only estimated."""
        return any(charge.estimated for charge in self.charges)

    def demand(self) -> Demand:
        """The demand that this quote prices, one line per ticket type."""
        quantities: dict[TicketTypeId, int] = {}
        seats: dict[TicketTypeId, list[str]] = {}
        for ticket in self.tickets:
            quantities[ticket.type_id] = quantities.get(ticket.type_id, 0) + 1
            if ticket.seat is not None:
                seats.setdefault(ticket.type_id, []).append(ticket.seat)
        lines = [
            DemandLine(type_id, count, tuple(seats.get(type_id, ())))
            for type_id, count in quantities.items()
        ]
        return Demand(self.event_id, tuple(lines))
