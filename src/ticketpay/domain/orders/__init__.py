"""Orders: what a buyer bought, from created to fulfilled (S31).

States and moves are the table of ``states.py``; ``docs/reference/states.md`` draws it.
Guarantees: an order changes state only through its machine; paid is never cancelled; every move
is recorded; when one payment fact walks several states only the last one emits an event.
"""

from __future__ import annotations

from ticketpay.domain.orders.events import OrderNews, news_of, order_step
from ticketpay.domain.orders.model import Order
from ticketpay.domain.orders.states import ORDER_MACHINE, OrderEvent, OrderState

__all__ = [
    "ORDER_MACHINE",
    "Order",
    "OrderEvent",
    "OrderNews",
    "OrderState",
    "news_of",
    "order_step",
]
