"""The actors: buyers, the network between the provider and us, workers, and time itself.

A task is what an actor does in a process while others move between its calls; an event happens at
once. Both say what came of it in one line of the story.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs

from tests.simulation.world import Process, Request, World
from tests.support import sandboxed
from tests.support.sandboxed import place_order
from tests.support.scenery import audit_entry
from ticketpay.adapters.sandbox import Delivery
from ticketpay.domain.kernel.errors import Rejected, TicketpayError, Unavailable
from ticketpay.domain.kernel.ids import UserId
from ticketpay.domain.messaging import Answer, KeyScope, Outcome, request_hash
from ticketpay.domain.money import USD, Money
from ticketpay.domain.parties import Role
from ticketpay.domain.payments import Payment, PaymentMethod, PaymentState
from ticketpay.domain.payouts import PayoutSpeed
from ticketpay.domain.pricing import Tier
from ticketpay.domain.processes.payment_actions import PaymentCommand
from ticketpay.domain.processes.payout_requests import PayoutOrder, PayoutWish
from ticketpay.domain.processes.refund_commands import Decision, RefundRequest
from ticketpay.domain.processes.releasing import HoldRules
from ticketpay.domain.processes.subscribing import SubscribeOrder

__all__ = [
    "CHOICES",
    "buy",
    "chain",
    "hand_over",
    "inbox",
    "janitor",
    "relay",
    "send",
    "start",
    "start_in",
]

CARDS: Final = (
    "visa",
    "visa",
    "visa",
    "visa",
    "visa_chargeDeclined",
    "chargeDeclinedInsufficientFunds",
    "threeDSecureRequired",
    "threeDSecureRequiredChargeDeclined",
    "pm_sandbox_processing",
    "pm_sandbox_processing_fails",
    "pm_sandbox_timeout_before",
    "pm_sandbox_timeout_after",
    "pm_sandbox_error_500_before",
    "pm_sandbox_error_500_after",
    "pm_sandbox_rate_limited",
    "pm_sandbox_slow",
    "pm_card_nonsense",
)
OTHER_CARDS: Final = (
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_threeDSecureRequired",
    "pm_sandbox_processing",
    "pm_sandbox_timeout_after",
    "pm_card_nonsense",
)
CHOSEN_CARDS: Final = ("visa", "visa", "chargeDeclined", "threeDSecureRequired")
ORDER_EVENTS: Final = (
    "order.cancelled",
    "order.tickets_issued",
    "order.payment_received",
    "order.forgotten",
)
DELIVERIES: Final = ("", "", "twice", "late", "reversed", "none")
FAULTS: Final = (
    "",
    "",
    "",
    "cancel:timeout_after",
    "cancel:error_500_after",
    "refund:timeout_after",
)
OVER_AT_ONCE: Final = HoldRules(event_hours=-(10**5), hold_days=0)
REFUNDS: Final = ("", "", "", "pending", "fails", "fails_later")
PLAN_CARDS: Final = (
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_threeDSecureRequired",
    "pm_card_nonsense",
)
AGAIN_SHARE: Final = 0.25
PERIOD_SECONDS: Final = 30 * 86_400
BUYER_SHARE: Final = 0.3
APPROVED_SHARE: Final = 0.7
WHOLE_SHARE: Final = 0.3
INQUIRY_SHARE: Final = 0.3
PART_SHARE: Final = 0.4
JUMPS: Final = (1, 5, 30, 61, 95, 300, 901, 1100, 4000, 90_000)
LOST_SHARE: Final = 0.15
TWICE_SHARE: Final = 0.2
BUYERS_MAX: Final = 4
NEW_RATES_SHARE: Final = 0.5
"""How often other rates are loaded while a buyer looks at his quote."""

DUE_SECONDS_MAX: Final = 2_000
RUNNING_SECONDS_MAX: Final = 1_200
DUE_SHARE: Final = 0.6

Task = Callable[[World, Process], str]
Event = Callable[[World], str]


@attrs.frozen
class Choice:
    """Something that may begin, how likely it is, and when it makes sense."""

    name: str
    begin: Callable[[World], None]
    weight: int
    is_possible: Callable[[World], bool] = attrs.field(default=lambda _: True)


def start(world: World, task: Task, kind: str) -> None:
    """A new actor in one of the processes of a kind."""
    process = world.rng.choice([p for p in world.processes if p.name.startswith(kind)])
    start_in(world, process, task)


def start_in(world: World, process: Process, task: Task) -> None:
    """A new actor in this process."""
    world.started += 1
    name = f"{process.name}/{task.__name__}-{world.started}"

    def work() -> None:
        try:
            line = task(world, process)
        except TicketpayError as error:
            line = f"{type(error).__name__}: {error}"
            world.errors.append(error)
        world.said = line
        world.tell(f"{name}: {line}")

    world.scheduler.start(name, process.name, work)


def buy(world: World, process: Process) -> str:
    """A new buyer orders, sometimes with a quote."""
    rng, scenery = world.rng, world.scenery
    actor = scenery.actor(world.uuid())
    seats = rng.sample(scenery.seats, rng.choice((0, 0, 0, 1, 2)))
    count, currency = rng.randint(0 if seats else 1, 2), world.some_currency()
    demand = scenery.demand(count, *seats, currency=currency)
    card = rng.choice(CARDS)
    hints = {
        "sandbox_delivery": rng.choice(DELIVERIES),
        "sandbox_fault": rng.choice(FAULTS),
        "sandbox_refund": rng.choice(REFUNDS),
    }
    key = world.uuid()
    quote = process.app.give_quote(actor, demand, world.home) if rng.random() < 0.3 else None
    if quote and world.abroad and rng.random() < NEW_RATES_SHARE:
        world.load_rates()
    command = place_order(
        actor,
        key,
        demand,
        card,
        quote_id=quote.id if quote else None,
        metadata={name: value for name, value in hints.items() if value},
        customer=world.home,
    )
    world.requests.append(Request(command))
    return f"{card}: {send(process, world.requests[-1])}"


def buy_again(world: World, process: Process) -> str:
    """A buyer whose card was declined does not come back: there is a new order."""
    failed = world.declined()
    if not failed:
        return "nothing"
    actor = world.scenery.actor(world.rng.choice(failed).user_id)
    card = world.rng.choice(("visa", "visa", "chargeDeclined", "threeDSecureRequired"))
    command = place_order(actor, world.uuid(), world.scenery.demand(1), card, customer=world.home)
    world.requests.append(Request(command))
    return f"{card}: {send(process, world.requests[-1])}"


def pay_again(world: World, process: Process) -> str:
    """A buyer whose card was declined pays the same order by another one."""
    failed = world.declined()
    if not failed:
        return "nothing"
    payment, card = world.rng.choice(failed), world.rng.choice(OTHER_CARDS)
    method = PaymentMethod(type="card", method_id=card)
    command = attrs.evolve(_command(world, payment, f"confirm by {card}"), method=method)
    answer = process.app.confirm_payment(command)
    return f"{card}: {answer.outcome} {answer.body.get('status', answer.body.get('code'))}"


def tell_order(world: World, process: Process) -> str:
    """Somebody says of an order what may be true."""
    payment = world.some_payment()
    if payment is None:
        return "nothing"
    kind = world.rng.choice(ORDER_EVENTS)
    entry = audit_entry(world.clock.now(), id=world.uuid(), action="order.event")
    tenant = world.scenery.tenant
    done = process.app.order_event(tenant, payment.order_id, kind, entry)
    return f"{kind}: {done.before} -> {done.after} {done.refused}"


def repeat(world: World, process: Process) -> str:
    """A buyer sends a request again, under the same key, perhaps while the first one runs."""
    if not world.requests:
        return "nothing"
    return send(process, world.rng.choice(world.requests))


def send(process: Process, request: Request) -> str:
    answer = process.app.checkout(request.command)
    body = {k: v for k, v in answer.body.items() if k != "createdAt"}
    if request.final is not None:
        same = {k: v for k, v in request.final.body.items() if k != "createdAt"}
        assert (answer.outcome, body) == (request.final.outcome, same), "the answer has changed"
    request.final = answer
    return f"{answer.outcome} {body.get('status', body.get('code'))}"


def _command(world: World, payment: Payment, verb: str) -> PaymentCommand:
    actor = world.scenery.actor(payment.user_id)
    return PaymentCommand(
        actor=actor,
        key=KeyScope(actor.user_id, world.uuid()),
        request_hash=request_hash(verb, {"payment": str(payment.id)}),
        payment_id=payment.id,
    )


def confirm(world: World, process: Process) -> str:
    """A buyer confirms a payment."""
    payment = world.some_payment()
    if payment is None:
        return "nothing"
    answer = process.app.confirm_payment(_command(world, payment, "confirm"))
    return f"{payment.state}: {answer.outcome}"


def cancel(world: World, process: Process) -> str:
    """A buyer cancels a payment."""
    payment = world.some_payment()
    if payment is None:
        return "nothing"
    answer = process.app.cancel_payment(_command(world, payment, "cancel"))
    if answer.outcome is Outcome.COMPLETED:
        world.cancelled.append(payment.id)
    return f"{payment.state}: {answer.outcome}"


def refund(world: World, process: Process) -> str:
    """Support refunds a sale, or its buyer asks for it: some tickets, an amount, or the rest."""
    paid = [p for p in world.payments() if p.state is PaymentState.COMPLETED]
    if not paid:
        return "nothing"
    rng, payment = world.rng, world.rng.choice(paid)
    buyer = rng.random() < BUYER_SHARE
    user = payment.user_id if buyer else UserId(world.uuid())
    role = Role.CUSTOMER if buyer else Role.SUPPORT
    actor = attrs.evolve(world.scenery.actor(user), role=role)
    wish: dict[str, Any] = rng.choice(
        ({}, {"tickets": (1,)}, {"amount_cents": rng.randint(1, payment.amount.cents)})
    )
    answer = process.app.refunding.ask(
        RefundRequest(
            actor=actor,
            key=KeyScope(actor.user_id, world.uuid()),
            request_hash="refund",
            payment_id=payment.id,
            **wish,
        )
    )
    return f"{role} {wish or 'the rest'}: {answer.body.get('code', answer.outcome)}"


def decide(world: World, process: Process) -> str:
    """A second person decides about a refund that waits, or comes too late."""
    waiting = [r for r in world.refunds() if r.requested_by is not None]
    if not waiting:
        return "nothing"
    chosen, approve = world.rng.choice(waiting), world.rng.random() < APPROVED_SHARE
    actor = attrs.evolve(world.scenery.actor(world.uuid()), role=Role.ADMIN)
    answer = process.app.refunding.decide(
        Decision(
            actor=actor,
            key=KeyScope(actor.user_id, world.uuid()),
            request_hash="decide",
            refund_id=chosen.id,
            approve=approve,
        )
    )
    return f"{'approve' if approve else 'reject'}: {answer.body.get('code', answer.outcome)}"


def release(world: World, process: Process) -> str:
    """The event is over, says a worker, and what is pending is the venue's."""
    over = attrs.evolve(process.app.venue_money.release, rules=OVER_AT_ONCE)
    return f"{over(world.scenery.tenant)} balances"


