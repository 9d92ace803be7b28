"""The one way in which a provider's fact changes anything (S32, S35).

Webhook, synchronous answer and janitor all end here. In one transaction: the payment moves, the
order follows, stock is confirmed or released, the ledger is posted, messages are emitted, the
timer is set or cleared. A fact that is already known changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import Conflict, NotFound
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.ledger import capture_posting, suspense_posting
from ticketpay.domain.messaging import AggregateType, Claim, Message, TimerKind
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent, OrderState
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    Circumstances,
    Payment,
    PaymentEvent,
    PaymentState,
    ProviderFact,
    judge,
)
from ticketpay.domain.payments.policy import Ruling
from ticketpay.domain.processes.dispute_desk import DisputeDesk
from ticketpay.domain.processes.refund_desk import RefundDesk
from ticketpay.domain.processes.telling import message_about
from ticketpay.domain.reconciliation import ASK_AGAIN_SECONDS, ends_at, held_until, next_look_at

if TYPE_CHECKING:
    from ticketpay.ports.system import Alerts, Ids
    from ticketpay.ports.transactions import Tx

__all__ = ["Case", "FactDesk", "open_case", "open_claimed", "open_order"]

_WAITS_FOR: Final = {
    PaymentState.PENDING: OrderState.PAYMENT_PENDING,
    PaymentState.PROCESSING: OrderState.PAYMENT_PROCESSING,
    PaymentState.AUTHORIZED: OrderState.PAYMENT_PROCESSING,
    PaymentState.FAILED: OrderState.PAYMENT_FAILED,
}
"""The state of an order that follows an unfinished payment."""


@attrs.frozen
class Case:
    """A payment and its order, locked together: payment first, then order."""

    payment: Payment
    order: Order


def open_case(tx: Tx, payment_id: PaymentId) -> Case:
    """Lock a payment and its order; raises ``NotFound``."""
    locked = tx.payments.lock(payment_id)
    followed = tx.orders.lock_of_payment(payment_id)
    payment, order = locked(), followed()
    if payment is None:
        raise NotFound(f"there is no payment {payment_id}")
    assert order is not None, "a payment cannot exist without its order"
    return Case(payment, order)


def open_order(tx: Tx, case: Case) -> Case:
    """The case with the tickets and charges of its order, which never change."""
    whole = tx.orders.get(case.order.id)()
    assert whole is not None, "a payment cannot exist without its order"
    order = attrs.evolve(case.order, tickets=whole.tickets, charges=whole.charges)
    return attrs.evolve(case, order=order)


def open_claimed(tx: Tx, claim: Claim, payment_id: PaymentId) -> Case:
    """The same, after the idempotency key: keys are locked first, as in the claim itself.

    Raises ``Conflict`` when somebody else has taken the key over.
    """
    ours = tx.idempotency.lock(claim)
    case = open_case(tx, payment_id)
    if not ours():
        raise Conflict("the idempotency key has been taken over")
    return case


@attrs.frozen(kw_only=True, eq=False, repr=False)
class FactDesk:
    """Applies facts to cases inside the caller's transaction; see the module docstring."""

    ids: Ids
    alerts: Alerts
    refunds: RefundDesk = attrs.field(init=False)

    @refunds.default
    def _(self) -> RefundDesk:
        return RefundDesk(ids=self.ids, alerts=self.alerts)

    @property
    def disputes(self) -> DisputeDesk:
        """Where disputes are heard; refunds give way to them."""
        return DisputeDesk(ids=self.ids, alerts=self.alerts, refunds=self.refunds)

    def apply(self, tx: Tx, case: Case, fact: ProviderFact, now: datetime) -> Case:
        """The case after ``fact``; raises ``FactMismatch`` when the fact is about something else."""
        verdict = judge(case.payment, fact)
        if verdict.ruling is Ruling.LATE_SUCCESS:
            return self._late_success(tx, self._noted(case, fact), fact, now)
        if verdict.ruling is not Ruling.MOVES or verdict.event is None:
            return self._remember(tx, case, fact, known=verdict.ruling is Ruling.KNOWN, now=now)
        if verdict.event is PaymentEvent.COMPLETE:
            around = self._around(tx, case)
            if not self._can_be_sold(tx, case, around):
                gone = self._move(tx, self._noted(case, fact), PaymentEvent.CANCEL, fact, now)
                return self._late_success(tx, gone, fact, now)
            now = around.sold_at(now) if around else now
        return self._move(tx, self._noted(case, fact), verdict.event, fact, now)

    def retry(self, tx: Tx, case: Case, now: datetime) -> Case:
        """Move a payment that failed, and its order, to processing: it was tried again (S37 D2).

        What came of it is applied in the same transaction, and that alone is told.
        """
        step = PAYMENT_MACHINE.step(case.payment.state, PaymentEvent.RETRY)
        payment = tx.payments.save(attrs.evolve(case.payment, state=step.after), step, now)
        path = ORDER_MACHINE.path(case.order.state, OrderState.PAYMENT_PROCESSING)
        assert path is not None, "a failed order may be paid again"
        return Case(payment, tx.orders.move(case.order, path, now))

    def follow(self, tx: Tx, case: Case, now: datetime) -> Case:
        """Bring the order in line with its payment, where a fact could not."""
        return self._sync_order(tx, case, None, now)

    def close(self, tx: Tx, order: Order, payment_id: str, now: datetime) -> Order:
        """Cancel an order that has no payment left to pay it; its tickets are free again.

        ``payment_id`` is empty if it never had one.
        """
        tx.stock.release(order.id)
        step = ORDER_MACHINE.step(order.state, OrderEvent.CANCEL)
        closed = tx.orders.move(order, [step], now)
        data = {"orderId": str(order.id), "paymentId": payment_id}
        kind, about = f"order.{closed.state}", AggregateType.ORDER
        tx.outbox.emit([message_about(self.ids, kind, about, order.id, now, **data)])
        return closed

    def set_timer(self, tx: Tx, case: Case, now: datetime) -> None:
        """When the janitor looks again at an unfinished payment; never, once it has ended.

        What has failed is looked at when its event begins, at the latest: nobody pays after that.
        """
        payment = case.payment
        if PAYMENT_MACHINE.is_final(payment.state):
            tx.timers.clear(tx.tenant_id, TimerKind.PAYMENT, payment.id)
            return
        due_at = next_look_at(payment, case.order.expires_at, now)
        if payment.state is PaymentState.FAILED and payment.ref is not None:
            due_at = _by_its_start(tx, payment, due_at, now)
        tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, payment.id, due_at)

    def wait_for_buyer(self, tx: Tx, case: Case, now: datetime) -> None:
        """Tickets were taken again for a buyer who pays what failed: held as long as a new order's.

        Who never comes to an end is looked at then, and the tickets are free. Until then nothing is
        tried, counted or cancelled: whoever looks does so by this timer.
        """
        payment = case.payment
        due_at = _by_its_start(tx, payment, held_until(payment, now), now)
        tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, payment.id, due_at)

    def give_up(self, tx: Tx, case: Case, now: datetime) -> Case:
        """Cancel a payment that the provider has never seen, and its order with it."""
        return self._move(tx, case, PaymentEvent.CANCEL, None, now)

    def refuse(self, tx: Tx, case: Case, now: datetime) -> Case:
        """Fail a payment whose charge the provider refused without creating an intent."""
        state = case.payment.state
        if state is PaymentState.FAILED or not PAYMENT_MACHINE.can(state, PaymentEvent.FAIL):
            return case
        return self._move(tx, case, PaymentEvent.FAIL, None, now)

    def _noted(self, case: Case, fact: ProviderFact) -> Case:
        payment = attrs.evolve(
            case.payment,
            ref=fact.ref,
            provider_status=fact.raw_status or str(fact.status),
            failure=fact.failure or case.payment.failure,
            last_fact_at=fact.occurred_at,
        )
        return attrs.evolve(case, payment=payment)

    def _remember(
        self, tx: Tx, case: Case, fact: ProviderFact, *, known: bool, now: datetime
    ) -> Case:
        """Keep what a fact tells beyond the state: the reference, the newest status and its time."""
        if case.payment.state is PaymentState.CANCELLED and fact.status.is_open:
            return self._chase(tx, case, fact, now)
        payment, last = case.payment, case.payment.last_fact_at
        newer = last is None or fact.occurred_at > last
        if PAYMENT_MACHINE.is_final(payment.state) or not known:
            return case
        if payment.ref is not None and not newer:
            return case
        noted = self._noted(case, fact)
        saved = tx.payments.save(noted.payment, None, now)
        if payment.state is not PaymentState.FAILED or payment.ref is None:
            # Else it is that of the next try, or of a buyer's hold: to hear of it moves neither.
            self.set_timer(tx, attrs.evolve(case, payment=saved), now)
        return attrs.evolve(case, payment=saved)

    def _chase(self, tx: Tx, case: Case, fact: ProviderFact, now: datetime) -> Case:
        """A cancelled payment has an intent that may still take money: the janitor cancels it."""
        tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, case.payment.id, now)
        if case.payment.ref is not None:
            return case
        saved = tx.payments.save(self._noted(case, fact).payment, None, now)
        return attrs.evolve(case, payment=saved)

    def _around(self, tx: Tx, case: Case) -> Circumstances | None:
        """What else the buyer of a payment that had failed has; None if it never had.

        Whoever opens an order holds its types until it is there to be seen.
        """
        if case.payment.last_try_at is None:
            return None
        tx.stock.lock_event(case.order.id, case.payment.event_id)
        return tx.retries.around(case.payment)()

    def _can_be_sold(self, tx: Tx, case: Case, around: Circumstances | None) -> bool:
        """Whether the order still waits for money (S32 D4) and its stock is there (S14).

        A failure has freed the stock, of this payment or of another: it is taken again, or gone. And
        whoever was declined and has bought again since is not charged for both (S37).
        """
        state, payment = case.order.state, case.payment
        if state is OrderState.PAYMENT_PENDING and payment.failure is None:
            return True
        if around is not None and around.bought_again:
            return False
        waits = ORDER_MACHINE.path(state, OrderState.PAID)
        return bool(waits) and tx.stock.hold_again(case.order.id)()

    def _move(
        self, tx: Tx, case: Case, event: PaymentEvent, fact: ProviderFact | None, now: datetime
    ) -> Case:
        step = PAYMENT_MACHINE.step(case.payment.state, event)
        payment = attrs.evolve(case.payment, state=step.after)
        if case.payment.last_try_at is not None and fact is not None:
            tx.retries.end(payment.id, str(fact.status))
        if step.after is PaymentState.FAILED:
            payment = attrs.evolve(payment, last_try_at=now)
        if step.after is PaymentState.COMPLETED:
            assert fact is not None, "only the provider completes a payment"
            payment = attrs.evolve(payment, received_cents=fact.received.cents, confirmed_at=now)
        payment = tx.payments.save(payment, step, now)
        moved = Case(payment, case.order)
        concerned = _order_is_concerned(case, step.after)
        if concerned:
            self._move_money_and_stock(tx, moved, now)
        tx.outbox.emit([self._payment_message(moved, now)])
        if concerned:
            moved = self._sync_order(tx, moved, fact, now)
        self.set_timer(tx, moved, now)
        return moved

    def _move_money_and_stock(self, tx: Tx, case: Case, now: datetime) -> None:
        payment, order = case.payment, case.order
        if payment.state is PaymentState.COMPLETED:
            tx.stock.confirm(order.id)
            tx.ledger.post(
                capture_posting(
                    payment_id=payment.id,
                    venue_id=payment.venue_id,
                    event_id=payment.event_id,
                    provider_account=payment.provider_account,
                    tax_jurisdiction=order.tax_jurisdiction,
                    total=payment.amount,
                    fees_cents=order.fees_cents,
                    taxes_cents=order.taxes_cents,
                    posted_at=now,
                )
            )
        elif payment.state in (PaymentState.FAILED, PaymentState.CANCELLED):
            tx.stock.release(order.id)
        elif order.state is OrderState.PAYMENT_FAILED:
            # Whether the stock is still there is decided when the money comes.
            tx.stock.hold_again(order.id)()

    def _sync_order(self, tx: Tx, case: Case, fact: ProviderFact | None, now: datetime) -> Case:
        goal = _order_goal(case, fact.occurred_at if fact else now)
        if goal is None or goal is case.order.state:
            return case
        path = ORDER_MACHINE.path(case.order.state, goal)
        if path is None:
            self.alerts.raise_alert(
                "order_refuses_payment",
                f"order is {case.order.state}, payment is {case.payment.state}",
                order_id=str(case.order.id),
                payment_id=str(case.payment.id),
            )
            return case
        order = tx.orders.move(case.order, path, now)
        message = self._order_message(attrs.evolve(case, order=order), now)
        if message is not None:
            tx.outbox.emit([message])
        return attrs.evolve(case, order=order)

    def _late_success(self, tx: Tx, case: Case, fact: ProviderFact, now: datetime) -> Case:
        """Money came for a sale that is over: into suspense, and back to the buyer (S30)."""
        step = PAYMENT_MACHINE.step(case.payment.state, PaymentEvent.LATE_SUCCESS)
        payment = attrs.evolve(case.payment, received_cents=fact.received.cents)
        payment = tx.payments.save(payment, step, now)
        tx.ledger.post(
            suspense_posting(
                payment_id=payment.id,
                provider_account=fact.ref.account,
                amount=fact.received,
                posted_at=now,
            )
        )
        self.refunds.send_back(tx, payment, case.order, fact.received, now)
        self.alerts.raise_alert(
            "late_success", "money for a cancelled payment is refunded", payment_id=str(payment.id)
        )
        return attrs.evolve(case, payment=payment)

    def _payment_message(self, case: Case, now: datetime) -> Message:
        payment = case.payment
        return message_about(
            self.ids,
            f"payment.{payment.state}",
            AggregateType.PAYMENT,
            payment.id,
            now,
            paymentId=str(payment.id),
            orderId=str(payment.order_id),
            amountCents=payment.amount.cents,
            currency=payment.amount.currency.code,
        )

    def _order_message(self, case: Case, now: datetime) -> Message | None:
        order, payment = case.order, case.payment
        data: dict[str, object] = {"orderId": str(order.id), "paymentId": str(payment.id)}
        if order.state is OrderState.PAID:
            data |= {
                "userId": str(order.user_id),
                "eventId": str(order.event_id),
                "amountCents": payment.amount.cents,
                "currency": payment.amount.currency.code,
                "ticketQuantity": order.ticket_count,
            }
        elif order.state is OrderState.PAYMENT_FAILED:
            data["reason"] = _reason(payment)
        elif order.state not in (OrderState.CANCELLED, OrderState.EXPIRED):
            return None
        return message_about(
            self.ids, f"order.{order.state}", AggregateType.ORDER, order.id, now, **data
        )


