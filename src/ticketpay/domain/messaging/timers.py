"""Timers: what has to be looked at again, and when, across all tenants.

A timer is a platform row with ids only; the janitor claims due ones and then works inside the
tenant. Every unfinished payment has one, so nothing that is unknown can be forgotten.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import TenantId

__all__ = ["TimerClaim", "TimerKind"]


class TimerKind(StrEnum):
    """What a timer is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    PAYOUT = "payout"
    EVENT = "event"
    SUBSCRIPTION = "subscription"


@attrs.frozen(kw_only=True)
class TimerClaim:
    """The right to handle a due timer; worth nothing once ``epoch`` has moved on."""

    tenant_id: TenantId
    kind: TimerKind
    subject_id: UUID
    epoch: int
    attempts: int
