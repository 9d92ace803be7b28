"""What a provider's fact does to a subscription, against a twin that was written by hand (S19, S27)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.subscriptions.subscribers import NOW, subscription
from ticketpay.domain.payments import Failure
from ticketpay.domain.subscriptions import (
    NEVER_SENT,
    SUBSCRIPTION_MACHINE,
    BillingFact,
    BillingStatus,
    PlanWish,
    Subscription,
    SubscriptionState,
    WishState,
    after_fact,
    billing_event,
    period_end,
)

pytestmark = pytest.mark.spec("S19", "S27")

MONTH = timedelta(days=30)
TWIN = """
pending    incomplete -      active     incomplete -       past_due   incomplete -
pending    active     start  active     active     -       past_due   active     renew
pending    past_due   fail   active     past_due   fail    past_due   past_due   -
pending    ended      cancel active     ended      cancel  past_due   ended      cancel
cancelled  incomplete -      cancelled  active     -       cancelled  past_due   -
cancelled  ended      -
"""
WORDS = TWIN.split()
MOVES = {(a, b): c for a, b, c in zip(WORDS[::3], WORDS[1::3], WORDS[2::3], strict=True)}


def fact(status: BillingStatus = BillingStatus.ACTIVE, **changes: Any) -> BillingFact:
    known = BillingFact(
        provider_id="sub_1",
        customer_id="cus_1",
        status=status,
        plan_id="pro",
        period_end=NOW + MONTH,
        cancels_at=None,
        paid=status is BillingStatus.ACTIVE,
    )
    return attrs.evolve(known, **changes)


def wish(**changes: Any) -> PlanWish:
    asked = PlanWish(number=2, plan_id="pro", method="pm_1", asked_at=NOW, key=UUID(int=9))
    return attrs.evolve(asked, **changes)


@pytest.mark.parametrize("state", SubscriptionState)
@pytest.mark.parametrize("status", BillingStatus)
def test_a_fact_is_one_event_or_none(state: SubscriptionState, status: BillingStatus) -> None:
    """As in the twin; every event that follows is legal, and none follows a cancelled one."""
    event = billing_event(subscription(state=state), fact(status))
    assert str(event or "-") == MOVES[state, status]
    if event is not None:
        after = SUBSCRIPTION_MACHINE.next(state, event)
        assert (str(after) == str(status)) == (status is not BillingStatus.ENDED)


@given(
    st.lists(st.tuples(st.sampled_from(BillingStatus), st.booleans(), st.integers(1, 3))), st.data()
)
def test_a_fact_that_is_told_again_changes_nothing(
    told: list[tuple[BillingStatus, bool, int]], data: st.DataObject
) -> None:
    """Applied twice in a row each fact moves once; a cancelled one stays so, whatever follows."""

    def folded(facts: list[BillingFact]) -> Subscription:
        held = subscription(state=SubscriptionState.PENDING)
        for one in facts:
            event = billing_event(held, one)
            was = held.state
            if held.state is not SubscriptionState.CANCELLED:
                held = after_fact(held, one)
            if event is not None:
                held = attrs.evolve(held, state=SUBSCRIPTION_MACHINE.next(was, event))
            assert was is not SubscriptionState.CANCELLED or held.state is was
        return held

    facts = [
        fact(status, paid=paid, period_end=NOW + months * MONTH) for status, paid, months in told
    ]
    twice = [again for one in facts for again in [one] * data.draw(st.integers(1, 2))]
    assert folded(twice) == folded(facts)


def test_a_period_counts_once_it_is_paid() -> None:
    """A later end is a renewal when it is paid; until then it is not written down."""
    held, later = subscription(), NOW + 2 * MONTH
    unpaid = fact(paid=False, period_end=later)
    assert billing_event(held, unpaid) is None
    assert after_fact(held, unpaid).current_period_end == NOW + MONTH
    assert str(billing_event(held, fact(period_end=later))) == "renew"
    assert after_fact(held, fact(period_end=later)).current_period_end == later


def test_a_fact_is_written_down_as_it_was_told() -> None:
    """Who is billed under which id, and when it ends; without a number it decides no wish."""
    told = fact(provider_id="sub_2", customer_id="cus_2", cancels_at=NOW + MONTH)
    after = after_fact(subscription(wish=wish(number=1)), told)
    assert (after.provider_id, after.customer_id) == ("sub_2", "cus_2")
    assert (after.cancels_at, after.wish) == (NOW + MONTH, wish(number=1))
    replaced = subscription("starter", provider_id="", wish=wish())
    waiting = after_fact(replaced, fact(BillingStatus.INCOMPLETE, customer_id="cus_2"), 2)
    assert (waiting.provider_id, waiting.customer_id) == ("sub_1", "cus_2")


def test_what_nobody_has_named_is_empty() -> None:
    """Neither a customer nor a method nor a secret is made up."""
    bare = PlanWish(number=1, plan_id="pro", asked_at=NOW, key=UUID(int=9))
    assert (subscription().customer_id, bare.method, fact().client_secret) == ("", "", "")
    assert (subscription().told_id, subscription(provider_id="").told_id) == (
        "sub_1",
        str(UUID(int=1)),
    )


def test_a_fact_decides_the_wish_that_was_sent() -> None:
    """Granted, refused where it has ended, still open while the bank is asked, and no other wish."""
    held = subscription(wish=wish())
    for status, state in (
        (BillingStatus.ACTIVE, WishState.DONE),
        (BillingStatus.PAST_DUE, WishState.DONE),
        (BillingStatus.INCOMPLETE, WishState.PENDING),
        (BillingStatus.ENDED, WishState.DECLINED),
    ):
        after = after_fact(held, fact(status), 2).wish
        assert after is not None
        assert (after.state, after.method == "") == (state, state is not WishState.PENDING)
        if status is BillingStatus.ENDED:
            ended = Failure("subscription_ended", message="The subscription has ended")
            assert after.failure == ended
        assert after_fact(held, fact(status), 1).wish == held.wish
    ends = after_fact(subscription(wish=wish(ends=True)), fact(BillingStatus.ENDED), 2).wish
    assert ends is not None
    assert (ends.state, ends.failure) == (WishState.DONE, None)
    for status in (BillingStatus.ACTIVE, BillingStatus.PAST_DUE):
        giving_up = subscription(wish=wish(ends=True))
        granted = after_fact(giving_up, fact(status, cancels_at=NOW + MONTH), 2).wish
        lost = after_fact(giving_up, fact(status), 2).wish
        assert granted is not None
        assert lost is not None
        assert (granted.state, lost.state) == (WishState.DONE, WishState.DECLINED)
        assert lost.failure == NEVER_SENT
    refused = wish().decided(Failure("card_declined"))
    assert after_fact(subscription(wish=refused), fact(), 2).wish == refused


@pytest.mark.parametrize("status", BillingStatus)
def test_what_nobody_bills_is_replaced_by_what_is_active(status: BillingStatus) -> None:
    """Nothing that waits, or has ended, touches its plan and its period; it is no renewal either."""
    given = subscription("starter", provider_id="", wish=wish())
    waiting = attrs.evolve(given, provider_id="sub_1", wish=wish(state=WishState.WAITING))
    assert (given.is_given, waiting.is_given, subscription().is_given) == (True, True, False)
    for held in (given, waiting):
        later = fact(status, period_end=NOW + 2 * MONTH)
        after, event = after_fact(held, later, 2), billing_event(held, later)
        assert str(event or "-") == ("fail" if status is BillingStatus.PAST_DUE else "-")
        billed = status in (BillingStatus.ACTIVE, BillingStatus.PAST_DUE)
        assert after.plan_id == ("pro" if billed else "starter")
        assert after.current_period_end == NOW + (2 * MONTH if billed else MONTH)
        assert (after.provider_id == "") == (status is BillingStatus.ENDED)
        assert after.awaits_bank == (status is BillingStatus.INCOMPLETE)
        assert after_fact(held, fact(BillingStatus.INCOMPLETE), 1).wish == held.wish


def test_what_was_given_up_goes_on_no_longer() -> None:
    """Its end stays where it is, however late somebody asks; so does that of one that is not active."""
    end, late = NOW + MONTH, NOW + 10 * MONTH
    assert period_end(subscription(cancels_at=end), late) == end
    assert period_end(subscription(state=SubscriptionState.PENDING), late) == end
    assert period_end(subscription(), late) > late


def test_who_waits_for_the_bank_is_known() -> None:
    """Only what is pending and known at the provider."""
    waits = subscription(state=SubscriptionState.PENDING)
    assert waits.awaits_bank
    assert not attrs.evolve(waits, provider_id="").awaits_bank
    assert not subscription().awaits_bank
    waiting = wish(state=WishState.WAITING)
    assert subscription(wish=waiting).awaits_bank
    assert not subscription(wish=waiting, provider_id="").awaits_bank
    assert subscription(wish=waiting).pending_wish == waiting
    assert subscription(wish=wish()).pending_wish == wish()
    assert subscription(wish=wish().decided()).pending_wish is None
    for state in SubscriptionState:
        over = subscription(state=state).is_over
        assert over is (state is SubscriptionState.CANCELLED)
        assert subscription(state=state).is_active is (state is SubscriptionState.ACTIVE)
    assert "pm_1" not in repr(subscription(wish=wish()))
    assert "secret" not in repr(fact(client_secret="secret"))
