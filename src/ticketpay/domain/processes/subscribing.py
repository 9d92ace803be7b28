"""Subscribing: the plans that venues sell by, whose fee is taken and whose cap is kept (S19, K02).

A plan renews itself and nothing has to happen for it: the fee is that of the plan, the cap is that
of a calendar month, so the running period is computed when somebody asks for its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.ids import SubscriptionId, VenueId
from ticketpay.domain.kernel.time import month_start, rfc3339
from ticketpay.domain.messaging import Answer, KeyScope, Outcome
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.processes.keyed import answered_once
from ticketpay.domain.subscriptions import (
    BILLING_DAYS,
    Plan,
    Subscription,
    check_cap,
    period_end,
    plan_held,
    plan_of,
    subscribe,
    switch,
)

if TYPE_CHECKING:
    from ticketpay.domain.audit import Detail
    from ticketpay.domain.catalog import Venue
    from ticketpay.ports.system import Clock, Ids
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = [
    "ShowSubscription",
    "Subscribe",
    "SubscribeOrder",
    "VenuePlans",
    "check_tickets_left",
]

_READERS: Final = (Role.SUPPORT, Role.ADMIN)


@attrs.frozen(kw_only=True)
class SubscribeOrder:
    """Who wants which plan for a venue, under which key; ``entry`` is an operator's audit entry."""

    actor: Actor
    key: KeyScope
    request_hash: str
    venue_id: VenueId
    plan_id: str
    request_id: str = ""
    entry: AuditEntry | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Subscribe:
    """``POST /venues/{id}/subscription``."""

    uow: UnitOfWork
    clock: Clock
    ids: Ids
    plans: Sequence[Plan]

    def __call__(self, order: SubscribeOrder) -> Answer:
        """The venue's subscription, or why there is none; once per key.

        The plan that the venue has already changes nothing; another one takes its place at once.
        Raises ``Conflict`` when two give a venue its first plan at the same time.
        """

        def run(tx: Tx) -> Answer:
            now = self.clock.now()
            return answered_once(tx, order, now, lambda: self._decide(tx, order, now))

        return self.uow.run(order.actor.tenant_id, run)

    def preview(self, order: SubscribeOrder) -> dict[str, object]:
        """What it would be; nothing is kept. Raises ``NotFound`` and ``PlanUnknown``."""

        def look(tx: Tx) -> dict[str, object]:
            now = self.clock.now()
            _venue_for(tx, order.actor, order.venue_id, changing=True)
            held = tx.subscriptions.get(order.venue_id)()
            return _view(self._wanted(order, held, now), now)

        return self.uow.run(order.actor.tenant_id, look)

    def _decide(self, tx: Tx, order: SubscribeOrder, now: datetime) -> Callable[[], Answer]:
        _venue_for(tx, order.actor, order.venue_id, changing=True)
        held = tx.subscriptions.lock(order.venue_id)()
        wanted = self._wanted(order, held, now)
        return lambda: self._keep(tx, order, held, wanted, now)

    def _wanted(
        self, order: SubscribeOrder, held: Subscription | None, now: datetime
    ) -> Subscription:
        plan = plan_of(order.plan_id, self.plans)
        if held is None or not held.is_active:
            fresh = subscribe(
                plan,
                subscription_id=SubscriptionId(self.ids.new()),
                venue_id=order.venue_id,
                # Nobody bills it yet; others are told our own id.
                provider_id="",
                now=now,
            )
            return fresh if held is None else attrs.evolve(fresh, version=held.version)
        return held if held.plan_id == plan.id else switch(held, plan, now)

    def _keep(
        self,
        tx: Tx,
        order: SubscribeOrder,
        held: Subscription | None,
        wanted: Subscription,
        now: datetime,
    ) -> Answer:
        if held != wanted:
            if held is None:
                tx.subscriptions.add(wanted)
            else:
                tx.subscriptions.save(wanted)
            tx.audit.record(_entry(self.ids, order, held, now))
        return Answer(Outcome.COMPLETED, _view(wanted, now))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowSubscription:
    """``GET /venues/{id}/subscription``."""

    uow: UnitOfWork
    clock: Clock
    plans: Sequence[Plan]

    def __call__(self, actor: Actor, venue_id: VenueId) -> dict[str, object]:
        """The subscription and the month's tickets; raises ``NotFound`` if there is none."""

        def show(tx: Tx) -> dict[str, object]:
            now = self.clock.now()
            venue = _venue_for(tx, actor, venue_id, changing=False)
            held = tx.subscriptions.get(venue_id)()
            if held is None:
                raise NotFound(f"venue {venue_id} has no subscription")
            plan = plan_held(held, self.plans)
            sold = tx.subscriptions.tickets_sold(venue_id, month_start(now, venue.time_zone))
            month = {"ticketsMax": plan.tickets_max if plan else None, "ticketsSold": sold()}
            return {**_view(held, now), **month}

        return self.uow.run(actor.tenant_id, show)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class VenuePlans:
    """Everything about the plans of venues."""

    plans: Sequence[Plan]
    subscribe: Subscribe
    show: ShowSubscription

    def offered(self) -> dict[str, object]:
        """``GET /plans``: from the smallest to the largest; prices in cents for ``billingDays``."""
        return {"plans": [_plan_view(plan) for plan in self.plans]}


