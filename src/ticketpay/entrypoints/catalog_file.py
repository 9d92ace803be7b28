"""The catalogue file: a tenant's venues, events, ticket types and stock as JSON.

``{"tenant": {id, name, slug, nexusStates?}, "venues": [{id, name, city, state, timeZone}],
"events": [{id, venueId, name, startsAt, currency, currencies?}],
"ticketTypes": [{id, eventId, name, priceCents, capacity, seats?}]}``; ids are UUIDs, prices are
cents, starts are RFC 3339 in UTC. All wrong fields are named at once, by their dotted paths.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from ticketpay.domain.catalog import Catalog, Event, StockedType, TicketType, Venue
from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.kernel.ids import EventId, TenantId, TicketTypeId, VenueId
from ticketpay.domain.money import USD, Currency, Money
from ticketpay.domain.money.errors import UnsupportedCurrency
from ticketpay.domain.parties import Tenant
from ticketpay.domain.payments import AMOUNT_CENTS_MAX

__all__ = ["parse_catalog", "read_catalog"]

_T = TypeVar("_T")
_CAPACITY_MAX: Final = 1_000_000
_NAME_MAX: Final = 200
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NIL: Final = UUID(int=0)
_NEXUS_STATES: Final = frozenset({"TN"})
_NO_CURRENCIES: Final = frozenset[Currency]()
_NO_TEXTS: Final[tuple[str, ...]] = ()
_NOTHING: Final[Mapping[str, object]] = {}
_SECTIONS: Final = ("tenant", "venues", "events", "ticketTypes")


def read_catalog(path: Path, nexus_states: frozenset[str] = _NEXUS_STATES) -> Catalog:
    """The catalogue in the file; raises ``InvalidInput`` naming every wrong field.

    ``nexus_states`` are the tenant's if the file does not say (S59).
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput(f"cannot read {path}: {reason}") from error
    return parse_catalog(text, nexus_states)


