"""The one way in which a dispute begins, moves and ends (field notes 3.4; S27).

The provider tells what has become of a dispute, in any order and more than once. Each time the dispute
walks from what is known to what is told, and every state on the way is booked and told as if it had
been heard of alone. Whoever comes here has locked the payment, then the order, which comes with its
tickets and charges; then the dispute is locked, and then refunds that give way to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.ids import DisputeId
from ticketpay.domain.ledger import DisputeBooks, changed_entries
from ticketpay.domain.messaging import AggregateType, Message, TimerKind
from ticketpay.domain.money import Money
from ticketpay.domain.payments import FactMismatch, PaymentState
from ticketpay.domain.processes.order_sync import sync_order
from ticketpay.domain.processes.shares import share_entries, suspense_debits
from ticketpay.domain.processes.telling import message_about
from ticketpay.domain.reconciliation import DISPUTE_LOOK_SECONDS
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    Dispute,
    DisputeEvent,
    DisputeState,
    NothingCaptured,
    Refund,
    charged_back_cents,
    lost_split,
    refundable_of,
    suspended_cents,
)

if TYPE_CHECKING:
    from ticketpay.domain.kernel.fsm import Step
    from ticketpay.domain.ledger.model import Entry
    from ticketpay.domain.payments import Payment
    from ticketpay.domain.processes.provider_facts import Case
    from ticketpay.domain.processes.refund_desk import RefundDesk
    from ticketpay.ports.payments import DisputeNotice
    from ticketpay.ports.system import Alerts, Ids
    from ticketpay.ports.transactions import Tx

__all__ = ["DisputeDesk"]

_TOLD: Final = {
    DisputeState.OPEN: "dispute.opened",
    DisputeState.WON: "dispute.won",
    DisputeState.LOST: "dispute.lost",
}


@attrs.frozen(kw_only=True)
class _Hearing:
    """What is known while a dispute moves: the whole case, and what else takes of its money."""

    case: Case
    others: tuple[Dispute, ...]
    refunds: tuple[Refund, ...]
    told: list[Message] = attrs.field(factory=list)
    """What is to be told; streams are locked after everything else."""

    @property
    def is_sale(self) -> bool:
        """Whether the money was for tickets, and not late for an order that was over."""
        return self.case.payment.state is PaymentState.COMPLETED

    @property
    def frozen(self) -> bool:
        """Whether another dispute holds the tickets."""
        return any(other.state is DisputeState.OPEN for other in self.others)

    @property
    def begun(self) -> list[Refund]:
        """The refunds that somebody has agreed to."""
        return [refund for refund in self.refunds if not refund.needs_approval]

    def headroom_cents(self, dispute: Dispute) -> int:
        """What is left beside the refunds that have begun and all disputes."""
        disputes, case = [*self.others, dispute], self.case
        if self.is_sale:
            view = refundable_of(case.payment, case.order, self.begun, disputes=disputes)
            return view.headroom_cents
        back = sum(refund.amount.cents for refund in self.begun if refund.counts)
        return case.payment.received_cents - back - charged_back_cents(disputes)

    def tickets_left(self) -> tuple[int, ...]:
        """The numbers of the tickets that no refund and no dispute has voided."""
        voiding: list[Refund | Dispute] = [*self.begun, *self.others]
        gone = {number for each in voiding for number in each.tickets}
        return tuple(t.number for t in self.case.order.tickets if t.number not in gone)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DisputeDesk:
    """Hears about disputes inside the caller's transaction; see the module docstring."""

    ids: Ids
    alerts: Alerts
    refunds: RefundDesk

    def hear(self, tx: Tx, case: Case, notice: DisputeNotice, now: datetime) -> Dispute:
        """The dispute after what an event says of it; what is known already changes nothing.

        Raises ``NothingCaptured`` before the payment's own success is known (the event waits), and
        ``FactMismatch`` for another intent, another amount once money has moved, or an end that
        contradicts the known one: it is kept as evidence, and ``ledger verify`` says so.
        """
        payment = case.payment
        if not payment.received_cents:
            raise NothingCaptured(f"payment {payment.id} is {payment.state}")
        disputes, refunds = tx.disputes.of_payment(payment.id), tx.refunds.of_payment(payment.id)
        theirs = notice.provider_dispute_id
        known = next((d for d in disputes() if d.provider_dispute_id == theirs), None)
        _check_identity(payment, known, notice)
        dispute = self._begin(tx, case, notice, now) if known is None else _locked(tx, known)
        others = tuple(d for d in disputes() if d.id != dispute.id)
        hearing = _Hearing(case=case, others=others, refunds=refunds())
        return self._walk(tx, hearing, dispute, notice, now)

    def _begin(self, tx: Tx, case: Case, notice: DisputeNotice, now: datetime) -> Dispute:
        if notice.amount.currency is not case.payment.amount.currency:
            raise FactMismatch(f"{notice.provider_dispute_id} is about {notice.amount}")
        dispute = Dispute(
            id=DisputeId(self.ids.new()),
            payment_id=case.payment.id,
            ref=case.payment.ref or notice.ref,
            provider_dispute_id=notice.provider_dispute_id,
            amount=notice.amount,
            reason=notice.reason,
            state=DISPUTE_MACHINE.initial,
            created_at=now,
        )
        tx.disputes.add(dispute)
        due_at = now + timedelta(seconds=DISPUTE_LOOK_SECONDS)
        tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, case.payment.id, due_at)
        if notice.state is DisputeState.INQUIRY:
            self._alert("dispute_inquiry", "a bank asks about a payment", dispute)
        return dispute

    def _walk(
        self, tx: Tx, hearing: _Hearing, dispute: Dispute, notice: DisputeNotice, now: datetime
    ) -> Dispute:
        path, messages = _path(dispute, notice), hearing.told
        if path and dispute.state is DisputeState.INQUIRY:
            # A bank may ask about the whole and take a part, or the other way round.
            dispute = attrs.evolve(dispute, amount=notice.amount)
        fee_cents = notice.fee_cents if not dispute.fee_cents else 0
        if fee_cents:
            dispute = attrs.evolve(dispute, fee_cents=fee_cents)
        for step in path:
            dispute = self._step(tx, hearing, dispute, step, now)
        if messages:
            tx.outbox.emit(messages)
        if not fee_cents:
            return dispute
        tx.ledger.post(_books(dispute).fee(fee_cents, now))
        if path:
            return dispute
        return tx.disputes.move(
            dispute, DISPUTE_MACHINE.step(dispute.state, DisputeEvent.WITHDRAW), now
        )

    def _step(
        self,
        tx: Tx,
        hearing: _Hearing,
        dispute: Dispute,
        step: Step[DisputeState, DisputeEvent],
        now: datetime,
    ) -> Dispute:
        dispute = attrs.evolve(dispute, state=step.after)
        if step.after in (DisputeState.LOST, DisputeState.WON):
            dispute = _ended(hearing, dispute)
        moved = tx.disputes.move(dispute, step, now)
        books, payment = _books(moved), hearing.case.payment
        if step.after is DisputeState.OPEN:
            tx.ledger.post(books.withdrawn(moved.ref.account, now))
        elif step.after is DisputeState.WON:
            tx.ledger.post(books.won(payment.provider_account, now))
            self._free(tx, hearing, moved, now)
        elif step.after is DisputeState.LOST:
            tx.ledger.post(books.lost(_taken(moved, hearing), now))
            if hearing.is_sale:
                order, disputes = hearing.case.order, (*hearing.others, moved)
                sync_order(tx, payment, order, hearing.refunds, disputes, now, completed=False)
        self._tell(tx, hearing, moved, now)
        return moved

    def _free(self, tx: Tx, hearing: _Hearing, won: Dispute, now: datetime) -> None:
        """The bank's hold is over: late money goes back to its buyer, and what was refused is heard."""
        case = hearing.case
        tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, case.payment.id, now)
        if hearing.is_sale:
            return
        left = suspended_cents(case.payment, hearing.begun, [*hearing.others, won])
        if left:
            amount = Money(left, case.payment.amount.currency)
            self.refunds.send_back(tx, case.payment, case.order, amount, now)

    def _tell(self, tx: Tx, hearing: _Hearing, moved: Dispute, now: datetime) -> None:
        """What others must know: the journal, the ticket service, those who asked for refunds."""
        kind, order = _TOLD.get(moved.state), hearing.case.order
        if kind is None:
            return
        data = {
            "disputeId": str(moved.id),
            "paymentId": str(moved.payment_id),
            "orderId": str(order.id),
            "amountCents": moved.amount.cents,
            "currency": moved.amount.currency.code,
        }
        hearing.told.append(
            message_about(self.ids, kind, AggregateType.DISPUTE, moved.id, now, **data)
        )
        if moved.state is DisputeState.OPEN:
            self._alert("dispute_opened", "a bank has taken money back", moved)
            self._refuse_waiting(tx, hearing, moved, now)
        if hearing.is_sale and not hearing.frozen:
            self._entitle(tx, hearing, moved, now)

    def _refuse_waiting(self, tx: Tx, hearing: _Hearing, dispute: Dispute, now: datetime) -> None:
        """Refunds that nobody has agreed to give way: the money is with the bank."""
        waiting = [r for r in hearing.refunds if r.needs_approval and r.counts]
        if waiting:
            left = hearing.headroom_cents(dispute)
            order = hearing.case.order
            hearing.told.extend(self.refunds.give_way(tx, waiting, left, order, now))

    def _entitle(self, tx: Tx, hearing: _Hearing, dispute: Dispute, now: datetime) -> None:
        """No other dispute holds the tickets: freeze them, thaw them, or void all that are left.

        A part that was lost voids nothing as long as something of the sale is left.
        """
        order, tickets = hearing.case.order, hearing.tickets_left()
        if not tickets:
            return
        if dispute.tickets:
            offer = tx.catalog.offer(order.event_id)
            ended, why, cause = dispute.tickets, dispute.reason, dispute.id
            voided = self.refunds.void(tx, order, ended, offer, now, reason=why, dispute_id=cause)
            hearing.told.append(voided)
            return
        kind = "order.tickets_frozen"
        if dispute.state is not DisputeState.OPEN:
            kind = "order.tickets_thawed"
        data = {
            "orderId": str(order.id),
            "disputeId": str(dispute.id),
            "eventId": str(order.event_id),
            "reason": dispute.reason,
        }
        hearing.told.append(
            message_about(self.ids, kind, AggregateType.ORDER, order.id, now, **data)
        )

    def _alert(self, kind: str, detail: str, dispute: Dispute) -> None:
        payment, theirs = str(dispute.payment_id), dispute.provider_dispute_id
        self.alerts.raise_alert(kind, detail, payment_id=payment, dispute=theirs)


