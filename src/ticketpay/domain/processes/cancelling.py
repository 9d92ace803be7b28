"""An event is cancelled: off sale at once, and all of its money goes back, payment by payment (S24).

``CancelEvent`` records it in one transaction. ``RefundCancelled`` is the worker's part: it goes
over the payments of the event in the order of their ids, one transaction for each, in which the
refund begins and the cursor moves; so whoever comes after a dead worker goes on where it stopped. A
payment or a refund that has no end yet is left to the janitor, and another pass follows until there
is none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.catalog import Cancellation, CancellationProgress, EventCancelled
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown, Unavailable
from ticketpay.domain.kernel.ids import EventId, PaymentId, RefundId, TenantId
from ticketpay.domain.messaging import TimerClaim, TimerKind
from ticketpay.domain.money import Money
from ticketpay.domain.payments import PAYMENT_MACHINE, PaymentState
from ticketpay.domain.processes.provider_facts import Case, open_case, open_order
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    REFUND_MACHINE,
    Dispute,
    DisputeState,
    Refund,
    Refundable,
    RefundReason,
    RefundState,
    refundable_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.processes.refund_desk import RefundDesk
    from ticketpay.ports.system import Alerts, Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["CancelEvent", "EventStatus", "RefundCancelled"]

PAGE: Final = 100
AGAIN_SECONDS_MIN: Final = 60
AGAIN_SECONDS_MAX: Final = 3_600
_UNDER_WAY: Final = (RefundState.PENDING, RefundState.PROCESSING)


@attrs.frozen(kw_only=True)
class EventStatus:
    """An event by its name, its cancellation if there is one, and its orders as they are now."""

    name: str
    cancellation: Cancellation | None
    progress: CancellationProgress


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CancelEvent:
    """``ticketpay events cancel`` and ``status``."""

    uow: UnitOfWork
    clock: Clock

    def __call__(self, tenant: TenantId, event_id: EventId, entry: AuditEntry) -> EventStatus:
        """Take the event off sale for good and have its money sent back; its status then.

        Raises ``NotFound``, and ``EventCancelled`` the second time.
        """

        def cancel(tx: Tx) -> EventStatus:
            now = self.clock.now()
            before = _status(tx, event_id)
            if before.cancellation is not None:
                raise EventCancelled(f"event {event_id} is cancelled already")
            cancellation = Cancellation(
                event_id=event_id,
                reason=entry.reason,
                requested_by=entry.actor_id,
                started_at=now,
            )
            tx.cancellations.start(cancellation)
            tx.timers.set(tx.tenant_id, TimerKind.EVENT, event_id, now)
            money = {f"cents{one.currency}": one.cents for one in before.progress.money}
            details = {"orders": before.progress.orders, **money}
            tx.audit.record(attrs.evolve(entry, at=now, details=dict(entry.details) | details))
            return attrs.evolve(before, cancellation=cancellation)

        return self.uow.run(tenant, cancel)

    def status(self, tenant: TenantId, event_id: EventId) -> EventStatus:
        """The event as it is now; raises ``NotFound``."""
        return self.uow.run(tenant, lambda tx: _status(tx, event_id))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RefundCancelled:
    """The janitor's step for a cancelled event: a page of its payments, see the module docstring."""

    uow: UnitOfWork
    desk: RefundDesk
    clock: Clock
    alerts: Alerts

    def __call__(self, claim: TimerClaim) -> None:
        """Go over the next page; the timer rings again for the next one, or for the next pass."""
        tenant, event_id = claim.tenant_id, EventId(claim.subject_id)
        page = self.uow.run(tenant, lambda tx: _page(tx, event_id))
        for payment_id in page:
            if not self._look_at(claim, payment_id):
                return
        self.uow.run(tenant, lambda tx: self._turn(tx, claim, full=len(page) == PAGE))

    def go_over_again(self, tenant: TenantId, event_id: EventId) -> None:
        """A dispute has ended: what it held may go back now, if the event is cancelled.

        In a transaction of its own: whoever goes over the payments locks the event before them.
        """

        def reopen(tx: Tx) -> None:
            cancellation = tx.cancellations.lock(event_id)()
            if cancellation is not None:
                anew = attrs.evolve(cancellation, cursor=None, finished_at=None)
                tx.cancellations.save(anew)
                tx.timers.set(tenant, TimerKind.EVENT, event_id, self.clock.now())

        self.uow.run(tenant, reopen)

    def _look_at(self, claim: TimerClaim, payment_id: PaymentId) -> bool:
        """One payment; False when somebody else works on the event by now."""
        tenant = claim.tenant_id
        try:
            return self.uow.run(tenant, lambda tx: self._refund(tx, claim, payment_id))
        except (Unavailable, OutcomeUnknown):
            raise
        except Exception as error:  # noqa: BLE001 - one poisonous payment must not keep the others' money
            self.alerts.raise_alert(
                "cancellation_skips", type(error).__name__, payment_id=str(payment_id)
            )
            return self.uow.run(tenant, lambda tx: _pass_by(tx, claim, payment_id))

    def _refund(self, tx: Tx, claim: TimerClaim, payment_id: PaymentId) -> bool:
        cancellation = _ours(tx, claim, payment_id)
        if cancellation is None:
            return False
        case, now = open_case(tx, payment_id), self.clock.now()
        open_ended = not PAYMENT_MACHINE.is_final(case.payment.state)
        if case.payment.state is PaymentState.FAILED:
            # Nobody can pay it any more, so its next try is its end.
            tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, payment_id, now)
        if case.payment.state is PaymentState.COMPLETED:
            open_ended = self._give_back(tx, open_order(tx, case), now)
        again = cancellation.again or open_ended
        tx.cancellations.save(attrs.evolve(cancellation, cursor=payment_id, again=again))
        return True

    def _give_back(self, tx: Tx, case: Case, now: datetime) -> bool:
        """All that is left, fees that were kept included; what waits for approval gives way.

        Whether something is under way. An amount that the provider has not refunded is left to
        people; another one, after somebody refunded a part there, is tried, and the same one when a
        dispute has ended since.
        """
        found = tx.refunds.of_payment(case.payment.id)
        disputes, refunds = tx.disputes.of_payment(case.payment.id)(), found()
        waiting = [r for r in refunds if r.needs_approval and r.counts]
        self._reject(tx, case, waiting, now)
        begun = [refund for refund in refunds if refund not in waiting]
        left = refundable_of(case.payment, case.order, begun, disputes=disputes, everything=True)
        if left.headroom_cents and not _was_refused(left.headroom_cents, refunds, disputes):
            self._begin(tx, case, left, now)
            return True
        # A bank that gives its money back leaves it to be refunded.
        held = any(dispute.state is DisputeState.OPEN for dispute in disputes)
        return held or any(refund.state in _UNDER_WAY for refund in begun)

    def _begin(self, tx: Tx, case: Case, left: Refundable, now: datetime) -> None:
        payment, order = case.payment, case.order
        split, tickets = left.whole()
        assert payment.ref is not None, "a completed payment has its intent"
        refund = Refund(
            id=RefundId(self.desk.ids.new()),
            payment_id=payment.id,
            ref=payment.ref,
            amount=Money(split.cents, payment.amount.currency),
            reason=RefundReason.EVENT_CANCELLED,
            state=REFUND_MACHINE.initial,
            created_at=now,
            split=split,
            tickets=tickets,
        )
        self.desk.begin(tx, refund, payment, order, now)

    def _reject(self, tx: Tx, case: Case, waiting: Iterable[Refund], now: datetime) -> None:
        # All of them are locked before any stream is.
        for locked in [tx.refunds.lock(request.id)() for request in waiting]:
            assert locked is not None, "refunds are never deleted"
            self.desk.reject(tx, locked, case.order, now)

    def _turn(self, tx: Tx, claim: TimerClaim, *, full: bool) -> None:
        """The next page at once; after the last one the next pass later, or the end."""
        cancellation = _ours(tx, claim)
        if cancellation is None:
            return
        tenant, event_id, now = claim.tenant_id, cancellation.event_id, self.clock.now()
        if full:
            tx.timers.set(tenant, TimerKind.EVENT, event_id, now)
        elif cancellation.again:
            tx.cancellations.save(attrs.evolve(cancellation, cursor=None, again=False))
            tx.timers.set(tenant, TimerKind.EVENT, event_id, _next_pass(cancellation, now))
        else:
            tx.cancellations.save(attrs.evolve(cancellation, cursor=None, finished_at=now))
            tx.timers.clear(tenant, TimerKind.EVENT, event_id)


