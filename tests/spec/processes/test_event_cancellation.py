"""A cancelled event: all of its money goes back, once, whatever happens in between (S24)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.sandboxed import (
    Sandboxed,
    bank,
    place_order,
    refund_at_provider,
    take_refund_back,
)
from tests.support.scenery import audit_entry
from ticketpay.adapters.memory import MemoryCatalog
from ticketpay.domain.catalog import Cancellation, CancellationProgress, EventCancelled
from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.ids import EventId, PaymentId
from ticketpay.domain.ledger import AccountKind
from ticketpay.domain.messaging import Answer, KeyScope, Outcome, TimerKind
from ticketpay.domain.orders import OrderState
from ticketpay.domain.parties import Role
from ticketpay.domain.payments import Payment, PaymentState
from ticketpay.domain.pricing import EventNotOnSale
from ticketpay.domain.processes import cancelling
from ticketpay.domain.processes.refund_commands import RefundRequest
from ticketpay.domain.refunds import Refund, RefundReason, RefundState

pytestmark = pytest.mark.spec("S24")

DAY = 86_400
KINDS = (
    "visa",
    "visa",
    "seat",
    "partly",
    "by_amount",
    "whole",
    "asked",
    "dashboard",
    "visa_chargeDeclined",
    "threeDSecureRequired",
    "pm_sandbox_processing",
    "pm_sandbox_timeout_after",
    "pm_sandbox_timeout_before",
    "pm_card_nonsense",
    "visa",
)
"""Sales of all kinds; what is no card says what happened to the sale before the cancellation."""


class Killed(BaseException):
    """The worker is gone, in the middle of something."""


@pytest.fixture
def house() -> Sandboxed:
    """A house of a hundred places."""
    return Sandboxed(capacity=100)


def buy(system: Sandboxed, *seats: str, card: str = "visa", **meta: str) -> Payment | None:
    """A sale of two tickets and these seats; None if nobody has answered yet."""
    demand = system.scenery.demand(2, *seats)
    command = place_order(system.scenery.actor(), uuid4(), demand, card, metadata=meta)
    try:
        answer = system.app.checkout(command)
    except Exception:  # noqa: BLE001 - the provider is silent; the janitor will find out
        return None
    return payments(system).get(PaymentId(UUID(str(answer.body.get("id", uuid4())))))


def payments(system: Sandboxed) -> dict[PaymentId, Payment]:
    return {payment.id: payment for payment in system.payments()}


def ask(system: Sandboxed, payment: Payment, *, buyer: bool = False, **wish: Any) -> Answer:
    actor = system.scenery.actor(payment.user_id if buyer else None)
    actor = attrs.evolve(actor, role=Role.CUSTOMER if buyer else Role.SUPPORT)
    return system.app.refunding.ask(
        RefundRequest(
            actor=actor,
            key=KeyScope(actor.user_id, uuid4()),
            request_hash="refund",
            payment_id=payment.id,
            **wish,
        )
    )


def sell(system: Sandboxed, kind: str, number: int) -> None:
    """One sale of a kind."""
    if kind.startswith(("visa", "threeD", "pm_")):
        buy(system, card=kind)
        return
    paid = buy(system, *(["A1", "A2"][number % 2 : number % 2 + 1] if kind == "seat" else []))
    if paid is None:
        return
    if kind == "partly":
        ask(system, paid, tickets=(1,))
        system.app.janitor()
    elif kind == "by_amount":
        ask(system, paid, amount_cents=1_234)
    elif kind == "whole":
        ask(system, paid)
        system.app.janitor()
    elif kind == "asked":
        ask(system, paid, buyer=True)
    elif kind == "dashboard":
        assert paid.ref is not None
        refund_at_provider(system.model, paid.ref.object_id, 777)


def cancel(system: Sandboxed) -> None:
    entry = audit_entry(system.clock.now(), action="event.cancel", reason="the singer is ill")
    system.app.cancel_event(system.scenery.tenant, system.scenery.event_id, entry)


def progress(system: Sandboxed) -> CancellationProgress:
    status = system.app.cancel_event.status(system.scenery.tenant, system.scenery.event_id)
    return status.progress


def cancellation(system: Sandboxed) -> Cancellation:
    table = system.uow.store.of(system.scenery.tenant).cancellations
    found = table.get(system.scenery.event_id)
    assert found is not None
    return found


def refunds(system: Sandboxed) -> list[Refund]:
    return list(system.uow.store.of(system.scenery.tenant).refunds.values())


def settle(system: Sandboxed) -> None:
    """Time passes and everybody works until the cancellation is finished and nothing is due."""
    for seconds in (0, 1, 15, 301, 901, 901, 2 * 3_600, DAY, 3_600, 3_600, DAY, 3_600, 3_600):
        system.clock.advance(seconds)
        system.receive_all()
        while system.work():
            system.receive_all()


def owed(system: Sandboxed) -> dict[AccountKind, int]:
    """Cents that are owed to anybody, by kind of account."""
    found: dict[AccountKind, int] = {}
    for balance in system.app.trial_balance(system.scenery.tenant):
        kind = balance.account.kind
        found[kind] = found.get(kind, 0) - balance.cents
    return {kind: cents for kind, cents in found.items() if cents}


def check_all_went_back(system: Sandboxed) -> None:
    """Every completed payment went back in whole, once; nobody is owed anything; the books agree."""
    assert cancellation(system).finished_at is not None
    ended = (RefundState.COMPLETED, RefundState.FAILED)
    assert all(r.state in ended for r in refunds(system))
    for payment in system.payments():
        mine = [r for r in refunds(system) if r.payment_id == payment.id and r.counts]
        assert payment.state in (PaymentState.COMPLETED, PaymentState.CANCELLED)
        assert sum(r.amount.cents for r in mine) == payment.received_cents
        assert [r.reason for r in mine].count(RefundReason.EVENT_CANCELLED) <= 1
    assert owed(system) == {}
    report = system.app.verify_ledger(system.scenery.tenant)
    assert (report.ok, report.differences) == (True, ())
    assert len(system.uow.store.platform.timers) == 0


def fill(system: Sandboxed, sales: int = 30) -> None:
    """Sales of all kinds, half of them before anybody has worked."""
    for number in range(sales):
        sell(system, KINDS[number % len(KINDS)], number)
        if number == sales // 2:
            system.receive_all()
            system.work()


def test_thirty_sales_of_all_kinds_go_back(house: Sandboxed) -> None:
    """Paid, partly refunded, asked for, declined, unanswered: nothing is kept, fees included."""
    fill(house)
    before = progress(house)
    cancel(house)
    settle(house)
    check_all_went_back(house)
    after = progress(house)
    assert before.orders >= 16
    assert after.orders >= before.orders
    assert after.refunded == after.orders
    assert all(one.refunded_cents == one.cents for one in after.money)
    assert (after.begun, after.unfinished, after.failed) == (after.orders, 0, 0)
    assert "cancellation_skips" not in house.alerts.kinds()


def test_tickets_are_void_and_never_for_sale_again(house: Sandboxed) -> None:
    """Every ticket is voided once; no stock is given back, and nobody gets a quote or a sale."""
    actor, demand = house.scenery.actor(), house.scenery.demand(1)
    quote = house.app.give_quote(actor, demand)
    sold = [buy(house, "A1"), buy(house)]
    partly = sold[1]
    assert partly is not None
    ask(house, partly, tickets=(2,))
    stock = house.stock()
    cancel(house)
    with pytest.raises(EventNotOnSale):
        house.app.give_quote(actor, demand)
    refused = house.app.checkout(place_order(house.scenery.actor(), uuid4(), demand))
    quoted = house.app.checkout(place_order(actor, uuid4(), None, quote_id=quote.id))
    for answer in (refused, quoted):
        assert (answer.outcome, answer.body["code"]) == (Outcome.REFUSED, "EVENT_NOT_ON_SALE")
    settle(house)
    assert house.stock() == stock
    voided = [m for m in house.tickets.delivered if m.type == "order.tickets_voided"]
    numbers = sorted((str(m.aggregate_id), n) for m in voided for n in m.data["tickets"])  # type: ignore[attr-defined] # a list of numbers
    tickets = [(str(p.order_id), n) for p in sold if p for n in range(1, p.ticket_count + 1)]
    assert numbers == sorted(tickets)


@pytest.mark.spec("S36")
@pytest.mark.parametrize("point", ["tx.before_commit", "tx.after_commit"])
def test_a_worker_that_dies_between_any_two_payments_loses_nothing(point: str) -> None:
    """Whoever comes after it goes on at the cursor: every sale goes back once, whichever was next."""
    place, passed = 0, False
    while not passed:
        place += 1
        system = Sandboxed(seed=place, capacity=20)
        for _ in range(4):
            buy(system)
        cancel(system)
        passed = not _dies(system, point, place)
        before = cancellation(system).cursor
        settle(system)
        check_all_went_back(system)
        assert len(refunds(system)) == 4
        # A claim and a page come before the payments, and after them the cursor goes back.
        assert before is not None or not 4 <= place <= 6
    assert place > 6, "a claim, a page, four payments, a turn"


def _dies(system: Sandboxed, point: str, place: int) -> bool:
    """Let the janitor die at the ``place``-th such step, and its lease lapse."""
    left = place

    def listen(step: str) -> None:
        nonlocal left
        left -= step == point
        if left == 0 and step == point:
            raise Killed

    system.on_step = listen
    try:
        system.app.janitor()
    except Killed:
        return True
    finally:
        system.on_step = lambda _step: None
        system.clock.advance(200)
    return left <= 0


def test_a_sale_that_completes_late_goes_back_too(house: Sandboxed) -> None:
    """The bank answers after the first pass: the payment completes, and a later pass refunds it."""
    buy(house)
    late = buy(house, card="threeDSecureRequired")
    assert late is not None
    assert late.ref is not None
    cancel(house)
    house.work()
    assert (progress(house).begun, progress(house).unfinished) == (1, 1)
    assert cancellation(house).finished_at is None
    house.authenticate(late.ref.object_id)
    house.receive_all()
    house.app.process_inbox()
    assert payments(house)[late.id].state is PaymentState.COMPLETED
    settle(house)
    check_all_went_back(house)
    assert progress(house).refunded == 2


def test_a_sale_without_an_end_is_waited_for(house: Sandboxed) -> None:
    """An order that nobody pays expires by itself; only then is the cancellation finished."""
    buy(house, card="threeDSecureRequired")
    cancel(house)
    house.work()
    assert cancellation(house).finished_at is None
    settle(house)
    check_all_went_back(house)
    assert progress(house).orders == 0


def test_what_waits_for_approval_gives_way(house: Sandboxed) -> None:
    """A buyer's request that nobody has decided ends; the whole goes back instead, without anybody."""
    paid = buy(house)
    assert paid is not None
    ask(house, paid, buyer=True)
    cancel(house)
    settle(house)
    check_all_went_back(house)
    asked, whole = sorted(refunds(house), key=lambda r: r.created_at)
    assert (asked.state, asked.needs_approval) == (RefundState.FAILED, True)
    assert (whole.amount, whole.tickets) == (paid.amount, (1, 2))
    order = house.uow.store.of(house.scenery.tenant).orders.get(paid.order_id)
    assert order is not None
    assert order.state is OrderState.REFUNDED


