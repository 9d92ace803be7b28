"""The table of S19, and months at the borders of daylight saving."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import attrs
import pytest

from tests.spec.subscriptions.subscribers import NOW, subscription
from ticketpay.domain.money import USD, Money, Rate
from ticketpay.domain.pricing import FeeSchedule, Tier
from ticketpay.domain.subscriptions import (
    PLANS,
    Month,
    PlanUnknown,
    SubscriptionState,
    TicketCapReached,
    check_cap,
    fee_rate,
    fee_tier,
    month_of,
    next_billing,
    plan_fee_rate,
    plan_of,
    plans_at,
)

PRO_VOLUME = 1_000_000


@pytest.mark.spec("S19", "S19 D3", "check:S19")
@pytest.mark.parametrize(
    ("plan_id", "name", "cents", "percent", "cap", "features"),
    [
        (
            "starter",
            "Starter",
            9_900,
            "8.2",
            100,
            "Up to 100 tickets/month; Basic analytics; Email support",
        ),
        (
            "pro",
            "Pro",
            49_900,
            "7.9",
            1_000,
            "Up to 1000 tickets/month; Advanced analytics; Priority support",
        ),
        (
            "enterprise",
            "Enterprise",
            99_900,
            "7.5",
            None,
            "Unlimited tickets; Custom analytics; Dedicated support",
        ),
    ],
)
def test_plans(
    plan_id: str, name: str, cents: int, percent: str, cap: int | None, features: str
) -> None:
    """The three plans have the names, prices, fees, caps and features of the rule book."""
    plan = plan_of(plan_id)

    assert (plan.id, plan.name, plan.price) == (plan_id, name, Money(cents, USD))
    assert plan.fee_rate == Rate.from_percent(percent)
    assert plan.tickets_max == cap
    assert plan.features == tuple(features.split("; "))


@pytest.mark.spec("S19")
def test_the_plans_are_the_tiers() -> None:
    """The plans are listed from the smallest to the largest, one for each fee tier."""
    assert [plan.id for plan in PLANS] == list(Tier)
    assert plans_at(FeeSchedule()) == PLANS
    other = FeeSchedule(starter=Rate(1), pro=Rate(2), enterprise=Rate(3))
    assert [plan.fee_rate.ppm for plan in plans_at(other)] == [1, 2, 3]
    assert plan_of("pro", plans_at(other)).fee_rate == Rate(2)


@pytest.mark.spec("S19")
@pytest.mark.parametrize("plan_id", ["gold", "", "Starter", "PRO", " pro", "starter "])
def test_an_unknown_plan_is_refused(plan_id: str) -> None:
    """A plan that is not offered, to the letter, is an invalid plan."""
    with pytest.raises(PlanUnknown) as caught:
        plan_of(plan_id)

    assert str(caught.value) == "Invalid plan"
    assert caught.value.error_code == "PLAN_UNKNOWN"
    assert plan_fee_rate(plan_id) == Rate.from_percent("8.2")


@pytest.mark.spec("S19", "S19 D2")
def test_a_new_subscription_is_active_and_billed_in_30_days() -> None:
    """A new subscription is active, has the provider's id, and is billed 30 days from now."""
    new = subscription("starter")

    assert (new.id, new.venue_id, new.provider_id) == (UUID(int=1), UUID(int=5), "sub_1")
    assert (new.plan_id, new.state, new.version) == ("starter", SubscriptionState.ACTIVE, 1)
    assert type(new.plan_id) is str
    assert new.current_period_end == NOW + timedelta(days=30)
    assert new.is_active


@pytest.mark.spec("S19")
def test_a_bill_comes_after_30_days_of_utc() -> None:
    """Thirty days from the end of January are in March, at the same time of day in UTC."""
    assert next_billing(datetime(2026, 1, 31, 23, 59, tzinfo=UTC)) == datetime(
        2026, 3, 2, 23, 59, tzinfo=UTC
    )
    for wrong in (NOW.replace(tzinfo=None), NOW.astimezone(timezone(timedelta(hours=1)))):
        with pytest.raises(ValueError, match="UTC"):
            next_billing(wrong)
        with pytest.raises(ValueError, match="UTC"):
            month_of(wrong, "UTC")


@pytest.mark.spec("S18 D3", "S19", "K02")
@pytest.mark.parametrize(
    ("plan", "state", "volume", "percent"),
    [
        ("enterprise", "active", 0, "7.5"),
        ("starter", "active", 10 * PRO_VOLUME, "8.2"),
        ("enterprise", "past_due", 0, "8.2"),
        ("enterprise", "cancelled", PRO_VOLUME, "7.9"),
        (None, None, PRO_VOLUME - 1, "8.2"),
        (None, None, PRO_VOLUME, "7.9"),
        (None, None, 10 * PRO_VOLUME, "7.5"),
    ],
)
def test_who_decides_the_fee(
    plan: str | None, state: str | None, volume: int, percent: str
) -> None:
    """An active plan decides, be it dearer than the volume's; otherwise the volume does (K02)."""
    held = None if plan is None else subscription(plan, state=SubscriptionState(str(state)))

    assert fee_rate(held, volume) == Rate.from_percent(percent)
    assert FeeSchedule().rate(fee_tier(held, volume)) == Rate.from_percent(percent)


