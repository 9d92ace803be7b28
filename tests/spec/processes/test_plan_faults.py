"""What a wish about a billed plan has come to when the provider was away for long (S19, S27)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import attrs
import pytest

from tests.spec.processes.test_plan_billing import (
    MARGIN,
    PERIOD,
    ask,
    decline_from_now_on,
    earned,
    give_up,
    hear,
    held,
    listen,
    manager,
    there,
    told,
    verified,
)
from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.domain.kernel.errors import OutcomeUnknown
from ticketpay.domain.ledger import plan_posting
from ticketpay.domain.messaging import Answer, KeyScope, Outcome
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import Failure
from ticketpay.domain.processes.subscribing import Subscribe, SubscribeOrder
from ticketpay.domain.subscriptions import (
    BillingFact,
    BillingStatus,
    SubscriptionState,
    WishState,
)

pytestmark = pytest.mark.spec("S19", "S27")

NEVER_HEARD = 25.5 * 3_600


@pytest.fixture
def system() -> Sandboxed:
    return Sandboxed(seed=1, capacity=1_000, billed=True)


class _Away:
    """A provider that never answers."""

    def __getattr__(self, name: str) -> Any:
        def unknown(*_: object) -> object:
            raise OutcomeUnknown(name)

        return unknown


def served_by(system: Sandboxed, billing: Any) -> Subscribe:
    subscribe = system.app.plans.subscribe
    return attrs.evolve(subscribe, courier=attrs.evolve(subscribe.courier, billing=billing))


def order(system: Sandboxed, **more: Any) -> SubscribeOrder:
    who = manager(system)
    wanted = SubscribeOrder(
        actor=who,
        key=KeyScope(who.user_id, uuid4()),
        request_hash="x",
        venue_id=system.scenery.venue_id,
    )
    return attrs.evolve(wanted, **more)


def unheard(system: Sandboxed, **more: Any) -> Answer:
    """Asked for, and never sent to the provider."""
    answer = served_by(system, _Away())(order(system, **more))
    assert answer.outcome is Outcome.ACCEPTED
    return answer


def wish_state(system: Sandboxed) -> WishState:
    wish = held(system).wish
    assert wish is not None
    return wish.state


def a_fact(system: Sandboxed, **changes: Any) -> BillingFact:
    """How the subscription is there, or how it might be."""
    courier = system.app.plans.subscribe.courier
    fact = courier.ask(system.scenery.tenant, held(system))
    assert isinstance(fact, BillingFact)
    return attrs.evolve(fact, **changes)


def test_an_end_that_was_never_heard_ends_nothing(system: Sandboxed) -> None:
    """Paid in the browser meanwhile, it has begun: the wish is declined, and nothing is lost."""
    answer = ask(system, card="threeDSecureRequired")
    unheard(system, ends=True)
    system.authenticate(answer.client_secret.partition("_secret")[0])
    system.clock.advance(NEVER_HEARD)
    listen(system)
    assert (held(system).state, wish_state(system)) == (
        SubscriptionState.ACTIVE,
        WishState.DECLINED,
    )
    assert (there(system), told(system)) == (["active"], ["started"])
    assert (earned(system), verified(system)) == (49_900, ())
    assert "cancelsAt" in give_up(system).body
    system.clock.advance(PERIOD)
    listen(system)
    assert there(system) == ["canceled"]


def test_an_end_that_was_never_heard_leaves_what_is_active(system: Sandboxed) -> None:
    """It goes on and is billed; the venue may give it up once more."""
    ask(system)
    unheard(system, ends=True)
    system.clock.advance(NEVER_HEARD)
    listen(system)
    assert (held(system).state, wish_state(system)) == (
        SubscriptionState.ACTIVE,
        WishState.DECLINED,
    )
    assert "cancelsAt" in give_up(system).body


def test_an_end_that_is_refused_ends_nothing(system: Sandboxed) -> None:
    """Whatever the reason: the wish is declined, and the next look says how it is."""
    answer = ask(system, card="threeDSecureRequired")
    unheard(system, ends=True)
    system.authenticate(answer.client_secret.partition("_secret")[0])
    hear(system, held(system), Failure("resource_locked"))
    assert (wish_state(system), there(system)) == (WishState.DECLINED, ["active"])
    system.clock.advance(601)
    system.work()
    assert (held(system).state, told(system)) == (SubscriptionState.ACTIVE, ["started"])


def ended_here_alone(system: Sandboxed) -> None:
    """Ours is over, and the provider goes on billing it."""
    ask(system)
    ended = a_fact(system, status=BillingStatus.ENDED)
    hear(system, held(system), ended)
    assert (held(system).state, there(system)) == (SubscriptionState.CANCELLED, ["active"])


@pytest.mark.parametrize("status", BillingStatus)
def test_what_lives_on_over_there_is_told(system: Sandboxed, status: BillingStatus) -> None:
    """A person hears of everything about a cancelled plan but that it has ended there, too."""
    ended_here_alone(system)
    over = held(system)
    hear(system, over, a_fact(system, status=status))
    assert attrs.evolve(held(system), version=over.version) == over
    assert ("plan_lives_on" in system.alerts.kinds()) == (status is not BillingStatus.ENDED)


def test_no_venue_is_billed_twice(system: Sandboxed) -> None:
    """Who subscribes again after its end here, and here alone, has one subscription there."""
    ended_here_alone(system)
    assert ask(system, "starter").outcome is Outcome.COMPLETED
    assert there(system) == ["canceled", "active"]
    system.clock.advance(PERIOD + 7_260)
    listen(system)
    assert there(system) == ["canceled", "active"]
    assert (earned(system), verified(system)) == (49_900 + 2 * 9_900, ())


@pytest.mark.spec("S36")
def test_a_secret_is_told_to_whoever_asked_for_it(system: Sandboxed) -> None:
    """Another's payment has another secret: who replays a key that is done with gets none."""
    key = uuid4()
    first = ask(system, card="threeDSecureRequired", key=key)
    give_up(system)
    second = ask(system, "enterprise", "threeDSecureRequired", uuid4())
    assert second.client_secret not in ("", first.client_secret)
    replayed = ask(system, card="threeDSecureRequired", key=key)
    assert (replayed.outcome, replayed.client_secret) == (Outcome.ACCEPTED, "")
    assert replayed.body == first.body


