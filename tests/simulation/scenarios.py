"""Scenarios for the crash points: what is there already, and what one process then does.

``prepare`` runs undisturbed. ``act`` is what the crash interrupts, and what is repeated after it:
the buyer sends the request again under the same key, the next worker comes along.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from uuid import UUID

import attrs

from tests.simulation.actors import OVER_AT_ONCE, Task
from tests.simulation.world import Process, Request, World
from tests.support import sandboxed
from tests.support.sandboxed import place_order
from tests.support.scenery import audit_entry
from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.catalog import EventCancelled
from ticketpay.domain.kernel.errors import OutcomeUnknown, Rejected, Unavailable
from ticketpay.domain.messaging import KEPT_SECONDS, InboxStatus, KeyScope, Outcome, request_hash
from ticketpay.domain.money import USD, Currency, Money
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import PaymentMethod
from ticketpay.domain.processes.listing import SalesQuery
from ticketpay.domain.processes.payment_actions import PaymentCommand
from ticketpay.domain.processes.payout_requests import PayoutOrder, PayoutWish
from ticketpay.domain.processes.refund_commands import Decision, RefundRequest
from ticketpay.domain.processes.subscribing import SubscribeOrder
from ticketpay.ports.transactions import PlatformTx

__all__ = ["SCENARIOS", "Scenario"]

Prepare = Callable[[World], object]
HOLD_SECONDS: Final = 961
DAY_SECONDS: Final = 86_500


@attrs.frozen
class Scenario:
    """One use case (its name in ``App``) on one path.

    Where the world ``moves_on`` before the repetition, what happened in between may go untold.
    Where it ``raises``, the caller is told by an error that it may come again.
    """

    use_case: str
    path: str
    act: Task
    prepare: tuple[Prepare, ...] = ()
    moves_on: bool = False
    raises: bool = False
    taxed: bool = False
    abroad: bool = False


def order(
    card: str = "visa", *seats: str, count: int = 1, currency: Currency | None = None
) -> Prepare:
    """A buyer has decided what to buy, and what to pay in."""

    def decide(world: World) -> None:
        actor, key = world.scenery.actor(world.uuid()), world.uuid()
        demand = world.scenery.demand(count, *seats, currency=currency)
        world.requests.append(Request(place_order(actor, key, demand, card, customer=world.home)))

    return decide


def quoted(world: World) -> None:
    """A buyer has a quote and wants to pay it."""
    actor, key = world.scenery.actor(world.uuid()), world.uuid()
    quote = world.processes[0].app.give_quote(actor, world.scenery.demand(1, "A1"))
    world.requests.append(Request(place_order(actor, key, None, quote_id=quote.id)))


def new_rates(world: World) -> None:
    """An operator loads other rates."""
    world.load_rates()


def quoted_abroad(world: World) -> None:
    """A buyer has a quote in dollars for an event in euros; then other rates are loaded."""
    actor, key = world.scenery.actor(world.uuid()), world.uuid()
    demand = world.scenery.demand(1, "A1", currency=USD)
    quote = world.processes[0].app.give_quote(actor, demand)
    world.load_rates()
    world.requests.append(Request(place_order(actor, key, demand, quote_id=quote.id)))


def show_rates(world: World, process: Process) -> str:
    """Somebody looks at the rates."""
    return process.app.show_rates(world.scenery.actor(world.scenery.event_id)).source


def calculator_fails(world: World) -> None:
    """The tax calculator gives no answer, whenever it is asked."""
    world.tax_failures = 1_000


def list_estimated(world: World, process: Process) -> str:
    """Somebody looks for the taxes that are to be calculated again."""
    return str(len(process.app.list_estimated_taxes(world.scenery.tenant)))


def pay(world: World, process: Process) -> str:
    """The newest request is sent, perhaps again."""
    request = world.requests[-1]
    request.final = process.app.checkout(request.command)
    return f"{request.final.outcome} {request.final.body.get('status')}"


def ask_price(world: World, process: Process) -> str:
    """A buyer asks for a price."""
    quote = process.app.give_quote(world.requests[-1].command.actor, world.scenery.demand(1))
    return str(quote.total)


def _command(world: World, verb: str) -> PaymentCommand:
    payment, actor = world.payments()[-1], world.requests[-1].command.actor
    return PaymentCommand(
        actor=actor,
        key=KeyScope(actor.user_id, world.scenery.venue_id),
        request_hash=request_hash(verb, {"payment": str(payment.id)}),
        payment_id=payment.id,
    )


def confirm(world: World, process: Process) -> str:
    """The buyer says that the bank's question is answered."""
    return str(process.app.confirm_payment(_command(world, "confirm")).outcome)


