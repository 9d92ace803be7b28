"""The judge of provider facts: pure, and the same for webhook, answer and janitor (S35).

Any order and duplication of a history that the provider can produce must end in the same state.
Three rules do it: success and cancellation win whenever they arrive; among the rest a fact that
is older than what we know, or as old and of no higher rank, is superseded; and what the table
refuses changes nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.payments.errors import FactMismatch
from ticketpay.domain.payments.facts import ProviderFact, ProviderStatus
from ticketpay.domain.payments.model import Payment
from ticketpay.domain.payments.states import PAYMENT_MACHINE, PaymentEvent, PaymentState

__all__ = ["Ruling", "Verdict", "event_of", "judge"]

_EVENT_OF: Final = {
    ProviderStatus.PROCESSING: PaymentEvent.PROCESS,
    ProviderStatus.REQUIRES_CAPTURE: PaymentEvent.AUTHORIZE,
    ProviderStatus.SUCCEEDED: PaymentEvent.COMPLETE,
    ProviderStatus.CANCELED: PaymentEvent.CANCEL,
}

_RANK: Final = {
    PaymentState.PENDING: 0,
    PaymentState.PROCESSING: 1,
    PaymentState.AUTHORIZED: 2,
    PaymentState.FAILED: 3,
}


class Ruling(StrEnum):
    """What a fact means for a payment."""

    MOVES = "moves"
    KNOWN = "known"
    SUPERSEDED = "superseded"
    LATE_SUCCESS = "late_success"


@attrs.frozen
class Verdict:
    """The ruling and, when it moves the payment, by which event."""

    ruling: Ruling
    event: PaymentEvent | None = None


def event_of(fact: ProviderFact) -> PaymentEvent | None:
    """The payment event of a provider status (S38, third column); None changes no state.

    An intent that asks for a payment method has failed when it carries an error, and is
    untouched otherwise.
    """
    if fact.status is ProviderStatus.REQUIRES_PAYMENT_METHOD and fact.failure is not None:
        return PaymentEvent.FAIL
    return _EVENT_OF.get(fact.status)


def judge(payment: Payment, fact: ProviderFact) -> Verdict:
    """What ``fact`` does to ``payment``; raises ``FactMismatch`` if it speaks of something else."""
    _check_identity(payment, fact)
    event = event_of(fact)
    if event is None:
        return Verdict(Ruling.KNOWN)
    if event is PaymentEvent.COMPLETE and payment.state is PaymentState.CANCELLED:
        known = payment.received_cents > 0
        return Verdict(Ruling.KNOWN if known else Ruling.LATE_SUCCESS, PaymentEvent.LATE_SUCCESS)
    if not PAYMENT_MACHINE.can(payment.state, event):
        return Verdict(Ruling.SUPERSEDED)
    step = PAYMENT_MACHINE.step(payment.state, event)
    if not step.moves:
        return Verdict(Ruling.KNOWN, event)
    if _is_stale(payment, fact, step.after):
        return Verdict(Ruling.SUPERSEDED)
    return Verdict(Ruling.MOVES, event)


def _is_stale(payment: Payment, fact: ProviderFact, after: PaymentState) -> bool:
    if payment.last_fact_at is None or PAYMENT_MACHINE.is_final(after):
        return False
    if fact.occurred_at == payment.last_fact_at:
        return _RANK[after] <= _RANK[payment.state]
    return fact.occurred_at < payment.last_fact_at


def _check_identity(payment: Payment, fact: ProviderFact) -> None:
    if payment.ref is not None and payment.ref != fact.ref:
        raise FactMismatch(f"payment {payment.id} belongs to another intent")
    if fact.payment_id and fact.payment_id != str(payment.id):
        raise FactMismatch(f"the intent names payment {fact.payment_id}, not {payment.id}")
    if fact.amount != payment.amount:
        raise FactMismatch(f"payment {payment.id} asks {payment.amount}, intent {fact.amount}")
    if fact.status is ProviderStatus.SUCCEEDED and fact.received != payment.amount:
        raise FactMismatch(f"payment {payment.id}: received {fact.received} of {payment.amount}")
