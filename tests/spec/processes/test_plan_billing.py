"""Plans that are billed: started, renewed, unpaid, switched and given up, whatever is lost (S19, S27)."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.ledger import AccountKind
from ticketpay.domain.messaging import Answer, InboxStatus, KeyScope, Outcome
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import Failure
from ticketpay.domain.pricing import Tier
from ticketpay.domain.processes.plan_billing import Heard
from ticketpay.domain.processes.subscribing import SubscribeOrder
from ticketpay.domain.subscriptions import (
    BillingFact,
    BillingStatus,
    Subscription,
    SubscriptionState,
    WishState,
    fee_tier,
)

pytestmark = pytest.mark.spec("S19")

PERIOD = 30 * 86_400.0
MARGIN = 2 * 3_600.0 + 60


@pytest.fixture
def system() -> Sandboxed:
    return Sandboxed(seed=1, capacity=1_000, billed=True)


def manager(system: Sandboxed) -> Actor:
    venues = frozenset({system.scenery.venue_id})
    me = system.scenery.actor(UUID(int=5))
    return attrs.evolve(me, role=Role.VENUE_MANAGER, venues=venues)


def ask(
    system: Sandboxed, plan: str = "pro", card: str = "visa", key: UUID | None = None, **more: Any
) -> Answer:
    who = manager(system)
    order = SubscribeOrder(
        actor=who,
        key=KeyScope(who.user_id, key or uuid4()),
        request_hash=f"{plan} {card}",
        venue_id=system.scenery.venue_id,
        plan_id=plan,
        payment_method=f"pm_card_{card}" if card else "",
    )
    return system.app.plans.subscribe(attrs.evolve(order, **more))


def give_up(system: Sandboxed, **more: Any) -> Answer:
    return ask(system, "", "", ends=True, **more)


def held(system: Sandboxed) -> Subscription:
    venue = system.scenery.venue_id
    found = system.uow.run(system.scenery.tenant, lambda tx: tx.subscriptions.get(venue)())
    assert found is not None
    return found


def there(system: Sandboxed) -> list[str]:
    """The subscriptions at the provider, by their status."""
    system.model.tick()
    account = system.model._world.account("")
    return [each["status"] for each in account.of("subscription").all()]


def told(system: Sandboxed) -> list[str]:
    rows = system.uow.store.of(system.scenery.tenant).messages.values()
    return [m.type.partition(".")[2] for m in rows if m.type.startswith("subscription.")]


def earned(system: Sandboxed) -> int:
    """Cents that plans have brought, from the books."""
    balances = system.app.trial_balance(system.scenery.tenant)
    kind = AccountKind.PLATFORM_REVENUE
    return -sum(b.cents for b in balances if b.account.kind is kind and b.account.subject)


def verified(system: Sandboxed) -> tuple[str, ...]:
    return system.app.verify_ledger(system.scenery.tenant).differences


def hear(system: Sandboxed, asked: Subscription, heard: Heard) -> None:
    """Somebody comes back with what the provider has said about ``asked``."""
    desk, now = system.app.plans.subscribe.courier.desk, system.clock.now()
    system.uow.run(system.scenery.tenant, lambda tx: desk.settle(tx, asked, heard, now))


def listen(system: Sandboxed) -> None:
    """Every webhook arrives and is worked on, until nothing is left to do now."""
    system.model.tick()
    while True:
        system.receive_all()
        if not system.work():
            return
        system.clock.advance(1)


def decline_from_now_on(system: Sandboxed) -> None:
    """The venue's card is declined at the next renewal."""
    path = f"/v1/subscriptions/{held(system).provider_id}"
    head = {"authorization": "Bearer sk_test_x"}
    body = b"default_payment_method=pm_card_chargeDeclined"
    assert system.model.request("POST", path, head, body).status == 200


def faulty(system: Sandboxed, operation: str, fault: str) -> None:
    body = json.dumps({"operation": operation, "fault": fault, "times": 1}).encode()
    assert system.model.request("POST", "/_sandbox/faults", {}, body).status == 200


