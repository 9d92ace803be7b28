"""The unit of work on the real server: fail-closed tenancy, lost connections, what the schema refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool.base import AttemptWithBackoff

from tests.crash.fleet import wait_for
from tests.support.databases import Database, Shop, make_shop
from ticketpay.adapters.embedded.process import free_port
from ticketpay.adapters.memory import VirtualClock
from ticketpay.adapters.postgres.session import RoundTrips, Session
from ticketpay.adapters.postgres.uow import PostgresTx, PostgresUnitOfWork, TenantMap, open_pool
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import UserId
from ticketpay.domain.messaging import KeyScope
from ticketpay.domain.processes.keyed import PurgeKeys

pytestmark = pytest.mark.server
MONTH = timedelta(days=31)


@pytest.fixture
def shop(database: Database) -> Shop:
    """A loaded catalogue."""
    shop = make_shop(capacity=5)
    database.load(shop.catalog)
    return shop


@pytest.mark.spec("S04")
@pytest.mark.parametrize("setting", [None, "", "00000000-0000-0000-0000-000000000000"])
def test_no_tenant_no_rows(database: Database, shop: Shop, setting: str | None) -> None:
    """Without a tenant, with an empty one or a foreign one, the app role sees nothing (S32)."""
    with psycopg.connect(database.app) as connection:
        if setting is not None:
            connection.execute("SELECT set_config('app.tenant_id', %s, true)", [setting])
        for table in ("venues", "events", "ticket_types", "stock", "seats", "orders", "payments"):
            assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)  # noqa: S608 - fixed names


@pytest.mark.spec("S04", "S11")
def test_the_worker_may_forget_keys(database: Database, shop: Shop) -> None:
    """It claims none and changes none; it deletes what the API has written and is old enough."""
    now, key = datetime.now(UTC), KeyScope(UserId(uuid4()), uuid4())
    app, worker = (database.unit_of_work(worker=which) for which in (False, True))
    try:
        app.run(shop.tenant.id, lambda tx: tx.idempotency.claim(key, "hash", now)())
        forget = PurgeKeys(uow=worker, clock=VirtualClock(now + timedelta(days=31)))
        assert [forget(shop.tenant.id) for _ in range(2)] == [1, 0]
    finally:
        app.close()
        worker.close()


@pytest.mark.spec("S11")
def test_a_key_that_is_taken_over_at_that_moment_stays(database: Database, shop: Shop) -> None:
    """Whoever purges waits for the claim on an old key, and then sees that it is in use."""
    now, key = datetime.now(UTC), KeyScope(UserId(uuid4()), uuid4())
    app, worker = (database.unit_of_work(worker=which) for which in (False, True))
    app.run(shop.tenant.id, lambda tx: tx.idempotency.claim(key, "hash", now - MONTH)())
    forget = PurgeKeys(uow=worker, clock=VirtualClock(now))
    try:
        with psycopg.connect(database.owner) as other, ThreadPoolExecutor(1) as pool:
            other.execute(
                "UPDATE idempotency_keys SET locked_until = now() WHERE key = %s", [key.key]
            )
            purging = pool.submit(forget, shop.tenant.id)
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            wait_for("the purge waits", lambda: database.rows(waits) == [(1,)], 10)
            other.commit()
            assert purging.result(10) == 0
        assert database.rows("SELECT count(*) FROM idempotency_keys") == [(1,)]
    finally:
        app.close()
        worker.close()


@pytest.mark.spec("S04 D2")
def test_the_tenant_does_not_outlive_its_transaction(database: Database, shop: Shop) -> None:
    """A pooled connection forgets the tenant at the end of the transaction."""
    # A single connection, so that the one that is looked at is the one that had the tenant.
    uow = PostgresUnitOfWork(TenantMap((open_pool(database.app, size_max=1, name="tests"),)))
    try:
        assert uow.run(shop.tenant.id, lambda tx: tx.catalog.offer(shop.event.id)()) is not None
        with uow.tenants.of(shop.tenant.id).connection() as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    finally:
        uow.close()


@pytest.mark.spec("S03")
def test_a_lost_connection_is_replaced(database: Database, shop: Shop) -> None:
    """After the server ended every backend the next transaction works again."""
    uow = database.unit_of_work()
    try:
        uow.run(shop.tenant.id, lambda tx: tx.catalog.offer(shop.event.id)())
        database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = %s AND pid <> pg_backend_pid()",
            database.name,
        )
        for _ in range(10):
            try:
                found = uow.run(shop.tenant.id, lambda tx: tx.catalog.offer(shop.event.id)())
            except Exception:  # noqa: BLE001, S112 - each dead pooled connection fails once
                continue
            assert found is not None
            return
        pytest.fail("the pool never recovered")
    finally:
        uow.close()


def test_a_long_outage_does_not_make_the_pool_slow() -> None:
    """However long the database was away, a connection is tried again within 2.5 seconds."""
    pool = open_pool(f"postgresql://x@127.0.0.1:{free_port()}/x", size_max=1, name="tests")
    try:
        attempt, waits, now = AttemptWithBackoff(timeout=pool.reconnect_timeout), [0.0], 1.0
        while not attempt.time_to_give_up(now):
            attempt.update_delay(now)
            waits.append(attempt.delay)
            now += attempt.delay
        assert max(waits) < 2.5
    finally:
        pool.close()


@pytest.mark.spec("S30")
def test_an_illegal_move_violates_the_schema(shop: Shop, database: Database) -> None:
    """The database refuses a recorded move that no machine has."""
    with (
        psycopg.connect(database.owner) as connection,
        pytest.raises(psycopg.errors.ForeignKeyViolation),
    ):
        connection.execute(
            "INSERT INTO state_moves VALUES (%s, 'order', %s, 9, 'paid', 'cancel', 'cancelled', now())",
            [shop.tenant.id, uuid4()],
        )


def test_round_trips_count_waits() -> None:
    """Waiting twice without new statements is one round trip."""
    session = Session(None, None, RoundTrips())  # type: ignore[arg-type] # no statement is sent
    session.queued = True
    session.wait()
    session.wait()
    assert session.trips.count == 1


@pytest.mark.spec("S03", "S36")
def test_what_an_error_has_skipped_can_be_run_afterwards(database: Database, shop: Shop) -> None:
    """A statement that was to be prepared, and was skipped, works on the same connection afterwards."""
    uow = PostgresUnitOfWork(TenantMap((open_pool(database.app, size_max=1, name="tests"),)))
    tenant = shop.tenant.id

    def looking(tx: PostgresTx) -> None:
        tx.session.write("SELECT count(*) FROM events", {})

    def failing(tx: PostgresTx) -> None:
        # Both travel with the commit; the second one is skipped because of the first.
        tx.session.write("SELECT tp_expect(0, 1, 'order_version')", {})
        looking(tx)

    try:
        for act in (failing, looking, looking, failing, looking, looking):
            with pytest.raises(Conflict) if act is failing else nullcontext():
                uow.run(tenant, act)
    finally:
        uow.close()
