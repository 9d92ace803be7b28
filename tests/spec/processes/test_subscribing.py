"""Plans of venues: listed, subscribed to, setting the fee, and capping a month (S19, K02)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from tests.support.scenery import audit_entry
from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.ids import OrderId, VenueId
from ticketpay.domain.messaging import Answer, KeyScope, Outcome, request_hash
from ticketpay.domain.orders import Order, OrderState
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.pricing.model import ChargeKind
from ticketpay.domain.processes.answers import quote_view
from ticketpay.domain.processes.estimating import estimate_view
from ticketpay.domain.processes.subscribing import SubscribeOrder
from ticketpay.domain.subscriptions import PlanUnknown, Subscription, SubscriptionState

pytestmark = pytest.mark.spec("S19")

DAY = 86_400.0


@pytest.fixture
def system() -> Sandboxed:
    """A system with more to sell than a starter may."""
    return Sandboxed(seed=1, capacity=1_000)


def manager(system: Sandboxed) -> Actor:
    venues = frozenset({system.scenery.venue_id})
    return attrs.evolve(system.scenery.actor(), role=Role.VENUE_MANAGER, venues=venues)


def order_of(
    system: Sandboxed,
    plan: str,
    actor: Actor | None = None,
    key: UUID | None = None,
    **changes: Any,
) -> SubscribeOrder:
    who = actor or manager(system)
    order = SubscribeOrder(
        actor=who,
        key=KeyScope(who.user_id, key or uuid4()),
        request_hash=request_hash("subscribe", {"plan": plan}),
        venue_id=system.scenery.venue_id,
        plan_id=plan,
    )
    return attrs.evolve(order, **changes)


def subscribe(system: Sandboxed, plan: str, actor: Actor | None = None, **changes: Any) -> Answer:
    return system.app.plans.subscribe(order_of(system, plan, actor, **changes))


def held(system: Sandboxed) -> Subscription | None:
    venue = system.scenery.venue_id
    return system.uow.run(system.scenery.tenant, lambda tx: tx.subscriptions.get(venue)())


def buy(system: Sandboxed, count: int, card: str = "visa", **changes: Any) -> Answer:
    order = place_order(system.scenery.actor(), uuid4(), system.scenery.demand(count), card)
    return system.app.checkout(attrs.evolve(order, **changes))


def order(system: Sandboxed, answer: Answer) -> Order:
    order_id = OrderId(UUID(str(answer.body["orderId"])))
    found = system.uow.run(system.scenery.tenant, lambda tx: tx.orders.get(order_id)())
    assert found is not None
    return found


def fee(system: Sandboxed, count: int = 1) -> int:
    """The platform's share of an order, in cents, out of ``count`` times 50.00."""
    charges = order(system, buy(system, count)).charges
    return sum(c.cents for c in charges if c.kind is ChargeKind.PLATFORM_FEE)


def show(system: Sandboxed) -> dict[str, object]:
    return system.app.plans.show(manager(system), system.scenery.venue_id)


def test_the_plans_are_listed_with_what_they_cost(system: Sandboxed) -> None:
    """Price in cents for 30 days, fee, cap, features, from the smallest to the largest."""
    view: Any = system.app.plans.offered()
    starter, pro, enterprise = view["plans"]
    assert starter == {
        "id": "starter",
        "name": "Starter",
        "priceCents": 9_900,
        "currency": "USD",
        "billingDays": 30,
        "feePercentage": "8.2",
        "ticketsMax": 100,
        "features": ["Up to 100 tickets/month", "Basic analytics", "Email support"],
    }
    assert (pro["id"], pro["priceCents"], pro["ticketsMax"]) == ("pro", 49_900, 1_000)
    assert (enterprise["id"], enterprise["ticketsMax"]) == ("enterprise", None)


