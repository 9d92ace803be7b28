"""The payout state machine (S21): a paid payout may still come back from the bank.

A payout is ``processing`` before the provider is called, so that a cancellation and a call never
meet. What the provider says, and a cancellation, may be said again and then change nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ticketpay.domain.kernel.fsm import Machine

__all__ = ["PAYOUT_MACHINE", "PayoutEvent", "PayoutState"]


class PayoutState(StrEnum):
    """Where a payout is."""

    REQUESTED = "requested"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_undone(self) -> bool:
        """Whether the payout came to nothing: its whole amount is the venue's again."""
        return self in (PayoutState.FAILED, PayoutState.CANCELLED)


class PayoutEvent(StrEnum):
    """What can happen to a payout."""

    PROCESS = "process"
    PAY = "pay"
    FAIL = "fail"
    CANCEL = "cancel"


_S = PayoutState
_E = PayoutEvent

PAYOUT_MACHINE: Final = Machine(
    name="payout",
    states=PayoutState,
    events=PayoutEvent,
    initial=_S.REQUESTED,
    table={
        (_S.REQUESTED, _E.PROCESS): _S.PROCESSING,
        (_S.REQUESTED, _E.CANCEL): _S.CANCELLED,
        (_S.PROCESSING, _E.PROCESS): _S.PROCESSING,
        (_S.PROCESSING, _E.PAY): _S.PAID,
        (_S.PROCESSING, _E.FAIL): _S.FAILED,
        (_S.PAID, _E.PAY): _S.PAID,
        (_S.PAID, _E.FAIL): _S.FAILED,
        (_S.FAILED, _E.FAIL): _S.FAILED,
        (_S.CANCELLED, _E.CANCEL): _S.CANCELLED,
    },
)
