"""Refunds in memory."""

from __future__ import annotations

from datetime import datetime

import attrs

from ticketpay.adapters.memory.store import Move, Store, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import RefundId
from ticketpay.domain.refunds import Refund, RefundEvent, RefundState
from ticketpay.ports.later import Later

__all__ = ["MemoryRefunds"]


@attrs.frozen
class MemoryRefunds:
    """``Refunds`` over the tables of one tenant."""

    store: Store
    tables: TenantTables

    def add(self, refund: Refund) -> None:
        if self.tables.refunds.lock(refund.id) is not None:
            raise Conflict(f"there is a refund {refund.id} already")
        if refund.payment_id not in self.tables.payments:
            raise Conflict(f"there is no payment {refund.payment_id}")
        self.tables.refunds.put(refund.id, refund)

    def lock(self, refund_id: RefundId) -> Later[Refund | None]:
        return known(self.tables.refunds.lock_found(refund_id))

    def move(self, refund: Refund, step: Step[RefundState, RefundEvent], at: datetime) -> Refund:
        stored = self.tables.refunds.lock_found(refund.id)
        if stored is None or (stored.state, stored.version) != (step.before, refund.version):
            raise Conflict(f"refund {refund.id} has been moved by somebody else")
        moved = attrs.evolve(refund, state=step.after, version=refund.version + 1)
        self.tables.refunds.put(refund.id, moved)
        self.tables.moves.put(self.store.number(), Move(subject=refund.id, step=step, at=at))
        return moved
