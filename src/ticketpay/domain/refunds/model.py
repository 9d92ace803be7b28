"""A refund: money of one payment on its way back."""

from __future__ import annotations

from datetime import datetime

import attrs

from ticketpay.domain.kernel.ids import PaymentId, RefundId
from ticketpay.domain.money import Money
from ticketpay.domain.payments.facts import ProviderRef
from ticketpay.domain.refunds.states import RefundState

__all__ = ["Refund"]


@attrs.frozen(kw_only=True)
class Refund:
    """A refund of ``amount``; ``ref`` is the intent that is refunded."""

    id: RefundId
    payment_id: PaymentId
    ref: ProviderRef
    amount: Money
    reason: str
    state: RefundState
    created_at: datetime
    version: int = 1
    provider_refund_id: str = ""

    @property
    def key(self) -> str:
        """The idempotency key of the refund at the provider."""
        return f"refund:{self.id}"
