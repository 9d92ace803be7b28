"""A process is paused while it holds a claim; when it wakes up, somebody else has gone on.

Everybody reaches the provider and the ticket service through services of ours that can hold a
call, so that the pause comes at a known point. The lease lapses because the owner of the database
says so, not after a minute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import httpx
import pytest

from tests.crash.books import all_objects, issued, verify
from tests.crash.fleet import Fleet, Member, wait_for
from tests.crash.held import HeldService
from tests.crash.market import Market, client, wish
from tests.support.databases import make_shop
from ticketpay.entrypoints.stack import DevelopmentStack

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

Row = tuple[object, ...]
CONFIRMED: Final = "/api/v1/webhooks/payment-confirmed"
INTENTS: Final = "/v1/payment_intents"
REFUNDS: Final = "/v1/refunds"
CHALLENGE: Final = "pm_card_threeDSecure2Required"
FIRST, SECOND = "first", "second"

_OPEN_TRANSACTIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND xact_start IS NOT NULL"
)
_KEY: Final = "SELECT * FROM idempotency_keys WHERE key = %s"
_PAYMENT: Final = "SELECT * FROM payments WHERE id = %s"
_TIMER: Final = "SELECT * FROM timers WHERE subject_id = %s"
_LOOKED_AT: Final = (
    "SELECT FROM timers WHERE subject_id = %s AND claimed_until IS NULL AND due_at > now()"
)
_HEARD: Final = (
    "SELECT FROM webhook_inbox WHERE payment_id = %s AND status = 'processed'"
    " AND event_type = 'payment_intent.requires_action'"
)
_REFUND: Final = "SELECT r.state, r.* FROM refunds r JOIN payments p ON p.id = r.payment_id WHERE p.order_id = %s"
_MONEY: Final = """
SELECT p.*, o.*, h.state,
       (SELECT array_agg(l.key ORDER BY l.key) FROM ledger_postings l
        WHERE l.key LIKE '%%' || p.id)
FROM payments p JOIN orders o ON o.id = p.order_id JOIN stock_holds h ON h.order_id = o.id
WHERE o.id = %s
"""
_EXPIRE: Final = """
UPDATE orders SET expires_at = now() - interval '10 minutes'
WHERE id = (SELECT p.order_id FROM payments p JOIN idempotency_keys k ON k.payment_id = p.id
            WHERE k.key = %s)
RETURNING id
"""


@attrs.define(eq=False)
class Scene:
    """Two APIs, two workers, and the services that hold each one's calls."""

    fleet: Fleet
    provider: dict[str, HeldService]
    tickets: dict[str, HeldService]
    market: Market
    alerts_before: Counter[str] = attrs.field(factory=Counter)

    def api(self, which: str) -> Member:
        return self.fleet.members[f"api-{which}"]

    def worker(self, which: str) -> Member:
        return self.fleet.members[f"worker-{which}"]

    def ask(self, which: str, key: UUID, card: str = "pm_card_visa") -> httpx.Response:
        """One try of a purchase at one API."""
        buyer = self.market.buyer(1)
        buyer.body = wish(self.market.shop, card)
        with buyer.http:
            buyer.http.timeout = httpx.Timeout(60)
            return buyer.ask(self.api(which).url, key)

    def sale(self) -> str:
        """An order that is paid, at the second API."""
        answer = self.ask(SECOND, uuid4())
        assert answer.status_code == 201, answer.text
        return str(answer.json()["orderId"])

    def freeze(self, member: Member) -> None:
        """Pause it where it holds no row: a claim is fenced, a lock is only waited for."""
        role = "ticketpay-api" if member.url else "ticketpay-worker"

        def frozen() -> bool:
            member.pause()
            if self.rows(_OPEN_TRANSACTIONS, role) == [(0,)]:
                return True
            member.resume()
            return False

        wait_for(f"{member.name} frozen between transactions", frozen)

    def finish(self, member: Member) -> None:
        """Wake it and let it end what it was doing, the late write included."""
        member.resume()
        assert member.end() == 0, member.last_words()

    def rows(self, statement: str, *values: object) -> list[Row]:
        return self.fleet.database.rows(statement, *values)

    def await_state(self, order: str, state: str) -> None:
        wait_for(f"{order} {state}", lambda: self.state(order) == state)

    def hasten_until(self, what: str, done: Callable[[], bool]) -> None:
        """Again and again: a step that is just ending may set a timer anew after it was hastened."""

        def hastened() -> bool:
            self.fleet.hasten()
            return done()

        wait_for(what, hastened, every=0.2)

    def state(self, order: str) -> str:
        return str(self.rows("SELECT state FROM orders WHERE id = %s", order)[0][0])

    def stream(self, order: str) -> Row:
        return self.rows("SELECT * FROM outbox_streams WHERE aggregate_id = %s", order)[0]

    def alerts(self) -> dict[str, int]:
        """What rang since this test began."""
        return dict(self.fleet.alerts() - self.alerts_before)


