"""What lists of sales promise: order, no gaps, no repetitions, only one's own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import ref
from ticketpay.domain.kernel.ids import PaymentId, RefundId, UserId, VenueId
from ticketpay.domain.orders import ORDER_MACHINE, OrderState
from ticketpay.domain.payments import PAYMENT_MACHINE, Payment, PaymentEvent, PaymentState
from ticketpay.domain.payments.sales import NEWEST, Sale, SaleKey, SaleStatus
from ticketpay.domain.refunds import REFUND_MACHINE, Refund, RefundEvent
from ticketpay.ports.transactions import Tx

Page = Callable[[SaleKey, int], tuple[Sale, ...]]


def sold(backend: Backend, user: UUID, at: datetime, payment_id: UUID | None = None) -> Payment:
    """A stored payment of one buyer at one time."""
    order = attrs.evolve(backend.stored_order(), user_id=UserId(user))
    payment = attrs.evolve(
        backend.home.payment(order, at), id=PaymentId(payment_id or uuid4()), user_id=UserId(user)
    )
    backend.run(lambda tx: tx.payments.add(payment))
    return payment


def completed(backend: Backend, payment: Payment) -> Payment:
    """The payment after its money has come."""
    step = PAYMENT_MACHINE.step(payment.state, PaymentEvent.COMPLETE)
    done = attrs.evolve(
        payment,
        state=step.after,
        ref=ref(),
        received_cents=payment.amount.cents,
        confirmed_at=backend.now(),
    )
    return backend.run(lambda tx: tx.payments.save(done, step, backend.now()))


def refunded(backend: Backend, payment: Payment, cents: int, event: RefundEvent) -> None:
    """A refund of so many cents that came to this end."""
    assert payment.ref is not None
    refund = Refund(
        id=RefundId(uuid4()),
        payment_id=payment.id,
        ref=payment.ref,
        amount=attrs.evolve(payment.amount, cents=cents),
        reason="asked",
        state=REFUND_MACHINE.initial,
        created_at=backend.now(),
    )
    step = REFUND_MACHINE.step(refund.state, event)

    def store(tx: Tx) -> None:
        tx.refunds.add(refund)
        tx.refunds.move(refund, step, backend.now())

    backend.run(store)


def by_user(backend: Backend, user: UUID) -> Page:
    return lambda after, limit: backend.run(
        lambda tx: tx.sales.of_user(UserId(user), after, limit)()
    )


def walk(page: Page, limit: int) -> list[Sale]:
    """All sales, page by page."""
    found, after = list[Sale](), NEWEST
    while sales := page(after, limit):
        assert len(sales) <= limit
        found += sales
        after = sales[-1].key
    return found


@pytest.mark.spec("S17", "S17 D5")
def test_pages_are_the_list_newest_first(backend: Backend) -> None:
    """Pages of any size put together are all sales of the buyer, newest first, ids break ties."""
    user, now = uuid4(), backend.now()
    times = [now, now, now - timedelta(microseconds=1), now + timedelta(seconds=1), now]
    payments = [sold(backend, user, at) for at in times]
    sold(backend, uuid4(), now)
    keys = sorted(((p.created_at, p.id) for p in payments), reverse=True)
    for limit in (1, 2, 3, 9):
        sales = walk(by_user(backend, user), limit)
        assert [(sale.created_at, sale.payment_id) for sale in sales] == keys


@pytest.mark.spec("S17 D5")
def test_nothing_is_skipped_or_repeated_while_others_sell(backend: Backend) -> None:
    """Sales that come between two pages, older or newer than the cursor, move no sale of the list."""
    user, now = uuid4(), backend.now()
    before = {sold(backend, user, now - timedelta(seconds=n)).id for n in range(6)}
    seen, after = list[UUID](), NEWEST
    while sales := by_user(backend, user)(after, 2):
        seen += [sale.payment_id for sale in sales]
        after = sales[-1].key
        sold(backend, user, now + timedelta(seconds=9))
        if len(seen) < 6:
            sold(backend, user, sales[-1].created_at)
    assert len(seen) == len(set(seen))
    assert before <= set(seen)


@pytest.mark.spec("S17", "S17 D3")
def test_a_venue_has_its_sales_and_another_tenant_none(backend: Backend) -> None:
    """The list of a venue is its own sales; another tenant sees none of them, nor the buyer's."""
    payment = backend.stored_payment()
    venue, user = payment.venue_id, payment.user_id
    page = backend.run(lambda tx: tx.sales.of_venue(venue, NEWEST, 1000)())
    assert payment.id in {sale.payment_id for sale in page}
    assert {sale.venue_id for sale in page} == {venue}
    assert backend.run(lambda tx: tx.sales.of_venue(VenueId(uuid4()), NEWEST, 9)()) == ()
    assert backend.run_as_other(lambda tx: tx.sales.of_venue(venue, NEWEST, 9)()) == ()
    assert backend.run_as_other(lambda tx: tx.sales.of_user(user, NEWEST, 9)()) == ()


@pytest.mark.spec("S17 D1")
def test_a_sale_has_the_sums_of_its_order_and_its_refunds(backend: Backend) -> None:
    """A sale shows its order's prices; only completed refunds count; with its order they make its status."""
    user = uuid4()
    paid = completed(backend, sold(backend, user, backend.now()))
    order = backend.run(lambda tx: tx.orders.get(paid.order_id)())
    assert order is not None
    refunded(backend, paid, 10, RefundEvent.FAIL)
    (sale,) = by_user(backend, user)(NEWEST, 9)
    assert (sale.status, sale.refunded_cents) == (SaleStatus.COMPLETED, 0)
    assert (sale.amount_cents, sale.received_cents) == (order.total.cents, order.total.cents)
    assert (sale.tickets_cents, sale.fees_cents, sale.taxes_cents) == (
        order.tickets_cents,
        order.fees_cents,
        order.taxes_cents,
    )
    refunded(backend, paid, 10, RefundEvent.COMPLETE)
    (sale,) = by_user(backend, user)(NEWEST, 9)
    assert (sale.status, sale.refunded_cents) == (SaleStatus.PARTIALLY_REFUNDED, 10)
    whole = ORDER_MACHINE.path(order.state, OrderState.REFUNDED)
    assert whole is not None
    backend.run(lambda tx: tx.orders.move(order, whole, backend.now()))
    (sale,) = by_user(backend, user)(NEWEST, 9)
    assert (sale.status, sale.refunded_cents) == (SaleStatus.REFUNDED, 10)


@pytest.mark.spec("S07 D7", "S07 D9")
def test_payments_are_counted_by_currency_and_state(backend: Backend) -> None:
    """Counts and cents since an instant are the tenant's own, by canonical state."""
    now, user = backend.now(), uuid4()
    since = now + timedelta(days=400)
    sold(backend, user, since - timedelta(seconds=1))
    sold(backend, user, since)
    paid = completed(backend, sold(backend, user, since + timedelta(seconds=5)))
    refunded(backend, paid, 7, RefundEvent.COMPLETE)
    counts = backend.run(lambda tx: tx.sales.counts(since)())
    found = {(c.currency, c.state): (c.count, c.received_cents, c.refunded_cents) for c in counts}
    assert found == {
        (paid.amount.currency, PaymentState.PENDING): (1, 0, 0),
        (paid.amount.currency, PaymentState.COMPLETED): (1, paid.amount.cents, 7),
    }
    assert backend.run_as_other(lambda tx: tx.sales.counts(since)()) == ()
