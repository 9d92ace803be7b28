"""Order events: what others may say of an order, and from which states it moves by it (S34)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.orders.states import ORDER_MACHINE, OrderEvent, OrderState

__all__ = ["OrderNews", "news_of", "order_step"]


class OrderNews(StrEnum):
    """What an order event says."""

    PAYMENT_RECEIVED = "order.payment_received"
    TICKETS_ISSUED = "order.tickets_issued"
    CANCELLED = "order.cancelled"


_ALIASES: Final = {"order.items_shipped": OrderNews.TICKETS_ISSUED}

_S = OrderState
_MOVES: Final[Mapping[OrderNews, tuple[OrderEvent, tuple[OrderState, ...]]]] = {
    OrderNews.PAYMENT_RECEIVED: (OrderEvent.PAY, (_S.PAYMENT_PROCESSING,)),
    OrderNews.TICKETS_ISSUED: (OrderEvent.ISSUE, (_S.PAID,)),
    OrderNews.CANCELLED: (
        OrderEvent.CANCEL,
        (_S.CREATED, _S.PAYMENT_PENDING, _S.PAYMENT_FAILED),
    ),
}


def news_of(kind: str) -> OrderNews | None:
    """The news of this type, ``order.items_shipped`` being another name (S34 D4); None if unknown."""
    if kind in _ALIASES:
        return _ALIASES[kind]
    return OrderNews(kind) if kind in tuple(OrderNews) else None


def order_step(state: OrderState, news: OrderNews) -> Step[OrderState, OrderEvent] | None:
    """The move of an order in ``state``; None where the news is refused (S34)."""
    event, before = _MOVES[news]
    return ORDER_MACHINE.step(state, event) if state in before else None