@pytest.fixture(scope="module")
def cast(stack: DevelopmentStack) -> Iterator[Scene]:
    """The processes and services; a test may end a process, the next one finds it there again."""
    with ExitStack() as undo:
        fleet = undo.enter_context(Fleet(stack))
        provider, tickets = (
            {which: undo.enter_context(HeldService(url)) for which in (FIRST, SECOND)}
            for url in (stack.sandbox_url, stack.tickets_url)
        )
        for which in (FIRST, SECOND):
            services = {
                "STRIPE_API_BASE": provider[which].url,
                "TICKET_SERVICE_URL": tickets[which].url,
            }
            fleet.start_api(f"api-{which}", **services)
            fleet.start_worker(f"worker-{which}", **services)
        fleet.await_ready()
        shop = make_shop(capacity=1_000)
        fleet.database.load(shop.catalog)
        market = Market(stack, shop, tuple(fleet.urls.values()), seed=3)
        yield Scene(fleet, provider, tickets, market)


@pytest.fixture
def scene(cast: Scene) -> Iterator[Scene]:
    """Everybody awake and idle; afterwards the books are in order, whatever happened."""
    for name, member in list(cast.fleet.members.items()):
        if member.process.poll() is not None:
            cast.fleet.restart(name)
    cast.alerts_before = cast.fleet.alerts()
    yield cast
    for member in cast.fleet.members.values():
        if member.process.poll() is None:
            member.resume()


@pytest.mark.spec("S40")
def test_late_success_of_a_relay_is_not_written_over_the_new_owner(scene: Scene) -> None:
    """A relay that wakes up while another delivers its stream writes nothing, not even success."""
    late, owner = scene.worker(FIRST), scene.worker(SECOND)
    scene.freeze(owner)
    with (
        scene.tickets[FIRST].holding("POST", CONFIRMED, answered=True) as first,
        scene.tickets[SECOND].holding("POST", CONFIRMED) as second,
    ):
        order = scene.sale()
        first.await_arrival()
        scene.freeze(late)
        scene.fleet.lapse()
        owner.resume()
        second.await_arrival()
        claimed = scene.stream(order)
        first.released.set()
        scene.finish(late)
        assert (scene.stream(order), scene.state(order)) == (claimed, "paid")
    scene.await_state(order, "fulfilled")
    assert issued(scene.fleet.stack)[order] == 1
    assert scene.alerts() == {}


@pytest.mark.spec("S40")
def test_late_failure_of_a_relay_does_not_take_a_stream_back(scene: Scene) -> None:
    """A relay whose call fails after another has delivered the message does not send it again."""
    late, owner = scene.worker(FIRST), scene.worker(SECOND)
    scene.freeze(owner)
    with scene.tickets[FIRST].holding("POST", CONFIRMED, refusal=503) as first:
        order = scene.sale()
        first.await_arrival()
        scene.freeze(late)
        scene.fleet.lapse()
        owner.resume()
        scene.await_state(order, "fulfilled")
        delivered = scene.stream(order)
        first.released.set()
        scene.finish(late)
    assert scene.stream(order) == delivered
    assert issued(scene.fleet.stack)[order] == 1
    assert scene.alerts() == {}


@pytest.mark.spec("S38")
def test_late_janitor_does_not_touch_the_timer_of_the_new_owner(scene: Scene) -> None:
    """A janitor that wakes up with an old answer neither moves the timer nor the payment."""
    late, owner = scene.worker(FIRST), scene.worker(SECOND)
    answer = scene.ask(SECOND, uuid4(), CHALLENGE)
    payment, order = answer.json()["id"], answer.json()["orderId"]
    # What the inbox hears sets the timer too: from here on it is the janitor's alone.
    wait_for("the challenge heard", lambda: bool(scene.rows(_HEARD, payment)))
    scene.freeze(owner)
    with scene.provider[FIRST].holding("GET", INTENTS, answered=True) as first:
        # The owner may have claimed it just before it was frozen.
        scene.fleet.lapse()
        scene.hasten_until("somebody asks about the payment", first.arrived.is_set)
        scene.freeze(late)
        scene.fleet.lapse()
        owner.resume()
        wait_for("the second look", lambda: bool(scene.rows(_LOOKED_AT, payment)))
        before = scene.rows(_TIMER, payment), scene.rows(_PAYMENT, payment)
        first.released.set()
        scene.finish(late)
    assert (scene.rows(_TIMER, payment), scene.rows(_PAYMENT, payment)) == before
    _authenticate(scene, order)
    scene.await_state(order, "fulfilled")
    assert _charges(scene, order) == ["succeeded"]
    assert scene.alerts() == {}