@pytest.mark.spec("S19 D2")
def test_a_plan_is_billed_before_it_counts(system: Sandboxed) -> None:
    """The provider's id is told, the first period is paid and booked, and the plan decides the fee."""
    answer = ask(system)
    assert answer.outcome is Outcome.COMPLETED
    found = held(system)
    assert answer.body["subscriptionId"] == found.provider_id
    assert found.provider_id.startswith("sub_")
    assert answer.body["status"] == "active"
    assert found.current_period_end == system.clock.now() + timedelta(days=30)
    assert (there(system), told(system), earned(system)) == (["active"], ["started"], 49_900)
    assert verified(system) == ()
    assert fee_tier(found, 0) is Tier.PRO
    listen(system)
    assert held(system).state is SubscriptionState.ACTIVE
    assert (told(system), earned(system)) == (["started"], 49_900)


def test_what_pays_has_to_be_named(system: Sandboxed) -> None:
    """Without a payment method the field is named, nothing is kept, and the key is as good as new."""
    key = uuid4()
    with pytest.raises(InvalidInput) as refused:
        ask(system, card="", key=key)
    assert [error.field for error in refused.value.errors] == ["paymentMethod"]
    assert there(system) == []
    assert ask(system, card="visa", key=key).outcome is Outcome.COMPLETED


def test_a_declined_card_buys_nothing(system: Sandboxed) -> None:
    """The answer says why, and says it again; no plan, no fee of a plan, nothing booked."""
    key = uuid4()
    answers = [ask(system, card="chargeDeclined", key=key) for _ in range(2)]
    assert answers[0].outcome is Outcome.DECLINED
    assert answers[0].body == answers[1].body
    failure: Any = answers[0].body["failure"]
    assert failure["code"] == "card_declined"
    assert held(system).state is SubscriptionState.CANCELLED
    assert (there(system), told(system), earned(system)) == (["canceled"], [], 0)
    assert fee_tier(held(system), 0) is Tier.STARTER
    assert ask(system, "starter").outcome is Outcome.COMPLETED
    assert there(system) == ["canceled", "active"]
    assert verified(system) == ()


def test_a_declined_card_leaves_the_plan_that_nobody_billed() -> None:
    """A plan from the time before billing goes on when the first payment for it is declined."""
    system = Sandboxed(seed=1, capacity=1_000)
    assert ask(system, "enterprise", "").outcome is Outcome.COMPLETED
    free = held(system)
    billed = Sandboxed(seed=1, capacity=1_000, billed=True)
    subscribe = attrs.evolve(
        billed.app.plans.subscribe,
        uow=system.uow,
        courier=attrs.evolve(billed.app.plans.subscribe.courier, uow=system.uow),
    )
    who = manager(system)
    order = SubscribeOrder(
        actor=who,
        key=KeyScope(who.user_id, uuid4()),
        request_hash="x",
        venue_id=system.scenery.venue_id,
        plan_id="pro",
        payment_method="pm_card_chargeDeclined",
    )
    assert subscribe(order).outcome is Outcome.DECLINED
    after = held(system)
    assert (after.plan_id, after.state, after.provider_id) == ("enterprise", free.state, "")
    again = attrs.evolve(order, key=KeyScope(who.user_id, uuid4()), payment_method="pm_card_visa")
    assert subscribe(again).outcome is Outcome.COMPLETED
    assert (held(system).id, held(system).plan_id) == (free.id, "pro")
    assert held(system).provider_id != ""


