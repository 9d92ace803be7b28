"""Refunds, as far as a sale needs them: money that came too late goes back (S30, S32 D4).

Partial refunds, disputes and their postings join in this context later; the machine is theirs too.
"""

from __future__ import annotations

from ticketpay.domain.refunds.model import Refund
from ticketpay.domain.refunds.states import REFUND_MACHINE, RefundEvent, RefundState

__all__ = ["REFUND_MACHINE", "Refund", "RefundEvent", "RefundState"]
