"""The order state machine (S31 with amendment 0.0).

``partially_refunded`` says that a refund has reached the buyer; how much, the refunds say. A refund
that fails after it had completed is taken back by ``refund_fail`` (ours), step by step: from the whole
to a part, and from the last part to ``paid``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ticketpay.domain.kernel.fsm import Machine

__all__ = ["ORDER_MACHINE", "OrderEvent", "OrderState"]


class OrderState(StrEnum):
    """Where an order is."""

    CREATED = "created"
    PAYMENT_PENDING = "payment_pending"
    PAYMENT_PROCESSING = "payment_processing"
    PAID = "paid"
    PAYMENT_FAILED = "payment_failed"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class OrderEvent(StrEnum):
    """What can happen to an order."""

    SUBMIT = "submit"
    PROCESS = "process"
    PAY = "pay"
    FAIL = "fail"
    RETRY = "retry"
    ISSUE = "issue"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REFUND_PART = "refund_part"
    REFUND = "refund"
    REFUND_FAIL = "refund_fail"


_S = OrderState
_E = OrderEvent

ORDER_MACHINE: Final = Machine(
    name="order",
    states=OrderState,
    events=OrderEvent,
    initial=_S.CREATED,
    table={
        (_S.CREATED, _E.SUBMIT): _S.PAYMENT_PENDING,
        (_S.CREATED, _E.CANCEL): _S.CANCELLED,
        (_S.CREATED, _E.EXPIRE): _S.EXPIRED,
        (_S.PAYMENT_PENDING, _E.PROCESS): _S.PAYMENT_PROCESSING,
        (_S.PAYMENT_PENDING, _E.PAY): _S.PAID,
        (_S.PAYMENT_PENDING, _E.FAIL): _S.PAYMENT_FAILED,
        (_S.PAYMENT_PENDING, _E.CANCEL): _S.CANCELLED,
        (_S.PAYMENT_PENDING, _E.EXPIRE): _S.EXPIRED,
        (_S.PAYMENT_PROCESSING, _E.PAY): _S.PAID,
        (_S.PAYMENT_PROCESSING, _E.FAIL): _S.PAYMENT_FAILED,
        (_S.PAYMENT_PROCESSING, _E.CANCEL): _S.CANCELLED,
        (_S.PAYMENT_PROCESSING, _E.EXPIRE): _S.EXPIRED,
        (_S.PAYMENT_FAILED, _E.RETRY): _S.PAYMENT_PENDING,
        (_S.PAYMENT_FAILED, _E.CANCEL): _S.CANCELLED,
        (_S.PAYMENT_FAILED, _E.EXPIRE): _S.EXPIRED,
        (_S.PAID, _E.ISSUE): _S.FULFILLED,
        (_S.PAID, _E.REFUND_PART): _S.PARTIALLY_REFUNDED,
        (_S.PAID, _E.REFUND): _S.REFUNDED,
        (_S.FULFILLED, _E.REFUND_PART): _S.PARTIALLY_REFUNDED,
        (_S.FULFILLED, _E.REFUND): _S.REFUNDED,
        (_S.PARTIALLY_REFUNDED, _E.REFUND_PART): _S.PARTIALLY_REFUNDED,
        (_S.PARTIALLY_REFUNDED, _E.REFUND): _S.REFUNDED,
        (_S.PARTIALLY_REFUNDED, _E.ISSUE): _S.PARTIALLY_REFUNDED,
        (_S.PARTIALLY_REFUNDED, _E.REFUND_FAIL): _S.PAID,
        (_S.REFUNDED, _E.REFUND_FAIL): _S.PARTIALLY_REFUNDED,
        (_S.REFUNDED, _E.ISSUE): _S.REFUNDED,
    },
    corrections=frozenset({_E.REFUND_FAIL}),
)
