"""Plans, subscriptions and what venues wish of them, and the months in which tickets are counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import attrs

from ticketpay.domain.kernel.errors import FieldError
from ticketpay.domain.kernel.ids import SubscriptionId, VenueId
from ticketpay.domain.kernel.time import month_start
from ticketpay.domain.money import USD, Money, Rate
from ticketpay.domain.payments import Failure
from ticketpay.domain.pricing import FeeSchedule, Tier
from ticketpay.domain.subscriptions.errors import PlanUnknown
from ticketpay.domain.subscriptions.states import SubscriptionState

__all__ = [
    "PLANS",
    "Month",
    "Plan",
    "PlanWish",
    "Subscription",
    "WishState",
    "plan_of",
    "plans_at",
]


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
    known = ", ".join(plan.id for plan in plans)
    raise PlanUnknown(errors=(FieldError("plan", f"must be one of {known}"),))


class WishState(StrEnum):
    """What has become of a wish: nobody knows yet, the card's bank is asked, granted, or refused."""

    PENDING = "pending"
    WAITING = "waiting"
    DONE = "done"
    DECLINED = "declined"


@attrs.frozen(kw_only=True)
class PlanWish:
    """The last change that a venue has asked for; it stays, decided, until there is another one.

    ``number`` is the version of the subscription that it made: the provider's keys are made of it.
    ``ends`` asks for the end of the plan. ``method`` (``pm_...``) is what pays, as long as it is
    pending; ``key`` is the caller's idempotency key.
    """

    number: int
    plan_id: str
    ends: bool = False
    method: str = attrs.field(default="", repr=False)
    asked_at: datetime
    key: UUID
    state: WishState = WishState.PENDING
    failure: Failure | None = None

    @property
    def is_pending(self) -> bool:
        """Whether the provider has not decided yet, as far as we know."""
        return self.state in (WishState.PENDING, WishState.WAITING)

    def decided(self, failure: Failure | None = None) -> PlanWish:
        """Granted, or refused for a reason; what pays is forgotten."""
        state = WishState.DECLINED if failure else WishState.DONE
        return attrs.evolve(self, state=state, failure=failure, method="")


@attrs.frozen(kw_only=True)
class Subscription:
    """A venue's plan at the provider; a venue has at most one (S19).

    ``provider_id`` (``sub_...``) is the id that others are told (D2), or ``id`` as long as no
    provider bills it and it is empty; ``customer_id`` is the venue there. Beside a wish that waits
    for the bank it is that of the wish, and the plan is still the former one. ``plan_id`` is stored text:
    it may name a plan that is no longer offered. ``current_period_end`` is that of the last period
    that was written down; ``cancels_at`` is set where there will be no other. ``version`` grows by one
    with every change, and with everything that is heard.
    """

    id: SubscriptionId
    venue_id: VenueId
    plan_id: str
    provider_id: str
    state: SubscriptionState
    current_period_end: datetime
    customer_id: str = ""
    cancels_at: datetime | None = None
    wish: PlanWish | None = None
    version: int = 1

    @property
    def told_id(self) -> str:
        """The id that others are told."""
        return self.provider_id or str(self.id)

    @property
    def is_active(self) -> bool:
        """Whether it decides the fee (K02): one that is past due or cancelled does not."""
        return self.state is SubscriptionState.ACTIVE

    @property
    def is_over(self) -> bool:
        """Whether a venue without another one has no plan."""
        return self.state is SubscriptionState.CANCELLED

    @property
    def pending_wish(self) -> PlanWish | None:
        """The wish that the provider has not decided about."""
        return self.wish if self.wish and self.wish.is_pending else None

    @property
    def awaits_bank(self) -> bool:
        """Whether its first payment waits for the answer to a question of the card's bank."""
        waits = self.wish is not None and self.wish.state is WishState.WAITING
        return self.provider_id != "" and (waits or self.state is SubscriptionState.PENDING)

    @property
    def is_given(self) -> bool:
        """Whether its plan counts and nobody bills it: a start that is not paid does not touch it."""
        begun = self.state not in (SubscriptionState.PENDING, SubscriptionState.CANCELLED)
        return begun and (self.provider_id == "" or self.awaits_bank)


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
