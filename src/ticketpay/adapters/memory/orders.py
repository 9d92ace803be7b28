"""Orders in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs

from ticketpay.adapters.memory.store import Move, Store, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.orders import Order, OrderEvent, OrderState
from ticketpay.ports.later import Later

__all__ = ["MemoryOrders"]


@attrs.frozen
class MemoryOrders:
    """``Orders`` over the tables of one tenant."""

    store: Store
    tables: TenantTables

    def add(self, order: Order) -> None:
        if self.tables.orders.lock(order.id) is not None:
            raise Conflict(f"there is an order {order.id} already")
        self.tables.orders.put(order.id, order)

    def get(self, order_id: OrderId) -> Later[Order | None]:
        return known(self.tables.orders.get(order_id))

    def with_estimated_tax(self, limit: int) -> Later[tuple[OrderId, ...]]:
        found = [order for order in self.tables.orders.values() if order.tax_estimated]
        oldest = sorted(found, key=lambda order: (order.created_at, order.id))
        return known(tuple(order.id for order in oldest[:limit]))

    def lock(self, order_id: OrderId) -> Later[Order | None]:
        return known(self._locked(order_id))

    def lock_of_payment(self, payment_id: PaymentId) -> Later[Order | None]:
        payment = self.tables.payments.get(payment_id)
        return known(self._locked(payment.order_id) if payment else None)

    def was_issued(self, order_id: OrderId) -> Later[bool]:
        moves = self.tables.moves.values()
        return known(any(m.subject == order_id and m.step.event is OrderEvent.ISSUE for m in moves))

    def move(
        self, order: Order, steps: Sequence[Step[OrderState, OrderEvent]], at: datetime
    ) -> Order:
        stored = self.tables.orders.lock_found(order.id)
        if stored is None or (stored.state, stored.version) != (order.state, order.version):
            raise Conflict(f"order {order.id} has been moved by somebody else")
        for step in steps:
            assert step.before is stored.state, "the steps of a walk follow each other"
            stored = attrs.evolve(stored, state=step.after)
            move = Move(subject=order.id, step=step, at=at)
            self.tables.moves.put(self.store.number(), move)
        moved = attrs.evolve(stored, version=stored.version + 1)
        self.tables.orders.put(order.id, moved)
        return attrs.evolve(order, state=moved.state, version=moved.version)

    def _locked(self, order_id: OrderId) -> Order | None:
        order = self.tables.orders.lock_found(order_id)
        return attrs.evolve(order, tickets=(), charges=()) if order else None