@pytest.mark.spec("S11", "S16")
@pytest.mark.parametrize("answered", [False, True], ids=["before the charge", "after the charge"])
def test_late_api_is_fenced_by_the_key(scene: Scene, *, answered: bool) -> None:
    """An API that wakes up after its key was taken over answers 409 or the sale, charged once."""
    late, key = scene.api(FIRST), uuid4()
    with (
        ThreadPoolExecutor(1) as pool,
        scene.provider[FIRST].holding("POST", INTENTS, answered=answered) as first,
    ):
        waiting = pool.submit(scene.ask, FIRST, key)
        first.await_arrival()
        scene.freeze(late)
        order = _second_try(scene, key)
        scene.await_state(order, "fulfilled")
        before = scene.rows(_KEY, str(key)), _money(scene, order)
        first.released.set()
        late.resume()
        told = waiting.result(60)
    assert told.status_code == 409 or (told.status_code, told.json()["orderId"]) == (201, order)
    assert (scene.rows(_KEY, str(key)), _money(scene, order)) == before
    assert scene.ask(FIRST, key).json()["orderId"] == order
    assert _charges(scene, order) == ["succeeded"]
    assert scene.alerts() == {}


@pytest.mark.spec("S30", "S39")
def test_charge_of_a_late_api_goes_back_once(scene: Scene) -> None:
    """An API wakes up and charges for an order that is given up: the money goes back, once.

    The first janitor that refunds is paused too, and the second has refunded when it wakes up.
    """
    late, owner = scene.worker(FIRST), scene.worker(SECOND)
    told, order = _charged_too_late(scene)
    assert (told.status_code, told.json()["code"]) == (409, "ORDER_EXPIRED")
    with scene.provider[FIRST].holding("POST", REFUNDS, answered=True) as first:
        late.resume()
        first.await_arrival()
        scene.freeze(late)
        scene.fleet.lapse()
        owner.resume()
        wait_for("refunded", lambda: scene.rows(_REFUND, order)[0][0] == "completed")
        before = scene.rows(_REFUND, order), _money(scene, order)
        first.released.set()
        scene.finish(late)
    assert (scene.rows(_REFUND, order), _money(scene, order)) == before
    assert _charges(scene, order) == ["succeeded"]
    intent = _intents(scene, order)[0]["id"]
    refunded = [r["payment_intent"] for r in all_objects(scene.fleet.stack, "refunds")]
    assert refunded.count(intent) == 1
    assert scene.alerts() == {"late_success": 1}
    verified = verify(scene.fleet.stack, scene.market.shop.tenant.id)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def _charged_too_late(scene: Scene) -> tuple[httpx.Response, str]:
    """A sale whose API slept before the charge until the janitor gave up; both workers are frozen."""
    late, key = scene.api(FIRST), uuid4()
    with (
        ThreadPoolExecutor(1) as pool,
        scene.provider[FIRST].holding("POST", INTENTS) as first,
    ):
        waiting = pool.submit(scene.ask, FIRST, key)
        first.await_arrival()
        scene.freeze(late)
        order = str(scene.rows(_EXPIRE, str(key))[0][0])
        scene.hasten_until("expired", lambda: scene.state(order) == "expired")
        for which in (FIRST, SECOND):
            scene.freeze(scene.worker(which))
        first.released.set()
        late.resume()
        return waiting.result(60), order


def _second_try(scene: Scene, key: UUID) -> str:
    """The order, once the second API may take the key over."""
    tries: list[httpx.Response] = []

    def is_sold() -> bool:
        tries.append(scene.ask(SECOND, key))
        return tries[-1].status_code == 201

    wait_for("taken over", is_sold, every=0.2)
    assert {answer.status_code for answer in tries[:-1]} == {409}
    return str(tries[-1].json()["orderId"])


def _intents(scene: Scene, order: str) -> list[dict[str, Any]]:
    """Every intent of an order at the provider, whatever became of it."""
    intents = all_objects(scene.fleet.stack, "payment_intents")
    return [intent for intent in intents if intent["metadata"].get("order_id") == order]


def _charges(scene: Scene, order: str) -> list[str]:
    return [intent["status"] for intent in _intents(scene, order)]


def _money(scene: Scene, order: str) -> list[Row]:
    return scene.rows(_MONEY, order)


def _authenticate(scene: Scene, order: str) -> None:
    """The buyer passes the challenge of an order."""
    [intent] = _intents(scene, order)
    url = f"{scene.fleet.stack.sandbox_url}/_sandbox/payment_intents/{intent['id']}/authenticate"
    with client() as http:
        assert http.post(url, json={"outcome": "succeed"}).status_code == 200