def test_the_bank_may_ask(system: Sandboxed) -> None:
    """202 with a secret that is kept nowhere; when the bank has its answer the plan begins."""
    key = uuid4()
    answer = ask(system, card="threeDSecureRequired", key=key)
    assert (answer.outcome, answer.body["status"]) == (Outcome.ACCEPTED, "requires_action")
    assert answer.client_secret.startswith("pi_")
    assert ask(system, card="threeDSecureRequired", key=key).client_secret == answer.client_secret
    assert answer.client_secret not in str(system.uow.store.of(system.scenery.tenant).keys.items())
    assert fee_tier(held(system), 0) is Tier.STARTER
    assert ask(system, "starter").body["code"] == "PLAN_CHANGE_PENDING"
    system.authenticate(answer.client_secret.partition("_secret")[0])
    listen(system)
    assert (held(system).state, told(system)) == (SubscriptionState.ACTIVE, ["started"])
    assert (earned(system), verified(system)) == (49_900, ())


def test_what_waits_for_the_bank_can_be_given_up(system: Sandboxed) -> None:
    """It ends at once and was never billed; the venue may subscribe anew."""
    ask(system, card="threeDSecureRequired")
    assert give_up(system).body["status"] == "cancelled"
    assert (there(system), told(system)) == (["canceled"], [])
    assert ask(system).outcome is Outcome.COMPLETED


def test_a_bank_that_never_answers_ends_it(system: Sandboxed) -> None:
    """A day later it is over, without any webhook."""
    ask(system, card="threeDSecureRequired")
    system.clock.advance(24 * 3_600)
    system.work()
    assert held(system).state is SubscriptionState.CANCELLED
    assert held(system).wish is not None
    assert (there(system), earned(system)) == (["incomplete_expired"], 0)


@pytest.mark.parametrize("operation", ["customers", "payment_methods/{}/attach", "subscriptions"])
@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "rate_limited"])
def test_a_lost_answer_is_unknown_and_found_out(
    system: Sandboxed, operation: str, fault: str
) -> None:
    """Accepted, not refused: the worker asks again and there is one subscription, billed once."""
    faulty(system, f"POST v1/{operation}", fault)
    key = uuid4()
    answer = ask(system, key=key)
    assert (answer.outcome, answer.body["status"]) == (Outcome.ACCEPTED, "pending")
    assert ask(system, "enterprise").body["code"] == "PLAN_CHANGE_PENDING"
    system.clock.advance(61)
    for _ in range(3):
        system.work()
        system.clock.advance(30)
    assert held(system).state is SubscriptionState.ACTIVE
    assert (there(system), told(system), earned(system)) == (["active"], ["started"], 49_900)
    assert ask(system, key=key).body == answer.body


def test_a_wish_is_done_once_per_key(system: Sandboxed) -> None:
    """Asked again under its key it is replayed; the same plan under another key changes nothing."""
    key = uuid4()
    first = ask(system, key=key)
    assert ask(system, key=key).body == first.body
    assert ask(system, card="").body == first.body
    assert (there(system), earned(system)) == (["active"], 49_900)


@pytest.mark.spec("S27")
@pytest.mark.parametrize("lost", [False, True])
def test_a_period_is_renewed(system: Sandboxed, *, lost: bool) -> None:
    """Every 30 days it is paid and booked once; a lost webhook is made good after the period's end."""
    ask(system)
    for count in (1, 2):
        system.clock.advance(PERIOD + MARGIN)
        if lost:
            system.model.due_deliveries()
            while system.work():
                system.clock.advance(1)
        else:
            listen(system)
        assert earned(system) == 49_900 * (count + 1)
        assert held(system).current_period_end > system.clock.now()
    assert told(system) == ["started", "renewed", "renewed"]
    assert verified(system) == ()


@pytest.mark.spec("S27", "K02")
def test_a_plan_that_is_not_paid_decides_nothing(system: Sandboxed) -> None:
    """Past due: the fee is the volume's, no cap holds; paid with another card it counts again."""
    ask(system, "enterprise")
    decline_from_now_on(system)
    system.clock.advance(PERIOD + MARGIN)
    listen(system)
    assert held(system).state is SubscriptionState.PAST_DUE
    assert fee_tier(held(system), 0) is Tier.STARTER
    assert system.app.plans.show(manager(system), system.scenery.venue_id)["ticketsMax"] is None
    assert ask(system, "enterprise", "chargeDeclined").outcome is Outcome.DECLINED
    assert held(system).state is SubscriptionState.PAST_DUE
    assert ask(system, "enterprise").outcome is Outcome.COMPLETED
    listen(system)
    assert told(system) == ["started", "past_due", "renewed"]
    assert (there(system), earned(system), verified(system)) == (["active"], 199_800, ())


