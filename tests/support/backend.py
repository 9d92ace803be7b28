"""A backend: one implementation of the ports of a transaction, ready for the contract tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

import attrs

from tests.support.databases import Database, Spread
from tests.support.scenery import START, Scenery
from ticketpay.adapters.memory import (
    MemoryCatalog,
    MemoryRateLoader,
    MemoryUnitOfWork,
    VirtualClock,
)
from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter
from ticketpay.adapters.postgres.exchange import PostgresRateLoader
from ticketpay.domain.catalog import Catalog
from ticketpay.domain.kernel.ids import TenantId, TicketTypeId
from ticketpay.domain.messaging import InboxClaim, StreamClaim, TimerClaim
from ticketpay.domain.orders import Order
from ticketpay.domain.payments import Payment
from ticketpay.ports.catalog import CatalogWriter
from ticketpay.ports.exchange import RateLoader
from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["Backend", "memory", "postgres"]

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Backend:
    """A unit of work with two tenants whose catalogues are loaded.

    ``stock_counts`` gives (capacity, taken) of a ticket type of the home tenant; ``everything``,
    something to compare: all rows, or how many there are. Queues may hold what other tests left,
    so tests look only at their own.
    """

    uow: UnitOfWork
    writer: CatalogWriter
    loader: RateLoader
    home: Scenery
    away: Scenery
    now: Callable[[], datetime]
    stock_counts: Callable[[TicketTypeId], tuple[int, int]]
    everything: Callable[[], object]

    @property
    def tenant(self) -> TenantId:
        """The tenant that the tests work for."""
        return self.home.tenant

    @property
    def other_tenant(self) -> TenantId:
        """The tenant that must see nothing of it."""
        return self.away.tenant

    @property
    def catalog(self) -> Catalog:
        """The catalogue of ``tenant``, as it was loaded."""
        return self.home.catalog

    def run(self, fn: Callable[[Tx], T]) -> T:
        """One transaction of ``tenant``."""
        return self.uow.run(self.tenant, fn)

    def run_as_other(self, fn: Callable[[Tx], T]) -> T:
        """One transaction of ``other_tenant``."""
        return self.uow.run(self.other_tenant, fn)

    def due_streams(self, at: datetime) -> list[StreamClaim]:
        """What a relay would claim in all databases."""
        found = self.uow.everywhere(lambda tx: tx.streams.claim_due(at, 60, 1000)())
        return [claim for claims in found for claim in claims]

    def due_timers(self, at: datetime) -> list[TimerClaim]:
        """What a janitor would claim."""
        found = self.uow.everywhere(lambda tx: tx.timers.claim_due(at, 60, 1000)())
        return [claim for claims in found for claim in claims]

    def due_events(self, at: datetime) -> list[InboxClaim]:
        """What the inbox process would claim."""
        found = self.uow.everywhere(lambda tx: tx.inbox.claim_due(at, 60, 1000)())
        return [claim for claims in found for claim in claims]

    def stored_order(self, count: int = 1, *seats: str) -> Order:
        """An order that is stored, without a hold."""
        order = self.home.order(self.now(), self.home.demand(count, *seats))
        self.run(lambda tx: tx.orders.add(order))
        return order

    def stored_payment(self, order: Order | None = None) -> Payment:
        """A payment that is stored, with its order."""
        payment = self.home.payment(order or self.stored_order(), self.now())
        self.run(lambda tx: tx.payments.add(payment))
        return payment


@contextmanager
def memory(on_step: Callable[[str], None] | None = None) -> Iterator[Backend]:
    """Tables in memory; ``on_step`` hears the steps of every transaction."""
    uow, clock = MemoryUnitOfWork(on_step=on_step), VirtualClock(START)
    home, away = Scenery(), Scenery()
    writer = MemoryCatalog(uow)
    writer.load(home.catalog)
    writer.load(away.catalog)

    def stock_counts(type_id: TicketTypeId) -> tuple[int, int]:
        row = uow.store.of(home.tenant).stock.get(type_id)
        assert row is not None
        return row.capacity, row.taken

    def everything() -> object:
        tables = [uow.store.platform, uow.store.of(home.tenant), uow.store.of(away.tenant)]
        return [{n: dict(t.items()) for n, t in vars(some).items()} for some in tables]

    yield Backend(
        uow=uow,
        writer=writer,
        loader=MemoryRateLoader(uow),
        home=home,
        away=away,
        now=clock.now,
        stock_counts=stock_counts,
        everything=everything,
    )


@contextmanager
def postgres(database: Database | Spread) -> Iterator[Backend]:
    """The real server, through a role that has the rights of the app and of the worker."""
    uow, clock = database.unit_of_work(both=True), VirtualClock(START)
    home, away = Scenery(), Scenery()
    writer = PostgresCatalogWriter(database.owners)
    writer.load(home.catalog)
    writer.load(away.catalog)

    def stock_counts(type_id: TicketTypeId) -> tuple[int, int]:
        ((capacity, taken),) = database.rows(
            "SELECT capacity, taken FROM stock WHERE tenant_id = %s AND type_id = %s",
            home.tenant,
            type_id,
        )
        return int(str(capacity)), int(str(taken))

    try:
        yield Backend(
            uow=uow,
            writer=writer,
            loader=PostgresRateLoader(database.owners),
            home=home,
            away=away,
            now=clock.now,
            stock_counts=stock_counts,
            everything=database.counts,
        )
    finally:
        uow.close()
