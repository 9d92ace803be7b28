"""A payment that failed is tried again, its buyer asked once, and its order given up at last (S37)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from tests.support.scenery import audit_entry
from ticketpay.adapters.memory import Transaction
from ticketpay.adapters.memory.inventory import MemoryStock
from ticketpay.domain.kernel.errors import OutcomeUnknown, Unavailable
from ticketpay.domain.kernel.ids import EventId, OrderId, PaymentId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.messaging import Answer, KeyScope, Message, Outcome
from ticketpay.domain.orders import OrderState
from ticketpay.domain.parties import Actor
from ticketpay.domain.payments import (
    Payment,
    PaymentEvent,
    PaymentMethod,
    PaymentState,
    ProviderStatus,
)
from ticketpay.domain.processes.payment_actions import PaymentCommand
from ticketpay.domain.refunds import RefundState

HOUR = 3_601


def declined(
    system: Sandboxed, count: int = 1, actor: Actor | None = None
) -> tuple[Actor, Payment]:
    """A buyer whose card was declined; everything is worked off."""
    actor = actor or system.scenery.actor()
    demand = system.scenery.demand(count)
    answer = system.app.checkout(place_order(actor, uuid4(), demand, "chargeDeclined"))
    assert answer.outcome is Outcome.DECLINED
    return actor, payment_of(system, answer)


def payment_of(system: Sandboxed, answer: Answer) -> Payment:
    """The payment of an answer, as it is now."""
    return now(system, PaymentId(UUID(str(answer.body["id"]))))


def now(system: Sandboxed, payment_id: PaymentId) -> Payment:
    """The payment as it is now."""
    found = system.uow.store.of(system.scenery.tenant).payments.get(payment_id)
    assert found is not None
    return found


def order_state(system: Sandboxed, payment: Payment) -> OrderState:
    """The state of the payment's order."""
    found = system.uow.store.of(system.scenery.tenant).orders.get(payment.order_id)
    assert found is not None
    return found.state


def tries(system: Sandboxed, payment: Payment) -> list[tuple[str, str]]:
    """What was tried and what came of it."""
    made = system.uow.store.of(system.scenery.tenant).retries.get(payment.id) or ()
    return [(str(one.action), one.outcome) for one in made]


def told(system: Sandboxed, kind: str) -> list[Message]:
    """Every message of a type."""
    rows = system.uow.store.of(system.scenery.tenant).messages.values()
    return [message for message in rows if message.type == kind]


def hours(system: Sandboxed, count: int = 1) -> None:
    """An hour passes, the worker looks, and so on."""
    for _ in range(count):
        system.clock.advance(HOUR)
        system.app.janitor()


def choose(system: Sandboxed, payment: Payment, card: str) -> None:
    """The buyer names another card at the provider and goes away."""
    assert payment.ref is not None
    assert system.choose_card(payment.ref.object_id, card) == 200


def confirm(
    system: Sandboxed, actor: Actor, payment: Payment, card: str = "", key: UUID | None = None
) -> Answer:
    """The buyer confirms, by this card if it is given."""
    method = PaymentMethod(type="card", method_id=card) if card else None
    return system.app.confirm_payment(
        PaymentCommand(
            actor=actor,
            key=KeyScope(actor.user_id, key or uuid4()),
            request_hash=f"confirm {card}",
            payment_id=payment.id,
            method=method,
        )
    )


class Listening:
    """Counts what the provider is asked."""

    def __init__(self, system: Sandboxed) -> None:
        self.asked: list[tuple[str, str]] = []
        inner = system.model.request

        def request(method: str, path: str, headers: Any, body: bytes) -> Any:
            found = {name.lower(): value for name, value in headers.items()}
            self.asked.append((f"{method} {path}", found.get("idempotency-key", "")))
            return inner(method, path, headers, body)

        system.model.request = request  # type: ignore[method-assign] # the model is watched

    def keys(self, verb: str) -> list[str]:
        """The keys of the requests that end with ``verb``."""
        return [key for request, key in self.asked if request.endswith(verb)]