def pay_by(card: str) -> Task:
    """The buyer pays the same order by another card."""

    def pay_otherwise(world: World, process: Process) -> str:
        """By another card."""
        method = PaymentMethod(type="card", method_id=card)
        command = attrs.evolve(_command(world, f"confirm by {card}"), method=method)
        return str(process.app.confirm_payment(command).outcome)

    return pay_otherwise


def chosen(card: str) -> Prepare:
    """The buyer has named another card, and gone away."""

    def choose(world: World) -> None:
        payment = world.payments()[-1]
        assert payment.ref is not None, "there is an intent"
        assert sandboxed.choose_card(world.model, payment.ref.object_id, card) == 200

    return choose


def again(card: str = "visa") -> Prepare:
    """The buyer of the newest order has decided to buy once more."""

    def decide(world: World) -> None:
        actor, demand = world.requests[-1].command.actor, world.scenery.demand(1)
        world.requests.append(Request(place_order(actor, world.uuid(), demand, card)))

    return decide


def tell(kind: str) -> Task:
    """Somebody tells an order event of the newest payment's order."""

    def tell_order(world: World, process: Process) -> str:
        """An order event."""
        payment = world.payments()[-1]
        tenant, entry = world.scenery.tenant, _operator(world, "order.event")
        process.app.order_event(tenant, payment.order_id, kind, entry)
        return ""

    return tell_order


def cancel(world: World, process: Process) -> str:
    """The buyer cancels."""
    return str(process.app.cancel_payment(_command(world, "cancel")).outcome)


def take_webhook(world: World, process: Process) -> str:
    """A message of the provider comes in."""
    delivery = world.in_transit[0]
    process.app.receive_webhook(delivery.body, delivery.headers["stripe-signature"])
    world.model.delivery_result(delivery.id, 200)
    return "taken"


def inbox(_world: World, process: Process) -> str:
    """A worker processes the inbox."""
    return str(process.app.process_inbox())


def relay(_world: World, process: Process) -> str:
    """A worker relays the outbox."""
    return str(process.app.relay_outbox())


def janitor(_world: World, process: Process) -> str:
    """A worker looks after unfinished payments and refunds."""
    return str(process.app.janitor())


def roll_up(world: World, process: Process) -> str:
    """A worker rolls up the ledger."""
    return str(process.app.roll_up_ledger(world.scenery.tenant))


def replay(world: World, process: Process) -> str:
    """An operator lets the parked streams run again."""
    parked = world.uow.platform(lambda tx: tx.streams.parked()())
    for key, _ in parked:
        process.app.replay_stream(key)
    return str(world.uow.platform(lambda tx: tx.streams.parked()()))


def ask_refund(world: World, process: Process) -> str:
    """Support refunds the rest of the newest sale."""
    payment, staff = world.payments()[-1], _staff(world)
    request = RefundRequest(
        actor=staff,
        key=KeyScope(staff.user_id, world.scenery.event_id),
        request_hash="refund",
        payment_id=payment.id,
    )
    return str(process.app.refunding.ask(request).body.get("amountCents"))


def request_refund(world: World) -> None:
    """The buyer asks for the money back."""
    payment = world.payments()[-1]
    buyer = world.scenery.actor(payment.user_id)
    request = RefundRequest(
        actor=buyer,
        key=KeyScope(buyer.user_id, world.uuid()),
        request_hash="refund",
        payment_id=payment.id,
    )
    world.processes[0].app.refunding.ask(request)


