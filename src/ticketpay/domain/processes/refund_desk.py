"""The one way in which a refund begins, moves and ends (S24, S25).

In one transaction: the refund is stored or moves, the ledger is posted, tickets are voided and for
sale again, the order follows, messages are emitted, the timer is set. Whoever comes here has locked
the payment, then the order, then the refund; the order comes with its tickets and charges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.ids import DisputeId, RefundId, UserId
from ticketpay.domain.ledger import RefundBooks, suspense_entries
from ticketpay.domain.messaging import AggregateType, Message, TimerKind
from ticketpay.domain.payments import FactMismatch
from ticketpay.domain.processes.order_sync import sync_order
from ticketpay.domain.processes.shares import share_entries, suspense_debits
from ticketpay.domain.processes.telling import message_about
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    REFUND_MACHINE,
    Dispute,
    DisputeEvent,
    DisputeState,
    Refund,
    RefundEvent,
    RefundReason,
    RefundState,
    Split,
    divided_anew,
    is_suspended,
    refundable_of,
    split_of_any,
    staying,
    suspended_cents,
    voiding_the_rest,
)

if TYPE_CHECKING:
    from ticketpay.domain.catalog import Offer
    from ticketpay.domain.ledger.model import Entry
    from ticketpay.domain.money import Money
    from ticketpay.domain.orders import Order
    from ticketpay.domain.payments import Payment
    from ticketpay.ports.later import Later
    from ticketpay.ports.payments import RefundNotice
    from ticketpay.ports.system import Alerts, Ids
    from ticketpay.ports.transactions import Tx

__all__ = ["RefundDesk"]

_EVENT_OF: Final = {
    RefundState.PROCESSING: RefundEvent.PROCESS,
    RefundState.COMPLETED: RefundEvent.COMPLETE,
    RefundState.FAILED: RefundEvent.FAIL,
}


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RefundDesk:
    """Begins and moves refunds inside the caller's transaction; see the module docstring."""

    ids: Ids
    alerts: Alerts

    def begin(self, tx: Tx, refund: Refund, payment: Payment, order: Order, now: datetime) -> None:
        """Store a refund; unless it waits for a second person, its money is taken at once."""
        tx.refunds.add(refund)
        tx.outbox.emit([self._about(refund, order, "refund.initiated", now, reason=refund.reason)])
        if not refund.needs_approval:
            self.take(tx, refund, payment, order, now)

    def send_back(
        self, tx: Tx, payment: Payment, order: Order, amount: Money, now: datetime
    ) -> None:
        """Refund money that came for a sale that is over, and lies in suspense (S30)."""
        assert payment.ref is not None, "money that came has its intent"
        refund = Refund(
            id=RefundId(self.ids.new()),
            payment_id=payment.id,
            ref=payment.ref,
            amount=amount,
            reason=RefundReason.LATE_SUCCESS,
            state=REFUND_MACHINE.initial,
            created_at=now,
        )
        self.begin(tx, refund, payment, order, now)

    def take(self, tx: Tx, refund: Refund, payment: Payment, order: Order, now: datetime) -> None:
        """Take the money, void the tickets, and have the refund sent."""
        assert not refund.needs_approval, "nothing is taken before it is agreed"
        tx.ledger.post(_books(refund, payment, order).begun(now))
        self._divide(tx, None, refund, payment, order, now)
        if refund.tickets:
            self._void(tx, refund, order, now)
        tx.timers.set(tx.tenant_id, TimerKind.REFUND, refund.id, now)

    def agree(
        self,
        tx: Tx,
        refund: Refund,
        payment: Payment,
        order: Order,
        by: UserId | None,
        now: datetime,
    ) -> Refund:
        """A second person agreed, None for somebody at the provider: the money is taken."""
        others, disputes = tx.refunds.of_payment(payment.id), tx.disputes.of_payment(payment.id)
        whole = voiding_the_rest(refund, payment, order, others(), disputes=disputes())
        agreed = tx.refunds.approve(whole, by, now)
        self.take(tx, agreed, payment, order, now)
        return agreed

    def apply(
        self,
        tx: Tx,
        refund: Refund,
        payment: Payment,
        order: Order,
        state: RefundState,
        provider_refund_id: str,
        now: datetime,
    ) -> Refund:
        """What the provider says of a refund; what is known already, or too late, changes nothing."""
        event = _EVENT_OF.get(state)
        if event is None or not REFUND_MACHINE.can(refund.state, event):
            return refund
        before = refund.state
        step = REFUND_MACHINE.step(before, event)
        noted = attrs.evolve(refund, provider_refund_id=provider_refund_id, state=step.after)
        moved = tx.refunds.move(noted, step, now)
        if step.after is RefundState.COMPLETED:
            tx.ledger.post(_books(moved, payment, order).settled(now))
        elif step.after is RefundState.FAILED:
            self._give_back(tx, moved, payment, order, before, now)
        if step.after is not RefundState.PROCESSING:
            self._divide(tx, refund, moved, payment, order, now)
        if moved.split is not None:
            found, disputes = tx.refunds.of_payment(payment.id), tx.disputes.of_payment(payment.id)
            refunds = [moved, *(other for other in found() if other.id != moved.id)]
            completed = step.after is RefundState.COMPLETED
            sync_order(tx, payment, order, refunds, disputes(), now, completed=completed)
        if step.after is not RefundState.PROCESSING:
            tx.outbox.emit([self._about(moved, order, f"refund.{moved.state}", now)])
        return moved

    def hear(
        self, tx: Tx, payment: Payment, order: Order, notice: RefundNotice, now: datetime
    ) -> Refund:
        """An event about a refund: ours by its id, or one that was made at the provider.

        Raises ``FactMismatch`` when it is about another intent or currency, or more than there is
        to refund: it is kept as evidence, and ``ledger verify`` says so.
        """
        _check_identity(payment, notice)
        known = _match(tx.refunds.of_payment(payment.id)(), notice)
        if known is None:
            adopt = self._adopt_failed if notice.state is RefundState.FAILED else self._adopt
            return adopt(tx, payment, order, notice, now)
        refund = tx.refunds.lock(known.id)()
        assert refund is not None, "refunds are never deleted"
        if refund.amount != notice.amount:
            raise FactMismatch(f"refund {refund.id} is {refund.amount}, not {notice.amount}")
        if refund.needs_approval:
            refund = self.agree(tx, refund, payment, order, None, now)
            tx.audit.record(self._approved_there(refund, notice, now))
        return self._heard(tx, refund, payment, order, notice, now)

    def _approved_there(self, refund: Refund, notice: RefundNotice, now: datetime) -> AuditEntry:
        return AuditEntry(
            id=self.ids.new(),
            at=now,
            actor_kind=ActorKind.SYSTEM,
            actor_id="provider",
            action="refund.approve",
            subject_type="refund",
            subject_id=str(refund.id),
            details={"refund": notice.provider_refund_id},
        )

    def _adopt(
        self, tx: Tx, payment: Payment, order: Order, notice: RefundNotice, now: datetime
    ) -> Refund:
        """Staff refunded in the provider's dashboard: whatever was paid may have gone back.

        Requests that nobody has agreed to yet give way when there is too little left for them.
        """
        found, disputed = tx.refunds.of_payment(payment.id), tx.disputes.of_payment(payment.id)
        known, disputes = found(), disputed()
        begun = [r for r in known if not r.needs_approval]
        cents = notice.amount.cents
        # What a bank has taken, too, is the platform's loss: the provider has sent it all the same.
        if cents > _left(payment, order, begun, (), everything=True):
            raise FactMismatch(f"{notice.provider_refund_id} is more than what is left")
        room = max(0, _left(payment, order, begun, disputes) - cents)
        stay, displaced = staying(known, room)
        # Refunds are locked before the stock that this one may give back.
        locked = [tx.refunds.lock(request.id)() for request in displaced]
        given_up = [request for request in locked if request is not None]
        split = None
        if not is_suspended(payment):
            split = split_of_any(payment, order, [*begun, *stay], cents)
        made = self._made_there(payment, notice, split, now)
        refund = voiding_the_rest(made, payment, order, begun, disputes=disputes)
        self.begin(tx, refund, payment, order, now)
        for request in given_up:
            self.reject(tx, request, order, now)
        return self._heard(tx, refund, payment, order, notice, now)

    def _adopt_failed(
        self, tx: Tx, payment: Payment, order: Order, notice: RefundNotice, now: datetime
    ) -> Refund:
        """One that was over when it was first heard of: no money is taken and nothing is void.

        Another refund may have taken its place already, so there need be nothing left for it.
        """
        refund = self._made_there(payment, notice, None, now)
        tx.refunds.add(refund)
        tx.outbox.emit([self._about(refund, order, "refund.initiated", now, reason=refund.reason)])
        return self._end_unsent(tx, refund, order, now)

    def _made_there(
        self, payment: Payment, notice: RefundNotice, split: Split | None, now: datetime
    ) -> Refund:
        return Refund(
            id=RefundId(self.ids.new()),
            payment_id=payment.id,
            ref=payment.ref or notice.ref,
            amount=notice.amount,
            reason=RefundReason.DASHBOARD,
            state=REFUND_MACHINE.initial,
            created_at=now,
            split=split,
            provider_refund_id=notice.provider_refund_id,
        )

    def give_way(
        self, tx: Tx, waiting: Iterable[Refund], room_cents: int, order: Order, now: datetime
    ) -> list[Message]:
        """End the requests that there is too little left for; returns what is to be told of it."""
        _, displaced = staying(waiting, room_cents)
        told = []
        for request in displaced:
            locked = tx.refunds.lock(request.id)()
            assert locked is not None, "refunds are never deleted"
            told.append(self._about(_refused(tx, locked, now), order, "refund.failed", now))
        return told

    def _heard(
        self,
        tx: Tx,
        refund: Refund,
        payment: Payment,
        order: Order,
        notice: RefundNotice,
        now: datetime,
    ) -> Refund:
        moved = self.apply(tx, refund, payment, order, notice.state, notice.provider_refund_id, now)
        if moved.state in (RefundState.COMPLETED, RefundState.FAILED):
            tx.timers.clear(tx.tenant_id, TimerKind.REFUND, refund.id)
        return moved

    def reject(self, tx: Tx, refund: Refund, order: Order, now: datetime) -> Refund:
        """End a refund that nobody agreed to: its money was never taken."""
        assert refund.needs_approval, "only what waits for approval is rejected"
        return self._end_unsent(tx, refund, order, now)

    def _end_unsent(self, tx: Tx, refund: Refund, order: Order, now: datetime) -> Refund:
        moved = _refused(tx, refund, now)
        tx.outbox.emit([self._about(moved, order, "refund.failed", now)])
        return moved

    def _void(self, tx: Tx, refund: Refund, order: Order, now: datetime) -> None:
        """The ticket service hears of it on the order's stream, behind ``order.paid``.

        What a refund has voided that failed afterwards is void already.
        """
        others, offer = tx.refunds.of_payment(refund.payment_id), tx.catalog.offer(order.event_id)
        disputes = tx.disputes.of_payment(refund.payment_id)
        earlier = [r for r in others() if r.id != refund.id and not r.needs_approval]
        gone = {number for other in earlier for number in other.tickets}
        gone |= {number for dispute in disputes() for number in dispute.tickets}
        numbers = sorted(set(refund.tickets) - gone)
        if numbers:
            why, cause = refund.reason, refund.id
            told = self.void(tx, order, numbers, offer, now, reason=why, refund_id=cause)
            tx.outbox.emit([told])

    def void(
        self,
        tx: Tx,
        order: Order,
        numbers: Sequence[int],
        offer: Later[Offer | None],
        now: datetime,
        *,
        reason: str,
        refund_id: RefundId | None = None,
        dispute_id: DisputeId | None = None,
    ) -> Message:
        """Tickets of an order are void, because of a refund or a dispute, and for sale again.

        Returns what the ticket service must be told.
        """
        lines = [ticket for ticket in order.tickets if ticket.number in numbers]
        assert len(lines) == len(numbers), "only tickets of the order are voided"
        cancelled, found = tx.cancellations.get(order.event_id), offer()
        if found is not None and now < found.event.starts_at and cancelled() is None:
            tx.stock.give_back(order.id, lines)
        return message_about(
            self.ids,
            "order.tickets_voided",
            AggregateType.ORDER,
            order.id,
            now,
            orderId=str(order.id),
            refundId=str(refund_id or ""),
            disputeId=str(dispute_id or ""),
            eventId=str(order.event_id),
            tickets=list(numbers),
            reason=reason,
        )

    def _give_back(
        self,
        tx: Tx,
        failed: Refund,
        payment: Payment,
        order: Order,
        before: RefundState,
        now: datetime,
    ) -> None:
        """Its money is again theirs whom it was taken from."""
        books = _books(failed, payment, order)
        back = books.returned if before is RefundState.COMPLETED else books.failed
        tx.ledger.post(back(now))
        self._tell_failure(failed, before)

    def _divide(
        self,
        tx: Tx,
        was: Refund | None,
        moved: Refund,
        payment: Payment,
        order: Order,
        now: datetime,
    ) -> None:
        """Lost disputes take what refunds leave: a refund has begun, was sent after all, or failed."""
        known = tx.disputes.of_payment(payment.id)()
        if not any(dispute.state is DisputeState.LOST for dispute in known):
            return
        others = [r for r in tx.refunds.of_payment(payment.id)() if r.id != moved.id]
        earlier, later = [*others, *([was] if was else [])], [*others, moved]
        anew: Sequence[Dispute] = ()
        if moved.split is None:
            before, after = (
                suspense_debits(payment, order, refunds, known) for refunds in (earlier, later)
            )
        else:
            anew = divided_anew(payment, order, later, known)
            ids = {dispute.id for dispute in anew}
            before = _debits(order, [dispute for dispute in known if dispute.id in ids])
            after = _debits(order, anew)
        what = "begun" if was is None else str(moved.state)
        shared = _books(moved, payment, order).divided(what, before, after, now)
        if shared is not None:
            tx.ledger.post(shared)
        for dispute in anew:
            step = DISPUTE_MACHINE.step(dispute.state, DisputeEvent.DIVIDE)
            tx.disputes.move(dispute, step, now)

    def _tell_failure(self, refund: Refund, before: RefundState) -> None:
        late = before is RefundState.COMPLETED
        detail = "a refund came back after it had been sent" if late else "a refund was not sent"
        self.alerts.raise_alert("refund_failed", detail, refund_id=str(refund.id))

    def _about(
        self, refund: Refund, order: Order, kind: str, now: datetime, **more: object
    ) -> Message:
        return message_about(
            self.ids,
            kind,
            AggregateType.REFUND,
            refund.id,
            now,
            refundId=str(refund.id),
            paymentId=str(refund.payment_id),
            orderId=str(order.id),
            amountCents=refund.amount.cents,
            currency=refund.amount.currency.code,
            **more,
        )