@pytest.mark.spec("S37", "S33 D5")
def test_a_declined_order_outlives_its_hold(system: Sandboxed) -> None:
    """A payment that failed holds no stock, so its order waits for the next try, not for the hold."""
    _, payment = declined(system, 2)
    assert system.stock() == (0, 0)
    system.clock.advance(3_500)
    system.app.janitor()
    assert order_state(system, payment) is OrderState.PAYMENT_FAILED
    assert tries(system, payment) == []


@pytest.mark.spec("S37", "S33")
def test_a_buyer_is_asked_once_and_then_it_is_over(system: Sandboxed) -> None:
    """Three tries an hour apart: the buyer is asked at the first; an hour after the last the intent
    is cancelled and the order expires."""
    _, payment = declined(system)
    hours(system, 3)
    assert tries(system, payment) == [
        ("ask_buyer", "requires_payment_method"),
        ("wait", "requires_payment_method"),
        ("wait", "requires_payment_method"),
    ]
    assert order_state(system, payment) is OrderState.PAYMENT_FAILED
    hours(system)
    assert order_state(system, payment) is OrderState.EXPIRED
    assert [fact.status for fact in system.provider_facts()] == [ProviderStatus.CANCELED]
    assert len(told(system, "payment.method_requested")) == 1
    assert system.stock() == (0, 0)
    assert not system.uow.store.platform.timers


@pytest.mark.spec("S37")
def test_the_plea_has_ids_only(system: Sandboxed) -> None:
    """Whoever sends the link is told which payment, whose, how much, and until when."""
    actor, payment = declined(system)
    hours(system)
    (plea,) = told(system, "payment.method_requested")
    until = system.clock.now() + timedelta(hours=3)
    assert plea.data == {
        "paymentId": str(payment.id),
        "orderId": str(payment.order_id),
        "userId": str(actor.user_id),
        "amountCents": payment.amount.cents,
        "currency": "USD",
        "expiresAt": rfc3339(until),
    }


@pytest.mark.spec("S37", "S15")
def test_a_buyer_comes_back_with_another_card(system: Sandboxed) -> None:
    """A declined card; an hour later the buyer is asked, pays by another one, and has the tickets."""
    actor, payment = declined(system, 2)
    hours(system)
    key = uuid4()
    answer = confirm(system, actor, payment, "pm_card_mastercard", key)
    assert (answer.outcome, answer.body["status"]) == (Outcome.COMPLETED, "completed")
    system.work()
    assert order_state(system, payment) is OrderState.FULFILLED
    assert system.stock() == (2, 0)
    again = confirm(system, actor, payment, "pm_card_mastercard", key)
    assert (again.body, again.replayed) == (answer.body, True)
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S37", "S15")
def test_a_second_decline_frees_the_tickets_again(system: Sandboxed) -> None:
    """While the buyer pays the tickets are held; after another decline they are free."""
    actor, payment = declined(system, 5)
    hours(system)
    answer = confirm(system, actor, payment, "pm_card_chargeDeclinedExpiredCard")
    assert answer.outcome is Outcome.DECLINED
    assert system.stock() == (0, 0)
    refused = confirm(system, actor, payment, "pm_card_nonsense")
    assert (refused.outcome, refused.body["code"]) == (Outcome.REFUSED, "PAYMENT_DECLINED")
    assert system.stock() == (0, 0)
    assert confirm(system, actor, payment, "pm_card_visa").outcome is Outcome.COMPLETED


@pytest.mark.spec("S37", "S15")
def test_another_card_may_ask_its_owner(system: Sandboxed) -> None:
    """A card that asks gives a secret, again on a replay; the tickets are held while it is answered."""
    actor, payment = declined(system)
    hours(system)
    key = uuid4()
    asked = confirm(system, actor, payment, "pm_card_threeDSecureRequired", key)
    assert (asked.outcome, asked.body["status"]) == (Outcome.ACCEPTED, "requires_action")
    assert "failure" not in asked.body
    assert asked.client_secret
    assert system.stock() == (1, 0)
    replay = confirm(system, actor, payment, "pm_card_threeDSecureRequired", key)
    assert (replay.replayed, replay.client_secret) == (True, asked.client_secret)
    assert payment.ref is not None
    system.authenticate(payment.ref.object_id)
    assert confirm(system, actor, payment).outcome is Outcome.COMPLETED


