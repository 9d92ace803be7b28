"""Reconciliation: when to ask the provider again, and when to give a sale up (S38, S39).

The rules are here; the work that they order is the process ``processes.janitor``.
"""

from __future__ import annotations

from ticketpay.domain.reconciliation.policy import (
    ASK_AGAIN_SECONDS,
    DISPUTE_LOOK_SECONDS,
    HOLD_SECONDS,
    KEY_SECONDS_MAX,
    PROCESSING_SECONDS_MAX,
    ends_at,
    first_look_at,
    held_until,
    may_expire,
    may_give_up,
    next_look_at,
)

__all__ = [
    "ASK_AGAIN_SECONDS",
    "DISPUTE_LOOK_SECONDS",
    "HOLD_SECONDS",
    "KEY_SECONDS_MAX",
    "PROCESSING_SECONDS_MAX",
    "ends_at",
    "first_look_at",
    "held_until",
    "may_expire",
    "may_give_up",
    "next_look_at",
]
