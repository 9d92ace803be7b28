"""Payments: intents at the provider, their states, and the facts that move them (S15, S27-S38).

Vocabulary: a *fact* is what the provider says about an intent, whoever brought it (webhook,
synchronous answer or janitor); *late success* is money that arrives for a cancelled payment.

Guarantees: one open payment per (order, share); any order and duplication of the provider's
facts ends in the same state; a time-out is unknown, never failed.
"""

from __future__ import annotations

from ticketpay.domain.payments.errors import (
    FactMismatch,
    PaymentDeclined,
    PaymentMethodUnsupported,
    PaymentNotPayable,
    ProviderUnavailable,
    SignatureInvalid,
)
from ticketpay.domain.payments.facts import ProviderFact, ProviderRef, ProviderStatus
from ticketpay.domain.payments.failure import Failure
from ticketpay.domain.payments.model import (
    AMOUNT_CENTS_MAX,
    CaptureMethod,
    ChargeRequest,
    Payment,
    PaymentMethod,
)
from ticketpay.domain.payments.policy import Verdict, event_of, judge
from ticketpay.domain.payments.retry import (
    Circumstances,
    Retry,
    RetryAction,
    RetryDecision,
    RetryFacts,
    Superseded,
    payable_until,
    retry_due_at,
    retry_step,
)
from ticketpay.domain.payments.states import PAYMENT_MACHINE, PaymentEvent, PaymentState

__all__ = [
    "AMOUNT_CENTS_MAX",
    "PAYMENT_MACHINE",
    "CaptureMethod",
    "ChargeRequest",
    "Circumstances",
    "FactMismatch",
    "Failure",
    "Payment",
    "PaymentDeclined",
    "PaymentEvent",
    "PaymentMethod",
    "PaymentMethodUnsupported",
    "PaymentNotPayable",
    "PaymentState",
    "ProviderFact",
    "ProviderRef",
    "ProviderStatus",
    "ProviderUnavailable",
    "Retry",
    "RetryAction",
    "RetryDecision",
    "RetryFacts",
    "SignatureInvalid",
    "Superseded",
    "Verdict",
    "event_of",
    "judge",
    "payable_until",
    "retry_due_at",
    "retry_step",
]