@pytest.mark.spec("S19 D2")
def test_a_venue_subscribes(system: Sandboxed) -> None:
    """It is active, billed next in 30 days, known to the venue, and in the audit trail."""
    answer = subscribe(system, "pro")
    assert answer.outcome is Outcome.COMPLETED
    now = system.clock.now()
    found = held(system)
    assert found is not None
    assert answer.body == {
        "subscriptionId": str(found.id),
        "venueId": str(system.scenery.venue_id),
        "plan": "pro",
        "status": "active",
        "nextBillingDate": (now + timedelta(days=30)).isoformat(timespec="milliseconds")[:-6] + "Z",
    }
    assert found.provider_id == ""
    assert show(system) == {**answer.body, "ticketsMax": 1_000, "ticketsSold": 0}
    (entry,) = system.uow.store.of(system.scenery.tenant).audit_entries.values()
    assert (entry.action, entry.subject_type) == ("plan.subscribe", "venue")
    assert entry.subject_id == str(system.scenery.venue_id)
    assert entry.details["plan"] == "pro"
    assert entry.details["before"] is None


@pytest.mark.parametrize("plan", ["gold", "", "Pro"])
def test_an_unknown_plan_is_refused_for_good(system: Sandboxed, plan: str) -> None:
    """The refusal is the answer of its key, and nothing is stored."""
    key, who = uuid4(), manager(system)
    for _ in range(2):
        answer = subscribe(system, plan, who, key=KeyScope(who.user_id, key))
        assert (answer.outcome, answer.body["code"]) == (Outcome.REFUSED, "PLAN_UNKNOWN")
    assert held(system) is None
    with pytest.raises(PlanUnknown):
        system.app.plans.subscribe.preview(order_of(system, plan))


def test_subscribing_again_changes_nothing(system: Sandboxed) -> None:
    """With its key it is a replay; with another key and the same plan the subscription stays."""
    who = manager(system)
    key = KeyScope(who.user_id, uuid4())
    first = subscribe(system, "pro", who, key=key)
    before = held(system)
    system.clock.advance(DAY)
    assert subscribe(system, "pro", who, key=key).body == first.body
    assert subscribe(system, "pro").body == first.body
    assert held(system) == before
    assert len(system.uow.store.of(system.scenery.tenant).audit_entries) == 1


def test_another_plan_takes_the_place_of_the_first(system: Sandboxed) -> None:
    """The same subscription, the new plan at once, 30 days from now; a preview only tells."""
    first = subscribe(system, "starter")
    system.clock.advance(DAY)
    planned = system.app.plans.subscribe.preview(order_of(system, "enterprise"))
    assert (planned["plan"], show(system)["plan"]) == ("enterprise", "starter")
    second = subscribe(system, "enterprise")
    assert (
        second.body["subscriptionId"] == first.body["subscriptionId"] == planned["subscriptionId"]
    )
    assert second.body["nextBillingDate"] == planned["nextBillingDate"]
    assert str(second.body["nextBillingDate"]) > str(first.body["nextBillingDate"])
    assert (show(system)["plan"], show(system)["ticketsMax"]) == ("enterprise", None)


def test_who_comes_back_subscribes_anew(system: Sandboxed) -> None:
    """A cancelled subscription grants nothing; the next one is another."""
    first = subscribe(system, "starter")
    found = held(system)
    assert found is not None
    over = attrs.evolve(found, state=SubscriptionState.CANCELLED)
    system.uow.run(system.scenery.tenant, lambda tx: tx.subscriptions.save(over))
    assert buy(system, 101).outcome is Outcome.COMPLETED
    with pytest.raises(NotFound):
        show(system)
    second = subscribe(system, "pro")
    assert second.body["subscriptionId"] != first.body["subscriptionId"]
    assert second.body["status"] == "active"


def test_what_was_given_up_is_billed_no_more(system: Sandboxed) -> None:
    """It counts until it ends, with the cap of its plan, and there is no next payment to be told."""
    bought = subscribe(system, "pro")
    ended = subscribe(system, "", ends=True)
    assert ended.body["cancelsAt"] == bought.body["nextBillingDate"]
    assert ended.body["nextBillingDate"] is None
    assert (show(system)["ticketsMax"], show(system)["nextBillingDate"]) == (1_000, None)


