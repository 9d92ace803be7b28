"""What a subscription means: when it is billed, which fee it sets, how much it may sell (S19, K02)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ticketpay.domain.kernel.ids import SubscriptionId, VenueId
from ticketpay.domain.kernel.time import day_in, require_utc
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing import FeeSchedule, Tier
from ticketpay.domain.subscriptions.errors import TicketCapReached
from ticketpay.domain.subscriptions.model import PLANS, Month, Plan, Subscription, plan_of
from ticketpay.domain.subscriptions.states import SubscriptionState

__all__ = [
    "BILLING_DAYS",
    "check_cap",
    "fee_rate",
    "fee_tier",
    "month_of",
    "next_billing",
    "period_end",
    "plan_fee_rate",
    "plan_held",
    "plan_named",
    "subscribe",
    "switch",
]

BILLING_DAYS: Final = 30
"""A plan is paid for this many days of 24 hours at a time."""

_STANDARD: Final = FeeSchedule()


def next_billing(now: datetime) -> datetime:
    """When the next payment is due: 30 days after ``now``, in UTC (S19)."""
    return require_utc(now) + timedelta(days=BILLING_DAYS)


def subscribe(
    plan: Plan,
    *,
    subscription_id: SubscriptionId,
    venue_id: VenueId,
    provider_id: str,
    now: datetime,
) -> Subscription:
    """A new, active subscription to ``plan``, billed next in 30 days (S19)."""
    return Subscription(
        id=subscription_id,
        venue_id=venue_id,
        plan_id=plan.id.value,
        provider_id=provider_id,
        state=SubscriptionState.ACTIVE,
        current_period_end=next_billing(now),
    )


def period_end(subscription: Subscription, now: datetime) -> datetime:
    """When the period that is running at ``now`` (UTC) ends; computed, nothing is written for it.

    An active subscription goes on, 30 days at a time; any other one ends where it says, as does one
    that was given up.
    """
    end, period = subscription.current_period_end, timedelta(days=BILLING_DAYS)
    stays = not subscription.is_active or subscription.cancels_at is not None
    if stays or require_utc(now) < end:
        return end
    return end + ((now - end) // period + 1) * period


def switch(subscription: Subscription, plan: Plan, now: datetime) -> Subscription:
    """An active subscription with another plan: it counts at once, and is paid for 30 days anew."""
    return attrs.evolve(subscription, plan_id=plan.id.value, current_period_end=next_billing(now))


def plan_held(subscription: Subscription | None, plans: Sequence[Plan] = PLANS) -> Plan | None:
    """What a venue sells by: its active subscription's plan, None without one (K02)."""
    if subscription is None or not subscription.is_active:
        return None
    return plan_named(subscription, plans)


def plan_named(subscription: Subscription, plans: Sequence[Plan] = PLANS) -> Plan:
    """The plan of a subscription, whether it counts or not.

    A plan that is no longer offered caps like the starter's, whose fee it pays.
    """
    return plan_of(_tier_of(subscription.plan_id), plans)


def month_of(at: datetime, zone: str) -> Month:
    """The calendar month of the instant ``at`` (UTC) in the IANA ``zone`` of the venue (R4).

    Raises ValueError for an instant that is not in UTC.
    """
    day = day_in(at, zone)
    return Month(day.year, day.month)


def check_cap(plan: Plan, sold_this_month: int, wanted: int) -> None:
    """Raise ``TicketCapReached`` if ``wanted`` more tickets go over the plan's cap (S19 D1).

    ``sold_this_month`` counts the venue's tickets of ``month_of``; whoever counts and sells does
    both in one transaction.
    """
    cap = plan.tickets_max
    if cap is not None and sold_this_month + wanted > cap:
        raise TicketCapReached(cap=cap, sold=sold_this_month, wanted=wanted)


def plan_fee_rate(plan_id: str, schedule: FeeSchedule = _STANDARD) -> Rate:
    """The platform's share under a plan; an unknown one pays the starter's, 8.2 % (S19)."""
    return schedule.rate(_tier_of(plan_id))


def fee_tier(
    subscription: Subscription | None,
    monthly_volume_cents: int,
    schedule: FeeSchedule = _STANDARD,
) -> Tier:
    """The tier that sets a venue's fee: its active subscription's, else its volume's (K02, S18 D3).

    ``monthly_volume_cents`` is what the venue sold so far in its current calendar month.
    """
    if subscription is not None and subscription.is_active:
        return _tier_of(subscription.plan_id)
    return schedule.tier(monthly_volume_cents)


def fee_rate(
    subscription: Subscription | None,
    monthly_volume_cents: int,
    schedule: FeeSchedule = _STANDARD,
) -> Rate:
    """The platform's share (ppm) of each ticket of a venue: that of its ``fee_tier`` (K02)."""
    return schedule.rate(fee_tier(subscription, monthly_volume_cents, schedule))


def _tier_of(plan_id: str) -> Tier:
    return Tier(plan_id) if plan_id in list(Tier) else Tier.STARTER
