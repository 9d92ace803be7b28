"""Disputes in memory."""

from __future__ import annotations

from datetime import datetime

import attrs

from ticketpay.adapters.memory.store import Move, Store, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import DisputeId, PaymentId
from ticketpay.domain.refunds import Dispute, DisputeEvent, DisputeState
from ticketpay.ports.later import Later

__all__ = ["MemoryDisputes"]


@attrs.frozen
class MemoryDisputes:
    """``Disputes`` over the tables of one tenant."""

    store: Store
    tables: TenantTables

    def add(self, dispute: Dispute) -> None:
        if self.tables.disputes.lock(dispute.id) is not None:
            raise Conflict(f"there is a dispute {dispute.id} already")
        if dispute.payment_id not in self.tables.payments:
            raise Conflict(f"there is no payment {dispute.payment_id}")
        theirs = _theirs(dispute)
        if any(_theirs(other) == theirs for other in self.tables.disputes.values()):
            raise Conflict(f"{dispute.provider_dispute_id} is a dispute of ours already")
        self.tables.disputes.put(dispute.id, dispute)

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Dispute, ...]]:
        found = [d for d in self.tables.disputes.values() if d.payment_id == payment_id]
        return known(tuple(sorted(found, key=lambda d: (d.created_at, d.id))))

    def undecided(self, limit: int) -> Later[tuple[Dispute, ...]]:
        open_ended = (DisputeState.INQUIRY, DisputeState.OPEN)
        found = [d for d in self.tables.disputes.values() if d.state in open_ended]
        return known(tuple(sorted(found, key=lambda d: (d.created_at, d.id))[:limit]))

    def lock(self, dispute_id: DisputeId) -> Later[Dispute | None]:
        return known(self.tables.disputes.lock_found(dispute_id))

    def move(
        self, dispute: Dispute, step: Step[DisputeState, DisputeEvent], at: datetime
    ) -> Dispute:
        stored = self.tables.disputes.lock_found(dispute.id)
        if stored is None or (stored.version, stored.state) != (dispute.version, step.before):
            raise Conflict(f"dispute {dispute.id} has been moved by somebody else")
        moved = attrs.evolve(dispute, state=step.after, version=dispute.version + 1)
        self.tables.disputes.put(dispute.id, moved)
        self.tables.moves.put(self.store.number(), Move(subject=dispute.id, step=step, at=at))
        return moved


def _theirs(dispute: Dispute) -> tuple[str, str, str]:
    return dispute.ref.provider, dispute.ref.account, dispute.provider_dispute_id