def test_the_cap_that_is_shown_is_the_plans(system: Sandboxed) -> None:
    """Also while the plan is not paid, and holds nobody to it."""
    subscribe(system, "pro")
    found = held(system)
    assert found is not None
    unpaid = attrs.evolve(found, state=SubscriptionState.PAST_DUE)
    system.uow.run(system.scenery.tenant, lambda tx: tx.subscriptions.save(unpaid))
    assert (show(system)["status"], show(system)["ticketsMax"]) == ("past_due", 1_000)


def test_a_period_renews_itself(system: Sandboxed) -> None:
    """After 30 days the next payment is 30 days later; the plan still counts."""
    first = subscribe(system, "pro")
    system.clock.advance(30 * DAY)
    shown = show(system)
    assert shown["status"] == "active"
    due = datetime.fromisoformat(str(shown["nextBillingDate"]))
    assert due - datetime.fromisoformat(str(first.body["nextBillingDate"])) == timedelta(days=30)
    assert due == (system.clock.now() + timedelta(days=30)).astimezone(UTC)


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.SUPPORT, Role.COMPLIANCE])
def test_a_venue_is_subscribed_by_its_own_people(system: Sandboxed, role: Role) -> None:
    """Its manager and an admin may; support only looks; to all others there is no such venue."""
    stranger = attrs.evolve(manager(system), venues=frozenset({VenueId(uuid4())}))
    other = attrs.evolve(manager(system), role=role)
    for who in (stranger, other):
        assert subscribe(system, "pro", who).body["code"] == "NOT_FOUND"
    admin = attrs.evolve(manager(system), role=Role.ADMIN, venues=frozenset())
    assert subscribe(system, "pro", admin).outcome is Outcome.COMPLETED
    venue = system.scenery.venue_id
    if role is Role.SUPPORT:
        assert system.app.plans.show(other, venue)["plan"] == "pro"
    for who in (stranger, *([] if role is Role.SUPPORT else [other])):
        with pytest.raises(NotFound):
            system.app.plans.show(who, venue)
    lost = VenueId(uuid4())
    assert subscribe(system, "pro", admin, venue_id=lost).body["code"] == "NOT_FOUND"


def test_a_venue_without_a_plan_has_none_to_show(system: Sandboxed) -> None:
    """It sells by the month's volume, without a cap."""
    with pytest.raises(NotFound):
        show(system)
    assert buy(system, 101).outcome is Outcome.COMPLETED


def test_an_operators_entry_says_what_was_done(system: Sandboxed) -> None:
    """The command line brings an entry of its own; time and plan are filled in."""
    entry = audit_entry(system.clock.now(), action="plan.subscribe", reason="by telephone")
    system.clock.advance(5.0)
    subscribe(system, "pro", entry=entry)
    (stored,) = system.uow.store.of(system.scenery.tenant).audit_entries.values()
    assert (stored.id, stored.reason, stored.at) == (entry.id, "by telephone", system.clock.now())
    assert (stored.subject_id, stored.details["plan"]) == (str(system.scenery.venue_id), "pro")


@pytest.mark.spec("K02", "S18 D3")
@pytest.mark.parametrize(("plan", "cents"), [("starter", 410), ("pro", 395), ("enterprise", 375)])
def test_an_active_plan_sets_the_fee_of_quote_purchase_and_estimate(
    system: Sandboxed, plan: str, cents: int
) -> None:
    """8.2, 7.9 and 7.5 % of 50.00, whatever the venue has sold this month."""
    assert fee(system) == 410
    subscribe(system, plan)
    scenery, app = system.scenery, system.app
    assert fee(system) == cents
    buyer = scenery.actor()
    for quote in (
        app.give_quote(buyer, scenery.demand()),
        app.give_quote.preview(buyer, scenery.demand()),
    ):
        view: Any = quote_view(quote)
        (line,) = [f for f in view["fees"] if f["kind"] == "platform_fee"]
        assert line["amountCents"] == cents
    estimate: Any = estimate_view(app.estimate_fees(buyer, scenery.venue_id, 5_000, 1))
    assert (estimate["tier"], estimate["platformCents"]) == (plan, cents)


