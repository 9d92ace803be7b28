"""The payment state machine (S30 with amendment 0.0).

Refunds and disputes are machines of their own. Moves that change nothing are written down, so the
complement of the table is exactly what is illegal. ``failed + authorize`` is ours: a buyer may
try another card on an intent with manual capture.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ticketpay.domain.kernel.fsm import Machine

__all__ = ["PAYMENT_MACHINE", "PaymentEvent", "PaymentState"]


class PaymentState(StrEnum):
    """Where a payment is."""

    PENDING = "pending"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class PaymentEvent(StrEnum):
    """What can happen to a payment."""

    PROCESS = "process"
    AUTHORIZE = "authorize"
    COMPLETE = "complete"
    FAIL = "fail"
    RETRY = "retry"
    CANCEL = "cancel"
    LATE_SUCCESS = "late_success"


_S = PaymentState
_E = PaymentEvent

PAYMENT_MACHINE: Final = Machine(
    name="payment",
    states=PaymentState,
    events=PaymentEvent,
    initial=_S.PENDING,
    table={
        (_S.PENDING, _E.PROCESS): _S.PROCESSING,
        (_S.PENDING, _E.AUTHORIZE): _S.AUTHORIZED,
        (_S.PENDING, _E.COMPLETE): _S.COMPLETED,
        (_S.PENDING, _E.FAIL): _S.FAILED,
        (_S.PENDING, _E.CANCEL): _S.CANCELLED,
        (_S.PROCESSING, _E.PROCESS): _S.PROCESSING,
        (_S.PROCESSING, _E.AUTHORIZE): _S.AUTHORIZED,
        (_S.PROCESSING, _E.COMPLETE): _S.COMPLETED,
        (_S.PROCESSING, _E.FAIL): _S.FAILED,
        (_S.PROCESSING, _E.CANCEL): _S.CANCELLED,
        (_S.AUTHORIZED, _E.AUTHORIZE): _S.AUTHORIZED,
        (_S.AUTHORIZED, _E.COMPLETE): _S.COMPLETED,
        (_S.AUTHORIZED, _E.FAIL): _S.FAILED,
        (_S.AUTHORIZED, _E.CANCEL): _S.CANCELLED,
        (_S.FAILED, _E.FAIL): _S.FAILED,
        (_S.FAILED, _E.RETRY): _S.PROCESSING,
        (_S.FAILED, _E.PROCESS): _S.PROCESSING,
        (_S.FAILED, _E.AUTHORIZE): _S.AUTHORIZED,
        (_S.FAILED, _E.COMPLETE): _S.COMPLETED,
        (_S.FAILED, _E.CANCEL): _S.CANCELLED,
        (_S.COMPLETED, _E.COMPLETE): _S.COMPLETED,
        (_S.CANCELLED, _E.CANCEL): _S.CANCELLED,
        (_S.CANCELLED, _E.LATE_SUCCESS): _S.CANCELLED,
    },
)