@pytest.mark.spec("S37", "S14")
def test_nobody_is_charged_for_tickets_that_are_gone(system: Sandboxed) -> None:
    """When others have the tickets the buyer is refused and nobody is charged; he is not asked."""
    actor, payment = declined(system, 5)
    other = system.scenery.actor()
    system.app.checkout(place_order(other, uuid4(), system.scenery.demand(1)))
    hours(system)
    assert tries(system, payment) == [("wait", "sold_out")]
    assert told(system, "payment.method_requested") == []
    heard = Listening(system)
    answer = confirm(system, actor, payment, "pm_card_visa")
    assert (answer.outcome, answer.body["code"]) == (Outcome.REFUSED, "SOLD_OUT")
    assert payment.ref is not None
    assert heard.asked == [(f"GET /v1/payment_intents/{payment.ref.object_id}", "")]


@pytest.mark.spec("S37", "S12 D5")
def test_another_kind_of_method_is_refused(system: Sandboxed) -> None:
    """An order that was to be paid by card is paid by card: its intent takes nothing else."""
    actor, payment = declined(system)
    bank = PaymentMethod(type="ach", method_id="pm_usBankAccount")
    command = PaymentCommand(
        actor=actor,
        key=KeyScope(actor.user_id, uuid4()),
        request_hash="ach",
        payment_id=payment.id,
        method=bank,
    )
    refused = system.app.confirm_payment(command).body
    assert refused["code"] == "PAYMENT_METHOD_UNSUPPORTED"
    assert refused["errors"] == [{"field": "paymentMethod.type", "message": "must be card"}]


@pytest.mark.spec("S37", "S37 D2", "S37 D3")
def test_a_chosen_card_is_charged_under_its_key(system: Sandboxed) -> None:
    """An intent that waits for its confirmation is confirmed as ``retry:{payment}:{n}``, and the
    payment goes through processing by the event ``retry``."""
    _, payment = declined(system, 2)
    choose(system, payment, "visa")
    heard = Listening(system)
    hours(system)
    assert heard.keys("/confirm") == [f"retry:{payment.id}:1"]
    assert tries(system, payment) == [("confirm", "succeeded")]
    assert now(system, payment.id).state is PaymentState.COMPLETED
    system.work()
    assert order_state(system, payment) is OrderState.FULFILLED
    moves = system.uow.store.of(system.scenery.tenant).moves.values()
    walked = [m.step.event for m in moves if m.subject == payment.id]
    assert walked == [PaymentEvent.FAIL, PaymentEvent.RETRY, PaymentEvent.COMPLETE]
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S37", "S37 D3")
def test_each_try_has_its_own_key(system: Sandboxed) -> None:
    """A chosen card that is declined, too, costs a try; the next one has the next number."""
    _, payment = declined(system)
    choose(system, payment, "chargeDeclinedLostCard")
    heard = Listening(system)
    hours(system)
    choose(system, payment, "visa")
    hours(system)
    assert heard.keys("/confirm") == [f"retry:{payment.id}:{n}" for n in (1, 2)]
    assert tries(system, payment) == [
        ("confirm", "requires_payment_method"),
        ("confirm", "succeeded"),
    ]
    assert [m.type for m in told(system, "payment.failed")] == ["payment.failed"] * 2
    assert order_state(system, payment) is OrderState.PAID


