"""Venues, events and ticket types, as far as money needs them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from ticketpay.domain.kernel.ids import EventId, PaymentId, TicketTypeId, VenueId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.parties import Tenant

__all__ = [
    "Cancellation",
    "CancellationProgress",
    "Catalog",
    "Event",
    "MoneyBack",
    "Offer",
    "Place",
    "StockedType",
    "TicketType",
    "Venue",
]


@attrs.frozen(kw_only=True)
class Venue:
    """Where an event takes place; city and state decide the tax, the zone decides the day."""

    id: VenueId
    name: str
    city: str
    state: str
    time_zone: str


@attrs.frozen(kw_only=True)
class Event:
    """A concert: its start in UTC and whether it is on sale.

    ``currency`` is what its prices are in, ``currencies`` what else buyers may pay in (S23).
    """

    id: EventId
    venue_id: VenueId
    name: str
    starts_at: datetime
    currency: Currency
    on_sale: bool = True
    currencies: frozenset[Currency] = frozenset()


@attrs.frozen(kw_only=True)
class TicketType:
    """A kind of ticket with one face price; seated types are sold by seat label."""

    id: TicketTypeId
    event_id: EventId
    name: str
    price: Money
    seated: bool = False


@attrs.frozen(kw_only=True)
class Offer:
    """One event with its venue, its tenant's nexus states and all its ticket types."""

    event: Event
    venue: Venue
    nexus_states: frozenset[str]
    types: Mapping[TicketTypeId, TicketType]


@attrs.frozen
class Place:
    """A venue with its tenant's nexus states: what decides the tax."""

    venue: Venue
    nexus_states: frozenset[str]


@attrs.frozen(kw_only=True)
class StockedType:
    """A ticket type with what there is to sell: a capacity, and seat labels if it is seated."""

    type: TicketType
    capacity: int
    seats: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Catalog:
    """Everything that ``ticketpay catalog load`` writes for one tenant."""

    tenant: Tenant
    venues: tuple[Venue, ...]
    events: tuple[Event, ...]
    types: tuple[StockedType, ...]


@attrs.frozen(kw_only=True)
class Cancellation:
    """An event that does not take place, and how far a pass over its payments has come (S24).

    ``cursor`` is the payment that was looked at last, in the order of their ids. ``again`` says that
    this pass has met a payment or a refund without an end: another pass follows. Until then there is
    no ``finished_at``.
    """

    event_id: EventId
    reason: str
    requested_by: str
    started_at: datetime
    finished_at: datetime | None = None
    cursor: PaymentId | None = None
    again: bool = False


@attrs.frozen(kw_only=True)
class MoneyBack:
    """What the paid orders in one ``currency`` have cost, what is begun and what has arrived; cents."""

    currency: Currency
    cents: int
    begun_cents: int
    refunded_cents: int


@attrs.frozen(kw_only=True)
class CancellationProgress:
    """The paid orders of an event, and their ``money`` by currency, from payments and refunds.

    ``begun`` are the orders of which all is on its way back or has arrived, ``refunded`` those of
    which all has arrived, ``failed`` those whose refund the provider has not made. ``unfinished`` are
    payments that may still complete.
    """

    orders: int
    begun: int
    refunded: int
    failed: int
    unfinished: int
    money: tuple[MoneyBack, ...] = ()