def _check_identity(payment: Payment, known: Dispute | None, notice: DisputeNotice) -> None:
    """Metadata are no proof, as for refunds; a known dispute stays that of the intent it began with."""
    mine, theirs = payment.ref if known is None else known.ref, notice.ref
    if mine is None or attrs.evolve(theirs, livemode=mine.livemode) != mine:
        raise FactMismatch(
            f"{notice.provider_dispute_id} is of another intent than payment {payment.id}"
        )


def _locked(tx: Tx, known: Dispute) -> Dispute:
    dispute = tx.disputes.lock(known.id)()
    assert dispute is not None, "disputes are never deleted"
    return dispute


def _path(dispute: Dispute, notice: DisputeNotice) -> Sequence[Step[DisputeState, DisputeEvent]]:
    """The states from what is known to what is told; none when that is known already."""
    moved = DisputeState.INQUIRY not in (dispute.state, notice.state)
    if dispute.amount.currency is not notice.amount.currency or (
        moved and dispute.amount != notice.amount
    ):
        raise FactMismatch(f"dispute {dispute.id} is {dispute.amount}, not {notice.amount}")
    path = DISPUTE_MACHINE.path(dispute.state, notice.state)
    if path is None and DISPUTE_MACHINE.path(notice.state, dispute.state) is None:
        raise FactMismatch(f"dispute {dispute.id} is {dispute.state}, not {notice.state}")
    return path or ()


