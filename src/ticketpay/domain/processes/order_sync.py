"""An order says how much of its money has gone back to the buyer, whatever was heard first (S32).

What a bank has taken for good is not the buyer's refund, but nothing is left of it either: an order
is ``refunded`` once a refund has reached the buyer and refunds and lost disputes leave nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from ticketpay.domain.orders import ORDER_MACHINE, OrderEvent, OrderState
from ticketpay.domain.refunds import DisputeState, RefundState, refundable_of

if TYPE_CHECKING:
    from ticketpay.domain.kernel.fsm import Step
    from ticketpay.domain.orders import Order
    from ticketpay.domain.payments import Payment
    from ticketpay.domain.refunds import Dispute, Refund
    from ticketpay.ports.transactions import Tx

__all__ = ["sync_order"]


def sync_order(
    tx: Tx,
    payment: Payment,
    order: Order,
    refunds: Iterable[Refund],
    disputes: Iterable[Dispute],
    now: datetime,
    *,
    completed: bool,
) -> None:
    """Move a locked order to where its refunds and disputes, all of them, say that it is.

    ``completed`` says that one more refund has just reached the buyer.
    """
    done = [refund for refund in refunds if refund.state is RefundState.COMPLETED]
    lost = [dispute for dispute in disputes if dispute.state is DisputeState.LOST]
    goal = None
    if done:
        left = refundable_of(payment, order, done, disputes=lost).headroom_cents
        goal = OrderState.PARTIALLY_REFUNDED if left else OrderState.REFUNDED
    events = _back(tx, order) if goal is None else _towards(order, goal, completed=completed)
    steps: list[Step[OrderState, OrderEvent]] = []
    for event in events:
        state = steps[-1].after if steps else order.state
        # Money that came too late is refunded for an order that is over, and stays so.
        if ORDER_MACHINE.can(state, event):
            steps.append(ORDER_MACHINE.step(state, event))
    if steps:
        tx.orders.move(order, steps, now)


def _towards(order: Order, goal: OrderState, *, completed: bool) -> list[OrderEvent]:
    if goal is OrderState.REFUNDED:
        return [] if order.state is goal else [OrderEvent.REFUND]
    if order.state is OrderState.REFUNDED:
        return [OrderEvent.REFUND_FAIL]
    return [OrderEvent.REFUND_PART] if completed else []


def _back(tx: Tx, order: Order) -> list[OrderEvent]:
    """No refund has reached the buyer: the way to where the order would be without any."""
    if order.state not in (OrderState.REFUNDED, OrderState.PARTIALLY_REFUNDED):
        return []
    back = [OrderEvent.REFUND_FAIL] * (2 if order.state is OrderState.REFUNDED else 1)
    return [*back, OrderEvent.ISSUE] if tx.orders.was_issued(order.id)() else back
