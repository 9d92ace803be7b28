"""Subscriptions: the plans that venues buy, and what they grant (S19, K02).

Vocabulary: a *plan* is what is on offer; a *subscription* is one venue's plan at the provider; a
*cap* is how many tickets a plan sells in one calendar month of the venue's own time zone.

Guarantees: only an active subscription decides the fee, otherwise the sales of the month do; what
is advertised is what is taken; tickets are refused as soon as they would pass the cap.
"""

from __future__ import annotations

from ticketpay.domain.subscriptions.billing import (
    NEVER_SENT,
    WISH_OVER,
    BillingFact,
    BillingStatus,
    PaidInvoice,
    after_fact,
    billing_event,
)
from ticketpay.domain.subscriptions.errors import (
    PlanBilledElsewhere,
    PlanChangePending,
    PlanUnknown,
    TicketCapReached,
)
from ticketpay.domain.subscriptions.model import (
    PLANS,
    Month,
    Plan,
    PlanWish,
    Subscription,
    WishState,
    plan_of,
    plans_at,
)
from ticketpay.domain.subscriptions.policy import (
    BILLING_DAYS,
    check_cap,
    fee_rate,
    fee_tier,
    month_of,
    next_billing,
    period_end,
    plan_fee_rate,
    plan_held,
    plan_named,
    subscribe,
    switch,
)
from ticketpay.domain.subscriptions.states import (
    SUBSCRIPTION_MACHINE,
    SubscriptionEvent,
    SubscriptionState,
)

__all__ = [
    "BILLING_DAYS",
    "NEVER_SENT",
    "PLANS",
    "SUBSCRIPTION_MACHINE",
    "WISH_OVER",
    "BillingFact",
    "BillingStatus",
    "Month",
    "PaidInvoice",
    "Plan",
    "PlanBilledElsewhere",
    "PlanChangePending",
    "PlanUnknown",
    "PlanWish",
    "Subscription",
    "SubscriptionEvent",
    "SubscriptionState",
    "TicketCapReached",
    "WishState",
    "after_fact",
    "billing_event",
    "check_cap",
    "fee_rate",
    "fee_tier",
    "month_of",
    "next_billing",
    "period_end",
    "plan_fee_rate",
    "plan_held",
    "plan_named",
    "plan_of",
    "plans_at",
    "subscribe",
    "switch",
]