@pytest.mark.parametrize("fate", ["fails", "fails_later"])
def test_what_the_provider_does_not_refund_is_shown_and_asked_for_again(
    house: Sandboxed, fate: str
) -> None:
    """A failed refund is counted and left to people, who may then give back everything."""
    paid = buy(house, sandbox_refund=fate)
    assert paid is not None
    cancel(house)
    settle(house)
    found = progress(house)
    assert cancellation(house).finished_at is not None
    assert (found.orders, found.begun, found.refunded, found.failed) == (1, 0, 0, 1)
    assert len(refunds(house)) == 1
    stock = house.stock()
    answer = ask(house, paid)
    assert answer.body["amountCents"] == paid.amount.cents
    assert house.stock() == stock
    assert house.app.verify_ledger(house.scenery.tenant).ok


def test_a_refund_of_a_part_that_fails_behind_the_rest_is_made_up_for(house: Sandboxed) -> None:
    """While a part is on its way back nothing is finished; if it fails, that part goes back anew."""
    paid = buy(house)
    assert paid is not None
    assert paid.ref is not None
    refund_at_provider(house.model, paid.ref.object_id, 4_000, fate="requires_action")
    house.receive_all()
    house.work()
    cancel(house)
    settle(house)
    part, rest = refunds(house)
    assert (part.state, rest.state) == (RefundState.PROCESSING, RefundState.COMPLETED)
    assert cancellation(house).finished_at is None
    assert take_refund_back(house.model, part.provider_refund_id) == 200
    settle(house)
    back = {r.amount.cents: r.reason for r in refunds(house) if r.counts}
    kind = RefundReason.EVENT_CANCELLED
    assert back == {4_000: kind, paid.amount.cents - 4_000: kind}
    assert cancellation(house).finished_at is not None
    assert owed(house) == {}