@pytest.mark.spec("S19 D1")
def test_another_plan_counts_at_once(system: Sandboxed) -> None:
    """Its fee and its cap from now on, its price from the next period on; nothing is billed for it."""
    ask(system, "starter")
    before = held(system)
    assert ask(system, "pro", "").outcome is Outcome.COMPLETED
    after = held(system)
    assert (after.plan_id, after.current_period_end) == ("pro", before.current_period_end)
    assert (fee_tier(after, 0), earned(system)) == (Tier.PRO, 9_900)
    demand = system.scenery.demand(101)
    assert system.app.checkout(place_order(system.scenery.actor(), uuid4(), demand)).outcome is (
        Outcome.COMPLETED
    )
    system.clock.advance(PERIOD + MARGIN)
    listen(system)
    assert (earned(system), verified(system)) == (59_800, ())


def test_a_plan_is_given_up_at_the_end_of_its_period(system: Sandboxed) -> None:
    """It counts until then and says when; then it is over, and the venue may subscribe anew."""
    ask(system)
    answer = give_up(system)
    assert answer.outcome is Outcome.COMPLETED
    assert answer.body["cancelsAt"] == rfc3339(held(system).current_period_end)
    assert answer.body["nextBillingDate"] is None
    assert give_up(system).body == answer.body
    assert fee_tier(held(system), 0) is Tier.PRO
    system.clock.advance(PERIOD + MARGIN)
    listen(system)
    assert held(system).state is SubscriptionState.CANCELLED
    assert (there(system), told(system)) == (["canceled"], ["started", "cancelled"])
    assert give_up(system).body["code"] == "NOT_FOUND"
    assert ask(system, "starter").outcome is Outcome.COMPLETED
    assert (earned(system), verified(system)) == (59_800, ())
    assert len(list(system.model._world.account("").of("customer").all())) == 1


def test_whoever_subscribes_again_takes_it_back(system: Sandboxed) -> None:
    """Before its end the plan goes on, and is billed as if nothing had been."""
    ask(system)
    give_up(system)
    assert "cancelsAt" not in ask(system, "pro", "").body
    system.clock.advance(PERIOD + MARGIN)
    listen(system)
    assert (there(system), told(system)) == (["active"], ["started", "renewed"])


@pytest.mark.spec("S27", "S35")
def test_webhooks_in_any_order_come_to_the_same_end(system: Sandboxed) -> None:
    """All six orders of the last three events, each told twice, end where the provider is."""
    ask(system)
    decline_from_now_on(system)
    system.clock.advance(PERIOD + MARGIN)
    system.model.tick()
    deliveries = system.model.due_deliveries()
    for order in permutations(deliveries[-3:]):
        for delivery in (*order, *order):
            system.receive(delivery)
        system.work()
        system.work()
        assert held(system).state is SubscriptionState.PAST_DUE
    assert told(system) == ["started", "past_due"]


@pytest.mark.spec("S28")
def test_an_event_about_nobodys_plan_waits_and_is_told(system: Sandboxed) -> None:
    """A subscription that was made at the provider is no plan of ours: after five tries it is dead."""
    head = {"authorization": "Bearer sk_test_x"}
    ask(system)
    listen(system)
    customer, price = held(system).customer_id, "price"
    account = system.model._world.account("")
    (price,) = [each.id for each in account.of("price").all()]
    body = f"customer={customer}&items[0][price]={price}"
    assert (
        system.model.request(
            "POST",
            "/v1/subscriptions",
            head,
            f"{body}&default_payment_method=pm_card_visa".encode(),
        ).status
        == 200
    )
    for _ in range(8):
        system.receive_all()
        system.work()
        system.clock.advance(70)
    assert "webhook_dead" in system.alerts.kinds()
    assert ask(system, "enterprise", "").outcome is Outcome.COMPLETED
    assert (earned(system), verified(system)) == (49_900, ())
    rows = system.uow.store.platform.settled.values()
    assert {row.status for row in rows} >= {InboxStatus.DEAD, InboxStatus.PROCESSED}


