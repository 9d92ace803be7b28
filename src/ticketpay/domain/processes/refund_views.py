"""Refunds and disputes as others are shown them; amounts in cents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketpay.domain.kernel.ids import OrderId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.refunds import NOT_APPROVED, Dispute, Refund, Split

if TYPE_CHECKING:
    pass

__all__ = ["dispute_view", "refund_view"]


def refund_view(refund: Refund, order_id: OrderId) -> dict[str, object]:
    """A refund for its buyer and for staff; amounts in cents."""
    split = refund.split or Split()
    return {
        "id": str(refund.id),
        "paymentId": str(refund.payment_id),
        "orderId": str(order_id),
        "status": str(refund.state),
        "needsApproval": refund.needs_approval and refund.counts,
        "amountCents": refund.amount.cents,
        "feesCents": split.fees_cents,
        "taxCents": split.taxes_cents,
        "currency": refund.amount.currency.code,
        "reason": str(refund.reason),
        "tickets": list(refund.tickets),
        "createdAt": rfc3339(refund.created_at),
        **({} if refund.counts or not refund.needs_approval else {"failureCode": NOT_APPROVED}),
    }


def dispute_view(dispute: Dispute) -> dict[str, object]:
    """A dispute for staff; amounts in cents, tickets those that it has voided."""
    return {
        "id": str(dispute.id),
        "paymentId": str(dispute.payment_id),
        "providerDisputeId": dispute.provider_dispute_id,
        "status": str(dispute.state),
        "amountCents": dispute.amount.cents,
        "feeCents": dispute.fee_cents,
        "currency": dispute.amount.currency.code,
        "reason": dispute.reason,
        "tickets": list(dispute.tickets),
        "createdAt": rfc3339(dispute.created_at),
    }