@pytest.mark.spec("S37", "S37 D3")
def test_a_lost_answer_repeats_the_key(system: Sandboxed) -> None:
    """A confirmation whose answer was lost is the same try: the money is found, nobody charged twice."""
    _, payment = declined(system)
    choose(system, payment, "visa")
    heard = Listening(system)
    lost = iter([True])

    def lose(step: str) -> None:
        if step == "provider.after" and heard.keys("/confirm") and next(lost, False):
            raise TimeoutError

    system.on_step = lose
    hours(system)
    system.on_step = lambda _step: None
    assert tries(system, payment) == [("confirm", "")]
    assert order_state(system, payment) is OrderState.PAYMENT_FAILED
    system.clock.advance(600)
    system.app.janitor()
    assert set(heard.keys("/confirm")) == {f"retry:{payment.id}:1"}
    assert tries(system, payment) == [("confirm", "succeeded")]
    assert order_state(system, payment) is OrderState.PAID


@pytest.mark.spec("S37", "S37 D1", "S38")
def test_what_succeeded_meanwhile_is_reconciled(system: Sandboxed) -> None:
    """Money that came unheard is found, not asked for again: nothing is confirmed."""
    _, payment = declined(system)
    assert payment.ref is not None
    assert system.try_card(payment.ref.object_id, "visa") == 200
    heard = Listening(system)
    hours(system)
    assert heard.keys("/confirm") == []
    assert tries(system, payment) == []
    assert order_state(system, payment) is OrderState.PAID


@pytest.mark.spec("S37")
def test_an_intent_that_was_cancelled_there_is_over(system: Sandboxed) -> None:
    """What the provider cancelled is cancelled here, and its order expires."""
    _, payment = declined(system)
    assert payment.ref is not None
    system.gateway.cancel(payment.ref, "dashboard")
    hours(system)
    assert now(system, payment.id).state is PaymentState.CANCELLED
    assert order_state(system, payment) is OrderState.EXPIRED


@pytest.mark.spec("S37")
@pytest.mark.parametrize("card", ["visa", "chargeDeclined", "threeDSecureRequired"])
def test_whoever_bought_again_is_not_charged_for_both(system: Sandboxed, card: str) -> None:
    """Once there is another order of the buyer for the event the old one is cancelled, not tried."""
    actor, payment = declined(system)
    choose(system, payment, "visa")
    system.clock.advance(HOUR - 60)
    system.app.checkout(place_order(actor, uuid4(), system.scenery.demand(1), card))
    heard = Listening(system)
    system.clock.advance(60)
    system.app.janitor()
    assert heard.keys("/confirm") == []
    assert tries(system, payment) == []
    assert order_state(system, payment) is OrderState.EXPIRED
    assert told(system, "payment.method_requested") == []


@pytest.mark.spec("S37")
def test_an_earlier_sale_is_no_reason_to_stop(system: Sandboxed) -> None:
    """Who bought before and wants more is asked like everybody else."""
    actor = system.scenery.actor()
    system.app.checkout(place_order(actor, uuid4(), system.scenery.demand(1)))
    system.clock.advance(60)
    _, payment = declined(system, actor=actor)
    hours(system)
    assert tries(system, payment) == [("ask_buyer", "requires_payment_method")]


@pytest.mark.spec("S37", "S30")
def test_a_purchase_that_opens_while_the_retry_confirms(system: Sandboxed) -> None:
    """Between the decision and the answer the buyer buys again: the retry's money goes back, once."""
    actor, payment = declined(system)
    choose(system, payment, "visa")
    heard, bought = Listening(system), iter([True])

    def buy(step: str) -> None:
        if step == "provider.after" and heard.keys("/confirm") and next(bought, False):
            system.app.checkout(place_order(actor, uuid4(), system.scenery.demand(1)))

    system.on_step = buy
    hours(system)
    system.on_step = lambda _step: None
    assert heard.keys("/confirm")[0] == f"retry:{payment.id}:1"
    assert now(system, payment.id).state is PaymentState.CANCELLED
    assert tries(system, payment) == [("confirm", "succeeded")]
    system.clock.advance(1)
    system.app.janitor()
    refunds = system.uow.store.of(system.scenery.tenant).refunds.values()
    assert [(r.payment_id, r.state, r.amount) for r in refunds] == [
        (payment.id, RefundState.COMPLETED, payment.amount)
    ]
    states = sorted(str(p.state) for p in system.payments())
    assert states == ["cancelled", "completed"]
    assert system.stock() == (1, 0)
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S37")
def test_an_order_that_was_bought_again_is_not_paid_by_hand_either(system: Sandboxed) -> None:
    """The old link leads nowhere: the buyer is told so, and nobody is charged."""
    actor, payment = declined(system)
    system.app.checkout(place_order(actor, uuid4(), system.scenery.demand(1)))
    heard = Listening(system)
    answer = confirm(system, actor, payment, "pm_card_visa")
    assert (answer.outcome, answer.body["code"]) == (Outcome.REFUSED, "PAYMENT_SUPERSEDED")
    assert [asked for asked, _ in heard.asked if not asked.startswith("GET ")] == []