def approve(world: World, process: Process) -> str:
    """Support agrees to the buyer's request."""
    staff = _staff(world)
    decision = Decision(
        actor=staff,
        key=KeyScope(staff.user_id, world.scenery.event_id),
        request_hash="approve",
        refund_id=world.refunds()[-1].id,
        approve=True,
    )
    answer = process.app.refunding.decide(decision)
    process.app.refunding.show(staff, world.refunds()[-1].id)
    return str(answer.body.get("needsApproval"))


def _staff(world: World) -> Actor:
    return attrs.evolve(world.scenery.actor(world.scenery.event_id), role=Role.SUPPORT)


def refunded_there(world: World) -> None:
    """Staff refund something in the provider's dashboard."""
    payment = world.payments()[-1]
    assert payment.ref is not None, "it was paid"
    assert sandboxed.refund_at_provider(world.model, payment.ref.object_id, 700) == 200
    world.provider_moved()


def release_all(world: World, process: Process) -> str:
    """A worker releases what is the venue's."""
    over = attrs.evolve(process.app.venue_money.release, rules=OVER_AT_ONCE)
    over(world.scenery.tenant)
    return ""


def ask_payout(world: World, process: Process) -> str:
    """The venue's manager wants 100.00."""
    scenery = world.scenery
    actor = attrs.evolve(
        scenery.actor(scenery.event_id),
        role=Role.VENUE_MANAGER,
        venues=frozenset({scenery.venue_id}),
    )
    order = PayoutOrder(
        actor=actor,
        key=KeyScope(actor.user_id, scenery.event_id),
        request_hash="payout",
        wish=PayoutWish(venue_id=scenery.venue_id, amount=Money(10_000, USD)),
    )
    answer = process.app.venue_money.ask(order)
    process.app.venue_money.show.balance(actor, scenery.venue_id)
    return str(answer.body.get("status"))


def _plan_order(world: World, key: UUID, **wanted: Any) -> SubscribeOrder:
    scenery = world.scenery
    venues = frozenset({scenery.venue_id})
    actor = attrs.evolve(scenery.actor(scenery.event_id), role=Role.VENUE_MANAGER, venues=venues)
    return SubscribeOrder(
        actor=actor,
        key=KeyScope(actor.user_id, key),
        request_hash="subscribe",
        venue_id=scenery.venue_id,
        **wanted,
    )


def subscribe(world: World, process: Process, card: str = "visa") -> str:
    """The venue's manager wants the starter's plan."""
    wanted = {"plan_id": "starter", "payment_method": f"pm_card_{card}"}
    order = _plan_order(world, world.scenery.standing, **wanted)
    answer = process.app.plans.subscribe(order)
    if answer.outcome is Outcome.DECLINED:
        return f"{answer.body['plan']} {answer.body['status']}"
    shown = process.app.plans.show(order.actor, world.scenery.venue_id)
    return f"{answer.body['plan']} {answer.body['status']}, {shown['ticketsSold']} sold"


def subscribe_declined(world: World, process: Process) -> str:
    """With a card that is declined."""
    return subscribe(world, process, "chargeDeclined")


def subscribe_asked(world: World, process: Process) -> str:
    """With a card whose bank asks."""
    return subscribe(world, process, "threeDSecureRequired")


def switch_plan(world: World, process: Process) -> str:
    """It wants another one."""
    order = _plan_order(world, world.scenery.seated, plan_id="pro")
    return str(process.app.plans.subscribe(order).body["plan"])


def give_plan_up(world: World, process: Process) -> str:
    """It wants none any more."""
    answer = process.app.plans.subscribe(_plan_order(world, world.scenery.event_id, ends=True))
    return str("cancelsAt" in answer.body)


def sync_plan(world: World, process: Process) -> str:
    """An operator has the provider asked about the plan."""
    scenery, entry = world.scenery, audit_entry(world.clock.now(), id=world.uuid())
    return str(process.app.plans.sync(scenery.tenant, scenery.venue_id, entry).state)