def pay_out(world: World, process: Process) -> str:
    """The venue wants money."""
    rng, venue = world.rng, world.scenery.venue_id
    actor = attrs.evolve(world.scenery.actor(world.uuid()), role=Role.ADMIN)
    wish = PayoutWish(
        venue_id=venue,
        amount=Money(rng.choice((1_000, rng.randint(500, 20_000))), world.some_currency() or USD),
        speed=rng.choice(tuple(PayoutSpeed)),
    )
    money = process.app.venue_money
    at_once = attrs.evolve(money.release, rules=OVER_AT_ONCE)
    answer = attrs.evolve(money.ask, release=at_once)(
        PayoutOrder(
            actor=actor,
            key=KeyScope(actor.user_id, world.uuid()),
            request_hash="payout",
            wish=wish,
        )
    )
    return f"{wish.amount} {wish.speed}: {answer.body.get('code', answer.outcome)}"


def subscribe(world: World, process: Process) -> str:
    """The venue wants a plan, or another one, with some card; or it asks again under an old key."""
    rng = world.rng
    if world.plan_orders and rng.random() < AGAIN_SHARE:
        return _ask_plan(process, *rng.choice(world.plan_orders))
    named = "" if world.has_billed_plan() and rng.random() < 0.5 else rng.choice(PLAN_CARDS)
    return _want(world, process, plan_id=rng.choice(tuple(Tier)), payment_method=named)