@pytest.mark.spec("S36")
def test_an_end_has_no_secret(system: Sandboxed) -> None:
    """Who gives up what waits for the bank is told nothing to pay it with, however often he asks."""
    ask(system, card="threeDSecureRequired")
    ending = order(system, ends=True)
    assert served_by(system, _Away())(ending).client_secret == ""
    again = system.app.plans.subscribe(ending)
    assert (again.outcome, again.client_secret) == (Outcome.ACCEPTED, "")


@pytest.mark.spec("S36")
def test_who_manages_the_venue_no_longer_is_told_nothing(system: Sandboxed) -> None:
    """A dismissed manager's key is no way in; who manages it again finds his answer as it was."""
    asked = order(system, plan_id="pro", payment_method="pm_card_threeDSecureRequired")
    first = system.app.plans.subscribe(asked)
    gone = attrs.evolve(asked, actor=attrs.evolve(asked.actor, venues=frozenset()))
    refused = system.app.plans.subscribe(gone)
    assert (refused.outcome, refused.client_secret) == (Outcome.REFUSED, "")
    assert refused.body["code"] == "NOT_FOUND"
    again = system.app.plans.subscribe(asked)
    assert (again.body, again.client_secret) == (first.body, first.client_secret)


def test_a_taking_back_that_was_never_heard_takes_nothing_back(system: Sandboxed) -> None:
    """It has the plan and ends with its period all the same: the wish is declined."""
    ask(system)
    give_up(system)
    unheard(system, plan_id="pro")
    system.clock.advance(NEVER_HEARD)
    listen(system)
    assert wish_state(system) is WishState.DECLINED
    assert held(system).cancels_at is not None
    assert "cancelsAt" not in ask(system, card="").body
    assert held(system).cancels_at is None


def test_a_card_that_was_never_heard_of_pays_nothing(system: Sandboxed) -> None:
    """What is open stays open: the wish is declined, and asked again it pays."""
    ask(system)
    decline_from_now_on(system)
    system.clock.advance(PERIOD + MARGIN)
    listen(system)
    unheard(system, plan_id="pro", payment_method="pm_card_visa")
    system.clock.advance(NEVER_HEARD)
    system.work()
    assert (held(system).state, wish_state(system)) == (
        SubscriptionState.PAST_DUE,
        WishState.DECLINED,
    )
    assert ask(system).outcome is Outcome.COMPLETED
    assert (held(system).state, earned(system)) == (SubscriptionState.ACTIVE, 2 * 49_900)


def switched_off(system: Sandboxed) -> None:
    """The service and its worker start again without billing, over the same store."""
    courier = attrs.evolve(system.app.plans.subscribe.courier, billing=None)
    plans = attrs.evolve(system.app.plans, subscribe=served_by(system, None))
    janitor = attrs.evolve(system.app.janitor, plans=courier)
    verify = attrs.evolve(system.app.verify_ledger, billing=None)
    system.app = attrs.evolve(system.app, plans=plans, janitor=janitor, verify_ledger=verify)


@pytest.mark.parametrize("given", [False, True])
def test_a_wish_ends_when_billing_is_switched_off(system: Sandboxed, *, given: bool) -> None:
    """A day later it is as if it had never been sent: plans are given, the former one goes on."""
    if given:
        served_by(system, None)(order(system, plan_id="starter"))
    unheard(system, plan_id="pro", payment_method="pm_card_visa")
    switched_off(system)
    system.clock.advance(601)
    system.work()
    assert ask(system, "enterprise", "").body["code"] == "PLAN_CHANGE_PENDING"
    system.clock.advance(NEVER_HEARD)
    system.work()
    assert wish_state(system) is WishState.DECLINED
    state = SubscriptionState.ACTIVE if given else SubscriptionState.CANCELLED
    assert held(system).state is state
    assert ask(system, "enterprise", "").outcome is Outcome.COMPLETED
    assert (there(system), held(system).plan_id) == ([], "enterprise")


def test_what_the_provider_bills_is_left_to_it(system: Sandboxed) -> None:
    """A wish about a subscription that it knows is decided when somebody can ask it again."""
    ask(system)
    unheard(system, plan_id="enterprise")
    switched_off(system)
    system.clock.advance(NEVER_HEARD)
    system.work()
    assert wish_state(system) is WishState.PENDING
    assert ask(system, "starter", "").body["code"] == "PLAN_BILLING_OFF"


@pytest.mark.spec("S20")
def test_the_books_are_verified_when_billing_is_switched_off(system: Sandboxed) -> None:
    """The provider is not asked then what plans have brought: they are compared with their invoices."""
    ask(system)
    demand = system.scenery.demand()
    system.app.checkout(place_order(system.scenery.actor(), uuid4(), demand))
    listen(system)
    assert verified(system) == ()
    switched_off(system)
    assert (earned(system), verified(system)) == (49_900, ())
    posting = plan_posting(
        invoice_id="in_unknown", plan_id="pro", amount=Money(1, USD), posted_at=system.clock.now()
    )
    system.uow.run(system.scenery.tenant, lambda tx: tx.ledger.post(posting))
    assert any("in_unknown" in line for line in verified(system))