@pytest.mark.spec("S19 D1")
@pytest.mark.parametrize(
    ("plan", "sold", "wanted", "sells"),
    [
        ("starter", 0, 100, True),
        ("starter", 0, 101, False),
        ("starter", 98, 2, True),
        ("starter", 98, 3, False),
        ("starter", 100, 1, False),
        ("starter", 500, 1, False),
        ("pro", 999, 1, True),
        ("pro", 1_000, 1, False),
        ("enterprise", 10**9, 10**9, True),
    ],
)
def test_caps(plan: str, sold: int, wanted: int, sells: bool) -> None:  # noqa: FBT001 - a column of the table
    """The cap itself is sold, one ticket more is not, and a smaller plan does not forget."""
    if sells:
        check_cap(plan_of(plan), sold, wanted)
        return
    with pytest.raises(TicketCapReached):
        check_cap(plan_of(plan), sold, wanted)


@pytest.mark.spec("S19 D1")
def test_a_cap_of_nothing_is_a_cap() -> None:
    """A plan that may sell no ticket sells none; only a plan without a cap sells on."""
    closed = attrs.evolve(plan_of("starter"), tickets_max=0)

    with pytest.raises(TicketCapReached):
        check_cap(closed, 0, 1)


@pytest.mark.spec("S19 D1")
def test_a_reached_cap_says_how_much_is_left() -> None:
    """The refusal has its code and counts what is sold, wanted and allowed, across processes too."""
    with pytest.raises(TicketCapReached) as caught:
        check_cap(plan_of("starter"), 98, 3)
    again: Any = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes

    assert (again.cap, again.sold, again.wanted) == (100, 98, 3)
    assert again.error_code == "TICKET_CAP_REACHED"
    assert again.detail == "98 of 100 tickets of the month are sold, 3 more are wanted"


@pytest.mark.spec("S19 D1")
@pytest.mark.parametrize(
    ("zone", "month", "begins", "ends"),
    [
        # Clocks go forward on 29 March: 743 hours.
        ("Europe/Berlin", Month(2026, 3), "2026-02-28T23:00", "2026-03-31T22:00"),
        # Clocks go back on 25 October: 745 hours.
        ("Europe/Berlin", Month(2026, 10), "2026-09-30T22:00", "2026-10-31T23:00"),
        # Clocks go back on the first of November.
        ("America/New_York", Month(2026, 11), "2026-11-01T04:00", "2026-12-01T05:00"),
        # The first of November has midnight twice: the month begins with the first of the two.
        ("America/Havana", Month(2026, 11), "2026-11-01T04:00", "2026-12-01T05:00"),
        # The first of October 2017 had no midnight: the month began at one in the morning.
        ("America/Asuncion", Month(2017, 10), "2017-10-01T04:00", "2017-11-01T03:00"),
        # The leap day.
        ("Asia/Kathmandu", Month(2028, 2), "2028-01-31T18:15", "2028-02-29T18:15"),
        # The year begins here first, and there last.
        ("Pacific/Kiritimati", Month(2027, 1), "2026-12-31T10:00", "2027-01-31T10:00"),
        ("Pacific/Pago_Pago", Month(2026, 12), "2026-12-01T11:00", "2027-01-01T11:00"),
    ],
)
def test_months_at_their_borders(zone: str, month: Month, begins: str, ends: str) -> None:
    """A month begins with the venue's first instant of it, also where that is no plain midnight."""
    first, after = (datetime.fromisoformat(f"{text}+00:00") for text in (begins, ends))
    instant = timedelta(microseconds=1)

    assert (month.starts_at(zone), month.following.starts_at(zone)) == (first, after)
    assert month_of(first, zone) == month_of(after - instant, zone) == month
    assert month_of(first - instant, zone) < month < month_of(after, zone)


@pytest.mark.spec("S19 D1")
def test_one_instant_is_in_two_months() -> None:
    """The same instant is still March in Chicago and already April in Berlin."""
    at = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)

    assert month_of(at, "America/Chicago") == Month(2026, 3)
    assert month_of(at, "Europe/Berlin") == Month(2026, 4)
    assert str(Month(2026, 4)) == "2026-04"


@pytest.mark.spec("S19 D1")
@pytest.mark.parametrize("number", [0, 13, -1])
def test_a_year_has_twelve_months(number: int) -> None:
    """A month before the first or after the twelfth is a mistake of the caller."""
    with pytest.raises(ValueError, match=f"there is no month {number}"):
        Month(2026, number)
