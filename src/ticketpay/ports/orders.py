"""Ports for orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.orders import Order, OrderEvent, OrderState
from ticketpay.ports.later import Later

__all__ = ["Orders"]


class Orders(Protocol):
    """**Protocol:** the orders of one tenant."""

    def add(self, order: Order) -> None:
        """Store a new order with its tickets."""
        ...

    def get(self, order_id: OrderId) -> Later[Order | None]:
        """The order with its tickets, unlocked; None if there is none."""
        ...

    def with_estimated_tax(self, limit: int) -> Later[tuple[OrderId, ...]]:
        """At most ``limit`` orders whose tax is to be calculated again, oldest first (S58 D3)."""
        ...

    def lock(self, order_id: OrderId) -> Later[Order | None]:
        """The order without its tickets, locked until the transaction ends."""
        ...

    def lock_of_payment(self, payment_id: PaymentId) -> Later[Order | None]:
        """The same, found by one of its payments."""
        ...

    def was_issued(self, order_id: OrderId) -> Later[bool]:
        """Whether its tickets have ever been issued, whatever state it is in now."""
        ...

    def move(
        self, order: Order, steps: Sequence[Step[OrderState, OrderEvent]], at: datetime
    ) -> Order:
        """Walk ``steps``: a compare-and-set on (state, version) and one record per step.

        Returns the order as it is afterwards. Raises ``Conflict`` (at the latest at the commit)
        when somebody else moved it.
        """
        ...