@pytest.mark.spec("S37", "S14")
def test_an_order_does_not_outlive_the_start_of_its_event(system: Sandboxed) -> None:
    """When the event begins the next look comes at once, and is the end; nobody can pay after that."""
    starts_at = system.scenery.offer.event.starts_at
    system.clock.advance((starts_at - system.clock.now()).total_seconds() - 600)
    actor, payment = declined(system)
    system.clock.advance(600)
    answer = confirm(system, actor, payment, "pm_card_visa")
    assert answer.body["code"] == "EVENT_NOT_ON_SALE"
    system.app.janitor()
    assert now(system, payment.id).state is PaymentState.CANCELLED
    assert tries(system, payment) == []


@pytest.mark.spec("S37", "S24")
def test_a_cancelled_event_ends_its_declined_orders(system: Sandboxed) -> None:
    """Nobody is asked to pay for an event that does not take place: it is over within a minute."""
    _, payment = declined(system)
    home = system.scenery
    system.app.cancel_event(
        home.tenant, home.event_id, audit_entry(system.clock.now(), action="event.cancel")
    )
    for _ in range(3):
        system.app.janitor()
        system.clock.advance(61)
    assert now(system, payment.id).state is PaymentState.CANCELLED
    assert told(system, "payment.method_requested") == []


@pytest.mark.spec("S37 D4")
def test_two_workers_try_once(system: Sandboxed) -> None:
    """A worker that was overtaken writes nothing: its claim has lapsed, and the try is not doubled."""
    _, payment = declined(system)
    system.clock.advance(HOUR)
    tenant = system.scenery.tenant
    (stale,) = system.uow.platform(lambda tx: tx.timers.claim_due(system.clock.now(), 1, 9)())
    system.clock.advance(2)
    system.app.janitor()
    assert payment.ref is not None
    system.app.janitor.retried(stale, payment.ref)
    assert tries(system, payment) == [("ask_buyer", "requires_payment_method")]
    assert len(told(system, "payment.method_requested")) == 1
    assert tenant == stale.tenant_id


@pytest.mark.spec("S37", "S39")
def test_a_bank_debit_that_was_refused_is_over_after_its_tries(system: Sandboxed) -> None:
    """The seven days of a bank debit are for what is under way: what was refused ends with its tries."""
    _, payment = declined(system)
    tables = system.uow.store.of(system.scenery.tenant)

    def by_bank(_tx: Any) -> None:
        order = tables.orders.lock(payment.order_id)
        assert order is not None
        far = order.expires_at + timedelta(days=7)
        tables.orders.put(order.id, attrs.evolve(order, expires_at=far))
        tables.payments.put(payment.id, attrs.evolve(now(system, payment.id), method_type="ach"))

    system.uow.run(system.scenery.tenant, by_bank)
    hours(system, 4)
    assert order_state(system, payment) is OrderState.EXPIRED


@pytest.mark.spec("S37 D3")
def test_a_try_is_kept_with_its_outcome(system: Sandboxed) -> None:
    """Operators see in the history of a payment what was tried, when, and what came of it."""
    _, payment = declined(system)
    hours(system)
    history = system.app.payment_desk.history(system.scenery.tenant, payment.id)
    (line,) = [one for one in history if one.what == "retry: ask_buyer"]
    assert (line.detail, line.number) == ("requires_payment_method", 1)
    assert line.at == now(system, payment.id).last_try_at