def _by_its_start(tx: Tx, payment: Payment, due_at: datetime, now: datetime) -> datetime:
    """``due_at``, or when the event begins if that is sooner; a minute from ``now`` at the soonest."""
    soonest = now + timedelta(seconds=ASK_AGAIN_SECONDS)
    return min(due_at, max(tx.retries.around(payment)().starts_at, soonest))


def _reason(payment: Payment) -> str:
    if payment.failure is None:
        return "Payment failed"
    return payment.failure.decline_code or payment.failure.code or "Payment failed"


def _order_is_concerned(case: Case, after: PaymentState) -> bool:
    """Whether the order follows a move (S32 D4).

    An end without money matters only where the order waits for this payment, and not when another
    one has paid it or is under way.
    """
    if after not in (PaymentState.FAILED, PaymentState.CANCELLED):
        return True
    return case.order.state is _WAITS_FOR.get(case.payment.state)


def _order_goal(case: Case, at: datetime) -> OrderState | None:
    """Where the order goes (S32): a cancellation after its deadline is an expiry."""
    state = case.payment.state
    if state is PaymentState.CANCELLED:
        late = at >= ends_at(case.payment, case.order.expires_at)
        return OrderState.EXPIRED if late else OrderState.CANCELLED
    return {
        PaymentState.PROCESSING: OrderState.PAYMENT_PROCESSING,
        PaymentState.AUTHORIZED: OrderState.PAYMENT_PROCESSING,
        PaymentState.COMPLETED: OrderState.PAID,
        PaymentState.FAILED: OrderState.PAYMENT_FAILED,
    }.get(state)