@pytest.mark.parametrize("amount", [{}, {"amount": 4_000}], ids=["whole", "part"])
@pytest.mark.parametrize("heard", ["before", "after"])
def test_what_a_bank_gives_back_goes_on_to_the_buyer(
    house: Sandboxed, amount: dict[str, int], heard: str
) -> None:
    """Whether the dispute is heard of before the refund or after the provider has refused it."""
    paid = buy(house)
    assert paid is not None
    assert paid.ref is not None
    intent = paid.ref.object_id
    house.receive_all()
    house.work()
    assert bank(house.model, intent, "dispute", **amount) == 200
    if heard == "before":
        house.receive_all()
        house.work()
    cancel(house)
    house.work()
    settle(house)
    assert bank(house.model, intent, "win") == 200
    settle(house)
    assert sum(r.amount.cents for r in refunds(house) if r.counts) == paid.amount.cents
    assert progress(house).refunded == 1
    assert cancellation(house).finished_at is not None
    fee_cents = 1_500
    fees = {AccountKind.PROVIDER_FEES: fee_cents, AccountKind.PROCESSOR_FEES: -fee_cents}
    assert owed(house) == fees


@pytest.mark.parametrize("end", ["win", "lose"])
def test_a_dispute_that_is_heard_of_when_all_was_over(house: Sandboxed, end: str) -> None:
    """The refund was refused, the cancellation finished; when the dispute ends, it is gone over again."""
    paid = buy(house)
    assert paid is not None
    assert paid.ref is not None
    intent = paid.ref.object_id
    house.receive_all()
    house.work()
    assert bank(house.model, intent, "dispute") == 200
    for lost in house.model.due_deliveries():
        house.model.delivery_result(lost.id, 500)
    cancel(house)
    house.work()
    house.clock.advance(61)
    # Both timers are due: nobody has asked about the bank before the cancellation is finished.
    house.work()
    assert cancellation(house).finished_at is not None
    settle(house)
    assert bank(house.model, intent, end) == 200
    settle(house)
    back = sum(r.amount.cents for r in refunds(house) if r.counts)
    assert back == (paid.amount.cents if end == "win" else 0)
    assert cancellation(house).finished_at is not None
    assert house.app.verify_ledger(house.scenery.tenant).ok


