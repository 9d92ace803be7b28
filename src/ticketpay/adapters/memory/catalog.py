"""The catalogue in memory: offers for reading, and the loader."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from ticketpay.adapters.memory.store import StockRow, TenantTables, known
from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.catalog import Catalog, Offer, Place, StockedType
from ticketpay.domain.inventory import SoldOut
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import EventId, QuoteId, TenantId, VenueId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import PaymentState
from ticketpay.ports.later import Later

if TYPE_CHECKING:
    from ticketpay.adapters.memory.uow import MemoryUnitOfWork
    from ticketpay.ports.transactions import Tx

__all__ = ["MemoryCatalog", "MemoryCatalogReader"]


@attrs.frozen
class MemoryCatalogReader:
    """``CatalogReader`` over the tables of one tenant."""

    tenant_id: TenantId
    tables: TenantTables

    def offer(self, event_id: EventId) -> Later[Offer | None]:
        return known(self._offer(event_id))

    def offer_of_quote(self, quote_id: QuoteId) -> Later[Offer | None]:
        quote = self.tables.quotes.get(quote_id)
        return known(self._offer(quote.event_id) if quote else None)

    def place(self, venue_id: VenueId) -> Later[Place | None]:
        venue = self.tables.venues.get(venue_id)
        tenant = self.tables.tenants.get(self.tenant_id)
        return known(Place(venue, tenant.nexus_states) if venue and tenant else None)

    def volume(self, venue_id: VenueId, since: datetime) -> Later[tuple[Money, ...]]:
        sums: dict[Currency, Money] = {}
        for payment in self.tables.payments.values():
            mine = payment.venue_id == venue_id and payment.state is PaymentState.COMPLETED
            if mine and payment.confirmed_at is not None and payment.confirmed_at >= since:
                currency = payment.amount.currency
                sums[currency] = sums.get(currency, Money.zero(currency)) + payment.amount
        return known(tuple(sums.values()))

    def _offer(self, event_id: EventId) -> Offer | None:
        event = self.tables.events.get(event_id)
        tenant = self.tables.tenants.get(self.tenant_id)
        if event is None or tenant is None:
            return None
        venue = self.tables.venues.get(event.venue_id)
        assert venue is not None, "an event is loaded with its venue"
        types = {}
        for type_id in self.tables.types_of.get(event_id) or ():
            ticket_type = self.tables.types.get(type_id)
            assert ticket_type is not None, "a type is loaded with its event"
            types[type_id] = ticket_type
        return Offer(event=event, venue=venue, nexus_states=tenant.nexus_states, types=types)


@attrs.frozen
class MemoryCatalog:
    """``CatalogWriter``: loads a catalogue in one transaction."""

    uow: MemoryUnitOfWork

    def load(self, catalog: Catalog, entry: AuditEntry | None = None) -> None:
        tenant = catalog.tenant.id

        def load(tx: Tx) -> None:
            _load(self.uow.store.of(tenant), catalog)
            if entry is not None:
                tx.audit.record(entry)

        self.uow.run(tenant, load)


def _load(tables: TenantTables, catalog: Catalog) -> None:
    tables.tenants.put(catalog.tenant.id, catalog.tenant)
    for venue in catalog.venues:
        tables.venues.put(venue.id, venue)
    for event in catalog.events:
        if event.venue_id not in tables.venues:
            raise Conflict(f"event {event.id} takes place at an unknown venue")
        tables.events.lock(event.id)
        gone = event.id in tables.cancellations
        tables.events.put(event.id, attrs.evolve(event, on_sale=False) if gone else event)
    for stocked in catalog.types:
        _load_type(tables, stocked)


def _load_type(tables: TenantTables, stocked: StockedType) -> None:
    ticket_type = stocked.type
    if ticket_type.event_id not in tables.events:
        raise Conflict(f"ticket type {ticket_type.id} belongs to an unknown event")
    tables.types.put(ticket_type.id, ticket_type)
    siblings = tables.types_of.get(ticket_type.event_id) or ()
    if ticket_type.id not in siblings:
        tables.types_of.put(ticket_type.event_id, (*siblings, ticket_type.id))
    old = tables.stock.get(ticket_type.id)
    taken = old.taken if old else 0
    if stocked.capacity < taken:
        raise SoldOut(f"{taken} tickets of type {ticket_type.id} are taken")
    row = StockRow(capacity=stocked.capacity, taken=taken, seated=ticket_type.seated)
    tables.stock.put(ticket_type.id, row)
    for label in stocked.seats:
        if (ticket_type.id, label) not in tables.seats:
            tables.seats.put((ticket_type.id, label), None)