def give_up(world: World, process: Process) -> str:
    """The venue gives its plan up."""
    return _want(world, process, ends=True)


def _want(world: World, process: Process, **wanted: Any) -> str:
    actor = attrs.evolve(world.scenery.actor(world.uuid()), role=Role.ADMIN)
    order = SubscribeOrder(
        actor=actor,
        key=KeyScope(actor.user_id, world.uuid()),
        request_hash="subscribe",
        venue_id=world.scenery.venue_id,
        **wanted,
    )
    world.plan_orders.append((order, []))
    return _ask_plan(process, *world.plan_orders[-1])


def _ask_plan(process: Process, order: SubscribeOrder, heard: list[Answer]) -> str:
    answer = process.app.plans.subscribe(order)
    heard.append(answer)
    first = heard[0]
    assert (answer.outcome, answer.body) == (first.outcome, first.body), "the answer has changed"
    return f"{answer.outcome} {answer.body.get('code', answer.body.get('plan'))}"


def call_off(world: World, process: Process) -> str:
    """An operator calls a payout off, perhaps too late."""
    payout, entry = (
        world.rng.choice(world.payouts()),
        audit_entry(world.clock.now(), id=world.uuid()),
    )
    return str(process.app.venue_money.cancel(world.scenery.tenant, payout.id, entry).state)