def check_tickets_left(
    tx: Tx,
    held: Subscription | None,
    venue: Venue,
    wanted: int,
    now: datetime,
    plans: Sequence[Plan],
) -> None:
    """Raise ``TicketCapReached`` if the venue's plan does not sell ``wanted`` more this month.

    ``held`` was read without a lock. Only under a cap the subscription is locked, until the sale
    is written: two sales of the last ticket wait for each other, all others wait for nobody.
    """
    plan = plan_held(held, plans)
    if plan is None or plan.tickets_max is None:
        return
    locked = tx.subscriptions.lock(venue.id)
    sold = tx.subscriptions.tickets_sold(venue.id, month_start(now, venue.time_zone))
    plan = plan_held(locked(), plans)
    if plan is not None:
        check_cap(plan, sold(), wanted)


def _venue_for(tx: Tx, actor: Actor, venue_id: VenueId, *, changing: bool) -> Venue:
    """The venue, if the actor may see it, or change its plan; raises ``NotFound``."""
    mine = actor.role is Role.VENUE_MANAGER and venue_id in actor.venues
    allowed = mine or actor.role is Role.ADMIN or (not changing and actor.role in _READERS)
    place = tx.catalog.place(venue_id)() if allowed else None
    if place is None:
        raise NotFound(f"there is no venue {venue_id}")
    return place.venue


def _view(subscription: Subscription, now: datetime) -> dict[str, object]:
    return {
        "subscriptionId": subscription.told_id,
        "venueId": str(subscription.venue_id),
        "plan": subscription.plan_id,
        "status": str(subscription.state),
        "nextBillingDate": rfc3339(period_end(subscription, now)),
    }


def _plan_view(plan: Plan) -> dict[str, object]:
    return {
        "id": str(plan.id),
        "name": plan.name,
        "priceCents": plan.price.cents,
        "currency": plan.price.currency.code,
        "billingDays": BILLING_DAYS,
        "feePercentage": plan.fee_rate.percent,
        "ticketsMax": plan.tickets_max,
        "features": list(plan.features),
    }


def _entry(ids: Ids, order: SubscribeOrder, held: Subscription | None, now: datetime) -> AuditEntry:
    before = held.plan_id if held is not None and held.is_active else None
    details: dict[str, Detail] = {"plan": order.plan_id, "before": before}
    if order.entry is not None:
        return attrs.evolve(order.entry, at=now, subject_id=str(order.venue_id), details=details)
    return AuditEntry(
        id=ids.new(),
        at=now,
        actor_kind=ActorKind.USER,
        actor_id=str(order.actor.user_id),
        action="plan.subscribe",
        subject_type="venue",
        subject_id=str(order.venue_id),
        details={"role": str(order.actor.role), **details},
        request_id=order.request_id,
    )
