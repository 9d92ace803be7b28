"""The unit of work on the real server: isolation, fail-closed tenancy, round trips, races."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from psycopg_pool.base import AttemptWithBackoff

from tests.support.databases import Database, Shop, make_shop
from tests.support.sales import Till
from ticketpay.adapters.embedded.process import free_port
from ticketpay.adapters.postgres.session import RoundTrips, Session
from ticketpay.adapters.postgres.uow import open_pool
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.messaging import Outcome

pytestmark = pytest.mark.server


@pytest.fixture
def shop(database: Database) -> Shop:
    """A loaded catalogue."""
    shop = make_shop(capacity=5)
    database.load(shop.catalog)
    return shop


@pytest.fixture
def till(database: Database, shop: Shop) -> Iterator[Till]:
    """Use cases on this database and an in-process sandbox."""
    with Till.open(database, shop) as till:
        yield till


@pytest.mark.spec("S04")
@pytest.mark.parametrize("setting", [None, "", "00000000-0000-0000-0000-000000000000"])
def test_no_tenant_no_rows(database: Database, shop: Shop, setting: str | None) -> None:
    """Without a tenant, with an empty one or a foreign one, the app role sees nothing (S32)."""
    with psycopg.connect(database.app) as connection:
        if setting is not None:
            connection.execute("SELECT set_config('app.tenant_id', %s, true)", [setting])
        for table in ("venues", "events", "ticket_types", "stock", "seats", "orders", "payments"):
            assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() == (0,)  # noqa: S608 - fixed names


@pytest.mark.spec("S04 D2")
def test_the_tenant_does_not_outlive_its_transaction(database: Database, shop: Shop) -> None:
    """A pooled connection forgets the tenant at the end of the transaction."""
    uow = database.unit_of_work()
    try:
        assert uow.run(shop.tenant.id, lambda tx: tx.catalog.offer(shop.event.id)()) is not None
        with uow.tenants.platform.connection() as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    finally:
        uow.close()


@pytest.mark.spec("S03", "S16")
def test_round_trips_of_a_sale(till: Till) -> None:
    """A checkout waits four times for the database, a webhook twice; a replay twice."""
    till.buy()
    till.trips.clear()
    key = uuid4()
    assert till.buy(key=key).outcome is Outcome.COMPLETED
    assert till.trips == [2, 2]
    till.trips.clear()
    assert till.buy(key=key).replayed
    assert till.trips == [2]
    till.trips.clear()
    assert till.receive_events()
    assert max(till.trips) <= 2
    till.trips.clear()
    till.app.process_inbox()
    assert max(till.trips) <= 2


@pytest.mark.spec("S16", "S40")
def test_no_oversell_under_parallel_buyers(till: Till, database: Database) -> None:
    """Twelve buyers of one ticket each and five left: five are sold, the counter says five."""
    barrier = threading.Barrier(12)

    def buy(_: int) -> Outcome:
        barrier.wait()
        return till.buy(quantity=1).outcome

    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(buy, range(12)))
    assert sorted(outcomes) == [Outcome.COMPLETED] * 5 + [Outcome.REFUSED] * 7
    taken = "SELECT taken FROM stock WHERE NOT seated AND tenant_id = %s"
    assert database.rows(taken, till.shop.tenant.id) == [(5,)]


@pytest.mark.spec("S16")
def test_one_seat_has_one_buyer(till: Till, database: Database) -> None:
    """Six buyers want the same seat: one gets it, and the provider charged once."""
    barrier = threading.Barrier(6)

    def buy(_: int) -> Outcome:
        barrier.wait()
        return till.buy(seat="A1").outcome

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(buy, range(6)))
    assert outcomes.count(Outcome.COMPLETED) == 1
    assert till.charges() == 1


@pytest.mark.spec("S11", "S36 D1")
def test_one_key_at_once_is_one_sale(till: Till, database: Database) -> None:
    """Eight requests with one key at once: one order, one charge, and only replays or in-progress."""
    key, barrier = uuid4(), threading.Barrier(8)

    def buy(_: int) -> str:
        barrier.wait()
        try:
            return str(till.buy(key=key).body["orderId"])
        except Conflict as error:
            return error.error_code

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(buy, range(8)))
    assert len(answers - {"DUPLICATE_IN_PROGRESS"}) == 1
    orders = "SELECT count(*) FROM orders WHERE tenant_id = %s"
    assert database.rows(orders, till.shop.tenant.id) == [(1,)]
    assert till.charges() == 1


@pytest.mark.spec("S03 D4")
def test_an_exception_rolls_everything_back(till: Till, database: Database) -> None:
    """Whatever a function wrote is gone when it raises."""
    before = database.counts()

    def fail(tx: object) -> None:
        till.write_something(tx)
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        till.uow.run(till.shop.tenant.id, fail)
    assert database.counts() == before


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
def test_an_illegal_move_violates_the_schema(till: Till, database: Database) -> None:
    """The database refuses a recorded move that no machine has."""
    with (
        psycopg.connect(database.owner) as connection,
        pytest.raises(psycopg.errors.ForeignKeyViolation),
    ):
        connection.execute(
            "INSERT INTO state_moves VALUES (%s, 'order', %s, 9, 'paid', 'cancel', 'cancelled', now())",
            [till.shop.tenant.id, uuid4()],
        )


def test_round_trips_count_waits() -> None:
    """Waiting twice without new statements is one round trip."""
    session = Session(None, None, RoundTrips())  # type: ignore[arg-type] # no statement is sent
    session.queued = True
    session.wait()
    session.wait()
    assert session.trips.count == 1