def test_what_pays_an_invoice_is_no_payment_of_ours(system: Sandboxed) -> None:
    """Its intent's events are kept and mean nothing: nobody is told and nothing waits."""
    ask(system)
    listen(system)
    assert system.alerts.kinds() == []
    assert len(system.uow.store.platform.waiting) == 0


def test_one_planted_cent_breaks_the_verification(system: Sandboxed) -> None:
    """On our side or the provider's: an invoice that is booked with another amount is named."""
    ask(system)
    account = system.model._world.account("")
    (invoice,) = account.of("invoice").all()
    account.of("invoice").replace(invoice.id, invoice.but(amount_paid=49_901))
    assert any(invoice.id in line for line in verified(system))
    account.of("invoice").replace(invoice.id, invoice)
    assert verified(system) == ()


def test_a_late_answer_is_not_applied_over_a_newer_one(system: Sandboxed) -> None:
    """Who has asked before somebody else heard something asks again: no clock decides."""
    ask(system)
    plans = system.app.plans.subscribe.courier
    asked = held(system)
    old = plans.ask(system.scenery.tenant, asked)
    give_up(system)
    hear(system, asked, old)
    assert held(system).cancels_at is not None
    system.work()
    assert held(system).cancels_at is not None


def next_look(system: Sandboxed) -> float:
    """How many seconds from now on the worker looks at the plan."""
    timers = system.uow.store.platform.timers.items()
    (due_at,) = [row.due_at for key, row in timers if key[1] == "subscription"]
    return (due_at - system.clock.now()).total_seconds()


@pytest.mark.spec("S36")
def test_a_request_that_died_is_taken_up_where_it_was(system: Sandboxed) -> None:
    """Repeated it goes on with its own wish; once the worker has decided that, with none at all."""
    keys = [uuid4(), uuid4()]

    def die(step: str) -> None:
        if step == "provider.before":
            raise KeyboardInterrupt

    for key, plan in zip(keys, ("pro", "enterprise"), strict=True):
        system.on_step = die
        with pytest.raises(KeyboardInterrupt):
            ask(system, plan, "visa", key)
        system.on_step = lambda _: None
        system.clock.advance(91)
        if key == keys[0]:
            assert system.app.janitor() == 1
    assert held(system).pending_wish is not None
    again = ask(system, "pro", "visa", keys[0])
    assert (again.outcome, again.body["plan"]) == (Outcome.COMPLETED, "pro")
    assert held(system).pending_wish is not None
    assert ask(system, "enterprise", "visa", keys[1]).body["plan"] == "enterprise"
    assert (there(system), earned(system)) == (["active"], 49_900)


def test_an_old_refusal_decides_no_newer_wish(system: Sandboxed) -> None:
    """Who comes back with a refusal of a wish that is decided changes nothing about the next one."""
    ask(system)
    asked = held(system)
    assert asked.wish is not None
    old = attrs.evolve(asked, wish=attrs.evolve(asked.wish, state=WishState.PENDING))
    faulty(system, "POST v1/subscriptions/{}", "timeout_before")
    assert ask(system, "starter", "").outcome is Outcome.ACCEPTED
    hear(system, old, Failure("card_declined"))
    assert held(system).pending_wish is not None


