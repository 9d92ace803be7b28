"""Whose accounts the shares of a sale are: what a refund or a lost dispute takes from whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketpay.domain.ledger import sale_entries

if TYPE_CHECKING:
    from ticketpay.domain.ledger.model import Entry
    from ticketpay.domain.orders import Order
    from ticketpay.domain.refunds import Split

__all__ = ["share_entries"]


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
