"""Plans, subscriptions, and the calendar months in which their tickets are counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import attrs

from ticketpay.domain.kernel.ids import SubscriptionId, VenueId
from ticketpay.domain.kernel.time import month_start
from ticketpay.domain.money import USD, Money, Rate
from ticketpay.domain.pricing import FeeSchedule, Tier
from ticketpay.domain.subscriptions.errors import PlanUnknown
from ticketpay.domain.subscriptions.states import SubscriptionState

__all__ = ["PLANS", "Month", "Plan", "Subscription", "plan_of", "plans_at"]


@attrs.frozen(kw_only=True)
class Plan:
    """What a venue can subscribe to (S19).

    ``price`` is for 30 days; ``fee_rate`` (ppm) is the platform's share of each ticket;
    ``tickets_max`` is the cap of a calendar month, None for no cap (S19 D1).
    """

    id: Tier
    name: str
    price: Money
    fee_rate: Rate
    tickets_max: int | None
    features: tuple[str, ...]


_ROWS: Final = (
    (
        Tier.STARTER,
        "Starter",
        9_900,
        100,
        ("Up to 100 tickets/month", "Basic analytics", "Email support"),
    ),
    (
        Tier.PRO,
        "Pro",
        49_900,
        1_000,
        ("Up to 1000 tickets/month", "Advanced analytics", "Priority support"),
    ),
    (
        Tier.ENTERPRISE,
        "Enterprise",
        99_900,
        None,
        ("Unlimited tickets", "Custom analytics", "Dedicated support"),
    ),
)
"""Tier, name, cents for 30 days, tickets of a month, features: the table of S19 without its fees."""


def plans_at(schedule: FeeSchedule) -> tuple[Plan, ...]:
    """The three plans, with the fees of ``schedule``: what is advertised is what is taken (K02)."""
    return tuple(
        Plan(
            id=tier,
            name=name,
            price=Money(cents, USD),
            fee_rate=schedule.rate(tier),
            tickets_max=cap,
            features=features,
        )
        for tier, name, cents, cap, features in _ROWS
    )


PLANS: Final = plans_at(FeeSchedule())


def plan_of(plan_id: str, plans: Sequence[Plan] = PLANS) -> Plan:
    """The plan called ``plan_id``, to the letter; raises ``PlanUnknown`` (S19)."""
    for plan in plans:
        if plan.id == plan_id:
            return plan
    raise PlanUnknown


@attrs.frozen(kw_only=True)
class Subscription:
    """A venue's plan at the provider; a venue has at most one (S19).

    ``provider_id`` (``sub_...``) is the id that others are told (D2), or ``id`` as long as no
    provider bills it and it is empty. ``plan_id`` is stored text: it may name a plan that is no
    longer offered. ``current_period_end`` is that of the last period that was written down. ``version`` grows by one with every change.
    """

    id: SubscriptionId
    venue_id: VenueId
    plan_id: str
    provider_id: str
    state: SubscriptionState
    current_period_end: datetime
    version: int = 1

    @property
    def told_id(self) -> str:
        """The id that others are told."""
        return self.provider_id or str(self.id)

    @property
    def is_active(self) -> bool:
        """Whether it decides the fee (K02): one that is past due or cancelled does not."""
        return self.state is SubscriptionState.ACTIVE


def _is_month(_: object, __: object, value: int) -> None:
    if not 1 <= value <= 12:
        raise ValueError(f"there is no month {value}")


@attrs.frozen(order=True)
class Month:
    """A calendar month, such as ``2026-03``; only a time zone says when it begins."""

    year: int
    month: int = attrs.field(validator=_is_month)

    @property
    def following(self) -> Month:
        """The month after this one."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def starts_at(self, zone: str) -> datetime:
        """Its first instant, in UTC, in the IANA ``zone``; it ends where ``following`` starts."""
        return month_start(datetime(self.year, self.month, 2, tzinfo=UTC), zone)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