@pytest.mark.spec("K02", "S18 D3")
@pytest.mark.parametrize("state", [SubscriptionState.PAST_DUE, SubscriptionState.CANCELLED])
def test_without_an_active_plan_the_sales_of_the_month_decide(
    system: Sandboxed, state: SubscriptionState
) -> None:
    """More than 10,000.00 were sold: 7.9 %, whatever plan it was once."""
    subscribe(system, "enterprise")
    found = held(system)
    assert found is not None
    over = attrs.evolve(found, state=state)
    system.uow.run(system.scenery.tenant, lambda tx: tx.subscriptions.save(over))
    assert buy(system, 200).outcome is Outcome.COMPLETED
    system.clock.advance(301.0)
    assert fee(system) == 395


@pytest.mark.spec("K02", "S18 D4")
def test_a_quote_keeps_its_fee(system: Sandboxed) -> None:
    """What was quoted before the plan changed is what is taken."""
    buyer = system.scenery.actor()
    quote = system.app.give_quote(buyer, system.scenery.demand())
    subscribe(system, "enterprise")
    answer = system.app.checkout(place_order(buyer, uuid4(), None, quote_id=quote.id))
    charges = order(system, answer).charges
    assert sum(c.cents for c in charges if c.kind is ChargeKind.PLATFORM_FEE) == 410


@pytest.mark.spec("S19 D1")
def test_the_cap_is_refused_to_the_ticket(system: Sandboxed) -> None:
    """100 tickets of a month are sold, the 101st is not; a larger plan sells it."""
    assert buy(system, 60).outcome is Outcome.COMPLETED
    subscribe(system, "starter")
    assert buy(system, 39).outcome is Outcome.COMPLETED
    refused = buy(system, 2)
    assert (refused.outcome, refused.body["code"]) == (Outcome.REFUSED, "TICKET_CAP_REACHED")
    assert buy(system, 1).outcome is Outcome.COMPLETED
    assert (show(system)["ticketsSold"], show(system)["ticketsMax"]) == (100, 100)
    buyer = system.scenery.actor()
    quote = system.app.give_quote(buyer, system.scenery.demand())
    late = system.app.checkout(place_order(buyer, uuid4(), None, quote_id=quote.id))
    assert late.body["code"] == "TICKET_CAP_REACHED"
    subscribe(system, "pro")
    assert buy(system, 1).outcome is Outcome.COMPLETED


@pytest.mark.spec("S19 D1")
def test_the_next_month_of_the_venues_calendar_counts_anew(system: Sandboxed) -> None:
    """In Nashville July begins at five in the morning, UTC."""
    subscribe(system, "starter")
    assert buy(system, 100).outcome is Outcome.COMPLETED
    july = datetime(2026, 7, 1, 5, tzinfo=UTC)
    system.clock.advance((july - system.clock.now()).total_seconds() - 1)
    assert buy(system, 1).outcome is Outcome.REFUSED
    system.clock.advance(1.0)
    assert buy(system, 100).outcome is Outcome.COMPLETED
    assert buy(system, 1).outcome is Outcome.REFUSED


@pytest.mark.spec("S19 D1")
def test_a_sale_that_ends_unpaid_no_longer_counts(system: Sandboxed) -> None:
    """A declined purchase keeps its tickets for as long as it may still be paid, then gives them back."""
    subscribe(system, "starter")
    declined = buy(system, 100, "chargeDeclined")
    assert declined.outcome is Outcome.DECLINED
    assert buy(system, 1).outcome is Outcome.REFUSED
    for _ in range(4):
        assert order(system, declined).state is OrderState.PAYMENT_FAILED
        assert buy(system, 1).outcome is Outcome.REFUSED
        system.clock.advance(3_601.0)
        system.work()
    assert order(system, declined).state is OrderState.EXPIRED
    assert buy(system, 100).outcome is Outcome.COMPLETED
