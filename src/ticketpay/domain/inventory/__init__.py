"""Inventory: what there is to sell, held for an order, confirmed or released (design, "Stock").

Vocabulary: *taken* counts the tickets of a type that are held or sold; a *hold* belongs to one
order and type and is confirmed or released exactly once.

Guarantees: 0 <= taken <= capacity; a seat belongs to at most one order.
"""

from __future__ import annotations

from ticketpay.domain.inventory.model import (
    HoldState,
    SeatUnavailable,
    SeatUnknown,
    SoldOut,
    StockView,
    check_available,
)

__all__ = [
    "HoldState",
    "SeatUnavailable",
    "SeatUnknown",
    "SoldOut",
    "StockView",
    "check_available",
]
