"""Whose accounts a refund or a lost dispute takes from: the shares of a sale, or money in suspense."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketpay.domain.ledger import sale_entries, suspense_entries
from ticketpay.domain.money import Money
from ticketpay.domain.refunds import Split, lost_of_suspense

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketpay.domain.ledger.model import Entry
    from ticketpay.domain.orders import Order
    from ticketpay.domain.payments import Payment
    from ticketpay.domain.refunds import Dispute, Refund

__all__ = ["share_entries", "suspense_debits"]


def share_entries(order: Order, split: Split) -> tuple[Entry, ...]:
    """The debits of ``split`` of the order's sale: of its venue, the house and the taxman."""
    return sale_entries(
        venue_id=order.venue_id,
        event_id=order.event_id,
        tax_jurisdiction=order.tax_jurisdiction,
        currency=order.currency,
        venue_cents=split.venue_cents,
        fees_cents=split.fees_cents,
        taxes_cents=split.taxes_cents,
    )


def suspense_debits(
    payment: Payment, order: Order, refunds: Iterable[Refund], disputes: Iterable[Dispute]
) -> tuple[Entry, ...]:
    """Who bears all lost disputes about money in suspense: it, and the platform for what had gone back."""
    taken, lost = lost_of_suspense(payment, refunds, disputes)
    there = Money(taken, payment.amount.currency)
    held = suspense_entries(payment_id=payment.id, amount=there) if taken else ()
    return (*held, *share_entries(order, Split(fees_cents=lost)))
