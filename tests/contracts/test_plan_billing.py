"""What the billing of plans promises: one subscription for a wish, asked for as often as it may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.scenery import START, a_subscription, a_wish
from ticketpay.adapters.memory import VirtualClock
from ticketpay.adapters.sandbox import Response, SandboxModel
from ticketpay.adapters.stripe.billing import StripeBilling
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown
from ticketpay.domain.kernel.ids import TenantId, VenueId
from ticketpay.domain.payments import PaymentDeclined, ProviderUnavailable
from ticketpay.domain.subscriptions import (
    BillingFact,
    BillingStatus,
    Subscription,
    SubscriptionState,
    plan_of,
)
from ticketpay.ports.billing import PlanBilling

pytestmark = pytest.mark.spec("S19")

TENANT = TenantId(UUID(int=7))
PERIOD = 30 * 86_400
HEADERS = {
    "authorization": "Bearer sk_test_x",
    "content-type": "application/x-www-form-urlencoded",
}


@attrs.define
class Desk:
    """Billing, the provider behind it, and the clock of both, which tests turn."""

    clock: VirtualClock = attrs.field(factory=lambda: VirtualClock(START))
    model: SandboxModel = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.model = SandboxModel(1, lambda: self.clock.now().timestamp())

    def billing(self) -> PlanBilling:
        return StripeBilling.create("sk_test_x", transport=self.model.request, now=self.clock.now)

    def wanted(self, card: str = "visa", plan: str = "pro") -> Subscription:
        """A venue that has none, and wants one."""
        fresh = a_subscription(VenueId(uuid4()), self.clock.now(), plan)
        wish = a_wish(self.clock.now(), plan_id=plan, method=f"pm_card_{card}")
        return attrs.evolve(fresh, state=SubscriptionState.PENDING, wish=wish)

    def start(self, held: Subscription) -> BillingFact:
        return self.billing().start(TENANT, held, plan_of(held.plan_id))

    def wishing(self, held: Subscription, **changes: Any) -> Subscription:
        """The same later, with another wish."""
        number = held.wish.number + 1 if held.wish else 2
        return attrs.evolve(held, wish=a_wish(self.clock.now(), number, **changes))

    def at_provider(self, kind: str = "subscription") -> list[Any]:
        return list(self.model._world.account("").of(kind).all())

    def statuses(self) -> list[str]:
        self.model.tick()
        return [each["status"] for each in self.at_provider()]

    def faulty(self, operation: str, fault: str) -> None:
        body = json.dumps({"operation": operation, "fault": fault, "times": 1}).encode()
        assert self.model.request("POST", "/_sandbox/faults", {}, body).status == 200

    def post(self, path: str, form: str = "") -> int:
        return self.model.request("POST", path, HEADERS, form.encode()).status

    def totals(self) -> list[int]:
        return [total.cents for total in self.billing().totals(TENANT)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def heard(held: Subscription, fact: BillingFact) -> Subscription:
    """The subscription once it is known what the provider calls it."""
    return attrs.evolve(
        held,
        provider_id=fact.provider_id,
        customer_id=fact.customer_id,
        state=SubscriptionState.ACTIVE,
    )


def test_a_wish_is_granted_once(desk: Desk) -> None:
    """However often it is asked for there is one subscription, one customer, one price, one invoice."""
    held = desk.wanted()
    facts = [desk.start(held) for _ in range(3)]
    assert facts[0] == facts[1] == facts[2]
    fact = facts[0]
    assert (fact.status, fact.plan_id, fact.paid) == (BillingStatus.ACTIVE, "pro", True)
    assert fact.period_end == desk.clock.now() + timedelta(days=30)
    assert [(paid.plan_id, paid.amount.cents) for paid in fact.invoices] == [("pro", 49_900)]
    for kind in ("subscription", "customer", "price", "product"):
        assert len(desk.at_provider(kind)) == 1, kind
    assert desk.totals() == [49_900]
    assert list(desk.billing().totals(TenantId(uuid4()))) == []
    assert desk.billing().retrieve(TENANT, heard(held, fact)) == fact


def test_venues_share_a_price_and_nothing_else(desk: Desk) -> None:
    """A second venue is another customer; each plan has its price once."""
    for plan in ("pro", "pro", "starter"):
        desk.start(desk.wanted(plan=plan))
    assert len({each["customer"] for each in desk.at_provider()}) == 3
    assert sorted(each["unit_amount"] for each in desk.at_provider("price")) == [9_900, 49_900]


@pytest.mark.parametrize(
    "operation", ["customers", "payment_methods/{}/attach", "prices", "subscriptions"]
)
@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after"])
def test_a_lost_answer_is_unknown_and_asked_for_again(
    desk: Desk, operation: str, fault: str
) -> None:
    """Whatever is lost of a start, nobody knows; the next try makes it, or finds it, once."""
    held = desk.wanted()
    desk.faulty(f"POST v1/{operation}", fault)
    with pytest.raises(OutcomeUnknown):
        desk.start(held)
    desk.clock.advance(61)
    assert desk.start(held).status is BillingStatus.ACTIVE
    assert desk.statuses() == ["active"]


def test_a_failure_of_the_provider_is_looked_behind(desk: Desk) -> None:
    """It would repeat the failure under the key: what it made is found, what it did not is unknown."""
    made, lost = desk.wanted(), desk.wanted()
    desk.faulty("POST v1/subscriptions", "error_500_after")
    assert desk.start(made).status is BillingStatus.ACTIVE
    desk.faulty("POST v1/subscriptions", "error_500_before")
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            desk.start(lost)
    desk.clock.advance(26 * 3_600)
    with pytest.raises(PaymentDeclined):
        desk.start(lost)
    assert desk.statuses() == ["active"]


def test_an_old_wish_is_looked_for_and_never_sent(desk: Desk) -> None:
    """What was made is found by our id; what never arrived is refused once nothing can come of it."""
    made, lost = desk.wanted(), desk.wanted()
    first = desk.start(made)
    desk.clock.advance(24 * 3_600)
    assert desk.start(made) == first
    with pytest.raises(OutcomeUnknown):
        desk.start(lost)
    desk.clock.advance(2 * 3_600)
    with pytest.raises(PaymentDeclined) as refused:
        desk.start(lost)
    assert refused.value.failure.code == "never_sent"
    assert len(desk.at_provider()) == 1


def test_a_declined_first_payment_leaves_nothing(desk: Desk) -> None:
    """The reason is told however often it is asked for, and nobody can pay it later."""
    held = desk.wanted("chargeDeclinedInsufficientFunds")
    for _ in range(2):
        with pytest.raises(PaymentDeclined) as declined:
            desk.start(held)
        assert declined.value.failure.decline_code == "insufficient_funds"
    assert desk.statuses() == ["canceled"]
    (invoice,) = desk.at_provider("invoice")
    assert invoice["status"] == "void"
    assert desk.post(f"/v1/invoices/{invoice.id}/pay") == 400
    assert desk.totals() == []


def test_a_card_that_nobody_knows_is_declined(desk: Desk) -> None:
    """The provider refuses to keep it for the venue: nothing is billed."""
    with pytest.raises(PaymentDeclined):
        desk.start(desk.wanted("nonsense"))
    assert desk.statuses() == []


def test_the_bank_may_ask(desk: Desk) -> None:
    """Incomplete with a secret until it has answered: then active and paid, or declined."""
    for outcome in ("succeed", "fail"):
        held = desk.wanted("threeDSecureRequired")
        fact = desk.start(held)
        assert (fact.status, fact.paid) == (BillingStatus.INCOMPLETE, False)
        assert fact.client_secret.startswith("pi_")
        waiting = attrs.evolve(heard(held, fact), state=SubscriptionState.PENDING)
        assert desk.start(waiting).client_secret == fact.client_secret
        assert desk.billing().retrieve(TENANT, waiting).client_secret == fact.client_secret
        intent = fact.client_secret.partition("_secret")[0]
        path = f"/_sandbox/payment_intents/{intent}/authenticate"
        desk.model.request("POST", path, {}, json.dumps({"outcome": outcome}).encode())
        if outcome == "succeed":
            assert desk.start(waiting).status is BillingStatus.ACTIVE
        else:
            with pytest.raises(PaymentDeclined):
                desk.start(waiting)
    assert desk.statuses() == ["active", "canceled"]
    assert desk.totals() == [49_900]


def test_another_plan_takes_its_place_at_once(desk: Desk) -> None:
    """The price is the new one from the next period on; asked for twice it is one change."""
    held = desk.wanted()
    held = heard(held, desk.start(held))
    other = desk.wishing(held, plan_id="enterprise", method="")
    facts = [desk.billing().switch(TENANT, other, plan_of("enterprise")) for _ in range(2)]
    assert facts[0] == facts[1]
    assert (facts[0].plan_id, desk.totals()) == ("enterprise", [49_900])
    desk.clock.advance(PERIOD + 1)
    renewed = desk.billing().retrieve(TENANT, other)
    assert [paid.amount.cents for paid in renewed.invoices] == [99_900, 49_900]
    assert renewed.invoices[0].plan_id == "enterprise"
    assert renewed.period_end == facts[0].period_end + timedelta(days=30)
    assert len(desk.statuses()) == 1


def test_what_was_given_up_ends_with_its_period(desk: Desk) -> None:
    """It says when; asked for twice it is the same; a switch before then takes it back."""
    held = desk.wanted()
    held = heard(held, desk.start(held))
    given_up = desk.wishing(held, ends=True, method="")
    facts = [desk.billing().end(TENANT, given_up) for _ in range(2)]
    assert facts[0] == facts[1]
    assert facts[0].cancels_at == facts[0].period_end
    back = desk.wishing(given_up, method="")
    assert desk.billing().switch(TENANT, back, plan_of("pro")).cancels_at is None
    again = desk.wishing(back, ends=True, method="")
    desk.billing().end(TENANT, again)
    desk.clock.advance(PERIOD + 1)
    fact = desk.billing().retrieve(TENANT, again)
    assert (fact.status, fact.cancels_at is None) == (BillingStatus.ENDED, False)
    assert desk.billing().end(TENANT, again) == fact
    assert desk.totals() == [49_900]


def test_a_renewal_that_is_declined_is_past_due_until_another_card_pays(desk: Desk) -> None:
    """A card that is declined, too, changes nothing; one that works pays what is open, once."""
    held = desk.wanted()
    held = heard(held, desk.start(held))
    path = f"/v1/subscriptions/{held.provider_id}"
    assert desk.post(path, "default_payment_method=pm_card_chargeDeclined") == 200
    desk.clock.advance(PERIOD + 1)
    fact = desk.billing().retrieve(TENANT, held)
    assert (fact.status, fact.paid) == (BillingStatus.PAST_DUE, False)
    worse = desk.wishing(held, plan_id="starter", method="pm_card_chargeDeclined")
    with pytest.raises(PaymentDeclined):
        desk.billing().switch(TENANT, worse, plan_of("starter"))
    assert desk.billing().retrieve(TENANT, held).plan_id == "pro"
    better = desk.wishing(worse, plan_id="starter", method="pm_card_visa")
    facts = [desk.billing().switch(TENANT, better, plan_of("starter")) for _ in range(2)]
    assert facts[0] == facts[1]
    assert (facts[0].status, facts[0].plan_id) == (BillingStatus.ACTIVE, "starter")
    assert desk.totals() == [49_900, 49_900]


def test_an_old_change_is_compared_and_never_sent(desk: Desk) -> None:
    """What it has led to is told, and nothing else happens; what never arrived is refused."""
    held = desk.wanted()
    held = heard(held, desk.start(held))
    made = desk.wishing(held, plan_id="starter", method="")
    desk.billing().switch(TENANT, made, plan_of("starter"))
    lost = desk.wishing(made, plan_id="enterprise", method="")
    ends = desk.wishing(lost, ends=True, method="")
    desk.clock.advance(24 * 3_600)
    assert desk.billing().switch(TENANT, made, plan_of("starter")).plan_id == "starter"
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            desk.billing().switch(TENANT, lost, plan_of("enterprise"))
        with pytest.raises(OutcomeUnknown):
            desk.billing().end(TENANT, ends)
    desk.clock.advance(2 * 3_600)
    with pytest.raises(PaymentDeclined):
        desk.billing().switch(TENANT, lost, plan_of("enterprise"))
    assert desk.billing().end(TENANT, ends) == desk.billing().retrieve(TENANT, held)
    fact = desk.billing().retrieve(TENANT, held)
    assert (fact.plan_id, fact.cancels_at, fact.status) == ("starter", None, BillingStatus.ACTIVE)


def test_an_old_taking_back_is_compared_with_its_end(desk: Desk) -> None:
    """The plan alone says nothing: what was to go on must go on, what was to be paid be paid."""
    held = desk.wanted()
    held = heard(held, desk.start(held))
    ends = desk.wishing(held, ends=True, method="")
    desk.billing().end(TENANT, ends)
    back = desk.wishing(ends, method="")
    desk.clock.advance(26 * 3_600)
    with pytest.raises(PaymentDeclined) as refused:
        desk.billing().switch(TENANT, back, plan_of("pro"))
    assert refused.value.failure.code == "never_sent"
    assert desk.post(f"/v1/subscriptions/{held.provider_id}", "cancel_at_period_end=false") == 200
    assert desk.billing().switch(TENANT, back, plan_of("pro")).cancels_at is None


def test_an_old_card_is_compared_with_what_is_open(desk: Desk) -> None:
    """Past due, a new card has not paid: whoever named none has the plan that he asked for."""
    held = desk.wanted()
    held = heard(held, desk.start(held))
    path = f"/v1/subscriptions/{held.provider_id}"
    assert desk.post(path, "default_payment_method=pm_card_chargeDeclined") == 200
    desk.clock.advance(PERIOD + 1)
    card, none = desk.wishing(held), desk.wishing(held, method="")
    desk.clock.advance(26 * 3_600)
    with pytest.raises(PaymentDeclined):
        desk.billing().switch(TENANT, card, plan_of("pro"))
    assert desk.billing().switch(TENANT, none, plan_of("pro")).status is BillingStatus.PAST_DUE


def test_a_venue_has_one_subscription(desk: Desk) -> None:
    """What still lives of an earlier one is ended before another is begun, and nothing else is."""
    held = desk.wanted()
    first = desk.start(held)
    (price,) = desk.at_provider("price")
    strange = f"customer={first.customer_id}&items[0][price]={price.id}"
    assert desk.post("/v1/subscriptions", f"{strange}&default_payment_method=pm_card_visa") == 200
    other = desk.wanted()
    desk.start(attrs.evolve(other, customer_id=first.customer_id))
    assert desk.statuses() == ["active", "active", "active"]
    again = attrs.evolve(
        desk.wanted("threeDSecureRequired"), venue_id=held.venue_id, customer_id=first.customer_id
    )
    waiting = [desk.start(again) for _ in range(2)]
    assert waiting[0] == waiting[1]
    assert desk.statuses() == ["canceled", "active", "active", "incomplete"]
    last = desk.start(desk.wishing(attrs.evolve(again), method="pm_card_visa"))
    assert desk.statuses() == ["canceled", "active", "active", "canceled", "active"]
    assert len(last.invoices) == 3


def test_what_waits_for_the_bank_ends_at_once(desk: Desk) -> None:
    """Given up before its first payment it is over, and nobody can pay it."""
    held = desk.wanted("threeDSecureRequired")
    waiting = heard(held, desk.start(held))
    fact = desk.billing().end(TENANT, desk.wishing(waiting, ends=True, method=""))
    assert fact.status is BillingStatus.ENDED
    assert (desk.statuses(), desk.totals()) == (["canceled"], [])


def test_strangers_are_told_nothing(desk: Desk) -> None:
    """An unknown subscription is not found; another tenant's is none of ours; a bad key is no work."""
    held = desk.wanted()
    known = heard(held, desk.start(held))
    with pytest.raises(NotFound):
        desk.billing().retrieve(TENANT, attrs.evolve(known, provider_id="sub_x"))
    with pytest.raises(OutcomeUnknown):
        desk.billing().retrieve(TenantId(uuid4()), known)
    stranger = StripeBilling.create("sk_live_x", transport=desk.model.request)
    with pytest.raises(ProviderUnavailable):
        stranger.retrieve(TENANT, known)


def test_who_ends_what_somebody_else_has_ended_learns_it(desk: Desk) -> None:
    """Two who end a declined subscription at once, or one that waits, both hear that it is over."""

    def second(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        if method == "DELETE":
            desk.model.request(method, path, HEADERS, b"")
        return desk.model.request(method, path, headers, body)

    billing = StripeBilling.create("sk_test_x", transport=second, now=desk.clock.now)
    with pytest.raises(PaymentDeclined):
        billing.start(TENANT, desk.wanted("chargeDeclined"), plan_of("pro"))
    held = desk.wanted("threeDSecureRequired")
    waiting = desk.wishing(heard(held, desk.start(held)), ends=True, method="")
    assert billing.end(TENANT, waiting).status is BillingStatus.ENDED


def test_each_wish_has_its_own_subscription(desk: Desk) -> None:
    """What came of a former wish is not taken for what has come of the last one."""
    held = desk.wanted("chargeDeclined")
    with pytest.raises(PaymentDeclined):
        desk.start(held)
    lost = desk.wishing(held)
    desk.clock.advance(26 * 3_600)
    with pytest.raises(PaymentDeclined) as refused:
        desk.start(lost)
    assert refused.value.failure.code == "never_sent"
