"""Refunds in memory."""

from __future__ import annotations

from datetime import datetime

import attrs

from ticketpay.adapters.memory.store import Move, Store, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import PaymentId, RefundId, UserId
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
        self._check_provider(refund)
        self.tables.refunds.put(refund.id, refund)

    def get(self, refund_id: RefundId) -> Later[Refund | None]:
        return known(self.tables.refunds.get(refund_id))

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Refund, ...]]:
        found = [r for r in self.tables.refunds.values() if r.payment_id == payment_id]
        return known(tuple(sorted(found, key=lambda r: (r.created_at, r.id))))

    def waiting(self, limit: int) -> Later[tuple[Refund, ...]]:
        found = [r for r in self.tables.refunds.values() if r.needs_approval and r.counts]
        return known(tuple(sorted(found, key=lambda r: (r.created_at, r.id))[:limit]))

    def lock(self, refund_id: RefundId) -> Later[Refund | None]:
        return known(self.tables.refunds.lock_found(refund_id))

    def approve(self, refund: Refund, by: UserId | None, at: datetime) -> Refund:  # noqa: ARG002 - kept by PostgreSQL
        self._stored(refund)
        agreed = attrs.evolve(
            refund, needs_approval=False, approved_by=by, version=refund.version + 1
        )
        self.tables.refunds.put(refund.id, agreed)
        return agreed

    def move(self, refund: Refund, step: Step[RefundState, RefundEvent], at: datetime) -> Refund:
        if self._stored(refund).state is not step.before:
            raise Conflict(f"refund {refund.id} has been moved by somebody else")
        self._check_provider(refund)
        moved = attrs.evolve(refund, state=step.after, version=refund.version + 1)
        self.tables.refunds.put(refund.id, moved)
        self.tables.moves.put(self.store.number(), Move(subject=refund.id, step=step, at=at))
        return moved

    def _stored(self, refund: Refund) -> Refund:
        stored = self.tables.refunds.lock_found(refund.id)
        if stored is None or stored.version != refund.version:
            raise Conflict(f"refund {refund.id} has been changed by somebody else")
        return stored

    def _check_provider(self, refund: Refund) -> None:
        theirs = (refund.provider_refund_id, refund.ref.provider, refund.ref.account)
        for other in self.tables.refunds.values():
            mine = (other.provider_refund_id, other.ref.provider, other.ref.account)
            if refund.provider_refund_id and mine == theirs and other.id != refund.id:
                raise Conflict(f"{refund.provider_refund_id} is a refund of ours already")