def plan_asked_there(operation: str, fault: str) -> Prepare:
    """The provider gives no answer to the next request of this kind."""

    def plant(world: World) -> None:
        body = json.dumps({"operation": operation, "fault": fault, "times": 1}).encode()
        assert world.model.request("POST", "/_sandbox/faults", {}, body).status == 200

    return plant


def card_expires(world: World) -> None:
    """The venue's card will be declined."""
    plan = world.plan()
    assert plan is not None, "it has a plan"
    path, head = f"/v1/subscriptions/{plan.provider_id}", {"authorization": "Bearer sk_test_x"}
    form = b"default_payment_method=pm_card_chargeDeclined"
    assert world.model.request("POST", path, head, form).status == 200


def plan_paid(world: World) -> None:
    """The bank of the venue's card agrees."""
    (intent,) = world.plan_intents()
    sandboxed.authenticate(world.model, intent, "succeed")


def call_off(world: World, process: Process) -> str:
    """An operator calls the payout off."""
    payout, entry = world.payouts()[-1], _operator(world, "payout.cancel")
    return str(process.app.venue_money.cancel(world.scenery.tenant, payout.id, entry).state)


def venues_bank(verb: str) -> Prepare:
    """The bank takes the payout ("pay") or sends it back ("fail")."""

    def answer(world: World) -> None:
        path = f"/_sandbox/payouts/{world.payouts()[-1].provider_payout_id}/{verb}"
        assert world.model.request("POST", path, {}, b"{}").status == 200

    return answer


def bank(*verbs: str, cents: int = 0, inquiry: bool = False) -> Prepare:
    """The buyer's bank disputes the newest sale, or a part of it, and goes on with it."""

    def act(world: World) -> None:
        payment = world.payments()[-1]
        assert payment.ref is not None, "it was paid"
        about: dict[str, Any] = {"inquiry": inquiry} | ({"amount": cents} if cents else {})
        for verb in ("dispute", *verbs):
            given = about if verb == "dispute" else {}
            assert sandboxed.bank(world.model, payment.ref.object_id, verb, **given) == 200
        world.provider_moved()

    return act


def bank_goes_on(verb: str) -> Prepare:
    """The bank decides the newest dispute: "win" or "lose"."""

    def act(world: World) -> None:
        payment = world.payments()[-1]
        assert payment.ref is not None, "it was paid"
        assert sandboxed.bank(world.model, payment.ref.object_id, verb) == 200
        world.provider_moved()

    return act


def unheard(world: World) -> None:
    """What the provider has just sent is lost."""
    for delivery in world.model.due_deliveries():
        world.model.delivery_result(delivery.id, 200)


def look_at_disputes(world: World, process: Process) -> str:
    """Somebody looks at the disputes of the newest sale."""
    payment = world.payments()[-1]
    return str(len(process.app.refunding.disputes(_staff(world), payment.id)))


def sync_refund(world: World, process: Process) -> str:
    """An operator asks the provider about a refund."""
    refund = world.refunds()[-1]
    entry = _operator(world, "refund.sync")
    return str(process.app.refunding.sync(world.scenery.tenant, refund.id, entry).state)


def _operator(world: World, action: str) -> AuditEntry:
    payment = world.payments()[-1]
    return AuditEntry(
        id=world.uuid(),
        at=world.clock.now(),
        actor_kind=ActorKind.OPERATOR,
        actor_id="zoe",
        action=action,
        subject_type="payment",
        subject_id=str(payment.id),
    )


def sync_by_hand(world: World, process: Process) -> str:
    """An operator asks the provider now."""
    tenant, payment = world.scenery.tenant, world.payments()[-1]
    case = process.app.payment_desk.sync(tenant, payment.id, _operator(world, "payment.sync"))
    return str(case.payment.state)


def dead(world: World) -> None:
    """Whatever waits in the inbox has been given up."""

    def give_up(tx: PlatformTx) -> None:
        now = world.clock.now()
        for claim in tx.inbox.claim_due(now, 60, 10)():
            tx.inbox.finish(claim, InboxStatus.DEAD, "given up", now)

    world.uow.platform(give_up)


