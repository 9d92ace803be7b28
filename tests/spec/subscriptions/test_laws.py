"""What is always true of plans, caps and the months in which they count (S19, K02)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.subscriptions.subscribers import ZONES, subscription
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing import FeeSchedule, Tier
from ticketpay.domain.subscriptions import (
    BILLING_DAYS,
    PLANS,
    Month,
    Plan,
    SubscriptionState,
    TicketCapReached,
    check_cap,
    fee_rate,
    fee_tier,
    month_of,
    next_billing,
    period_end,
    plan_fee_rate,
    plan_held,
    plan_of,
    plans_at,
    switch,
)

INSTANT = timedelta(microseconds=1)
IN_ZONE = st.sampled_from(ZONES)
INSTANTS = st.datetimes(datetime(2012, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive, the zone is drawn
MONTHS = st.builds(Month, st.integers(2012, 2060), st.integers(1, 12))
VOLUMES = st.integers(0, 10**9)
SCHEDULES = st.builds(
    lambda ppm, starter, more: FeeSchedule(
        starter=Rate(ppm[0]),
        pro=Rate(ppm[1]),
        enterprise=Rate(ppm[2]),
        starter_volume_max_cents=starter,
        pro_volume_max_cents=starter + more,
    ),
    st.tuples(*[st.integers(0, 200_000)] * 3),
    st.integers(1, 10**7),
    st.integers(0, 10**8),
)
CAPPED = st.sampled_from([plan for plan in PLANS if plan.tickets_max is not None])
TICKETS = st.integers(0, 3_000)


def _sells(plan: Plan, sold: int, wanted: int) -> bool:
    try:
        check_cap(plan, sold, wanted)
    except TicketCapReached:
        return False
    return True


@pytest.mark.spec("S19", "S19 D1")
@given(INSTANTS, IN_ZONE)
def test_a_month_is_what_the_venues_calendar_shows(at: datetime, zone: str) -> None:
    """An instant counts in the month that a calendar on the venue's wall shows, in no other."""
    assert str(month_of(at, zone)) == at.astimezone(ZoneInfo(zone)).strftime("%Y-%m")


@pytest.mark.spec("S19 D1")
@given(MONTHS, IN_ZONE)
def test_months_meet_without_a_gap(month: Month, zone: str) -> None:
    """Each month begins where the one before it ends, to the microsecond, clocks changed or not."""
    begins, ends = month.starts_at(zone), month.following.starts_at(zone)

    assert month_of(begins, zone) == month_of(ends - INSTANT, zone) == month
    assert month_of(begins - INSTANT, zone).following == month
    assert month_of(ends, zone) == month.following
    assert begins.tzinfo is UTC


@pytest.mark.spec("S19 D1")
@given(INSTANTS, IN_ZONE)
def test_an_instant_is_within_its_month(at: datetime, zone: str) -> None:
    """Counting from a month's start to the next one's finds what ``month_of`` says, and no more."""
    month = month_of(at, zone)

    assert month.starts_at(zone) <= at < month.following.starts_at(zone)


@pytest.mark.spec("S19 D1")
@given(MONTHS, IN_ZONE)
def test_a_month_is_as_long_as_its_days(month: Month, zone: str) -> None:
    """A month has its 28 to 31 days of 24 hours, give or take what its clocks are changed by."""
    begins, ends = month.starts_at(zone), month.following.starts_at(zone)
    first, last = (at.astimezone(ZoneInfo(zone)) for at in (begins, ends))
    changed = (last.utcoffset() or timedelta()) - (first.utcoffset() or timedelta())
    shown, hour = ends - begins + changed, timedelta(hours=1)

    assert abs(changed) <= hour
    # Where the first midnight is skipped, a month begins or ends an hour late.
    assert timedelta(days=28) - hour <= shown <= timedelta(days=31) + hour


@pytest.mark.spec("S19 D1")
@given(INSTANTS, INSTANTS, IN_ZONE)
def test_months_follow_time(one: datetime, two: datetime, zone: str) -> None:
    """What is later is never in an earlier month."""
    soon, late = sorted([one, two])

    assert month_of(soon, zone) <= month_of(late, zone)


@pytest.mark.spec("S19 D1")
@given(MONTHS)
def test_twelve_months_are_a_year(month: Month) -> None:
    """The month after the twelfth is the first of the next year, and months are ordered so."""
    months = [month]
    for _ in range(12):
        months.append(months[-1].following)

    assert months[-1] == Month(month.year + 1, month.month)
    assert months == sorted(set(months))
    assert [str(one) for one in months] == sorted(str(one) for one in months)


@pytest.mark.spec("S19")
@given(INSTANTS)
def test_the_next_bill_is_30_days_away(now: datetime) -> None:
    """The next bill is 30 days of 24 hours from now, whatever a calendar or a clock does."""
    assert next_billing(now) - now == timedelta(hours=30 * 24)
    assert next_billing(now).tzinfo is UTC
    assert BILLING_DAYS == 30


@pytest.mark.spec("S19 D1")
@given(CAPPED, TICKETS, st.integers(1, 3_000))
def test_a_plan_sells_up_to_its_cap(plan: Plan, sold: int, wanted: int) -> None:
    """What is sold and what is wanted may reach the cap together, and not pass it."""
    assert plan.tickets_max is not None
    assert _sells(plan, sold, wanted) == (sold + wanted <= plan.tickets_max)


