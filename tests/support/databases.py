"""One embedded PostgreSQL for the whole test session; every database is a copy of a template."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import attrs
import psycopg
from psycopg import Connection, pq
from psycopg_pool import ConnectionPool

from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter
from ticketpay.adapters.postgres.migrate import APP_ROLE, WORKER_ROLE
from ticketpay.adapters.postgres.places import take_place
from ticketpay.adapters.postgres.uow import PostgresUnitOfWork, TenantMap, open_pool
from ticketpay.domain.catalog import Catalog, Event, StockedType, TicketType, Venue
from ticketpay.domain.kernel.ids import EventId, TenantId, TicketTypeId, VenueId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.parties import Tenant
from ticketpay.entrypoints import bootstrap

TEMPLATE = "ticketpay_template"
BOTH_ROLES = "ticketpay_both"
_numbers = itertools.count(1)


Pool = ConnectionPool[Connection[Any]]


@attrs.frozen
class Database:
    """A fresh, migrated database and how each role reaches it."""

    server: EmbeddedPostgres
    name: str

    @property
    def owner(self) -> str:
        return self.server.dsn(self.name)

    @property
    def app(self) -> str:
        return self.server.dsn(self.name, APP_ROLE, "app")

    @property
    def worker(self) -> str:
        return self.server.dsn(self.name, WORKER_ROLE, "worker")

    @property
    def both(self) -> str:
        """A role with the rights of the app and of the worker, and no more."""
        return self.server.dsn(self.name, BOTH_ROLES, "both")

    def load(self, catalog: Catalog) -> None:
        PostgresCatalogWriter(self.owner).load(catalog)

    @property
    def owners(self) -> tuple[str, ...]:
        return (self.owner,)

    def pool(self, *, worker: bool = False, both: bool = False) -> Pool:
        dsn = self.worker if worker else self.app
        return open_pool(self.both if both else dsn, size_max=10, name="tests")

    def unit_of_work(
        self, *, worker: bool = False, both: bool = False, takeover_seconds: int = 90
    ) -> PostgresUnitOfWork:
        pools = TenantMap((self.pool(worker=worker, both=both),))
        return PostgresUnitOfWork(pools, takeover_seconds=takeover_seconds)

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """What the owner sees."""
        with psycopg.connect(self.owner) as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def counts(self) -> dict[str, int]:
        """How many rows every table has: the snapshot around every bad input."""
        tables = self.rows(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
        )
        each = " UNION ALL ".join(f"SELECT '{t}', count(*) FROM {t}" for (t,) in tables)  # noqa: S608 - names from the catalogue
        return {str(name): int(str(count)) for name, count in self.rows(each)}


class PooledDatabase(Database):
    """The same behind a transaction pooler: every transaction gets another backend of three.

    What a session was told is forgotten in between, behind the driver's back, as by a pooler.
    """

    def pool(self, *, worker: bool = False, both: bool = False) -> Pool:
        dsn = self.worker if worker else self.app
        pool: Pool = ConnectionPool(
            self.both if both else dsn,
            min_size=3,
            max_size=12,
            open=True,
            kwargs={"autocommit": True, "prepare_threshold": None},
            configure=_forget,
            reset=_forget,
        )
        pool.wait()
        return pool


def _forget(connection: Connection[Any]) -> None:
    """Not through the connection itself, which would notice."""
    result = connection.pgconn.exec_(b"DISCARD ALL")
    assert result.status == pq.ExecStatus.COMMAND_OK, result.error_message


@attrs.frozen
class Spread:
    """Several databases behind one tenant map."""

    databases: tuple[Database, ...]

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(database.owner for database in self.databases)

    def load(self, catalog: Catalog) -> None:
        PostgresCatalogWriter(self.owners).load(catalog)

    def unit_of_work(
        self, *, worker: bool = False, both: bool = False, takeover_seconds: int = 90
    ) -> PostgresUnitOfWork:
        pools = TenantMap(tuple(d.pool(worker=worker, both=both) for d in self.databases))
        return PostgresUnitOfWork(pools, takeover_seconds=takeover_seconds)

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """What the owner sees in all of them."""
        return [row for each in self.databases for row in each.rows(statement, *values)]

    def counts(self) -> dict[str, int]:
        """How many rows every table has in all of them."""
        total: Counter[str] = Counter()
        for database in self.databases:
            total.update(database.counts())
        return dict(total)


def make_template(server: EmbeddedPostgres) -> None:
    """Migrate the template once per session."""
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}".encode())
        bootstrap.migrate(server.dsn(TEMPLATE), app_password="app", worker_password="worker")
        connection.execute(
            f"CREATE ROLE {BOTH_ROLES} LOGIN IN ROLE {APP_ROLE}, {WORKER_ROLE}".encode()
        )


def spread(server: EmbeddedPostgres, count: int) -> Spread:
    """So many new databases that know their places."""
    databases = tuple(copy_template(server) for _ in range(count))
    for place, database in enumerate(databases):
        with psycopg.connect(database.owner) as connection:
            connection.execute("DELETE FROM shards")
        take_place(database.owner, place, count)
    return Spread(databases)


def copy_template(server: EmbeddedPostgres) -> Database:
    """A new database of its own."""
    name = f"ticketpay_{next(_numbers)}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}".encode())
    return Database(server, name)


@attrs.frozen
class Shop:
    """A small catalogue in Nashville: general admission and three seats."""

    catalog: Catalog

    @property
    def tenant(self) -> Tenant:
        return self.catalog.tenant

    @property
    def event(self) -> Event:
        return self.catalog.events[0]

    @property
    def standing(self) -> TicketType:
        return self.catalog.types[0].type

    @property
    def seated(self) -> TicketType:
        return self.catalog.types[1].type


def make_shop(*, capacity: int = 100, slug: str = "", place: int = 0) -> Shop:
    """A tenant with one event; ids are fresh. Of four databases its own has that place."""
    tenant_id = TenantId(UUID(int=uuid4().int & ~3 | place))
    venue_id, event_id = VenueId(uuid4()), EventId(uuid4())
    event = Event(
        id=event_id,
        venue_id=venue_id,
        name="A concert",
        starts_at=datetime(2027, 5, 1, 1, 0, tzinfo=UTC),
        currency=USD,
    )
    venue = Venue(
        id=venue_id, name="A hall", city="Nashville", state="TN", time_zone="America/Chicago"
    )
    standing = TicketType(
        id=TicketTypeId(uuid4()), event_id=event_id, name="Floor", price=Money(5_000)
    )
    seated = TicketType(
        id=TicketTypeId(uuid4()), event_id=event_id, name="Box", price=Money(7_000), seated=True
    )
    return Shop(
        Catalog(
            tenant=Tenant(id=tenant_id, name="A tenant", slug=slug or str(tenant_id)),
            venues=(venue,),
            events=(event,),
            types=(
                StockedType(type=standing, capacity=capacity),
                StockedType(type=seated, capacity=3, seats=("A1", "A2", "A3")),
            ),
        )
    )