@pytest.mark.spec("S37", "S14")
def test_a_chosen_card_is_not_charged_for_tickets_that_are_gone(system: Sandboxed) -> None:
    """The tickets are taken before the provider is asked; without them the try is a wait."""
    _, payment = declined(system, 5)
    choose(system, payment, "visa")
    other = system.scenery.actor()
    system.app.checkout(place_order(other, uuid4(), system.scenery.demand(1)))
    heard = Listening(system)
    hours(system)
    assert heard.keys("/confirm") == []
    assert tries(system, payment) == [("wait", "sold_out")]
    assert system.stock() == (1, 0)


@pytest.mark.spec("S37")
def test_a_chosen_card_that_asks_its_owner_holds_nothing(system: Sandboxed) -> None:
    """Nobody is there to answer the bank: the try is over, and the tickets are free for others."""
    _, payment = declined(system, 2)
    choose(system, payment, "threeDSecureRequired")
    hours(system)
    assert tries(system, payment) == [("confirm", "requires_action")]
    assert now(system, payment.id).state is PaymentState.FAILED
    assert system.stock() == (0, 0)


@pytest.mark.spec("S37 D4")
@pytest.mark.parametrize("card", ["visa", "chargeDeclined"])
def test_a_worker_that_wakes_up_late_records_nothing(system: Sandboxed, card: str) -> None:
    """While one worker waits for the answer its claim lapses, and another one does the whole try."""
    _, payment = declined(system)
    choose(system, payment, card)
    heard, stalled = Listening(system), iter([True])

    def stall(step: str) -> None:
        if step == "provider.after" and heard.keys("/confirm") and next(stalled, False):
            system.clock.advance(200)
            system.app.janitor()

    system.on_step = stall
    hours(system)
    system.on_step = lambda _step: None
    assert len(tries(system, payment)) == 1
    assert system.alerts.raised == []
    done = now(system, payment.id)
    assert done.last_try_at is not None
    assert len(told(system, "payment.failed")) == (1 if card == "visa" else 2)
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S37")
def test_no_order_of_the_event_is_opened_while_a_declined_one_is_sold(system: Sandboxed) -> None:
    """Whoever opens an order holds its types until it is there to be seen: so all of them are locked."""
    _, payment = declined(system)
    choose(system, payment, "visa")
    locked: list[set[object]] = []
    tables = system.uow.store.of(system.scenery.tenant)

    def look(tx: Transaction) -> None:
        row = tx.writes.get(tables.payments, {}).get(payment.id)
        if row is not None and row.state is PaymentState.COMPLETED:
            locked.append({key for table, key in tx.locked if table is tables.stock})

    system.uow._on_commit = look
    hours(system)
    assert locked == [{system.scenery.standing, system.scenery.seated}]


@pytest.mark.spec("S37 D3", "S14")
def test_a_try_that_was_begun_in_vain_has_an_end(system: Sandboxed) -> None:
    """A confirmation that never arrived, and whose tickets went to others meanwhile, is over as well."""
    actor, payment = declined(system, 5)
    choose(system, payment, "visa")
    heard, lost = Listening(system), iter([True])

    def lose(step: str) -> None:
        if step == "provider.before" and len(heard.asked) == 2 and next(lost, False):
            raise TimeoutError

    system.on_step = lose
    hours(system)
    system.on_step = lambda _step: None
    assert heard.keys("/confirm") == []
    assert (tries(system, payment), system.stock()) == ([("confirm", "")], (5, 0))
    confirm(system, actor, payment, "pm_card_nonsense")
    system.app.checkout(place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1)))
    system.clock.advance(600)
    system.app.janitor()
    assert heard.keys("/confirm")[1:] == []
    assert tries(system, payment) == [("confirm", "sold_out")]
    hours(system, 3)
    assert order_state(system, payment) is OrderState.EXPIRED