def cancel_event(world: World, process: Process) -> str:
    """An operator cancels the event; a second time it is refused."""
    entry = audit_entry(world.clock.now(), id=world.uuid(), action="event.cancel")
    home = world.scenery
    found = process.app.cancel_event(home.tenant, home.event_id, entry).progress
    process.app.cancel_event.status(home.tenant, home.event_id)
    return f"{found.orders} paid, {found.unfinished} unfinished"


def hand_over(world: World, process: Process) -> str:
    """The network hands over something it has, in any order, some of it twice."""
    if not world.in_transit:
        return "nothing"
    delivery = world.in_transit.pop(world.rng.randrange(len(world.in_transit)))
    world.unanswered[delivery.id] = None
    if world.faults.on and world.rng.random() < TWICE_SHARE:
        world.in_transit.append(delivery)
    return _receive(world, process, delivery)


def _receive(world: World, process: Process, delivery: Delivery) -> str:
    try:
        process.app.receive_webhook(delivery.body, delivery.headers["stripe-signature"])
    except TicketpayError as error:
        world.answered(delivery, 400)
        return f"refused: {type(error).__name__}"
    world.answered(delivery, 200)
    return f"{delivery.id} taken"


def inbox(world: World, process: Process) -> str:
    """A worker processes some events."""
    return str(process.app.process_inbox(world.rng.randint(1, 5)))


def relay(world: World, process: Process) -> str:
    """A worker relays some streams; the ticket service may be down."""
    failure = world.rng.choice((None, None, None, Unavailable("down"), Rejected("no")))
    if failure is not None and world.faults.on:
        world.tickets.failures.append(failure)
    return str(process.app.relay_outbox(world.rng.randint(1, 5)))


def janitor(world: World, process: Process) -> str:
    """A worker looks at what is due."""
    return str(process.app.janitor(world.rng.randint(1, 5)))


def roll_up(world: World, process: Process) -> str:
    """A worker rolls up the ledger."""
    return str(process.app.roll_up_ledger(world.scenery.tenant))


def chain(world: World, process: Process) -> str:
    """A worker chains the audit trail."""
    return str(process.app.chain_audit(world.scenery.tenant))


def authenticate(world: World) -> str:
    """A buyer answers the bank's question."""
    payment = world.some_payment()
    if payment is None or payment.ref is None:
        return "authenticate: nothing"
    outcome = world.rng.choice(("succeed", "succeed", "fail"))
    sandboxed.authenticate(world.model, payment.ref.object_id, outcome)
    world.provider_moved()
    return f"authenticate {payment.state}: {outcome}"


def dashboard(world: World) -> str:
    """Staff refund a sale, or money that came too late, at the provider, behind our back."""
    paid = [p for p in world.payments() if p.received_cents and p.ref]
    if not paid:
        return "dashboard: nothing"
    payment = world.rng.choice(paid)
    assert payment.ref is not None, "it was chosen for its reference"
    if not world.hears_of(payment.ref.object_id):
        return "dashboard: nobody would hear of it"
    whole = world.rng.random() < WHOLE_SHARE
    cents = payment.amount.cents if whole else world.rng.randint(1, payment.amount.cents)
    status = sandboxed.refund_at_provider(world.model, payment.ref.object_id, cents)
    world.provider_moved()
    return f"dashboard refunds {cents}: {status}"


