"""Refunds and disputes: money that goes back to a buyer, asked for or taken (S24, S25, S27).

Vocabulary: *headroom* is what may still be refunded: captured, less what was sold as not refundable,
less every refund that has not failed, less what was charged back. A *split* says whose money it is.

Guarantees: refunds and disputes together never exceed the capture; parts are never negative and sum
to the amount; what is refunded in the end is exactly what was sold, whatever the steps.
"""

from __future__ import annotations

from ticketpay.domain.refunds.disputes import (
    DISPUTE_MACHINE,
    Dispute,
    DisputeEvent,
    DisputeState,
    charged_back_cents,
)
from ticketpay.domain.refunds.errors import (
    AlreadyRefunded,
    ChargedBack,
    NothingCaptured,
    RefundDecided,
    RefundTooLarge,
    RefundWindowExpired,
    SamePerson,
    TicketsRefunded,
)
from ticketpay.domain.refunds.model import ASKED_REASONS, NOT_APPROVED, Refund, RefundReason, Split
from ticketpay.domain.refunds.policy import (
    Refundable,
    RefundRules,
    check_amount,
    check_window,
    divided_anew,
    is_suspended,
    lost_of_suspense,
    lost_split,
    refundable_of,
    split_of_any,
    staying,
    suspended_cents,
    voiding_the_rest,
)
from ticketpay.domain.refunds.states import REFUND_MACHINE, RefundEvent, RefundState

__all__ = [
    "ASKED_REASONS",
    "DISPUTE_MACHINE",
    "NOT_APPROVED",
    "REFUND_MACHINE",
    "AlreadyRefunded",
    "ChargedBack",
    "Dispute",
    "DisputeEvent",
    "DisputeState",
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
    "charged_back_cents",
    "check_amount",
    "check_window",
    "divided_anew",
    "is_suspended",
    "lost_of_suspense",
    "lost_split",
    "refundable_of",
    "split_of_any",
    "staying",
    "suspended_cents",
    "voiding_the_rest",
]
