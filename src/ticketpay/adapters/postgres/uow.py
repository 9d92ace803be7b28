"""The unit of work on PostgreSQL.

A transaction runs on one pooled connection in pipeline mode: BEGIN, the tenant and the first
reads travel together, the writes and COMMIT travel together. Every tenant's statements go to the
database that the tenant map names. Nothing but the transaction is kept on a connection, so that a
transaction pooler may give each one another server process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeVar

import attrs
import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolTimeout

from ticketpay.adapters.postgres.audit import PostgresAudit
from ticketpay.adapters.postgres.cancellations import PostgresCancellations
from ticketpay.adapters.postgres.catalog import PostgresCatalog
from ticketpay.adapters.postgres.disputes import PostgresDisputes
from ticketpay.adapters.postgres.errors import is_retryable, translate
from ticketpay.adapters.postgres.exchange import PostgresExchangeRates
from ticketpay.adapters.postgres.idempotency import PostgresIdempotencyKeys
from ticketpay.adapters.postgres.inventory import PostgresStock
from ticketpay.adapters.postgres.ledger import PostgresLedger
from ticketpay.adapters.postgres.listings import PostgresListings
from ticketpay.adapters.postgres.messaging import (
    PostgresInbox,
    PostgresOutbox,
    PostgresStreams,
    PostgresTimers,
)
from ticketpay.adapters.postgres.orders import PostgresOrders
from ticketpay.adapters.postgres.payments import PostgresPayments
from ticketpay.adapters.postgres.payouts import PostgresPayouts, PostgresVenueAccounts
from ticketpay.adapters.postgres.places import place_of
from ticketpay.adapters.postgres.quotes import PostgresQuotes
from ticketpay.adapters.postgres.refunds import PostgresRefunds
from ticketpay.adapters.postgres.retries import PostgresRetries
from ticketpay.adapters.postgres.sales import PostgresSales
from ticketpay.adapters.postgres.session import RoundTrips, Session
from ticketpay.adapters.postgres.statements import load
from ticketpay.adapters.postgres.subscriptions import PostgresPlanInvoices, PostgresSubscriptions
from ticketpay.domain.kernel.errors import ConcurrentUpdate, OutcomeUnknown, Unavailable
from ticketpay.domain.kernel.ids import TenantId

__all__ = ["PostgresTx", "PostgresUnitOfWork", "TenantMap", "open_pool"]

T = TypeVar("T")

RUNS_MAX: Final = 5
PREPARED_AFTER: Final = 2
"""A statement is prepared when it is executed for the third time on a connection."""

RECONNECT_SECONDS: Final = 5
"""The pool doubles its waits until it gives up; then whoever needs a connection begins anew."""

_SQL: Final = load("transactions")

_LOG: Final = logging.getLogger("ticketpay.postgres")


def _configure(connection: Connection[Any], *, prepared: bool) -> None:
    connection.prepare_threshold = PREPARED_AFTER if prepared else None


def open_pool(
    dsn: str, *, size_max: int, name: str, prepared: bool = True
) -> ConnectionPool[Connection[Any]]:
    """A pool of up to ``size_max`` autocommit connections (the unit of work writes its own BEGIN).

    ``prepared`` must be false behind a transaction pooler that does not track prepared statements.
    """
    return ConnectionPool(
        dsn,
        min_size=1,
        max_size=size_max,
        open=True,
        timeout=5,
        reconnect_timeout=RECONNECT_SECONDS,
        name=name,
        kwargs={"autocommit": True, "application_name": name},
        configure=partial(_configure, prepared=prepared),
    )


@attrs.frozen
class TenantMap:
    """Which database holds which tenant. The queues of a tenant live beside its other rows.

    The place of a tenant follows from its id and the number of databases, so neither the number
    nor the order may change once there are tenants; ``places.check_place`` refuses that.
    """

    pools: tuple[ConnectionPool[Connection[Any]], ...]

    def of(self, tenant: TenantId) -> ConnectionPool[Connection[Any]]:
        """The pool of a tenant's database: by the tenant's id, over all entries."""
        return self.pools[place_of(tenant, len(self.pools))]

    def near(self, tenant: TenantId | None) -> ConnectionPool[Connection[Any]]:
        """The same, or the first when nobody knows the tenant."""
        return self.pools[0] if tenant is None else self.of(tenant)


@attrs.frozen
class PostgresTx:
    """Fulfils ``Tx``: every repository over the same session."""

    session: Session
    takeover_seconds: int

    @property
    def tenant_id(self) -> TenantId:
        assert self.session.tenant_id is not None, "a platform transaction has no tenant"
        return self.session.tenant_id

    @property
    def idempotency(self) -> PostgresIdempotencyKeys:
        return PostgresIdempotencyKeys(self.session, self.takeover_seconds)

    @property
    def catalog(self) -> PostgresCatalog:
        return PostgresCatalog(self.session)

    @property
    def quotes(self) -> PostgresQuotes:
        return PostgresQuotes(self.session)

    @property
    def stock(self) -> PostgresStock:
        return PostgresStock(self.session)

    @property
    def orders(self) -> PostgresOrders:
        return PostgresOrders(self.session)

    @property
    def payments(self) -> PostgresPayments:
        return PostgresPayments(self.session)

    @property
    def refunds(self) -> PostgresRefunds:
        return PostgresRefunds(self.session)

    @property
    def venue_accounts(self) -> PostgresVenueAccounts:
        return PostgresVenueAccounts(self.session)

    @property
    def payouts(self) -> PostgresPayouts:
        return PostgresPayouts(self.session)

    @property
    def cancellations(self) -> PostgresCancellations:
        return PostgresCancellations(self.session)

    @property
    def disputes(self) -> PostgresDisputes:
        return PostgresDisputes(self.session)

    @property
    def retries(self) -> PostgresRetries:
        return PostgresRetries(self.session)

    @property
    def subscriptions(self) -> PostgresSubscriptions:
        return PostgresSubscriptions(self.session)

    @property
    def plan_invoices(self) -> PostgresPlanInvoices:
        return PostgresPlanInvoices(self.session)

    @property
    def sales(self) -> PostgresSales:
        return PostgresSales(self.session)

    @property
    def listings(self) -> PostgresListings:
        return PostgresListings(self.session)

    @property
    def ledger(self) -> PostgresLedger:
        return PostgresLedger(self.session)

    @property
    def outbox(self) -> PostgresOutbox:
        return PostgresOutbox(self.session)

    @property
    def audit(self) -> PostgresAudit:
        return PostgresAudit(self.session)

    @property
    def rates(self) -> PostgresExchangeRates:
        return PostgresExchangeRates(self.session)

    @property
    def inbox(self) -> PostgresInbox:
        return PostgresInbox(self.session)

    @property
    def streams(self) -> PostgresStreams:
        return PostgresStreams(self.session)

    @property
    def timers(self) -> PostgresTimers:
        return PostgresTimers(self.session)


@attrs.define
class PostgresUnitOfWork:
    """Fulfils ``UnitOfWork``; ``on_trips`` is told how many round trips each transaction took."""

    tenants: TenantMap
    takeover_seconds: int = 90
    on_trips: Callable[[int], None] | None = None

    def run(self, tenant: TenantId, fn: Callable[[PostgresTx], T]) -> T:
        return self._repeat(self.tenants.of(tenant), tenant, fn)

    def platform(self, fn: Callable[[PostgresTx], T], near: TenantId | None = None) -> T:
        return self._repeat(self.tenants.near(near), None, fn)

    def everywhere(
        self, fn: Callable[[PostgresTx], T], *, without_gaps: bool = False
    ) -> tuple[T, ...]:
        found, failure = [], None
        for place, pool in enumerate(self.tenants.pools):
            try:
                found.append(self._repeat(pool, None, fn))
            except Exception as error:  # noqa: BLE001 - whatever ails one database, the others' tenants must not wait
                _LOG.warning("database %s failed: %s", place, type(error).__name__)
                failure = error
        if failure is not None and (without_gaps or not found):
            raise failure
        return tuple(found)

    def ready(self) -> bool:
        """Whether every database answers."""
        return all(_answers(pool) for pool in self.tenants.pools)

    def close(self) -> None:
        """Close all pools."""
        for pool in self.tenants.pools:
            pool.close()

    def _repeat(
        self,
        pool: ConnectionPool[Connection[Any]],
        tenant: TenantId | None,
        fn: Callable[[PostgresTx], T],
    ) -> T:
        for _ in range(RUNS_MAX):
            try:
                with _connection(pool) as connection:
                    return self._once(connection, tenant, fn)
            except psycopg.Error as error:
                if not is_retryable(error):
                    raise translate(error) from error
        raise ConcurrentUpdate("the transaction lost against others five times")

    def _once(
        self, connection: Connection[Any], tenant: TenantId | None, fn: Callable[[PostgresTx], T]
    ) -> T:
        session = Session(connection, tenant, RoundTrips())
        committing = False
        try:
            with connection.pipeline():
                connection.execute("BEGIN")
                connection.execute(_SQL["locals"], {"tenant": str(tenant or "")})
                result = fn(PostgresTx(session, self.takeover_seconds))
                connection.execute("COMMIT")
                session.queued, committing = True, True
                session.wait()
        except BaseException as error:
            _roll_back(connection)
            if committing and connection.closed and isinstance(error, psycopg.OperationalError):
                raise OutcomeUnknown("the connection was lost at the commit") from error
            raise
        if self.on_trips is not None:
            self.on_trips(session.trips.count)
        return result


def _answers(pool: ConnectionPool[Connection[Any]]) -> bool:
    try:
        with pool.connection(timeout=1) as connection:
            connection.execute(_SQL["ping"])
    except (psycopg.Error, PoolTimeout):
        return False
    return True


def _roll_back(connection: Connection[Any]) -> None:
    if connection.closed:
        return
    try:
        # Not as a statement: what was skipped after an error is not prepared, and the driver forgets it.
        connection.rollback()
    except psycopg.Error:
        # The server ends the transaction with the connection.
        connection.close()


@contextmanager
def _connection(pool: ConnectionPool[Connection[Any]]) -> Iterator[Connection[Any]]:
    try:
        with pool.connection() as connection:
            yield connection
    except PoolTimeout as error:
        raise Unavailable("no database connection is free", code="DATABASE_UNAVAILABLE") from error
