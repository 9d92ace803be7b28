"""Ending an unpaid payment: its intent is cancelled at the provider before anything is ended here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketpay.domain.kernel.errors import OutcomeUnknown
from ticketpay.domain.payments import Payment, PaymentState, ProviderFact

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.payments import PaymentGateway

__all__ = ["cancelled_there", "was_refused"]


def was_refused(payment: Payment) -> bool:
    """Whether the provider refused the charge without making an intent: nobody can pay it any more."""
    return payment.ref is None and payment.state is PaymentState.FAILED


def cancelled_there(
    gateway: PaymentGateway, tenant: TenantId, payment: Payment, key: str
) -> ProviderFact | None:
    """What the provider says after the intent is cancelled under ``key``; None if it never made one.

    Raises ``OutcomeUnknown`` for a charge that has no answer and is not found: it may still arrive.
    """
    ref = payment.ref
    if ref is None:
        found = gateway.find(tenant, payment.id, payment.sent_at)
        if found is None and was_refused(payment):
            return None
        if found is None:
            raise OutcomeUnknown(f"the charge of payment {payment.id} is not known yet")
        ref = found.ref
    return gateway.cancel(ref, key)
