"""Refunds: money that goes back to a buyer (S24, S25).

Vocabulary: *headroom* is what may still be refunded: captured, less what was sold as not refundable,
less every refund that has not failed, less what was charged back. A *split* says whose money it is.

Guarantees: refunds and disputes together never exceed the capture; parts are never negative and sum
to the amount; what is refunded in the end is exactly what was sold, whatever the steps.
"""

from __future__ import annotations

from ticketpay.domain.refunds.errors import (
    AlreadyRefunded,
    NothingCaptured,
    RefundDecided,
    RefundTooLarge,
    RefundWindowExpired,
    SamePerson,
    TicketsRefunded,
)
from ticketpay.domain.refunds.model import Refund, RefundReason, Split
from ticketpay.domain.refunds.policy import (
    Refundable,
    RefundRules,
    check_amount,
    check_window,
    is_suspended,
    refundable_of,
    split_of_any,
    staying,
    suspended_cents,
    voiding_the_rest,
)
from ticketpay.domain.refunds.states import REFUND_MACHINE, RefundEvent, RefundState

__all__ = [
    "REFUND_MACHINE",
    "AlreadyRefunded",
    "NothingCaptured",
    "Refund",
    "RefundDecided",
    "RefundEvent",
    "RefundReason",
    "RefundRules",
    "RefundState",
    "RefundTooLarge",
    "RefundWindowExpired",
    "Refundable",
    "SamePerson",
    "Split",
    "TicketsRefunded",
    "check_amount",
    "check_window",
    "is_suspended",
    "refundable_of",
    "split_of_any",
    "staying",
    "suspended_cents",
    "voiding_the_rest",
]