def replay_by_hand(world: World, process: Process) -> str:
    """An operator lets every dead event run again."""
    tenant, desk = world.scenery.tenant, process.app.inbox_desk
    for event_id in _dead(world):
        desk.replay(tenant, event_id, _operator(world, "inbox.replay"))
    return str(_dead(world))


def _dead(world: World) -> list[str]:
    rows = world.uow.store.platform.settled.values()
    return [row.event.event_id for row in rows if row.status is InboxStatus.DEAD]


def cancel_event(world: World, process: Process) -> str:
    """An operator cancels the event, or hears that this has been done."""
    home = world.scenery
    with suppress(EventCancelled):
        entry = _operator(world, "event.cancel")
        process.app.cancel_event(home.tenant, home.event_id, entry)
    status = process.app.cancel_event.status(home.tenant, home.event_id)
    return f"{status.cancellation is not None} {status.progress.orders}"


def look(world: World, process: Process) -> str:
    """Somebody looks at a payment and its order."""
    payment, actor = world.payments()[-1], world.requests[-1].command.actor
    process.app.show_order(actor, payment.order_id)
    process.app.list_sales(actor, SalesQuery(limit=1))
    process.app.estimate_fees(actor, payment.venue_id, 1_000, 1)
    return str(process.app.show_payment(actor, payment.id)["status"])


def audit(world: World, process: Process) -> str:
    """Somebody looks at the books."""
    tenant = world.scenery.tenant
    process.app.show_stats(attrs.evolve(world.scenery.actor(world.uuid()), role=Role.ADMIN))
    return f"{len(process.app.trial_balance(tenant))} {process.app.verify_ledger(tenant).ok}"


def chain(world: World, process: Process) -> str:
    """A worker chains the audit trail."""
    return str(process.app.chain_audit(world.scenery.tenant))


def forget(world: World, process: Process) -> str:
    """A worker forgets old keys."""
    return str(process.app.purge_keys(world.scenery.tenant))


def prove(world: World, process: Process) -> str:
    """Somebody looks at the audit trail."""
    tenant = world.scenery.tenant
    process.app.audit.show.latest(tenant, 10)
    return str(process.app.audit.verify(tenant).ok)


def done(task: Task) -> Prepare:
    """A task that nothing interrupts; it may be refused."""
    return lambda world: task(world, world.processes[0])


def unanswered(task: Task) -> Prepare:
    """A task after which the outcome is unknown."""

    def attempt(world: World) -> None:
        with suppress(OutcomeUnknown):
            task(world, world.processes[0])
            raise AssertionError("the outcome is known")

    return attempt


def later(seconds: float) -> Prepare:
    """Time passes."""
    return lambda world: world.advance(seconds)


def sent(world: World) -> None:
    """The network takes what the provider sends."""
    world.in_transit.extend(world.model.due_deliveries())


def received(world: World) -> None:
    """Everything that the provider has sent is in the inbox."""
    sent(world)
    while world.in_transit:
        take_webhook(world, world.processes[0])
        world.in_transit.pop(0)


def tickets_fail(error: Exception) -> Prepare:
    """The ticket service fails once."""
    return lambda world: world.tickets.failures.append(error)


def answered(outcome: str) -> Prepare:
    """The buyer answers the bank's question: "succeed" or "fail"."""

    def answer(world: World) -> None:
        payment = world.payments()[-1]
        assert payment.ref is not None, "there is an intent"
        sandboxed.authenticate(world.model, payment.ref.object_id, outcome)
        world.provider_moved()

    return answer


def lost_on_the_way(world: World) -> None:
    """A charge reaches the provider after the order has been given up."""
    world.lose_next_request(2_000)
    unanswered(pay)(world)


PAID: Final = (order(), done(pay))
TWICE: Final = (*PAID, order("visa", "A1"), done(pay))
WAITING: Final = (order("threeDSecureRequired"), done(pay))
SILENT: Final = (order("pm_sandbox_timeout_after"), unanswered(pay), later(61))
NEVER_ARRIVED: Final = (order("pm_sandbox_timeout_before"), unanswered(pay))
LATE: Final = (order(), lost_on_the_way, later(HOLD_SECONDS + 61), done(janitor))

