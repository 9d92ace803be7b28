"""Idempotency keys in memory: a claim has a lease and an epoch; an answer is for good."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from ticketpay.adapters.memory.store import KeyRow, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.messaging import Answer, Claim, ClaimStatus, KeyScope
from ticketpay.ports.later import Later

__all__ = ["MemoryIdempotencyKeys"]


@attrs.frozen
class MemoryIdempotencyKeys:
    """``IdempotencyKeys`` over the tables of one tenant; the lease is in seconds."""

    tables: TenantTables
    lease_seconds: float

    def claim(self, scope: KeyScope, request_hash: str, now: datetime) -> Later[Claim]:
        row = self.tables.keys.lock(scope)
        until = now + timedelta(seconds=self.lease_seconds)
        if row is None:
            new = KeyRow(request_hash=request_hash, epoch=1, created_at=now, claimed_until=until)
            self.tables.keys.put(scope, new)
            return known(Claim(scope=scope, status=ClaimStatus.NEW, epoch=1))
        if row.request_hash != request_hash:
            return known(Claim(scope=scope, status=ClaimStatus.REUSED))
        if row.answer is not None:
            return known(_found(scope, row, ClaimStatus.FINISHED))
        if now < row.claimed_until:
            return known(_found(scope, row, ClaimStatus.IN_FLIGHT))
        taken = attrs.evolve(row, epoch=row.epoch + 1, claimed_until=until)
        self.tables.keys.put(scope, taken)
        return known(_found(scope, taken, ClaimStatus.TAKEN_OVER))

    def lock(self, claim: Claim) -> Later[bool]:
        row = self.tables.keys.lock_found(claim.scope)
        return known(row is not None and row.epoch == claim.epoch)

    def advance(self, claim: Claim, payment_id: PaymentId) -> Claim:
        row = self._owned(claim)
        self.tables.keys.put(claim.scope, attrs.evolve(row, payment_id=payment_id))
        return attrs.evolve(claim, payment_id=payment_id)

    def finish(self, claim: Claim, answer: Answer, now: datetime) -> None:
        row = self._owned(claim)
        stored = Answer(answer.outcome, dict(answer.body), replayed=True)
        self.tables.keys.put(claim.scope, attrs.evolve(row, answer=stored, finished_at=now))

    def release(self, claim: Claim, now: datetime) -> None:
        row = self.tables.keys.lock_found(claim.scope)
        if row is not None and row.epoch == claim.epoch and row.answer is None:
            self.tables.keys.put(claim.scope, attrs.evolve(row, claimed_until=now))

    def purge(self, before: datetime, limit: int) -> Later[int]:
        rows = sorted(self.tables.keys.items(), key=lambda one: one[1].created_at)
        old = [scope for scope, row in rows if (row.finished_at or row.claimed_until) < before]
        for scope in old[:limit]:
            self.tables.keys.drop(scope)
        return known(len(old[:limit]))

    def _owned(self, claim: Claim) -> KeyRow:
        row = self.tables.keys.lock_found(claim.scope)
        if row is None or row.epoch != claim.epoch or row.answer is not None:
            raise Conflict("the idempotency key has been taken over")
        return row


def _found(scope: KeyScope, row: KeyRow, status: ClaimStatus) -> Claim:
    return Claim(
        scope=scope,
        status=status,
        epoch=row.epoch,
        payment_id=row.payment_id,
        answer=row.answer,
    )
