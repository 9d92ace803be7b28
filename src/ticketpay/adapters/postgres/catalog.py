"""The catalogue in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg

from ticketpay.adapters.postgres.audit import RECORD, entry_values
from ticketpay.adapters.postgres.errors import as_owner, connect, translate
from ticketpay.adapters.postgres.places import place_of
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.catalog import Catalog, Event, Offer, Place, StockedType, TicketType, Venue
from ticketpay.domain.kernel.ids import EventId, QuoteId, TenantId, TicketTypeId, VenueId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.parties import Tenant

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresCatalog", "PostgresCatalogWriter"]

_SQL: Final = load("catalog")
_CANCELLATIONS: Final = load("cancellations")
_TRANSACTIONS: Final = load("transactions")


def _offer(rows: Sequence[tuple[Any, ...]]) -> Offer | None:
    if not rows:
        return None
    event, venue, name, starts_at, currency, on_sale, others, *place = rows[0][:12]
    money = Currency(currency)
    return Offer(
        event=Event(
            id=event,
            venue_id=venue,
            name=name,
            starts_at=starts_at.astimezone(UTC),
            currency=money,
            on_sale=on_sale,
            currencies=frozenset(map(Currency, others)),
        ),
        venue=Venue(id=venue, name=place[0], city=place[1], state=place[2], time_zone=place[3]),
        nexus_states=frozenset(place[4]),
        types={
            TicketTypeId(type_id): TicketType(
                id=type_id,
                event_id=event,
                name=title,
                price=Money(cents, money),
                seated=seated,
            )
            for *_, type_id, title, cents, seated in rows
        },
    )


def _sums(rows: Sequence[tuple[Any, ...]]) -> tuple[Money, ...]:
    return tuple(Money(int(cents), Currency(currency)) for currency, cents in rows)


def _place(rows: Sequence[tuple[Any, ...]]) -> Place | None:
    for venue_id, name, city, state, zone, nexus in rows:
        venue = Venue(id=venue_id, name=name, city=city, state=state, time_zone=zone)
        return Place(venue, frozenset(nexus))
    return None


@attrs.frozen
class PostgresCatalog:
    """Fulfils ``CatalogReader``."""

    session: Session

    def offer(self, event_id: EventId) -> Later[Offer | None]:
        values = {"tenant": self.session.tenant_id, "event": event_id}
        return self.session.read(_SQL["offer"], values, _offer)

    def offer_of_quote(self, quote_id: QuoteId) -> Later[Offer | None]:
        values = {"tenant": self.session.tenant_id, "quote": quote_id}
        return self.session.read(_SQL["offer_of_quote"], values, _offer)

    def place(self, venue_id: VenueId) -> Later[Place | None]:
        values = {"tenant": self.session.tenant_id, "venue": venue_id}
        return self.session.read(_SQL["place"], values, _place)

    def volume(self, venue_id: VenueId, since: datetime) -> Later[tuple[Money, ...]]:
        values = {"tenant": self.session.tenant_id, "venue": venue_id, "since": since}
        return self.session.read(_SQL["volume"], values, _sums)


def _several(dsns: str | Sequence[str]) -> tuple[str, ...]:
    return (dsns,) if isinstance(dsns, str) else tuple(dsns)


@attrs.frozen
class PostgresCatalogWriter:
    """Fulfils ``CatalogWriter`` over the owner's connections, in the order of the tenant map."""

    dsns: tuple[str, ...] = attrs.field(repr=False, converter=_several)

    def load(self, catalog: Catalog, entry: AuditEntry | None = None) -> None:
        dsn = self.dsns[place_of(catalog.tenant.id, len(self.dsns))]
        try:
            with as_owner(dsn) as connection:
                _load(connection, catalog)
                if entry is not None:
                    connection.execute(RECORD, entry_values(catalog.tenant.id, entry))
        except psycopg.Error as error:
            raise translate(error) from error

    def registered(self) -> tuple[Tenant, ...]:
        """Every tenant of every database with its name, by its slug."""
        found: list[Tenant] = []
        for dsn in self.dsns:
            with connect(dsn) as connection:
                found += [
                    Tenant(id=TenantId(i), name=name, slug=slug, nexus_states=frozenset(nexus))
                    for i, name, slug, nexus in connection.execute(_SQL["registered"])
                ]
        return tuple(sorted(found, key=lambda tenant: tenant.slug))

    def tenants(self) -> list[TenantId]:
        """Every tenant of every database."""
        found: list[TenantId] = []
        for dsn in self.dsns:
            with connect(dsn) as connection:
                found += [TenantId(row[0]) for row in connection.execute(_SQL["tenants"])]
        return found


def _load(connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    tenant = catalog.tenant
    connection.execute(_TRANSACTIONS["act_for"], {"tenant": str(tenant.id)})
    connection.execute(
        _SQL["put_tenant"],
        {
            "id": tenant.id,
            "name": tenant.name,
            "slug": tenant.slug,
            "nexus": sorted(tenant.nexus_states),
        },
    )
    for venue in catalog.venues:
        connection.execute(_SQL["put_venue"], _venue_values(tenant.id, venue))
    for event in catalog.events:
        connection.execute(_SQL["put_event"], _event_values(tenant.id, event))
    _keep_off_sale(connection, catalog)
    for stocked in catalog.types:
        _load_type(connection, tenant.id, stocked)


def _keep_off_sale(connection: psycopg.Connection[Any], catalog: Catalog) -> None:
    """A cancelled event stays off sale; its row is locked by now, so none is cancelled meanwhile."""
    tenant = catalog.tenant.id
    rows = connection.execute(_CANCELLATIONS["cancelled_events"], {"tenant": tenant})
    cancelled = {row[0] for row in rows}
    for event in catalog.events:
        if event.id in cancelled:
            values = {"tenant": tenant, "event": event.id}
            connection.execute(_CANCELLATIONS["take_off_sale"], values)


def _venue_values(tenant: TenantId, venue: Venue) -> dict[str, object]:
    return {
        "tenant": tenant,
        "id": venue.id,
        "name": venue.name,
        "city": venue.city,
        "state": venue.state,
        "zone": venue.time_zone,
    }


def _event_values(tenant: TenantId, event: Event) -> dict[str, object]:
    return {
        "tenant": tenant,
        "id": event.id,
        "venue": event.venue_id,
        "name": event.name,
        "starts_at": event.starts_at,
        "currency": event.currency.code,
        "on_sale": event.on_sale,
        "currencies": sorted(currency.code for currency in event.currencies),
    }


def _load_type(connection: psycopg.Connection[Any], tenant: TenantId, stocked: StockedType) -> None:
    kind = stocked.type
    values = {
        "tenant": tenant,
        "id": kind.id,
        "type": kind.id,
        "event": kind.event_id,
        "name": kind.name,
        "price": kind.price.cents,
        "seated": kind.seated,
        "capacity": stocked.capacity,
        "labels": list(stocked.seats),
    }
    connection.execute(_SQL["put_type"], values)
    connection.execute(_SQL["put_stock"], values)
    if stocked.seats:
        connection.execute(_SQL["put_seats"], values)
