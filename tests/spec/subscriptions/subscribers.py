"""Subscriptions of one venue, and the zones in which months are counted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import SubscriptionId, VenueId
from ticketpay.domain.subscriptions import Subscription, plan_of, subscribe

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ZONES = (
    "UTC",
    "America/Chicago",
    "America/New_York",
    "America/Havana",
    "America/Asuncion",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Europe/Berlin",
    "Europe/London",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)


def subscription(plan: str = "pro", **changes: Any) -> Subscription:
    fresh = subscribe(
        plan_of(plan),
        subscription_id=SubscriptionId(UUID(int=1)),
        venue_id=VenueId(UUID(int=5)),
        provider_id="sub_1",
        now=NOW,
    )
    return attrs.evolve(fresh, **changes)
