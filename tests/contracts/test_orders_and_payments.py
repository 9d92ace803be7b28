"""What the stores of orders, payments and refunds promise: compare-and-set, one open payment."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import ref
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import OrderId, PaymentId, RefundId, UserId
from ticketpay.domain.money import Money
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent, OrderState
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    Failure,
    Payment,
    PaymentEvent,
    PaymentState,
)
from ticketpay.domain.payments.history import Source, in_order
from ticketpay.domain.pricing import Charge
from ticketpay.domain.refunds import (
    REFUND_MACHINE,
    Refund,
    RefundEvent,
    RefundReason,
    RefundState,
    Split,
)
from ticketpay.ports.transactions import Tx


def moved(backend: Backend, payment: Payment, event: PaymentEvent) -> Payment:
    """The payment after one stored step."""
    step = PAYMENT_MACHINE.step(payment.state, event)
    after = attrs.evolve(payment, state=step.after)
    return backend.run(lambda tx: tx.payments.save(after, step, backend.now()))


@pytest.mark.spec("S31")
def test_an_order_comes_back_as_it_was(backend: Backend) -> None:
    """A stored order equals what was stored; locked it lacks its tickets, not its sums."""
    order = backend.stored_order(2, "A1")
    assert backend.run(lambda tx: tx.orders.get(order.id)()) == order
    locked = backend.run(lambda tx: tx.orders.lock(order.id)())
    assert locked is not None
    assert (locked.total, locked.state, locked.version) == (order.total, order.state, 1)
    assert locked.tickets == ()
    assert backend.run(lambda tx: tx.orders.get(OrderId(uuid4()))()) is None
    assert backend.run(lambda tx: tx.orders.lock(OrderId(uuid4()))()) is None


@pytest.mark.spec("S58 D3", "S58 D7")
def test_an_estimated_tax_is_kept_and_found(backend: Backend) -> None:
    """The flag of a charge comes back with order and tickets, and leads to the order, oldest first."""
    sure = backend.stored_order()
    estimated: list[Order] = []
    for _ in range(3):
        order = _estimated(backend.home.order(backend.now(), backend.home.demand(2)))
        order = attrs.evolve(order, created_at=order.created_at - timedelta(days=len(estimated)))
        backend.run(partial(_add, order))
        estimated.append(order)
    assert backend.run(lambda tx: tx.orders.get(estimated[0].id)()) == estimated[0]
    found = backend.run(lambda tx: tx.orders.with_estimated_tax(100)())
    ours = [order.id for order in reversed(estimated)]
    assert [order_id for order_id in found if order_id in ours] == ours
    assert sure.id not in found
    assert len(backend.run(lambda tx: tx.orders.with_estimated_tax(2)())) == 2
    assert backend.run_as_other(lambda tx: tx.orders.with_estimated_tax(100)()) == ()


def _add(order: Order, tx: Tx) -> None:
    tx.orders.add(order)


def _estimated(order: Order) -> Order:
    """The same order with every charge flagged."""

    def flagged(charges: tuple[Charge, ...]) -> tuple[Charge, ...]:
        return tuple(attrs.evolve(charge, estimated=charge.kind.is_tax) for charge in charges)

    tickets = tuple(attrs.evolve(t, charges=flagged(t.charges)) for t in order.tickets)
    return attrs.evolve(order, charges=flagged(order.charges), tickets=tickets)


@pytest.mark.spec("S31")
def test_an_order_is_moved_by_compare_and_set(backend: Backend) -> None:
    """A walk ends in its last state with a higher version; the old version moves nothing any more."""
    order = backend.stored_order()
    path = ORDER_MACHINE.path(order.state, OrderState.PAID)
    assert path is not None
    paid = backend.run(lambda tx: tx.orders.move(order, path, backend.now()))
    assert paid.state is OrderState.PAID
    assert paid.version > order.version
    stored = backend.run(lambda tx: tx.orders.get(order.id)())
    assert stored is not None
    assert (stored.state, stored.version, stored.tickets) == (
        OrderState.PAID,
        paid.version,
        order.tickets,
    )
    cancel = [ORDER_MACHINE.step(order.state, OrderEvent.CANCEL)]
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.orders.move(order, cancel, backend.now()))
    issued = [ORDER_MACHINE.step(OrderState.PAID, OrderEvent.ISSUE)]
    fulfilled = backend.run(lambda tx: tx.orders.move(paid, issued, backend.now()))
    assert fulfilled.state is OrderState.FULFILLED


def _move(order: Order, event: OrderEvent, at: datetime, tx: Tx) -> Order:
    return tx.orders.move(order, [ORDER_MACHINE.step(order.state, event)], at)


@pytest.mark.spec("S31")
def test_that_tickets_were_issued_is_not_forgotten(backend: Backend) -> None:
    """An order knows that its tickets were issued when a refund has moved it on; others do not."""
    ident = backend.stored_payment().order_id
    for event, issued in (
        ("submit", False),
        ("pay", False),
        ("issue", True),
        ("refund", True),
        ("refund_fail", True),
    ):
        order = backend.run(lambda tx: tx.orders.lock(ident)())
        assert order is not None
        move = partial(_move, order, OrderEvent(event), backend.now())
        backend.run(move)
        assert backend.run(lambda tx: tx.orders.was_issued(ident)()) is issued
    assert backend.run_as_other(lambda tx: tx.orders.was_issued(ident)()) is False


@pytest.mark.spec("S30")
def test_a_payment_comes_back_as_it_was(backend: Backend) -> None:
    """A stored payment equals what was stored, alone, locked, by its order; others are None."""
    payment = backend.stored_payment()
    assert backend.run(lambda tx: tx.payments.get(payment.id)()) == payment
    assert backend.run(lambda tx: tx.payments.lock(payment.id)()) == payment
    assert backend.run(lambda tx: tx.payments.of_order(payment.order_id)()) == (payment,)
    order = backend.run(lambda tx: tx.orders.lock_of_payment(payment.id)())
    assert order is not None
    assert order.id == payment.order_id
    assert backend.run(lambda tx: tx.payments.get(PaymentId(uuid4()))()) is None
    assert backend.run(lambda tx: tx.orders.lock_of_payment(PaymentId(uuid4()))()) is None


@pytest.mark.spec("S35")
def test_a_payment_is_saved_by_compare_and_set(backend: Backend) -> None:
    """All of a payment is written, its version grows by one, and an old version is a conflict."""
    payment, now = backend.stored_payment(), backend.now()
    step = PAYMENT_MACHINE.step(payment.state, PaymentEvent.FAIL)
    failed = attrs.evolve(
        payment,
        state=step.after,
        ref=ref(),
        provider_status="requires_payment_method",
        failure=Failure("card_declined", "insufficient_funds", "No."),
        last_fact_at=now.replace(microsecond=0),
    )
    saved = backend.run(lambda tx: tx.payments.save(failed, step, now))
    assert saved == attrs.evolve(failed, version=2)
    assert backend.run(lambda tx: tx.payments.get(payment.id)()) == saved
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.payments.save(failed, step, now))
    assert backend.run(lambda tx: tx.payments.save(saved, None, now)).version == 3


@pytest.mark.spec("S15")
def test_an_order_has_one_open_payment_per_share(backend: Backend) -> None:
    """A second open payment of the same share is a conflict; another share or a closed one is not."""
    order, now = backend.stored_order(), backend.now()
    first = backend.stored_payment(order)
    second = backend.home.payment(order, now)
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.payments.add(second))
    backend.run(lambda tx: tx.payments.add(backend.home.payment(order, now, share=2)))
    failed = moved(backend, first, PaymentEvent.FAIL)
    backend.run(lambda tx: tx.payments.add(second))
    with pytest.raises(Conflict):
        moved(backend, failed, PaymentEvent.PROCESS)
    moved(backend, second, PaymentEvent.COMPLETE)


@pytest.mark.spec("S15")
def test_an_intent_belongs_to_one_payment(backend: Backend) -> None:
    """A second payment with the same provider reference is a conflict."""
    intent, now = ref(), backend.now()
    one, two = (attrs.evolve(backend.stored_payment(), ref=intent) for _ in range(2))
    backend.run(lambda tx: tx.payments.save(one, None, now))
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.payments.save(two, None, now))


@pytest.mark.spec("S25")
def test_a_refund_is_moved_by_compare_and_set(backend: Backend) -> None:
    """A refund is stored, moved with a higher version, and an old version moves nothing."""
    payment, now = backend.stored_payment(), backend.now()
    refund = Refund(
        id=RefundId(uuid4()),
        payment_id=payment.id,
        ref=ref(),
        amount=payment.amount,
        reason="late_success",
        state=REFUND_MACHINE.initial,
        created_at=now,
    )
    backend.run(lambda tx: tx.refunds.add(refund))
    assert backend.run(lambda tx: tx.refunds.lock(refund.id)()) == refund
    step = REFUND_MACHINE.step(refund.state, RefundEvent.COMPLETE)
    after = attrs.evolve(refund, provider_refund_id="re_1", state=step.after)
    done = backend.run(lambda tx: tx.refunds.move(after, step, now))
    assert done == attrs.evolve(after, version=2)
    assert done.state is RefundState.COMPLETED
    assert backend.run(lambda tx: tx.refunds.lock(refund.id)()) == done
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.refunds.move(after, step, now))
    assert backend.run_as_other(lambda tx: tx.refunds.lock(refund.id)()) is None


@pytest.mark.spec("S30")
@pytest.mark.parametrize("state", [PaymentState.PENDING])
def test_a_save_without_a_step_keeps_the_state(backend: Backend, state: PaymentState) -> None:
    """A reference can be noted without a move."""
    payment = attrs.evolve(backend.stored_payment(), ref=ref(), provider_status="requires_action")
    saved = backend.run(lambda tx: tx.payments.save(payment, None, backend.now()))
    assert (saved.state, saved.ref) == (state, payment.ref)


@pytest.mark.spec("S32")
def test_a_charge_that_is_sent_again_changes_no_payment(backend: Backend) -> None:
    """Each time a charge is sent is in the history, in order; the payment stays as it was."""
    payment, now = backend.stored_payment(), backend.now()
    times = [now + timedelta(seconds=n) for n in (1, 5)]
    for at in times:
        backend.run(lambda tx, at=at: tx.payments.sent_again(payment.id, at))  # type: ignore[misc] # a default binds the loop variable
    assert backend.run(lambda tx: tx.payments.get(payment.id)()) == payment
    history = in_order(backend.run(lambda tx: tx.listings.history(payment.id, payment.order_id)()))
    tries = [(h.at, h.what) for h in history if h.source is Source.ATTEMPT]
    assert tries == [(payment.sent_at, "charge"), *((at, "charge again") for at in times)]


def a_refund(payment: Payment, created_at: datetime, **changes: Any) -> Refund:
    """A refund of three cents of a sale, one of each."""
    refund = Refund(
        id=RefundId(uuid4()),
        payment_id=payment.id,
        ref=ref(),
        amount=Money(3, payment.amount.currency),
        reason=RefundReason.OTHER,
        state=REFUND_MACHINE.initial,
        created_at=created_at,
        split=Split(venue_cents=1, fees_cents=1, taxes_cents=1),
        tickets=(2, 5),
        requested_by=UserId(uuid4()),
        needs_approval=True,
    )
    return attrs.evolve(refund, **changes)


@pytest.mark.spec("S24", "S25")
def test_a_refund_comes_back_as_it_was(backend: Backend) -> None:
    """A stored refund equals what was stored, alone, locked and among those of its payment."""
    payment, now = backend.stored_payment(), backend.now()
    first, second = a_refund(payment, now), a_refund(payment, now + timedelta(seconds=1))
    other = a_refund(backend.stored_payment(), now, split=None, tickets=(), requested_by=None)
    for refund in (second, first, other):
        backend.run(lambda tx, refund=refund: tx.refunds.add(refund))  # type: ignore[misc] # a default binds the loop variable
    assert backend.run(lambda tx: tx.refunds.get(first.id)()) == first
    assert backend.run(lambda tx: tx.refunds.lock(other.id)()) == other
    assert backend.run(lambda tx: tx.refunds.of_payment(payment.id)()) == (first, second)
    assert backend.run(lambda tx: tx.refunds.get(RefundId(uuid4()))()) is None
    assert backend.run_as_other(lambda tx: tx.refunds.of_payment(payment.id)()) == ()


@pytest.mark.spec("S24 D4")
def test_refunds_that_wait_for_a_second_person_are_listed(backend: Backend) -> None:
    """Oldest first, of this tenant and so many; not those that were agreed to or given up."""
    payment, now = backend.stored_payment(), backend.now()
    made = [a_refund(payment, now + timedelta(seconds=n)) for n in range(4)]
    sent = a_refund(payment, now, needs_approval=False)
    for refund in (sent, *reversed(made)):
        backend.run(lambda tx, refund=refund: tx.refunds.add(refund))  # type: ignore[misc] # a default binds the loop variable
    backend.run(lambda tx: tx.refunds.approve(made[0], UserId(uuid4()), now))
    step = REFUND_MACHINE.step(made[2].state, RefundEvent.FAIL)
    backend.run(lambda tx: tx.refunds.move(made[2], step, now))
    assert backend.run(lambda tx: tx.refunds.waiting(9)()) == (made[1], made[3])
    assert backend.run(lambda tx: tx.refunds.waiting(1)()) == (made[1],)
    assert backend.run_as_other(lambda tx: tx.refunds.waiting(9)()) == ()


@pytest.mark.spec("S24 D4")
def test_a_refund_is_approved_by_compare_and_set(backend: Backend) -> None:
    """Who agreed and what is void by it is written once, with a higher version; whoever knows an old version is refused."""
    refund, by = a_refund(backend.stored_payment(), backend.now()), UserId(uuid4())
    backend.run(lambda tx: tx.refunds.add(refund))
    whole = attrs.evolve(refund, tickets=(1, 2))
    agreed = backend.run(lambda tx: tx.refunds.approve(whole, by, backend.now()))
    assert agreed == attrs.evolve(whole, needs_approval=False, approved_by=by, version=2)
    assert backend.run(lambda tx: tx.refunds.get(refund.id)()) == agreed
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.refunds.approve(refund, by, backend.now()))