@pytest.mark.spec("S37", "S39")
def test_a_buyer_who_goes_away_keeps_no_tickets(system: Sandboxed) -> None:
    """Tickets that were taken again for a payment that never ends are free after 15 minutes, and no
    try is counted; a payment that has ended by then is not looked at."""
    actor, payment = declined(system, 2)

    def die(step: str) -> None:
        if step == "provider.before":
            raise SystemExit

    system.on_step = die
    with pytest.raises(SystemExit):
        confirm(system, actor, payment, "pm_card_visa")
    system.on_step = lambda _step: None
    assert system.stock() == (2, 0)
    confirm(system, actor, payment, "pm_card_threeDSecureRequired")
    assert system.stock() == (2, 0)
    system.clock.advance(899)
    system.app.janitor()
    assert system.stock() == (2, 0)
    system.clock.advance(2)
    system.app.janitor()
    assert (system.stock(), tries(system, payment)) == ((0, 0), [])
    assert order_state(system, payment) is OrderState.PAYMENT_FAILED
    system.clock.advance(2_800)
    system.app.janitor()
    assert tries(system, payment) == [("wait", "requires_action")]


@pytest.mark.spec("S37", "S14")
def test_an_order_that_is_opened_while_an_older_one_waits_to_be_sold(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens a second order while the first waits for the event's locks pays for one of them."""
    actor, first = declined(system)
    system.clock.advance(60)
    lock_event, opened = MemoryStock.lock_event, list[Answer]()

    def wait(stock: MemoryStock, order_id: OrderId, event_id: EventId) -> None:
        if not opened:
            opened.append(Answer(Outcome.ACCEPTED, {}))
            system.clock.advance(1)
            waiting, system.uow.store.current = system.uow.store.current, None
            order = place_order(actor, uuid4(), system.scenery.demand(1), "chargeDeclined")
            opened.append(system.app.checkout(order))
            system.uow.store.current = waiting
        lock_event(stock, order_id, event_id)

    monkeypatch.setattr(MemoryStock, "lock_event", wait)
    assert confirm(system, actor, first, "pm_card_visa").outcome is Outcome.COMPLETED
    second = payment_of(system, opened[-1])
    system.clock.advance(30)
    refused = confirm(system, actor, second, "pm_card_visa")
    assert refused.body["code"] == "PAYMENT_SUPERSEDED"
    sold = now(system, first.id).confirmed_at
    assert sold is not None
    assert sold >= second.created_at
    assert system.stock() == (1, 0)


@pytest.mark.spec("S37", "S14")
@pytest.mark.parametrize("tried", [0, 3])
def test_a_buyer_at_his_bank_keeps_the_tickets_for_the_whole_hold(
    system: Sandboxed, tried: int
) -> None:
    """Who comes back shortly before a try, or the end of all tries, has 15 minutes like others."""
    actor, payment = declined(system, 5)
    hours(system, tried)
    system.clock.advance(3_560)
    asked = confirm(system, actor, payment, "pm_card_threeDSecureRequired")
    assert asked.outcome is Outcome.ACCEPTED
    for _ in range(3):
        system.clock.advance(290)
        system.app.janitor()
        assert (len(tries(system, payment)), system.stock()) == (tried, (5, 0))
    assert payment.ref is not None
    system.authenticate(payment.ref.object_id)
    assert confirm(system, actor, payment).outcome is Outcome.COMPLETED
    assert order_state(system, payment) is OrderState.PAID


@pytest.mark.spec("S37", "S14")
def test_nobody_keeps_tickets_by_coming_back(system: Sandboxed) -> None:
    """Who confirms again and again is held until 15 minutes after the try was due: then it counts."""
    actor, payment = declined(system, 5)
    for _ in range(6):
        system.clock.advance(700)
        confirm(system, actor, payment, "pm_card_threeDSecureRequired")
        system.app.janitor()
    assert (tries(system, payment), system.stock()) == ([], (5, 0))
    system.clock.advance(301)
    system.app.janitor()
    assert (tries(system, payment), system.stock()) == ([("wait", "requires_action")], (0, 0))


@pytest.mark.spec("S37", "S24")
def test_no_hold_outlives_the_start_of_its_event(system: Sandboxed) -> None:
    """The event begins while its buyer is at his bank: that is looked at then."""
    starts_at = system.scenery.offer.event.starts_at
    system.clock.advance((starts_at - system.clock.now()).total_seconds() - 600)
    actor, payment = declined(system)
    asked = confirm(system, actor, payment, "pm_card_threeDSecureRequired")
    assert asked.outcome is Outcome.ACCEPTED
    system.clock.advance(601)
    system.app.janitor()
    assert now(system, payment.id).state is PaymentState.CANCELLED
    assert system.stock() == (0, 0)


@pytest.mark.spec("S37", "S39")
@pytest.mark.parametrize("minutes", [10, 55])
def test_what_is_heard_moves_no_hold(system: Sandboxed, minutes: int) -> None:
    """The provider tells of the buyer at his bank, whose answer was lost: the hold ends as it would."""
    actor, payment = declined(system, 5)
    system.receive_all()
    system.app.process_inbox()
    system.clock.advance(60 * minutes)
    heard, lost = Listening(system), iter([True])

    def lose(step: str) -> None:
        if step == "provider.after" and heard.keys("/confirm") and next(lost, False):
            raise SystemExit

    system.on_step = lose
    with pytest.raises(SystemExit):
        confirm(system, actor, payment, "pm_card_threeDSecureRequired")
    system.on_step = lambda _step: None
    system.receive_all()
    system.app.process_inbox()
    assert now(system, payment.id).provider_status == "requires_action"
    entry = audit_entry(system.clock.now(), action="payment.sync")
    system.app.payment_desk.sync(system.scenery.tenant, payment.id, entry)
    system.clock.advance(890)
    system.app.janitor()
    assert (tries(system, payment), system.stock()) == ([], (5, 0))
    system.clock.advance(20)
    system.app.janitor()
    assert system.stock() == (0, 0)


@pytest.mark.spec("S37", "S30", "S15")
@pytest.mark.parametrize("why", ["sold_out", "superseded"])
def test_a_refusal_knows_of_money_that_has_come(system: Sandboxed, why: str) -> None:
    """Who answers the bank too late is told that it is over, and the money is on its way back."""
    actor, payment = declined(system, 5)
    asked = confirm(system, actor, payment, "pm_card_threeDSecureRequired")
    assert asked.outcome is Outcome.ACCEPTED
    system.clock.advance(901)
    system.app.janitor()
    buyer = actor if why == "superseded" else system.scenery.actor()
    system.app.checkout(place_order(buyer, uuid4(), system.scenery.demand(1)))
    assert payment.ref is not None
    system.authenticate(payment.ref.object_id)
    key = uuid4()
    answer = confirm(system, actor, payment, "", key)
    assert (answer.outcome, answer.body["code"]) == (Outcome.REFUSED, "PAYMENT_CANCELLED")
    assert str(answer.body["detail"]).endswith("what was paid is sent back")
    assert now(system, payment.id).state is PaymentState.CANCELLED
    again = confirm(system, actor, payment, "", key)
    assert (again.body, again.replayed) == (answer.body, True)
    system.clock.advance(1)
    system.app.janitor()
    refunds = system.uow.store.of(system.scenery.tenant).refunds.values()
    assert [(r.payment_id, r.state) for r in refunds] == [(payment.id, RefundState.COMPLETED)]
    assert system.stock() == (1, 0)
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S37", "S15")
def test_a_refusal_whose_provider_is_silent_is_none(system: Sandboxed) -> None:
    """Whether money has come is not known, so no answer is kept: the same key may be tried again."""
    actor, payment = declined(system, 5)
    system.app.checkout(place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1)))
    key = uuid4()

    def lose(step: str) -> None:
        if step == "provider.after":
            raise TimeoutError

    system.on_step = lose
    with pytest.raises((OutcomeUnknown, Unavailable)):
        confirm(system, actor, payment, "pm_card_visa", key)
    system.on_step = lambda _step: None
    answer = confirm(system, actor, payment, "pm_card_visa", key)
    assert (answer.body["code"], answer.replayed) == ("SOLD_OUT", False)
