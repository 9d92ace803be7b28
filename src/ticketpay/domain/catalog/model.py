"""Venues, events and ticket types, as far as money needs them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from ticketpay.domain.kernel.ids import EventId, TicketTypeId, VenueId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.parties import Tenant

__all__ = ["Catalog", "Event", "Offer", "Place", "StockedType", "TicketType", "Venue"]


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
    """A concert: its start in UTC and whether it is on sale."""

    id: EventId
    venue_id: VenueId
    name: str
    starts_at: datetime
    currency: Currency
    on_sale: bool = True


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
