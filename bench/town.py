"""What the benches of refunds and venue money share: a town of venues, its applications, threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import uuid4

import attrs
import psycopg

from tests.support.databases import Database
from tests.support.sales import SECRET, Bell, IssuesAtOnce, NoChance
from ticketpay.adapters.postgres.uow import PostgresUnitOfWork, TenantMap, open_pool
from ticketpay.adapters.sandbox import SandboxModel
from ticketpay.adapters.stripe import StripeGateway, StripeWebhooks
from ticketpay.adapters.system.clock import SystemClock
from ticketpay.adapters.system.ids import Uuid7
from ticketpay.domain.catalog import Catalog, Event, StockedType, TicketType, Venue
from ticketpay.domain.kernel.ids import EventId, TenantId, TicketTypeId, UserId, VenueId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.parties import Actor, Role, Tenant
from ticketpay.entrypoints.wiring import App, Parts, assemble
from ticketpay.entrypoints.workers import Worker

THREADS = 8

T = TypeVar("T")


@attrs.frozen
class Town:
    """A tenant's applications as the API and as the worker have them; the sandbox is in process."""

    database: Database
    catalog: Catalog
    api: App
    worker: App

    @property
    def tenant(self) -> TenantId:
        return self.catalog.tenant.id

    def actor(self, role: Role) -> Actor:
        """Somebody new."""
        return Actor(tenant_id=self.tenant, user_id=UserId(uuid4()), role=role)

    def settle(self) -> None:
        """Roll up until there is no tail, and vacuum and analyse, as autovacuum does in time.

        Without it statements keep the plans that they were given for empty tables.
        """
        while self.worker.roll_up_ledger(self.tenant):
            pass
        with psycopg.connect(self.database.owner, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    @contextmanager
    def rolled_up(self) -> Iterator[None]:
        """The worker's own roll-up loop runs meanwhile, at its own pace."""
        loops = Worker(self.worker, lambda: [self.tenant]).loops()
        (loop,) = (one for one in loops if one.name == "roll-up")
        stopping = threading.Event()
        thread = threading.Thread(target=loop.run, args=(stopping,))
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def catalog_of(venues: int, starts_in: timedelta) -> Catalog:
    """So many venues with an event and one type of ticket each, 50.00 a ticket."""
    halls = [
        Venue(id=VenueId(uuid4()), name="A hall", city="Nashville", state="TN", time_zone="UTC")
        for _ in range(venues)
    ]
    starts_at = datetime.now(UTC) + starts_in
    concerts = [
        Event(id=EventId(uuid4()), venue_id=v.id, name="A show", starts_at=starts_at, currency=USD)
        for v in halls
    ]
    types = [
        TicketType(id=TicketTypeId(uuid4()), event_id=e.id, name="Floor", price=Money(5_000))
        for e in concerts
    ]
    tenant = Tenant(id=TenantId(uuid4()), name="A town", slug=str(uuid4()))
    return Catalog(
        tenant=tenant,
        venues=tuple(halls),
        events=tuple(concerts),
        types=tuple(StockedType(type=one, capacity=1_000_000) for one in types),
    )


@contextmanager
def open_town(database: Database, catalog: Catalog) -> Iterator[Town]:
    """Load the catalogue and open a pool for the API and one for the worker."""
    database.load(catalog)
    api, worker = (
        PostgresUnitOfWork(TenantMap((open_pool(dsn, size_max=THREADS + 2, name="bench"),)))
        for dsn in (database.app, database.worker)
    )
    model = SandboxModel(uuid4().int, time.time)
    parts = Parts(
        uow=api,
        gateway=StripeGateway.create("sk_test_bench", transport=model.request),
        reader=StripeWebhooks((SECRET,)),
        tickets=IssuesAtOnce(),
        clock=SystemClock(),
        ids=Uuid7(),
        random=NoChance(),
        alerts=Bell(),
    )
    try:
        yield Town(database, catalog, assemble(parts), assemble(attrs.evolve(parts, uow=worker)))
    finally:
        api.close()
        worker.close()


def rate(call: Callable[[T], object], over: Sequence[T], threads: int = THREADS) -> float:
    """Calls per second when so many threads share them."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(call, over))
    return len(over) / (time.perf_counter() - begun)
