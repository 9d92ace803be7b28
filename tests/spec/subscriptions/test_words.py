"""The words, codes and shapes of subscriptions that others rely on."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from tests.spec.shapes import by_name, words
from tests.spec.subscriptions.subscribers import subscription
from ticketpay.domain.kernel.errors import Conflict, FieldError, Rejected
from ticketpay.domain.subscriptions import (
    NEVER_SENT,
    PLANS,
    SUBSCRIPTION_MACHINE,
    WISH_OVER,
    BillingFact,
    Month,
    PaidInvoice,
    Plan,
    PlanBilledElsewhere,
    PlanChangePending,
    PlanUnknown,
    PlanWish,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
    TicketCapReached,
    WishState,
    plan_of,
)


@pytest.mark.spec("S19")
def test_the_words_of_a_subscription() -> None:
    """Each state and event of a subscription is stored and sent under its word."""
    assert words(SubscriptionState) == "pending active past_due cancelled"
    assert words(SubscriptionEvent) == "start renew fail cancel"
    assert words(WishState) == "pending waiting done declined"
    assert SUBSCRIPTION_MACHINE.name == "subscription"
    assert (NEVER_SENT.code, NEVER_SENT.message) == ("never_sent", "The provider never heard of it")


@pytest.mark.spec("S19")
def test_what_is_refused_and_how() -> None:
    """An unknown plan is refused for good; a reached cap is a conflict, which a month or a plan ends."""
    assert issubclass(PlanUnknown, Rejected)
    assert issubclass(TicketCapReached, Conflict)
    assert (PlanUnknown.code, PlanUnknown.title) == ("PLAN_UNKNOWN", "Invalid plan")
    assert TicketCapReached.code == "TICKET_CAP_REACHED"
    assert PlanChangePending.code == "PLAN_CHANGE_PENDING"
    assert PlanBilledElsewhere.code == "PLAN_BILLING_OFF"


@pytest.mark.spec("S19")
def test_an_unknown_plan_is_told_with_the_known_ones() -> None:
    """The field is named, and what may stand there."""
    with pytest.raises(PlanUnknown) as refused:
        plan_of("gold")
    assert refused.value.errors == (FieldError("plan", "must be one of starter, pro, enterprise"),)


@pytest.mark.spec("S19")
def test_how_long_a_wish_may_still_take_effect() -> None:
    """An hour longer than the provider keeps its keys."""
    assert timedelta(hours=25) == WISH_OVER


@pytest.mark.spec("S19")
@pytest.mark.parametrize("value", [Plan, PlanWish, Subscription, PaidInvoice, BillingFact])
def test_values_are_built_by_name(value: type[attrs.AttrsInstance]) -> None:
    """Of a plan's figures and a subscription's ids no two can be swapped."""
    assert by_name(value)


@pytest.mark.spec("S19")
def test_values_stay_what_they_are() -> None:
    """A plan, a subscription and a month are never changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        PLANS[0].tickets_max = 0  # type: ignore[misc] # that is what is refused
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        subscription().plan_id = "pro"  # type: ignore[misc] # that is what is refused
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Month(2026, 1).month = 2  # type: ignore[misc] # that is what is refused