def parse_catalog(text: str, nexus_states: frozenset[str] = _NEXUS_STATES) -> Catalog:
    """The catalogue that the JSON ``text`` describes; raises ``InvalidInput``."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"the catalogue is not JSON: {error}") from error
    notes: list[FieldError] = []
    root = _Fields("", given if isinstance(given, dict) else {}, notes)
    if not isinstance(given, dict):
        root.wrong("catalogue", "must be an object")
    catalog = _catalog(root, nexus_states)
    if notes:
        listed = "; ".join(f"{note.field}: {note.message}" for note in notes)
        raise InvalidInput(listed, errors=tuple(notes))
    return catalog


@attrs.frozen
class _Fields:
    """One JSON object at a dotted path; every getter notes what is wrong and goes on."""

    path: str
    given: Mapping[str, object]
    notes: list[FieldError]

    def wrong(self, name: str, message: str) -> None:
        self.notes.append(FieldError(f"{self.path}{name}", message))

    def only(self, *names: str) -> _Fields:
        for name in self.given:
            if name not in names:
                self.wrong(name, "is unknown")
        return self

    def _read(self, name: str, convert: Callable[[object], _T | None], want: str, bad: _T) -> _T:
        if name not in self.given:
            self.wrong(name, "is required")
            return bad
        value = convert(self.given[name])
        if value is None:
            self.wrong(name, f"must be {want}")
            return bad
        return value

    def id(self, name: str) -> UUID:
        return self._read(name, _as_uuid, "a UUID", _NIL)

    def name(self, name: str) -> str:
        want = f"a text of 1 to {_NAME_MAX} characters"
        return self._read(name, lambda v: _as_text(v, r".*\S.*"), want, "")

    def text(self, name: str, pattern: str, want: str) -> str:
        return self._read(name, lambda v: _as_text(v, pattern), want, "")

    def number(self, name: str, most: int) -> int:
        return self._read(name, lambda v: _as_int(v, most), f"an integer from 1 to {most}", 1)

    def zone(self, name: str) -> str:
        return self._read(name, _as_zone, "an IANA time zone", "UTC")

    def instant(self, name: str) -> datetime:
        want = "an RFC 3339 time in UTC, such as 2027-05-15T01:00:00Z"
        return self._read(name, _as_instant, want, _EPOCH)

    def currency(self, name: str) -> Currency:
        return self._read(name, _as_currency, "one of USD, EUR, GBP, CAD", USD)

    def currencies(self, name: str) -> frozenset[Currency]:
        if name not in self.given:
            return frozenset()
        want = "a list of different currencies of USD, EUR, GBP, CAD"
        return self._read(name, _as_currencies, want, _NO_CURRENCIES)

    def states(self, name: str, default: frozenset[str]) -> frozenset[str]:
        if name not in self.given:
            return default
        want = "a list of two-letter states"
        return frozenset(self._read(name, lambda v: _as_texts(v, r"[A-Z]{2}"), want, _NO_TEXTS))

    def labels(self, name: str) -> tuple[str, ...]:
        if name not in self.given:
            return ()
        want = "a list of different seat labels, at least one"
        label = r"\S(.{0,30}\S)?"
        found = self._read(name, lambda v: _as_texts(v, label) or None, want, _NO_TEXTS)
        if len(set(found)) != len(found):
            self.wrong(name, f"must be {want}")
        return found

    def object(self, name: str) -> _Fields:
        value = self._read(name, _as_object, "an object", _NOTHING)
        return _Fields(f"{self.path}{name}.", value, self.notes)

    def objects(self, name: str) -> list[_Fields]:
        values: list[object] = self._read(name, _as_list, "a list, not empty", [])
        found = []
        for place, value in enumerate(values):
            if not isinstance(value, dict):
                self.wrong(f"{name}.{place}", "must be an object")
            else:
                found.append(_Fields(f"{self.path}{name}.{place}.", value, self.notes))
        return found


def _as_uuid(value: object) -> UUID | None:
    shape = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    return UUID(value) if isinstance(value, str) and re.fullmatch(shape, value) else None


def _as_text(value: object, pattern: str) -> str | None:
    known = isinstance(value, str) and len(value) <= _NAME_MAX and re.fullmatch(pattern, value)
    return str(value) if known else None


def _as_texts(value: object, pattern: str) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    found = [_as_text(item, pattern) for item in value]
    return None if None in found else tuple(str(item) for item in found)


def _as_int(value: object, most: int) -> int | None:
    return value if type(value) is int and 1 <= value <= most else None


def _as_zone(value: object) -> str | None:
    try:
        return ZoneInfo(value).key if isinstance(value, str) and value else None
    except (LookupError, OSError, ValueError):
        return None


def _as_instant(value: object) -> datetime | None:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", value):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo and not found.utcoffset() else None


def _as_currency(value: object) -> Currency | None:
    try:
        return Currency.of(value) if isinstance(value, str) else None
    except UnsupportedCurrency:
        return None


def _as_currencies(value: object) -> frozenset[Currency] | None:
    if not isinstance(value, list):
        return None
    found = frozenset(map(_as_currency, value)) - {None}
    return frozenset(c for c in found if c) if len(found) == len(value) else None


def _as_object(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, dict) else None


def _as_list(value: object) -> list[object] | None:
    return value if isinstance(value, list) and value else None


def _catalog(root: _Fields, nexus_states: frozenset[str]) -> Catalog:
    root.only(*_SECTIONS)
    catalog_venues = [(f, _venue(f)) for f in root.objects("venues")]
    events = [(f, _event(f)) for f in root.objects("events")]
    prices = {event.id: event.currency for _, event in events}
    types = [(f, _stocked(f, prices)) for f in root.objects("ticketTypes")]
    _no_doubles([(f, venue.id) for f, venue in catalog_venues])
    _no_doubles([(f, event.id) for f, event in events])
    _no_doubles([(f, stocked.type.id) for f, stocked in types])
    _known("venueId", [(f, e.venue_id) for f, e in events], {v.id for _, v in catalog_venues})
    _known("eventId", [(f, s.type.event_id) for f, s in types], set(prices))
    return Catalog(
        tenant=_tenant(root.object("tenant"), nexus_states),
        venues=tuple(venue for _, venue in catalog_venues),
        events=tuple(event for _, event in events),
        types=tuple(stocked for _, stocked in types),
    )


def _tenant(fields: _Fields, nexus_states: frozenset[str]) -> Tenant:
    fields.only("id", "name", "slug", "nexusStates")
    slug = r"[a-z0-9]+(-[a-z0-9]+)*"
    return Tenant(
        id=TenantId(fields.id("id")),
        name=fields.name("name"),
        slug=fields.text("slug", slug, "lower-case letters, digits and single hyphens"),
        nexus_states=fields.states("nexusStates", nexus_states),
    )


def _venue(fields: _Fields) -> Venue:
    fields.only("id", "name", "city", "state", "timeZone")
    return Venue(
        id=VenueId(fields.id("id")),
        name=fields.name("name"),
        city=fields.name("city"),
        state=fields.text("state", r"[A-Z]{2}", "a two-letter state"),
        time_zone=fields.zone("timeZone"),
    )


def _event(fields: _Fields) -> Event:
    fields.only("id", "venueId", "name", "startsAt", "currency", "currencies")
    currency = fields.currency("currency")
    return Event(
        id=EventId(fields.id("id")),
        venue_id=VenueId(fields.id("venueId")),
        name=fields.name("name"),
        starts_at=fields.instant("startsAt"),
        currency=currency,
        currencies=fields.currencies("currencies") - {currency},
    )


def _stocked(fields: _Fields, prices: Mapping[EventId, Currency]) -> StockedType:
    fields.only("id", "eventId", "name", "priceCents", "capacity", "seats")
    event = EventId(fields.id("eventId"))
    price = Money(fields.number("priceCents", AMOUNT_CENTS_MAX), prices.get(event, USD))
    seats, capacity = fields.labels("seats"), fields.number("capacity", _CAPACITY_MAX)
    if seats and len(seats) != capacity:
        fields.wrong("capacity", f"must be the number of seats, {len(seats)}")
    kind = TicketType(
        id=TicketTypeId(fields.id("id")),
        event_id=event,
        name=fields.name("name"),
        price=price,
        seated=bool(seats),
    )
    return StockedType(type=kind, capacity=capacity, seats=seats)


def _no_doubles(ids: Iterable[tuple[_Fields, UUID]]) -> None:
    seen: set[UUID] = set()
    for fields, ident in ids:
        if ident in seen and ident != _NIL:
            fields.wrong("id", "is there twice")
        seen.add(ident)


def _known(name: str, uses: Iterable[tuple[_Fields, UUID]], ids: Iterable[UUID]) -> None:
    there = {*ids, _NIL}
    for fields, ident in uses:
        if ident not in there:
            fields.wrong(name, f"names nothing in this file: {ident}")
