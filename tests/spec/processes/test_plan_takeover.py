"""A plan that was given before billing goes on until the first payment for another one is made (S19)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest

from tests.spec.processes.test_plan_billing import (
    ask,
    earned,
    give_up,
    hear,
    held,
    listen,
    there,
    told,
    verified,
)
from tests.support.sandboxed import Sandboxed
from ticketpay.domain.messaging import Answer, Outcome
from ticketpay.domain.pricing import Tier
from ticketpay.domain.subscriptions import (
    BillingFact,
    BillingStatus,
    Subscription,
    SubscriptionState,
    WishState,
    fee_tier,
    plan_held,
)

pytestmark = pytest.mark.spec("S19", "K02")


@pytest.fixture
def system() -> Sandboxed:
    """A venue that was given the starter's plan before billing was switched on."""
    before = Sandboxed(seed=1, capacity=1_000)
    assert ask(before, "starter", "").outcome is Outcome.COMPLETED
    now = Sandboxed(seed=1, capacity=1_000, billed=True)
    now.uow.run(now.scenery.tenant, lambda tx: tx.subscriptions.add(held(before)))
    return now


def goes_on(system: Sandboxed, given: Subscription) -> bool:
    """Whether the given plan counts as before: its fee, its cap, its period, and nobody's money."""
    after, plan = held(system), plan_held(held(system))
    assert plan is not None
    assert (fee_tier(after, 0), plan.tickets_max, earned(system)) == (Tier.STARTER, 100, 0)
    kept = (after.id, after.plan_id, after.state, after.current_period_end, after.cancels_at)
    return kept == (given.id, "starter", given.state, given.current_period_end, given.cancels_at)


def intent_of(answer: Answer) -> str:
    return answer.client_secret.partition("_secret")[0]


def wish_state(system: Sandboxed) -> WishState:
    wish = held(system).wish
    assert wish is not None
    return wish.state


def test_the_given_plan_goes_on_while_the_bank_asks(system: Sandboxed) -> None:
    """The answer says that the bank asks, and for which plan; replayed it has its secret again."""
    given, key = held(system), uuid4()
    answers = [ask(system, "enterprise", "authenticationRequired", key) for _ in range(2)]
    assert {answer.outcome for answer in answers} == {Outcome.ACCEPTED}
    assert answers[0].client_secret.startswith("pi_")
    assert answers[0].client_secret == answers[1].client_secret
    shown = answers[0].body
    assert (shown["status"], shown["plan"], shown["pendingPlan"]) == (
        "requires_action",
        "starter",
        "enterprise",
    )
    listen(system)
    system.clock.advance(601)
    listen(system)
    assert (there(system), told(system)) == (["incomplete"], [])
    assert goes_on(system, given)
    assert ask(system, "pro").body["code"] == "PLAN_CHANGE_PENDING"


def test_it_is_replaced_once_the_bank_has_said_yes(system: Sandboxed) -> None:
    """Then the new plan counts, is paid and booked, and the former one is over."""
    answer = ask(system, "enterprise", "authenticationRequired")
    system.authenticate(intent_of(answer))
    listen(system)
    after = held(system)
    assert (after.plan_id, after.state) == ("enterprise", SubscriptionState.ACTIVE)
    assert after.current_period_end > system.clock.now() + timedelta(days=29)
    assert (there(system), earned(system), verified(system)) == (["active"], 99_900, ())
    assert wish_state(system) is WishState.DONE


@pytest.mark.parametrize("refused", [False, True])
def test_it_stays_when_the_bank_says_no_or_nothing(system: Sandboxed, *, refused: bool) -> None:
    """The wish is declined, nothing is left at the provider, and the venue may ask again."""
    given = held(system)
    answer = ask(system, "enterprise", "authenticationRequired")
    if refused:
        system.authenticate(intent_of(answer), "fail")
    for _ in range(25):
        system.clock.advance(3_600)
        listen(system)
    assert there(system) == ["canceled" if refused else "incomplete_expired"]
    assert goes_on(system, given)
    assert (held(system).provider_id, wish_state(system)) == ("", WishState.DECLINED)
    assert ask(system, "pro").outcome is Outcome.COMPLETED
    assert (held(system).plan_id, earned(system), verified(system)) == ("pro", 49_900, ())


@pytest.mark.parametrize("ending", [False, True])
def test_what_waits_for_the_bank_is_given_up_and_not_the_plan(
    system: Sandboxed, *, ending: bool
) -> None:
    """The wish ends, the given plan goes on, or ends when it was going to."""
    if ending:
        assert "cancelsAt" in give_up(system).body
    given = held(system)
    ask(system, "enterprise", "authenticationRequired")
    answer = give_up(system)
    assert (answer.outcome, answer.body["status"]) == (Outcome.COMPLETED, "active")
    assert (there(system), wish_state(system)) == (["canceled"], WishState.DONE)
    assert goes_on(system, given)
    assert held(system).provider_id == ""
    listen(system)
    assert goes_on(system, given)
    assert ("cancelsAt" in give_up(system).body, told(system)) == (True, [])


def test_money_that_came_for_what_was_given_up_is_told(system: Sandboxed) -> None:
    """The buyer pays while it ends: booked, the given plan goes on, and a person decides."""
    answer, calls = ask(system, "enterprise", "authenticationRequired"), []

    def pay_before_the_end(step: str) -> None:
        calls.append(step)
        if calls.count("provider.before") == 2 and step == "provider.before":
            system.authenticate(intent_of(answer))

    system.on_step = pay_before_the_end
    assert give_up(system).body["plan"] == "starter"
    assert "plan_paid_and_ended" in system.alerts.kinds()
    assert (there(system), earned(system), verified(system)) == (["canceled"], 99_900, ())
    assert held(system).state is SubscriptionState.ACTIVE


@pytest.mark.parametrize("status", [BillingStatus.ENDED, BillingStatus.INCOMPLETE])
@pytest.mark.parametrize("paid", [False, True])
def test_no_fact_without_a_paid_period_takes_the_given_plan(
    system: Sandboxed, status: BillingStatus, *, paid: bool
) -> None:
    """Whatever is heard of a start that was lost: the given plan goes on."""
    system.on_step = _dies
    with pytest.raises(KeyboardInterrupt):
        ask(system, "enterprise")
    system.on_step = lambda _: None
    asked = held(system)
    fact: Any = {"provider_id": "sub_9", "customer_id": "cus_9", "plan_id": "enterprise"}
    period = system.clock.now() + timedelta(days=30)
    hear(
        system,
        asked,
        BillingFact(**fact, status=status, period_end=period, cancels_at=None, paid=paid),
    )
    assert goes_on(system, attrs.evolve(asked, version=held(system).version))


def _dies(step: str) -> None:
    if step == "provider.before":
        raise KeyboardInterrupt