def _refused(tx: Tx, refund: Refund, now: datetime) -> Refund:
    step = REFUND_MACHINE.step(refund.state, RefundEvent.FAIL)
    return tx.refunds.move(attrs.evolve(refund, state=step.after), step, now)


def _match(refunds: Iterable[Refund], notice: RefundNotice) -> Refund | None:
    """Ours by the provider's id, by our own, or by the amount of one that nobody has sent.

    What failed there did not do what a request of ours asks for. One of ours that was given up and
    was made after all is another one: its money has been given back.
    """
    mine = list(refunds)
    theirs = notice.provider_refund_id
    by_id = [r for r in mine if r.provider_refund_id == theirs]
    by_ours = [
        r for r in mine if str(r.id) == notice.refund_id and not r.provider_refund_id and r.counts
    ]
    unsent = [
        r
        for r in mine
        if notice.state is not RefundState.FAILED
        and r.state is RefundState.PENDING
        and not r.provider_refund_id
        and (r.needs_approval or r.split is None)
        and r.amount == notice.amount
    ]
    return next(iter((*by_id, *by_ours, *unsent)), None)


def _check_identity(payment: Payment, notice: RefundNotice) -> None:
    """Metadata are no proof: whoever has an account at the provider can write ours into theirs."""
    mine, theirs = payment.ref, notice.ref
    if mine is None or attrs.evolve(theirs, livemode=mine.livemode) != mine:
        raise FactMismatch(f"{notice.provider_refund_id} is of another intent than {payment.id}")
    if notice.amount.currency != payment.amount.currency:
        raise FactMismatch(f"{notice.provider_refund_id} is in {notice.amount.currency.code}")


def _left(
    payment: Payment,
    order: Order,
    refunds: Iterable[Refund],
    disputes: Iterable[Dispute],
    *,
    everything: bool = False,
) -> int:
    """Cents that may still go back, of a sale or of what lies in suspense."""
    if is_suspended(payment):
        return suspended_cents(payment, refunds, disputes)
    view = refundable_of(payment, order, refunds, disputes=disputes, everything=everything)
    return view.headroom_cents


def _debits(order: Order, lost: Iterable[Dispute]) -> tuple[Entry, ...]:
    """Who bears these lost disputes."""
    splits = [dispute.split for dispute in lost if dispute.split]
    return tuple(entry for split in splits for entry in share_entries(order, split))


def _books(refund: Refund, payment: Payment, order: Order) -> RefundBooks:
    return RefundBooks(
        payment_id=payment.id,
        refund_id=refund.id,
        provider_account=refund.ref.account,
        taken=_taken(refund, order),
    )


def _taken(refund: Refund, order: Order) -> tuple[Entry, ...]:
    """Whose money goes back: that of a sale by its split, else what lies in suspense."""
    if refund.split is None:
        return suspense_entries(payment_id=refund.payment_id, amount=refund.amount)
    return share_entries(order, refund.split)
