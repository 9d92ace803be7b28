"""Plans and subscriptions as venues are shown them; prices in cents for ``billingDays`` (S19)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.payments import Failure
from ticketpay.domain.subscriptions import (
    BILLING_DAYS,
    Plan,
    Subscription,
    period_end,
)

if TYPE_CHECKING:
    pass

__all__ = ["failure_view", "plan_view", "shown_status", "subscription_view"]


def failure_view(failure: Failure) -> dict[str, object]:
    """Why the provider has refused what was asked for."""
    return {
        "code": failure.code,
        "declineCode": failure.decline_code,
        "message": failure.message,
    }


def shown_status(held: Subscription) -> str:
    """Its state, or that the card's bank is asked first."""
    return "requires_action" if held.awaits_bank else str(held.state)


def subscription_view(subscription: Subscription, now: datetime) -> dict[str, object]:
    """A venue's subscription at ``now``, with its next bill and the change that is pending."""
    ends = subscription.is_over or subscription.cancels_at is not None
    view: dict[str, object] = {
        "subscriptionId": subscription.told_id,
        "venueId": str(subscription.venue_id),
        "plan": subscription.plan_id,
        "status": shown_status(subscription),
        "nextBillingDate": None if ends else rfc3339(period_end(subscription, now)),
    }
    if subscription.cancels_at is not None:
        view["cancelsAt"] = rfc3339(subscription.cancels_at)
    wish = subscription.pending_wish
    if wish is not None and (wish.ends or wish.plan_id != subscription.plan_id):
        view["pendingPlan"] = None if wish.ends else wish.plan_id
    return view


def plan_view(plan: Plan) -> dict[str, object]:
    """A plan that can be subscribed to."""
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