def test_what_is_cancelled_is_not_written_again(system: Sandboxed) -> None:
    """A fact that comes after the end is booked, if there is money in it, and changes nothing else."""
    ask(system)
    courier, tenant = system.app.plans.subscribe.courier, system.scenery.tenant
    give_up(system)
    system.clock.advance(PERIOD + MARGIN)
    listen(system)
    over = held(system)
    fact = courier.ask(tenant, over)
    assert isinstance(fact, BillingFact)
    hear(system, over, attrs.evolve(fact, plan_id="starter", cancels_at=None))
    assert attrs.evolve(held(system), version=over.version) == over


def test_the_worker_looks_as_often_as_it_must(system: Sandboxed) -> None:
    """After the period, hourly while an invoice is open, daily when past due, never when it is over."""
    ask(system)
    assert next_look(system) == PERIOD + 2 * 3_600
    courier, tenant = system.app.plans.subscribe.courier, system.scenery.tenant
    fact = courier.ask(tenant, held(system))
    assert isinstance(fact, BillingFact)
    for told, seconds in (
        (attrs.evolve(fact, paid=False), 3_600),
        (attrs.evolve(fact, status=BillingStatus.PAST_DUE), 24 * 3_600),
    ):
        hear(system, held(system), told)
        assert next_look(system) == seconds
    hear(system, held(system), attrs.evolve(fact, status=BillingStatus.ENDED))
    assert len(system.uow.store.platform.timers) == 0


def test_who_waits_for_the_bank_is_only_looked_at(system: Sandboxed) -> None:
    """The worker sends nothing while the bank is asked: no other card, no other price."""
    ask(system, card="threeDSecureRequired")
    events = len(list(system.model._world.account("").events.all()))
    listen(system)
    system.clock.advance(601)
    assert system.work() == 1
    assert len(list(system.model._world.account("").events.all())) == events
    assert held(system).pending_wish is not None


def test_money_that_came_while_it_ended_is_told(system: Sandboxed) -> None:
    """The buyer pays in the moment of giving up: booked, and a person decides about it."""
    answer = ask(system, card="threeDSecureRequired")
    intent, calls = answer.client_secret.partition("_secret")[0], []

    def pay_before_the_end(step: str) -> None:
        calls.append(step)
        if calls.count("provider.before") == 2 and step == "provider.before":
            system.authenticate(intent)

    system.on_step = pay_before_the_end
    assert give_up(system).body["status"] == "cancelled"
    assert "plan_paid_and_ended" in system.alerts.kinds()
    assert (there(system), earned(system), verified(system)) == (["canceled"], 49_900, ())


def test_billing_that_is_off_leaves_what_is_billed(system: Sandboxed) -> None:
    """Who switches it off cannot change what the provider bills, and is told so."""
    ask(system)
    off = system.app.plans.subscribe
    off = attrs.evolve(off, courier=attrs.evolve(off.courier, billing=None))
    who = manager(system)
    order = SubscribeOrder(
        actor=who,
        key=KeyScope(who.user_id, uuid4()),
        request_hash="x",
        venue_id=system.scenery.venue_id,
        plan_id="starter",
    )
    assert off(order).body["code"] == "PLAN_BILLING_OFF"


def test_a_plan_that_nobody_bills_is_given_up_too() -> None:
    """It counts until its period ends; subscribing again takes it back, and nobody pays."""
    system = Sandboxed(seed=1)
    ask(system, card="")
    first = give_up(system)
    assert "cancelsAt" in first.body
    assert "cancelsAt" not in ask(system, card="").body
    give_up(system)
    system.clock.advance(PERIOD + 1)
    system.work()
    assert (held(system).state, told(system)) == (
        SubscriptionState.CANCELLED,
        ["started", "cancelled"],
    )
    assert there(system) == []


def test_what_pays_is_forgotten_once_it_is_decided(system: Sandboxed) -> None:
    """Granted or refused, the payment method is not kept."""
    for card, state in (("chargeDeclined", WishState.DECLINED), ("visa", WishState.DONE)):
        ask(system, card=card)
        wish = held(system).wish
        assert wish is not None
        assert (wish.state, wish.method) == (state, "")
