"""Sales on the real server: round trips, races and rollbacks, also behind a pooler and spread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.support.databases import Database, Spread, make_shop
from tests.support.sales import Till
from ticketpay.adapters.postgres.uow import PostgresTx
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import OrderId
from ticketpay.domain.messaging import Outcome
from ticketpay.domain.orders import Order
from ticketpay.domain.pricing import Demand, DemandLine

pytestmark = pytest.mark.server


@pytest.fixture(params=["alone", "pooled_database", "four_databases"])
def database(request: pytest.FixtureRequest, database: Database) -> Database | Spread:
    """One database, one behind a transaction pooler, four behind the tenant map."""
    if request.param == "alone":
        return database
    found: Database | Spread = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def till(database: Database | Spread) -> Iterator[Till]:
    """Use cases of a shop in the last of the databases, and an in-process sandbox."""
    shop = make_shop(capacity=5, place=3)
    database.load(shop.catalog)
    with Till.open(database, shop) as till:
        yield till


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
def test_no_oversell_under_parallel_buyers(till: Till, database: Database | Spread) -> None:
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


@pytest.mark.spec("S19", "S19 D1", "S03")
def test_no_sale_passes_the_cap_of_a_plan(till: Till, database: Database | Spread) -> None:
    """Six buyers at once of 60, of 30 and of 10 tickets under a cap of 100: 100 are never passed.

    A plan costs a sale a third wait, and only where it has a cap.
    """
    types = "UPDATE stock SET capacity = 1000 WHERE NOT seated AND tenant_id = %s RETURNING 1"
    assert database.rows(types, till.shop.tenant.id) == [(1,)]
    till.subscribe("enterprise")
    till.buy()
    till.trips.clear()
    assert till.buy().outcome is Outcome.COMPLETED
    assert till.trips == [2, 2]
    till.subscribe("starter")
    till.trips.clear()
    assert till.buy().outcome is Outcome.COMPLETED
    assert till.trips == [3, 2]
    barrier = threading.Barrier(6)

    def buy(quantity: int) -> Outcome:
        barrier.wait()
        return till.buy(quantity=quantity).outcome

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(buy, (60, 60, 30, 30, 10, 10)))
    assert Outcome.REFUSED in outcomes
    sold = "SELECT ticket_count FROM orders WHERE tenant_id = %s"
    tickets = sum(int(str(n)) for (n,) in database.rows(sold, till.shop.tenant.id))
    assert 83 <= tickets <= 100


@pytest.mark.spec("S19 D1")
def test_a_sale_waits_for_the_one_that_may_reach_the_cap(till: Till) -> None:
    """Other tickets of the venue, other rows of stock: who holds the subscription is counted first."""
    till.subscribe("starter")
    line = DemandLine(till.shop.standing.id, 100)
    quote = till.app.give_quote.preview(till.actor, Demand(till.shop.event.id, (line,)))
    now = datetime.now(UTC)
    order = Order.of(quote, order_id=OrderId(uuid4()), now=now, expires_at=now)
    venue, count, waited = till.shop.event.venue_id, threading.Event(), threading.Event()
    outcomes: list[Outcome] = []

    def buy_a_seat() -> None:
        count.wait()
        outcomes.append(till.buy(seat="A1").outcome)
        waited.set()

    def sell_all(tx: PostgresTx) -> None:
        tx.subscriptions.lock(venue)()
        tx.orders.add(order)
        count.set()
        # The buyer must not come to an end before this commits.
        assert not waited.wait(0.5)

    buyer = threading.Thread(target=buy_a_seat)
    buyer.start()
    till.uow.run(till.shop.tenant.id, sell_all)
    buyer.join()
    assert outcomes == [Outcome.REFUSED]


@pytest.mark.spec("S16")
def test_one_seat_has_one_buyer(till: Till, database: Database | Spread) -> None:
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
def test_one_key_at_once_is_one_sale(till: Till, database: Database | Spread) -> None:
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
    orders = "SELECT state FROM orders WHERE tenant_id = %s"
    assert database.rows(orders, till.shop.tenant.id) == [("paid",)]
    assert till.charges() == 1


@pytest.mark.spec("S03 D4")
def test_an_exception_rolls_everything_back(till: Till, database: Database | Spread) -> None:
    """Whatever a function wrote is gone when it raises."""
    before = database.counts()

    def fail(tx: object) -> None:
        till.write_something(tx)
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        till.uow.run(till.shop.tenant.id, fail)
    assert database.counts() == before


@pytest.mark.spec("S16", "S28", "S40")
def test_a_sale_comes_to_its_end(till: Till, database: Database | Spread) -> None:
    """Webhooks, relay and roll-up follow the checkout: fulfilled orders, and books that are right."""
    till.app.process_inbox(1000)  # what other tests left in a shared database rings its bell first
    till.bell.rung.clear()
    assert till.buy().outcome is Outcome.COMPLETED
    assert till.buy(seat="A2").outcome is Outcome.COMPLETED
    assert till.receive_events()
    tenant = till.shop.tenant.id
    assert till.app.process_inbox(1000) >= 2
    till.app.relay_outbox(1000)
    assert till.app.roll_up_ledger(tenant) == 2
    states = "SELECT state FROM orders WHERE tenant_id = %s"
    assert database.rows(states, tenant) == [("fulfilled",), ("fulfilled",)]
    open_events = "SELECT event_id FROM webhook_inbox WHERE tenant_id = %s AND processed_at IS NULL"
    left = f"{open_events} AND status IN ('received', 'dead')"
    assert database.rows(left, str(tenant)) == []
    assert till.app.verify_ledger(tenant).ok
    assert set(till.bell.rung) <= {"webhook_unsupported"}