@pytest.mark.spec("S19 D1")
@given(CAPPED, st.lists(st.integers(1, 20), max_size=200))
def test_no_order_of_sales_passes_the_cap(plan: Plan, baskets: list[int]) -> None:
    """However a month's buyers come, more tickets than the cap are never sold."""
    sold = 0
    for wanted in baskets:
        sold += wanted if _sells(plan, sold, wanted) else 0

    assert plan.tickets_max is not None
    assert sold <= plan.tickets_max


@pytest.mark.spec("S19")
@given(TICKETS, TICKETS)
def test_enterprise_has_no_cap(sold: int, wanted: int) -> None:
    """The enterprise plan sells on, whatever was sold."""
    assert _sells(plan_of("enterprise"), sold * 10**6, wanted)


@pytest.mark.spec("S18 D3", "S19", "K02")
@given(st.sampled_from(Tier), VOLUMES, SCHEDULES)
def test_an_active_subscription_decides_the_fee(
    plan: Tier, volume: int, schedule: FeeSchedule
) -> None:
    """An active subscription sets the fee by its plan, whatever the venue sells (K02)."""
    active = subscription(plan)

    assert fee_tier(active, volume, schedule) is plan
    assert fee_rate(active, volume, schedule) == schedule.rate(plan)


@pytest.mark.spec("S18 D3", "S19", "K02")
@given(st.sampled_from(Tier), VOLUMES, SCHEDULES, st.sampled_from(SubscriptionState))
def test_without_one_the_volume_decides(
    plan: Tier, volume: int, schedule: FeeSchedule, state: SubscriptionState
) -> None:
    """Without an active subscription the sales of the month set the fee: past due is not active."""
    by_volume = schedule.tier(volume)
    held = subscription(plan, state=state)

    assert fee_tier(None, volume, schedule) is by_volume
    assert fee_rate(None, volume, schedule) == schedule.rate(by_volume)
    if state is not SubscriptionState.ACTIVE:
        assert fee_tier(held, volume, schedule) is by_volume
        assert fee_rate(held, volume, schedule) == schedule.rate(by_volume)


@pytest.mark.spec("S19")
@given(SCHEDULES)
def test_what_is_advertised_is_what_is_taken(schedule: FeeSchedule) -> None:
    """The listed fee of each plan is the one its subscribers pay, however the fees are configured."""
    for plan in plans_at(schedule):
        assert plan.fee_rate == fee_rate(subscription(plan.id), 0, schedule)
        assert plan.fee_rate == plan_fee_rate(plan.id, schedule)


@pytest.mark.spec("S19")
@given(st.text(max_size=12).filter(lambda text: text not in set(Tier)), VOLUMES, SCHEDULES)
def test_an_unknown_plan_pays_the_starters_fee(
    name: str, volume: int, schedule: FeeSchedule
) -> None:
    """A plan that nobody knows (any more) pays the starter's fee, active subscriptions included."""
    assert plan_fee_rate(name, schedule) == schedule.starter
    assert fee_tier(subscription(plan_id=name), volume, schedule) is Tier.STARTER
    assert fee_rate(subscription(plan_id=name), volume, schedule) == schedule.starter


@pytest.mark.spec("S19")
@given(st.timedeltas(timedelta(days=-400), timedelta(days=4_000)))
def test_a_period_ends_after_now_and_whole_periods_after_it_began(passed: timedelta) -> None:
    """Paid for 30 days at a time, the next payment is never due in the past, nor a period early."""
    held = subscription()
    end = period_end(held, held.current_period_end + passed)
    late, ran_out = end - held.current_period_end, passed >= timedelta()
    assert late % timedelta(days=BILLING_DAYS) == timedelta()
    assert (passed < late <= passed + timedelta(days=BILLING_DAYS)) if ran_out else not late


@pytest.mark.spec("S19")
@pytest.mark.parametrize("state", [SubscriptionState.PAST_DUE, SubscriptionState.CANCELLED])
def test_only_an_active_subscription_goes_on(state: SubscriptionState) -> None:
    """One that is not active ends when its period ends, and grants nothing (K02)."""
    held = subscription(state=state)
    assert period_end(held, held.current_period_end + timedelta(days=1)) == held.current_period_end
    assert plan_held(held) is None


@pytest.mark.spec("S19", "S19 D1", "K02")
@given(SCHEDULES)
def test_what_a_venue_holds_is_what_its_fee_is_of(schedule: FeeSchedule) -> None:
    """The plan whose cap counts is the one whose fee is taken; a plan of the past is the starter."""
    plans = plans_at(schedule)
    assert plan_held(None, plans) is None
    for plan_id in (*Tier, "gold"):
        plan = plan_held(subscription("pro", plan_id=plan_id), plans)
        assert plan is not None
        assert plan.fee_rate == plan_fee_rate(plan_id, schedule)
        assert plan.id == (Tier.STARTER if plan_id == "gold" else plan_id)


@pytest.mark.spec("S19")
@given(st.sampled_from(PLANS), INSTANTS)
def test_a_switch_changes_the_plan_at_once(plan: Plan, now: datetime) -> None:
    """The subscription stays the same one; its new plan is paid for 30 days from now on."""
    held = subscription("pro", version=7)
    moved = switch(held, plan, now)
    assert (moved.id, moved.venue_id, moved.version) == (held.id, held.venue_id, 7)
    assert (moved.plan_id, moved.current_period_end) == (plan.id, next_billing(now))
    assert type(moved.plan_id) is str
    assert moved.is_active