def bank(world: World) -> str:
    """The venue's bank takes a payout, or sends it back."""
    sent = [p for p in world.payouts() if p.provider_payout_id]
    if not sent:
        return "bank: nothing"
    payout, verb = world.rng.choice(sent), world.rng.choice(("pay", "fail"))
    path = f"/_sandbox/payouts/{payout.provider_payout_id}/{verb}"
    return f"bank {verb}: {world.model.request('POST', path, {}, b'{}').status}"


def dispute(world: World) -> str:
    """A buyer's bank asks, or takes the money of a sale (even a late one) or a part of it."""
    paid = [p for p in world.payments() if p.received_cents and p.ref]
    if not paid:
        return "dispute: nothing"
    payment = world.rng.choice(paid)
    assert payment.ref is not None, "it was chosen for its reference"
    if not world.hears_of(payment.ref.object_id):
        return "dispute: nobody would hear of it"
    about: dict[str, Any] = {"inquiry": world.rng.random() < INQUIRY_SHARE}
    if world.rng.random() < PART_SHARE:
        about["amount"] = world.rng.randint(1, payment.received_cents)
    status = sandboxed.bank(world.model, payment.ref.object_id, **about)
    world.provider_moved()
    return f"dispute {about}: {status}"


def decide_dispute(world: World) -> str:
    """The bank goes on with what it has begun."""
    disputed = world.disputed()
    if not disputed:
        return "the bank: nothing"
    intent_id = world.rng.choice(disputed)
    verb = world.rng.choice(("escalate", "win", "lose"))
    status = sandboxed.bank(world.model, intent_id, verb)
    world.provider_moved()
    return f"the bank: {verb}: {status}"


def plan_bank(world: World) -> str:
    """The bank of the venue's card has its answer."""
    intent = world.rng.choice(world.plan_intents())
    outcome = world.rng.choice(("succeed", "succeed", "fail"))
    sandboxed.authenticate(world.model, intent, outcome)
    world.provider_moved()
    return f"the bank about a plan: {outcome}"


def plan_card(world: World) -> str:
    """The venue's card is changed in the dashboard: it will be declined, or it pays what is open."""
    plan = world.plan()
    assert plan is not None, "it was chosen for its plan"
    card = world.rng.choice(("visa", "chargeDeclined"))
    path = f"/v1/subscriptions/{plan.provider_id}"
    status = _dashboard(world, path, f"default_payment_method=pm_card_{card}")
    (there,) = [each for each in world.plans_there() if each.id == plan.provider_id]
    if card == "visa" and there["status"] in ("past_due", "unpaid"):
        _dashboard(world, f"/v1/invoices/{there['latest_invoice']}/pay", "")
    return f"the card of the plan is {card}: {status}"


def _dashboard(world: World, path: str, form: str) -> int:
    headers = {
        "authorization": "Bearer sk_test_dashboard",
        "content-type": "application/x-www-form-urlencoded",
    }
    status = world.model.request("POST", path, headers, form.encode()).status
    world.provider_moved()
    return status


def month(world: World) -> str:
    """A period of a plan passes."""
    world.advance(PERIOD_SECONDS + world.rng.choice((0, 5, 4_000)))
    return "a period passes"


def try_card(world: World) -> str:
    """A buyer whose card was declined tries another one on the same intent."""
    failed = [p for p in world.payments() if p.state is PaymentState.FAILED and p.ref]
    if not failed:
        return "try another card: nothing"
    payment = world.rng.choice(failed)
    assert payment.ref is not None, "it was chosen for its reference"
    card = world.rng.choice(("visa", "visa", "chargeDeclined"))
    status = sandboxed.try_card(world.model, payment.ref.object_id, card)
    world.provider_moved()
    return f"try another card ({card}): {status}"


def choose_card(world: World) -> str:
    """A buyer whose card was declined names another one, and goes away."""
    failed = world.declined()
    if not failed:
        return "choose another card: nothing"
    payment, card = world.rng.choice(failed), world.rng.choice(CHOSEN_CARDS)
    assert payment.ref is not None, "it was chosen for its reference"
    status = sandboxed.choose_card(world.model, payment.ref.object_id, card)
    world.provider_moved()
    return f"choose another card ({card}): {status}"


