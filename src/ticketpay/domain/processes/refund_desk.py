"""The one way in which a refund begins, moves and ends (S24, S25).

In one transaction: the refund is stored or moves, the ledger is posted, tickets are voided and for
sale again, the order follows, messages are emitted, the timer is set. Whoever comes here has locked
the payment, then the order, then the refund; the order comes with its tickets and charges.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import DisputeId, RefundId
from ticketpay.domain.ledger import RefundBooks, sale_entries, suspense_entries
from ticketpay.domain.messaging import AggregateType, Message, TimerKind
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent
from ticketpay.domain.payments import FactMismatch
from ticketpay.domain.refunds import (
    REFUND_MACHINE,
    DisputeState,
    Refund,
    Refundable,
    RefundEvent,
    RefundReason,
    RefundState,
    Split,
    refundable_of,
)

if TYPE_CHECKING:
    from ticketpay.domain.catalog import Offer
    from ticketpay.domain.ledger.model import Entry
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

    def take(self, tx: Tx, refund: Refund, payment: Payment, order: Order, now: datetime) -> None:
        """Take the money, void the tickets, and have the refund sent."""
        assert not refund.needs_approval, "nothing is taken before it is agreed"
        tx.ledger.post(_books(refund, payment, order).begun(now))
        if refund.tickets:
            self._void(tx, refund, order, now)
        tx.timers.set(tx.tenant_id, TimerKind.REFUND, refund.id, now)

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
        books = _books(moved, payment, order)
        if step.after is RefundState.COMPLETED:
            tx.ledger.post(books.settled(now))
        elif step.after is RefundState.FAILED:
            back = books.returned if before is RefundState.COMPLETED else books.failed
            tx.ledger.post(back(now))
            self._tell_failure(moved, before)
        if moved.split is not None:
            self._sync_order(tx, payment, order, moved, now)
        if step.after is not RefundState.PROCESSING:
            tx.outbox.emit([self._about(moved, order, f"refund.{moved.state}", now)])
        return moved

    def hear(
        self, tx: Tx, payment: Payment, order: Order, notice: RefundNotice, now: datetime
    ) -> Refund:
        """An event about a refund: ours by its id, or one that was made at the provider.

        Raises ``FactMismatch`` when it is more than there is to refund: it is kept as evidence, and
        ``ledger verify`` says so.
        """
        known = _match(tx.refunds.of_payment(payment.id)(), notice)
        if known is None:
            return self._adopt(tx, payment, order, notice, now)
        refund = tx.refunds.lock(known.id)()
        assert refund is not None, "refunds are never deleted"
        if refund.amount != notice.amount:
            raise FactMismatch(f"refund {refund.id} is {refund.amount}, not {notice.amount}")
        if refund.needs_approval:
            refund = tx.refunds.approve(refund, None, now)
            self.take(tx, refund, payment, order, now)
        return self._heard(tx, refund, payment, order, notice, now)

    def _adopt(
        self, tx: Tx, payment: Payment, order: Order, notice: RefundNotice, now: datetime
    ) -> Refund:
        """Staff refunded in the provider's dashboard: whatever was sold may have gone back.

        Requests that nobody has agreed to yet give way when there is too little left for them.
        """
        known = tx.refunds.of_payment(payment.id)()
        waiting = [r for r in known if r.needs_approval and r.counts]
        begun = [r for r in known if r not in waiting]
        disputes = tx.disputes.of_payment(payment.id)()
        left = refundable_of(payment, order, begun, disputes=disputes, everything=True)
        split, tickets = _adopted(left, notice)
        refund = Refund(
            id=RefundId(self.ids.new()),
            payment_id=payment.id,
            ref=payment.ref or notice.ref,
            amount=notice.amount,
            reason=RefundReason.DASHBOARD,
            state=REFUND_MACHINE.initial,
            created_at=now,
            split=split,
            tickets=tickets,
            provider_refund_id=notice.provider_refund_id,
        )
        after = refundable_of(payment, order, [*begun, refund], disputes=disputes)
        told = self.give_way(tx, waiting, after.headroom_cents, tickets, order, now)
        self.begin(tx, refund, payment, order, now)
        if told:
            tx.outbox.emit(told)
        return self._heard(tx, refund, payment, order, notice, now)

    def give_way(
        self,
        tx: Tx,
        waiting: Iterable[Refund],
        headroom_cents: int,
        voided: Iterable[int],
        order: Order,
        now: datetime,
    ) -> list[Message]:
        """End the requests that there is too little left for, or whose tickets are ``voided``.

        Returns what is to be told of it.
        """
        told = []
        for request in waiting:
            left = headroom_cents - request.amount.cents
            if left >= 0 and not set(request.tickets) & set(voided):
                headroom_cents = left
            else:
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
        moved = _refused(tx, refund, now)
        tx.outbox.emit([self._about(moved, order, "refund.failed", now)])
        return moved

    def _void(self, tx: Tx, refund: Refund, order: Order, now: datetime) -> None:
        """The ticket service hears of it on the order's stream, behind ``order.paid``.

        What a refund has voided that failed afterwards is void already.
        """
        others, offer = tx.refunds.of_payment(refund.payment_id), tx.catalog.offer(order.event_id)
        earlier = [r for r in others() if r.id != refund.id and not r.needs_approval]
        gone = {number for other in earlier for number in other.tickets}
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
        found = offer()
        if found is not None and now < found.event.starts_at:
            tx.stock.give_back(order.id, lines)
        return self._message(
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

    def _sync_order(
        self, tx: Tx, payment: Payment, order: Order, moved: Refund, now: datetime
    ) -> None:
        """The order says whether something, or all that could, has reached the buyer (S32)."""
        refunds, disputes = tx.refunds.of_payment(payment.id), tx.disputes.of_payment(payment.id)
        others = [r for r in refunds() if r.id != moved.id]
        lost = [d for d in disputes() if d.state is DisputeState.LOST]
        done = [r for r in (*others, moved) if r.state is RefundState.COMPLETED]
        whole = refundable_of(payment, order, done, disputes=lost).headroom_cents == 0
        if moved.state is RefundState.COMPLETED:
            event = OrderEvent.REFUND if whole else OrderEvent.REFUND_PART
        elif moved.state is RefundState.FAILED and not whole:
            event = OrderEvent.REFUND_FAIL
        else:
            return
        if ORDER_MACHINE.can(order.state, event):
            tx.orders.move(order, [ORDER_MACHINE.step(order.state, event)], now)

    def _tell_failure(self, refund: Refund, before: RefundState) -> None:
        late = before is RefundState.COMPLETED
        detail = "a refund came back after it had been sent" if late else "a refund was not sent"
        self.alerts.raise_alert("refund_failed", detail, refund_id=str(refund.id))

    def _about(
        self, refund: Refund, order: Order, kind: str, now: datetime, **more: object
    ) -> Message:
        return self._message(
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

    def _message(
        self, kind: str, about: AggregateType, about_id: UUID, now: datetime, **data: object
    ) -> Message:
        return Message(
            id=self.ids.new(),
            type=kind,
            aggregate_type=about,
            aggregate_id=about_id,
            occurred_at=now,
            data=data,
        )


def _adopted(left: Refundable, notice: RefundNotice) -> tuple[Split | None, tuple[int, ...]]:
    """Whose money a refund of the dashboard is, and the tickets that it voids.

    One that has failed may be more than is left: a bank may have taken it meanwhile.
    """
    cents = notice.amount.cents
    if cents > left.headroom_cents:
        if notice.state is RefundState.FAILED:
            return None, ()
        raise FactMismatch(f"{notice.provider_refund_id} is more than what is left")
    return left.whole() if cents == left.headroom_cents else (left.of_amount(cents), ())


def _refused(tx: Tx, refund: Refund, now: datetime) -> Refund:
    step = REFUND_MACHINE.step(refund.state, RefundEvent.FAIL)
    return tx.refunds.move(attrs.evolve(refund, state=step.after), step, now)


def _match(refunds: Iterable[Refund], notice: RefundNotice) -> Refund | None:
    """Ours by the provider's id, by our own, or by the amount of one that nobody has sent."""
    mine = list(refunds)
    theirs = notice.provider_refund_id
    by_id = [r for r in mine if r.provider_refund_id == theirs]
    by_ours = [r for r in mine if str(r.id) == notice.refund_id and not r.provider_refund_id]
    unsent = [
        r
        for r in mine
        if r.state is RefundState.PENDING
        and not r.provider_refund_id
        and (r.needs_approval or r.split is None)
        and r.amount == notice.amount
    ]
    return next(iter((*by_id, *by_ours, *unsent)), None)


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
    return sale_entries(
        venue_id=order.venue_id,
        event_id=order.event_id,
        tax_jurisdiction=order.tax_jurisdiction,
        currency=order.currency,
        venue_cents=refund.split.venue_cents,
        fees_cents=refund.split.fees_cents,
        taxes_cents=refund.split.taxes_cents,
    )