HOUR: Final = 3_601
DECLINED: Final = (order("chargeDeclined"), done(pay))
ASKED: Final = (*DECLINED, later(HOUR), done(janitor))
TRIED: Final = (*ASKED, later(HOUR), done(janitor), later(HOUR), done(janitor), later(HOUR))
RICH: Final = (order(count=4), done(pay), later(9 * DAY_SECONDS), done(release_all))
ON_ITS_WAY: Final = (*RICH, done(ask_payout), done(janitor))
SENT_BACK: Final = (order("refundFail"), done(pay), done(ask_refund), done(janitor))
SLOW: Final = (order("pendingRefund"), done(pay), done(ask_refund), done(janitor), later(601))

MONTH: Final = 30 * 86_400 + 3 * 3_600
PLANNED: Final = (done(subscribe),)
PLAN_ASKED: Final = (done(subscribe_asked),)
UNHEARD: Final = (plan_asked_there("POST v1/subscriptions", "timeout_after"), done(subscribe))

DISPUTED: Final = (*PAID, bank(), received, done(inbox))

SCENARIOS: Final = (
    Scenario("give_quote", "a price", ask_price, PAID),
    Scenario("checkout", "a card that works", pay, (order(),)),
    Scenario("checkout", "seats and standing", pay, (order("visa", "A1", "A2"),)),
    Scenario("checkout", "by quote", pay, (quoted,)),
    Scenario("checkout", "in another currency", pay, (order(currency=USD),), abroad=True),
    Scenario("checkout", "by quote after new rates", pay, (quoted_abroad,), abroad=True),
    Scenario("show_rates", "after new ones", show_rates, (new_rates,), abroad=True),
    Scenario(
        "refunding",
        "a sale in another currency",
        ask_refund,
        (order(currency=USD), done(pay), new_rates),
        abroad=True,
    ),
    Scenario("checkout", "its tax is asked for", pay, (order(count=2),), taxed=True),
    Scenario("checkout", "its tax is estimated", pay, (order(), calculator_fails), taxed=True),
    Scenario(
        "list_estimated_taxes",
        "one",
        list_estimated,
        (order(), calculator_fails, done(pay)),
        taxed=True,
    ),
    Scenario("checkout", "declined", pay, (order("visa_chargeDeclined"),)),
    Scenario("checkout", "refused without an intent", pay, (order("pm_card_nonsense"),)),
    Scenario("checkout", "the bank asks", pay, (order("threeDSecureRequired"),)),
    Scenario("checkout", "processing", pay, (order("pm_sandbox_processing"),), moves_on=True),
    Scenario("checkout", "sold out", pay, (order(count=6), done(pay), order())),
    Scenario("checkout", "repeated after silence", pay, SILENT[:2]),
    Scenario("checkout", "repeated after a paid sale", pay, PAID),
    Scenario(
        "confirm_payment",
        "the bank's question is answered",
        confirm,
        (*WAITING, answered("succeed")),
    ),
    Scenario("confirm_payment", "by another card", pay_by("pm_card_mastercard"), ASKED),
    Scenario(
        "confirm_payment",
        "by another card that is declined",
        pay_by("pm_card_chargeDeclinedExpiredCard"),
        ASKED,
    ),
    Scenario("confirm_payment", "by no card at all", pay_by("pm_card_nonsense"), ASKED),
    Scenario(
        "confirm_payment",
        "of an order that has been bought again",
        pay_by("pm_card_visa"),
        (*DECLINED, again(), done(pay)),
    ),
    Scenario("janitor", "a declined card's buyer is asked", janitor, (*DECLINED, later(HOUR))),
    Scenario(
        "janitor", "a chosen card is charged", janitor, (*DECLINED, chosen("visa"), later(HOUR))
    ),
    Scenario(
        "janitor",
        "a chosen card is declined, too",
        janitor,
        (*DECLINED, chosen("chargeDeclinedLostCard"), later(HOUR)),
    ),
    Scenario("janitor", "all tries were in vain", janitor, TRIED),
    Scenario(
        "janitor",
        "a declined order that was bought again",
        janitor,
        (*DECLINED, again(), done(pay), later(HOUR)),
    ),
    Scenario("order_event", "cancelled", tell("order.cancelled"), WAITING),
    Scenario("order_event", "cancelled after a decline", tell("order.cancelled"), DECLINED),
    Scenario("order_event", "issued", tell("order.items_shipped"), PAID),
    Scenario("order_event", "refused", tell("order.payment_received"), WAITING),
    Scenario("cancel_payment", "an open payment", cancel, WAITING),
    Scenario("cancel_payment", "a paid one", cancel, PAID),
    Scenario("receive_webhook", "an event", take_webhook, (*WAITING, answered("succeed"), sent)),
    Scenario("process_inbox", "a success", inbox, (*WAITING, answered("succeed"), received)),
    Scenario("process_inbox", "a failure", inbox, (*WAITING, answered("fail"), received)),
    Scenario("process_inbox", "known already", inbox, (*PAID, received)),
    Scenario("relay_outbox", "order.paid", relay, PAID),
    Scenario("relay_outbox", "a failure", relay, (*PAID, tickets_fail(Unavailable("down")))),
    Scenario("relay_outbox", "a rejection", relay, (*PAID, tickets_fail(Rejected("no")))),
    Scenario(
        "replay_stream",
        "a parked stream",
        replay,
        (*PAID, tickets_fail(Rejected("no")), done(relay)),
    ),
    Scenario("janitor", "a charge that was answered by nobody", janitor, SILENT),
    Scenario("janitor", "a charge that never arrived", janitor, (*NEVER_ARRIVED, later(1_000))),
    Scenario("janitor", "an order that expires", janitor, (*WAITING, later(HOLD_SECONDS))),
    Scenario(
        "janitor",
        "a processing payment",
        janitor,
        (order("pm_sandbox_processing"), done(pay), later(700)),
    ),
    Scenario("janitor", "a late success is found", janitor, (*LATE, later(DAY_SECONDS))),
    Scenario(
        "janitor",
        "a late success is sent back",
        janitor,
        (*LATE, later(DAY_SECONDS), done(janitor), later(1)),
    ),
    Scenario("roll_up_ledger", "a posting", roll_up, PAID),
    Scenario("show_payment", "and its order", look, PAID),
    Scenario("verify_ledger", "and the trial balance", audit, PAID),
    Scenario(
        "inbox_desk",
        "a dead event runs again",
        replay_by_hand,
        (*WAITING, answered("succeed"), received, dead),
    ),
    Scenario(
        "payment_desk",
        "asked by hand after the bank's answer",
        sync_by_hand,
        (*WAITING, answered("succeed")),
    ),
    Scenario("refunding", "support refunds a sale", ask_refund, PAID),
    Scenario("refunding", "a buyer's request is agreed to", approve, (*PAID, request_refund)),
    Scenario("refunding", "asked about by hand", sync_refund, (*SENT_BACK, later(11))),
    Scenario("janitor", "a refund is sent", janitor, (*PAID, done(ask_refund))),
    Scenario("janitor", "a refund that takes its time", janitor, SLOW),
    Scenario(
        "process_inbox", "a refund of the dashboard", inbox, (*PAID, refunded_there, received)
    ),
    Scenario(
        "process_inbox", "a refund that failed later", inbox, (*SENT_BACK, later(11), received)
    ),
    Scenario("cancel_event", "with a sale", cancel_event, PAID),
    Scenario("checkout", "of a cancelled event", pay, (*PAID, done(cancel_event), order())),
    Scenario("janitor", "a cancelled event", janitor, (*TWICE, done(cancel_event))),
    Scenario(
        "janitor",
        "a cancelled event with a request",
        janitor,
        (*PAID, request_refund, done(cancel_event)),
    ),
    Scenario(
        "janitor",
        "a cancelled event with a sale that completes late",
        janitor,
        (*PAID, *WAITING, done(cancel_event), done(janitor), answered("succeed"), later(400)),
    ),
    Scenario(
        "janitor",
        "a dispute that was won after its event was cancelled",
        janitor,
        (
            *(*PAID, bank(), done(cancel_event), done(janitor), later(61), done(janitor)),
            *(received, done(inbox), bank_goes_on("win"), received, done(inbox)),
        ),
    ),
    Scenario("process_inbox", "an inquiry", inbox, (*PAID, bank(inquiry=True), received)),
    Scenario("process_inbox", "a dispute opens", inbox, (*PAID, bank(), received)),
    Scenario(
        "process_inbox",
        "a dispute opens, and a request gives way",
        inbox,
        (*PAID, request_refund, bank(), received),
    ),
    Scenario(
        "process_inbox", "a dispute is won", inbox, (*DISPUTED, bank_goes_on("win"), received)
    ),
    Scenario(
        "process_inbox", "a dispute is lost", inbox, (*DISPUTED, bank_goes_on("lose"), received)
    ),
    Scenario("process_inbox", "all of a dispute", inbox, (*PAID, bank("lose"), received)),
    Scenario("process_inbox", "a part is lost", inbox, (*PAID, bank("lose", cents=700), received)),
    Scenario("janitor", "an open dispute", janitor, (*DISPUTED, later(86_400))),
    Scenario(
        "janitor",
        "a dispute whose end was not heard",
        janitor,
        (*DISPUTED, bank_goes_on("lose"), unheard, later(86_400)),
    ),
    Scenario("refunding", "its disputes are looked at", look_at_disputes, DISPUTED),
    Scenario(
        "relay_outbox",
        "tickets are frozen",
        relay,
        (*PAID, done(relay), bank(), received, done(inbox)),
    ),
    Scenario("relay_outbox", "tickets are voided", relay, (*PAID, done(relay), done(ask_refund))),
    Scenario("plans", "a venue subscribes", subscribe, PAID),
    Scenario("plans", "its card is declined", subscribe_declined),
    Scenario("plans", "its bank asks", subscribe_asked),
    Scenario("plans", "another plan", switch_plan, (done(subscribe),)),
    Scenario("plans", "no plan any more", give_plan_up, (done(subscribe),)),
    Scenario("plans", "asked about by hand", sync_plan, (*PLANNED, later(MONTH))),
    Scenario("janitor", "a plan that nobody answered for", janitor, (*UNHEARD, later(61))),
    Scenario("janitor", "a plan whose renewal was not told", janitor, (*PLANNED, later(MONTH))),
    Scenario("janitor", "a plan that is not paid", janitor, (*PLANNED, card_expires, later(MONTH))),
    Scenario("janitor", "a plan that ends", janitor, (*PLANNED, done(give_plan_up), later(MONTH))),
    Scenario("process_inbox", "a plan is paid", inbox, (*PLAN_ASKED, plan_paid, received)),
    Scenario("checkout", "a venue with a plan", pay, (done(subscribe), order())),
    Scenario("checkout", "a quote of a venue with a plan", pay, (done(subscribe), quoted)),
    Scenario("venue_money", "an event is over", release_all, PAID),
    Scenario("venue_money", "a payout is asked for", ask_payout, RICH),
    Scenario("venue_money", "a payout is called off", call_off, (*RICH, done(ask_payout))),
    Scenario("janitor", "a payout is sent", janitor, (*RICH, done(ask_payout))),
    Scenario(
        "janitor", "a payout that was paid", janitor, (*ON_ITS_WAY, venues_bank("pay"), later(700))
    ),
    Scenario(
        "janitor", "a payout that failed", janitor, (*ON_ITS_WAY, venues_bank("fail"), later(700))
    ),
    Scenario("chain_audit", "a cancellation", chain, (*WAITING, done(cancel))),
    Scenario("purge_keys", "a month later", forget, (*WAITING, later(KEPT_SECONDS + 1))),
    Scenario("audit", "and a look at it", prove, (*WAITING, done(cancel), done(chain))),
)