def pick_up(world: World) -> str:
    """The network takes what the provider sends; some of it is lost and sent again later."""
    taken = world.model.due_deliveries(world.rng.randint(1, 4))
    for delivery in taken:
        if world.webhooks_lost or world.rng.random() < LOST_SHARE:
            world.model.delivery_result(delivery.id, None)
        else:
            world.in_transit.append(delivery)
    return f"pick up {len(taken)}"


def wait(world: World) -> str:
    """Time passes: a little, or until something is due, or far beyond it."""
    due = world.next_due() - world.clock.unix()
    seconds = float(world.rng.choice(JUMPS))
    if due < DUE_SECONDS_MAX and world.rng.random() < DUE_SHARE:
        seconds = max(due, 0) + world.rng.choice((0, 1, 30))
    if world.scheduler.actors:
        # The rule that no key is sent after 23 hours gives a running process one hour, not a day.
        seconds = min(seconds, RUNNING_SECONDS_MAX)
    world.advance(seconds)
    return f"wait {seconds:.0f} s"


def flush(world: World) -> str:
    """Redis loses all that it knew, and is away for a while or back at once."""
    world.redis.flush(away=world.rng.random() < 0.5)
    return f"Redis is flushed{' and away' if world.redis.away else ''}"


def load_rates(world: World) -> str:
    """An operator loads other rates: who has a quote keeps his."""
    table = world.load_rates()
    return f"{table.source} for {table.day}: {list(table.units.values())}"


def _task(task: Task, kind: str, *rest: Any) -> Choice:
    return Choice(task.__name__, lambda world: start(world, task, kind), *rest)


def _may_buy_again(world: World) -> bool:
    return bool(world.declined()) and len(world.requests) < BUYERS_MAX + 1


def _event(event: Event, *rest: Any) -> Choice:
    return Choice(event.__name__, lambda world: world.tell(event(world)), *rest)


CHOICES: Final[tuple[Choice, ...]] = (
    _task(buy, "api", 4, lambda world: len(world.requests) < BUYERS_MAX),
    _task(repeat, "api", 3, lambda world: bool(world.requests)),
    _task(confirm, "api", 1, lambda world: bool(world.requests)),
    _task(cancel, "api", 1, lambda world: bool(world.requests)),
    _task(pay_again, "api", 3, lambda world: bool(world.declined())),
    _task(buy_again, "api", 1, _may_buy_again),
    _task(tell_order, "api", 1, lambda world: bool(world.requests)),
    _task(hand_over, "api", 14, lambda world: bool(world.in_transit)),
    _task(inbox, "worker", 14, lambda world: world.is_due("waiting")),
    _task(relay, "worker", 10, lambda world: world.is_due("streams")),
    _task(janitor, "worker", 14, lambda world: world.is_due("timers")),
    _task(roll_up, "worker", 1),
    _task(chain, "worker", 1),
    _task(refund, "api", 2, lambda world: world.has_paid()),
    _task(subscribe, "api", 3),
    _task(give_up, "api", 1, lambda world: world.plan() is not None),
    _event(plan_bank, 20, lambda world: bool(world.plan_intents())),
    _event(plan_card, 1, World.has_billed_plan),
    _event(month, 1, lambda world: world.has_billed_plan() and not world.scheduler.actors),
    _task(release, "worker", 1, lambda world: world.has_paid()),
    _task(pay_out, "api", 8, lambda world: world.has_paid()),
    _task(call_off, "api", 3, lambda world: bool(world.payouts())),
    _event(bank, 90, lambda world: any(p.provider_payout_id for p in world.payouts())),
    _task(decide, "api", 6, lambda world: bool(world.refunds())),
    _task(cancel_event, "api", 2, lambda world: world.may_cancel and world.has_paid()),
    _event(dashboard, 1, lambda world: world.has_paid() and not world.webhooks_lost),
    _event(dispute, 1, lambda world: world.has_paid() and not world.webhooks_lost),
    _event(decide_dispute, 20, lambda world: bool(world.disputed())),
    _event(authenticate, 2, lambda world: bool(world.requests)),
    _event(try_card, 2, lambda world: bool(world.requests)),
    _event(choose_card, 4, lambda world: bool(world.declined())),
    _event(pick_up, 14, World.has_deliveries),
    _event(flush, 1),
    _event(load_rates, 4, lambda world: world.abroad),
    _event(wait, 6),
)