def _status(tx: Tx, event_id: EventId) -> EventStatus:
    offer, known = tx.catalog.offer(event_id), tx.cancellations.get(event_id)
    counted, found = tx.cancellations.progress(event_id), offer()
    if found is None:
        raise NotFound(f"there is no event {event_id}")
    return EventStatus(name=found.event.name, cancellation=known(), progress=counted())


def _page(tx: Tx, event_id: EventId) -> tuple[PaymentId, ...]:
    cancellation = tx.cancellations.get(event_id)()
    if cancellation is None:
        raise NotFound(f"event {event_id} is not cancelled")
    return tx.cancellations.to_look_at(event_id, cancellation.cursor, PAGE)()


def _ours(tx: Tx, claim: TimerClaim, next_id: PaymentId | None = None) -> Cancellation | None:
    """The locked cancellation, unless the claim has lapsed or somebody has looked at the payment."""
    locked = tx.cancellations.lock(EventId(claim.subject_id))
    mine = tx.timers.lock(claim)
    cancellation = locked()
    if cancellation is None or not mine():
        return None
    cursor = cancellation.cursor
    passed = next_id is not None and cursor is not None and next_id <= cursor
    return None if passed else cancellation


def _pass_by(tx: Tx, claim: TimerClaim, payment_id: PaymentId) -> bool:
    """Leave a payment to the next pass."""
    cancellation = _ours(tx, claim, payment_id)
    if cancellation is None:
        return False
    tx.cancellations.save(attrs.evolve(cancellation, cursor=payment_id, again=True))
    return True


def _was_refused(cents: int, refunds: Iterable[Refund], disputes: Iterable[Dispute]) -> bool:
    """Whether the provider was asked to refund it in vain, once more than there are ended disputes.

    While a bank holds the money a refund fails, and whoever sends it may not have heard of the bank.
    """
    tried = [r for r in refunds if r.reason == RefundReason.EVENT_CANCELLED and not r.counts]
    decided = sum(DISPUTE_MACHINE.is_final(dispute.state) for dispute in disputes)
    return sum(refund.amount.cents == cents for refund in tried) > decided


def _next_pass(cancellation: Cancellation, now: datetime) -> datetime:
    """After a quarter of the time that it has taken so far, between a minute and an hour."""
    quarter = (now - cancellation.started_at).total_seconds() / 4
    seconds = min(max(quarter, AGAIN_SECONDS_MIN), AGAIN_SECONDS_MAX)
    return now + timedelta(seconds=seconds)