def test_an_event_is_cancelled_once(house: Sandboxed) -> None:
    """A second cancellation and an unknown event are refused, and leave nothing behind."""
    cancel(house)
    entries = house.uow.store.of(house.scenery.tenant).audit_entries
    with pytest.raises(EventCancelled):
        cancel(house)
    entry, unknown = audit_entry(house.clock.now()), EventId(uuid4())
    with pytest.raises(NotFound):
        house.app.cancel_event(house.scenery.tenant, unknown, entry)
    with pytest.raises(NotFound):
        house.app.cancel_event.status(house.scenery.tenant, unknown)
    (kept,) = entries.values()
    assert (kept.action, kept.reason) == ("event.cancel", "the singer is ill")
    assert cancellation(house).requested_by == kept.actor_id
    settle(house)
    assert cancellation(house).finished_at is not None


def test_a_catalogue_does_not_bring_it_back(house: Sandboxed) -> None:
    """Loading the catalogue again changes its name, and leaves it off sale."""
    cancel(house)
    MemoryCatalog(house.uow).load(house.scenery.catalog)
    with pytest.raises(EventNotOnSale):
        house.app.give_quote(house.scenery.actor(), house.scenery.demand(1))


def test_many_sales_take_several_pages(house: Sandboxed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has its size; the timer rings again at once for the next one."""
    monkeypatch.setattr(cancelling, "PAGE", 3)
    for _ in range(8):
        buy(house)
    cancel(house)
    rounds = []
    while progress(house).begun < 8:
        house.app.janitor(1)
        rounds.append(progress(house).begun)
        assert len(rounds) < 20
    assert sorted(set(rounds)) == [3, 6, 8]
    settle(house)
    check_all_went_back(house)


def test_two_workers_refund_nobody_twice(house: Sandboxed) -> None:
    """A worker whose claim has lapsed does nothing; nor does one that is behind the cursor."""
    for _ in range(3):
        buy(house)
    cancel(house)
    step = house.app.janitor.cancelled
    now = house.clock.now()
    (old,) = house.uow.everywhere(lambda tx: tx.timers.claim_due(now, 1, 9)())
    house.clock.advance(2)
    later = house.clock.now()
    (new,) = house.uow.everywhere(lambda tx: tx.timers.claim_due(later, 60, 9)())
    claims = [next(c for c in found if c.kind is TimerKind.EVENT) for found in (old, new)]
    step(claims[0])
    assert refunds(house) == []
    page = house.uow.run(house.scenery.tenant, lambda tx: cancelling._page(tx, new[0].subject_id))  # type: ignore[arg-type] # the subject is the event
    assert step._look_at(claims[1], page[1])
    assert not step._look_at(claims[1], page[0])
    step(claims[1])
    assert len(refunds(house)) == 2
    step(claims[1])
    assert len(refunds(house)) == 2


def test_a_poisonous_payment_keeps_nobody_elses_money(
    house: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be refunded is told and passed by; it is tried again in every later pass."""
    first, *_ = (buy(house) for _ in range(3))
    assert first is not None
    honest = cancelling.RefundCancelled._give_back

    def broken(self: Any, tx: Any, case: Any, now: Any) -> bool:
        if case.payment.id == first.id:
            raise RuntimeError("poison")
        return honest(self, tx, case, now)

    cancel(house)
    monkeypatch.setattr(cancelling.RefundCancelled, "_give_back", broken)
    house.work()
    assert (progress(house).begun, cancellation(house).again) == (2, False)
    assert cancellation(house).finished_at is None
    assert "cancellation_skips" in house.alerts.kinds()
    monkeypatch.setattr(cancelling.RefundCancelled, "_give_back", honest)
    settle(house)
    check_all_went_back(house)


def test_what_was_refused_without_an_intent_ends_with_the_event(house: Sandboxed) -> None:
    """Nobody is asked to wait for the hold of an order that cannot be paid: it ends in the next minute."""
    refused = buy(house, card="nonsense")
    assert refused is not None
    assert (refused.state, refused.ref) == (PaymentState.FAILED, None)
    cancel(house)
    for _ in range(3):
        house.app.janitor()
        house.clock.advance(30)
    assert payments(house)[refused.id].state is PaymentState.CANCELLED
    house.clock.advance(60)
    house.app.janitor()
    assert cancellation(house).finished_at is not None


def test_an_unknown_charge_is_not_given_up_with_its_event(house: Sandboxed) -> None:
    """The event is cancelled, and the charge may still arrive: it is waited for, as any other."""
    buy(house, card="pm_sandbox_timeout_before")
    cancel(house)
    for _ in range(5):
        house.app.janitor()
        house.clock.advance(61)
    (waited_for,) = house.payments()
    assert (waited_for.state, waited_for.ref) == (PaymentState.PENDING, None)
