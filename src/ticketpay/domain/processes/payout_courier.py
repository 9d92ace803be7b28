"""Payouts on their way: sent once by the worker, asked about until they have their end (S21)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.kernel.ids import PayoutId
from ticketpay.domain.messaging import TimerClaim, TimerKind
from ticketpay.domain.payouts import PAYOUT_MACHINE, Payout, PayoutEvent, PayoutState
from ticketpay.domain.processes.payout_desk import (
    books_of,
    found_payout,
    move_payout,
    payout_message,
)

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.payouts import PayoutFact, PayoutGateway
    from ticketpay.ports.system import Alerts, Clock, Ids
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["PayoutCourier", "SyncPayout"]

LOOK_SECONDS: Final = 600
PAID_LOOK_SECONDS: Final = 24 * 3600
LOOKS_END_SECONDS: Final = 10 * 24 * 3600
"""For so long after a payout was heard of as paid it is asked about once a day."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SyncPayout:
    """``ticketpay payouts sync``: the worker asks the provider about a payout now."""

    uow: UnitOfWork
    clock: Clock

    def __call__(self, tenant: TenantId, payout_id: PayoutId, entry: AuditEntry) -> Payout:
        """The payout as it is before the worker has asked; raises ``NotFound``."""

        def look(tx: Tx) -> Payout:
            now = self.clock.now()
            payout = found_payout(tx.payouts.lock(payout_id)(), payout_id)
            tx.audit.record(attrs.evolve(entry, at=now))
            if not payout.state.is_undone:
                tx.timers.set(tx.tenant_id, TimerKind.PAYOUT, payout_id, now)
            return payout

        return self.uow.run(tenant, look)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PayoutCourier:
    """The worker's step for one payout: sent once, asked about until it has its end (S21)."""

    uow: UnitOfWork
    gateway: PayoutGateway
    clock: Clock
    ids: Ids
    alerts: Alerts

    def __call__(self, claim: TimerClaim) -> None:
        """Bring it one step further; raises what the provider raises."""
        tenant, payout_id = claim.tenant_id, PayoutId(claim.subject_id)
        begun = self.uow.run(tenant, lambda tx: self._begin(tx, payout_id))
        if begun is None:
            self.uow.run(tenant, lambda tx: tx.timers.clear(tenant, TimerKind.PAYOUT, payout_id))
            return
        fact = self.gateway.send(tenant, begun)
        self.uow.run(tenant, lambda tx: self._settle(tx, claim, payout_id, fact))

    def _begin(self, tx: Tx, payout_id: PayoutId) -> Payout | None:
        """From here on the provider may have sent it, so it cannot be cancelled any more."""
        now = self.clock.now()
        payout = found_payout(tx.payouts.lock(payout_id)(), payout_id)
        if payout.state.is_undone:
            return None
        if payout.state is PayoutState.REQUESTED:
            payout = move_payout(tx, payout, PayoutEvent.PROCESS, now)
            tx.ledger.post(books_of(payout).processed(now))
        return payout

    def _settle(self, tx: Tx, claim: TimerClaim, payout_id: PayoutId, fact: PayoutFact) -> None:
        now = self.clock.now()
        payout = found_payout(tx.payouts.lock(payout_id)(), payout_id)
        if not tx.timers.lock(claim)():
            return
        payout = self._apply(tx, payout, fact, now)
        late = payout.moved_at + timedelta(seconds=LOOKS_END_SECONDS)
        if payout.state.is_undone or (payout.state is PayoutState.PAID and now >= late):
            tx.timers.clear(tx.tenant_id, TimerKind.PAYOUT, payout_id)
            return
        paid = payout.state is PayoutState.PAID
        wait = PAID_LOOK_SECONDS if paid else LOOK_SECONDS
        tx.timers.postpone(claim, now + timedelta(seconds=wait), "on its way")

    def _apply(self, tx: Tx, payout: Payout, fact: PayoutFact, now: datetime) -> Payout:
        books, before = books_of(payout), payout.state
        event = {
            PayoutState.PROCESSING: PayoutEvent.PROCESS,
            PayoutState.PAID: PayoutEvent.PAY,
            PayoutState.FAILED: PayoutEvent.FAIL,
        }[fact.state]
        if not PAYOUT_MACHINE.can(before, event):
            return payout
        step = PAYOUT_MACHINE.step(before, event)
        # What the provider kept a part of has been there, whoever heard of it.
        arrived = fact.state is not PayoutState.FAILED or fact.lost_cents > 0
        if arrived and not payout.sent:
            tx.ledger.post(books.sent(now))
        if not step.moves and (payout.sent or not arrived):
            return payout
        noted = attrs.evolve(
            payout,
            provider_payout_id=fact.provider_payout_id or payout.provider_payout_id,
            failure=fact.failure,
            sent=payout.sent or arrived,
        )
        moved = move_payout(tx, noted, event, now)
        if step.moves:
            self._end(tx, moved, before, fact.lost_cents, now)
        return moved

    def _end(self, tx: Tx, moved: Payout, before: PayoutState, lost: int, now: datetime) -> None:
        books = books_of(moved)
        if moved.state is PayoutState.PAID:
            tx.ledger.post(books.paid(now))
        elif moved.state is PayoutState.FAILED:
            if before is PayoutState.PAID:
                tx.ledger.post(books.returned(now, lost_cents=lost))
            else:
                tx.ledger.post(books.failed(now, sent=moved.sent, lost_cents=lost))
            code = moved.failure.code if moved.failure else ""
            self.alerts.raise_alert("payout_failed", code, payout_id=str(moved.id))
        tx.outbox.emit([payout_message(self.ids, moved, f"payout.{moved.state}", now)])