def _ended(hearing: _Hearing, dispute: Dispute) -> Dispute:
    """A decided dispute with whose money a lost one was, and the tickets that end with it.

    Those are all that are left once nothing of the sale is: of a won one, too, when it was the last
    that held them, and others have lost everything.
    """
    if not hearing.is_sale:
        return dispute
    if dispute.state is DisputeState.LOST:
        case, cents = hearing.case, dispute.amount.cents
        split = lost_split(case.payment, case.order, hearing.refunds, hearing.others, cents)
        dispute = attrs.evolve(dispute, split=split)
    if hearing.frozen or hearing.headroom_cents(dispute):
        return dispute
    return attrs.evolve(dispute, tickets=hearing.tickets_left())


def _books(dispute: Dispute) -> DisputeBooks:
    return DisputeBooks(payment_id=dispute.payment_id, dispute_id=dispute.id, amount=dispute.amount)


def _taken(lost: Dispute, hearing: _Hearing) -> tuple[Entry, ...]:
    """Who bears a lost dispute: those who had the money of the sale, or the suspense it lay in."""
    order, payment = hearing.case.order, hearing.case.payment
    if lost.split is not None:
        return share_entries(order, lost.split)
    before, after = (
        suspense_debits(payment, order, hearing.refunds, disputes)
        for disputes in (hearing.others, (*hearing.others, lost))
    )
    return changed_entries(before, after)
