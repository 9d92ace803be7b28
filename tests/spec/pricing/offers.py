"""Offers to price: one event at a venue of choice, with one type per face price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from ticketpay.domain.catalog import Event, Offer, TicketType, Venue
from ticketpay.domain.kernel.ids import EventId, QuoteId, TicketTypeId, UserId, VenueId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.pricing import (
    Demand,
    DemandLine,
    FeeSchedule,
    Quote,
    Tier,
    price_demand,
    tax_table,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVENT = EventId(UUID(int=1))
VENUE = VenueId(UUID(int=2))
USER = UserId(UUID(int=3))
QUOTE = QuoteId(UUID(int=4))


def type_id(number: int) -> TicketTypeId:
    return TicketTypeId(UUID(int=100 + number))


def offer(
    prices: Sequence[int],
    *,
    city: str = "Nashville",
    state: str = "TN",
    zone: str = "America/Chicago",
    nexus: Sequence[str] = ("TN", "TX"),
    on_sale: bool = True,
) -> Offer:
    event = Event(
        id=EVENT,
        venue_id=VENUE,
        name="A concert",
        starts_at=NOW + timedelta(days=30),
        currency=USD,
        on_sale=on_sale,
    )
    return Offer(
        event=event,
        venue=Venue(id=VENUE, name="A hall", city=city, state=state, time_zone=zone),
        nexus_states=frozenset(nexus),
        types={
            type_id(n): TicketType(
                id=type_id(n), event_id=EVENT, name=f"Type {n}", price=Money(price, USD)
            )
            for n, price in enumerate(prices)
        },
    )


def demand(*quantities: int) -> Demand:
    lines = [DemandLine(type_id(n), q) for n, q in enumerate(quantities) if q]
    return Demand(EVENT, tuple(lines))


def price(
    an_offer: Offer, a_demand: Demand, *, tier: Tier = Tier.STARTER, now: datetime = NOW
) -> Quote:
    return price_demand(
        an_offer,
        a_demand,
        quote_id=QUOTE,
        user_id=USER,
        tier=tier,
        fees=FeeSchedule(),
        taxes=tax_table(),
        now=now,
    )
