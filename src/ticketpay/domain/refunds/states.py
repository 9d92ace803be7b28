"""The refund state machine (S25 with amendment 0.0): a completed refund may still fail later."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ticketpay.domain.kernel.fsm import Machine

__all__ = ["REFUND_MACHINE", "RefundEvent", "RefundState"]


class RefundState(StrEnum):
    """Where a refund is."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class RefundEvent(StrEnum):
    """What can happen to a refund."""

    PROCESS = "process"
    COMPLETE = "complete"
    FAIL = "fail"


_S = RefundState
_E = RefundEvent

REFUND_MACHINE: Final = Machine(
    name="refund",
    states=RefundState,
    events=RefundEvent,
    initial=_S.PENDING,
    table={
        (_S.PENDING, _E.PROCESS): _S.PROCESSING,
        (_S.PENDING, _E.COMPLETE): _S.COMPLETED,
        (_S.PENDING, _E.FAIL): _S.FAILED,
        (_S.PROCESSING, _E.COMPLETE): _S.COMPLETED,
        (_S.PROCESSING, _E.FAIL): _S.FAILED,
        (_S.COMPLETED, _E.FAIL): _S.FAILED,
    },
)
