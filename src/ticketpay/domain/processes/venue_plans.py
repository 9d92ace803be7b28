"""What venues and operators see of plans, and everything about them in one place (S19)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.kernel.errors import (
    NotFound,
)
from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.kernel.time import month_start
from ticketpay.domain.messaging import TimerKind
from ticketpay.domain.parties import Actor
from ticketpay.domain.processes.plan_views import plan_view, subscription_view
from ticketpay.domain.processes.subscribing import Subscribe
from ticketpay.domain.processes.venues import venue_for
from ticketpay.domain.subscriptions import (
    Plan,
    Subscription,
    SubscriptionState,
    plan_named,
)

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["ShowSubscription", "SyncPlan", "VenuePlans"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowSubscription:
    """``GET /venues/{id}/subscription``."""

    uow: UnitOfWork
    clock: Clock
    plans: Sequence[Plan]

    def __call__(self, actor: Actor, venue_id: VenueId) -> dict[str, object]:
        """The subscription and the month's tickets; raises ``NotFound`` if there is none.

        One that is over is none, as for whoever wants to give it up.
        """

        def show(tx: Tx) -> dict[str, object]:
            now = self.clock.now()
            venue = venue_for(tx, actor, venue_id, changing=False)
            held = tx.subscriptions.get(venue_id)()
            if held is None or held.is_over:
                raise NotFound(f"venue {venue_id} has no subscription")
            cap = plan_named(held, self.plans).tickets_max
            sold = tx.subscriptions.tickets_sold(venue_id, month_start(now, venue.time_zone))
            return {**subscription_view(held, now), "ticketsMax": cap, "ticketsSold": sold()}

        return self.uow.run(actor.tenant_id, show)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SyncPlan:
    """``ticketpay plans sync``: the worker asks the provider about a venue's plan now."""

    uow: UnitOfWork
    clock: Clock

    def __call__(self, tenant: TenantId, venue_id: VenueId, entry: AuditEntry) -> Subscription:
        """The subscription as it is before the worker has asked; raises ``NotFound``."""

        def look(tx: Tx) -> Subscription:
            now = self.clock.now()
            held = known_subscription(tx.subscriptions.lock(venue_id)(), venue_id)
            tx.timers.set(tx.tenant_id, TimerKind.SUBSCRIPTION, venue_id, now)
            tx.audit.record(attrs.evolve(entry, at=now))
            return held

        return self.uow.run(tenant, look)

    def state(self, tenant: TenantId, venue_id: VenueId) -> SubscriptionState:
        """Where it is, also when it is over; raises ``NotFound``."""
        held = self.uow.run(tenant, lambda tx: tx.subscriptions.get(venue_id)())
        return known_subscription(held, venue_id).state


@attrs.frozen(kw_only=True, eq=False, repr=False)
class VenuePlans:
    """Everything about the plans of venues."""

    plans: Sequence[Plan]
    subscribe: Subscribe
    show: ShowSubscription
    sync: SyncPlan

    def offered(self) -> dict[str, object]:
        """``GET /plans``: from the smallest to the largest; prices in cents for ``billingDays``."""
        return {"plans": [plan_view(plan) for plan in self.plans]}


def known_subscription(held: Subscription | None, venue_id: VenueId) -> Subscription:
    if held is None:
        raise NotFound(f"venue {venue_id} has no subscription")
    return held
