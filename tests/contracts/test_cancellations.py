"""What the cancellations of events promise."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import ref
from ticketpay.domain.catalog import Cancellation, CancellationProgress, EventCancelled, MoneyBack
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import EventId, PaymentId, RefundId
from ticketpay.domain.money import DEVELOPMENT_RATES, EUR, USD
from ticketpay.domain.orders import Order
from ticketpay.domain.payments import PAYMENT_MACHINE, Payment, PaymentEvent
from ticketpay.domain.refunds import REFUND_MACHINE, Refund, RefundEvent, RefundReason

pytestmark = pytest.mark.spec("S24")


def cancellation(backend: Backend, **changes: Any) -> Cancellation:
    values: dict[str, Any] = {
        "event_id": backend.home.event_id,
        "reason": "the singer is ill",
        "requested_by": "kim",
        "started_at": backend.now(),
    }
    return Cancellation(**values | changes)


def on_sale(backend: Backend) -> bool:
    offer = backend.run(lambda tx: tx.catalog.offer(backend.home.event_id)())
    assert offer is not None
    return offer.event.on_sale


def ended(
    backend: Backend, event: PaymentEvent = PaymentEvent.COMPLETE, order: Order | None = None
) -> Payment:
    """A stored payment that has come to this end."""
    payment = backend.stored_payment(order)
    step = PAYMENT_MACHINE.step(payment.state, event)
    paid = event is PaymentEvent.COMPLETE
    moved = attrs.evolve(
        payment,
        state=step.after,
        ref=ref() if paid else None,
        received_cents=payment.amount.cents if paid else 0,
        confirmed_at=backend.now() if paid else None,
    )
    return backend.run(lambda tx: tx.payments.save(moved, step, backend.now()))


def refunded(
    backend: Backend, payment: Payment, *events: RefundEvent, cents: int = 0, **changes: Any
) -> Refund:
    """A refund of a payment after these events: of all, or of so many cents."""
    amount = attrs.evolve(payment.amount, cents=cents or payment.amount.cents)
    refund = Refund(
        id=RefundId(uuid4()),
        payment_id=payment.id,
        ref=payment.ref or ref(),
        amount=amount,
        state=REFUND_MACHINE.initial,
        created_at=backend.now(),
        **{"reason": RefundReason.EVENT_CANCELLED, **changes},
    )
    backend.run(lambda tx: tx.refunds.add(refund))
    for event in events:
        refund = _moved(backend, refund, event)
    return refund


def _moved(backend: Backend, refund: Refund, event: RefundEvent) -> Refund:
    step = REFUND_MACHINE.step(refund.state, event)
    after = attrs.evolve(refund, state=step.after)
    return backend.run(lambda tx: tx.refunds.move(after, step, backend.now()))


def test_a_cancelled_event_is_off_sale_for_good(backend: Backend) -> None:
    """Starting takes the event off sale, and loading the catalogue again leaves it there."""
    wanted = cancellation(backend)
    assert on_sale(backend)
    assert backend.run(lambda tx: tx.cancellations.get(wanted.event_id)()) is None
    backend.run(lambda tx: tx.cancellations.start(wanted))
    assert not on_sale(backend)
    backend.writer.load(backend.home.catalog)
    assert not on_sale(backend)
    assert backend.run(lambda tx: tx.cancellations.get(wanted.event_id)()) == wanted


def test_an_event_is_cancelled_once(backend: Backend) -> None:
    """The second start is refused and changes nothing; so is that of an event that is not there."""
    wanted = cancellation(backend)
    backend.run(lambda tx: tx.cancellations.start(wanted))
    other = cancellation(backend, reason="rain")
    with pytest.raises(EventCancelled):
        backend.run(lambda tx: tx.cancellations.start(other))
    unknown = cancellation(backend, event_id=EventId(uuid4()))
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.cancellations.start(unknown))
    assert backend.run(lambda tx: tx.cancellations.get(wanted.event_id)()) == wanted


def test_how_far_it_has_come_is_kept(backend: Backend) -> None:
    """What is saved comes back, also locked; reason, author and beginning never change."""
    wanted = cancellation(backend)
    backend.run(lambda tx: tx.cancellations.start(wanted))
    for changes in (
        {"cursor": PaymentId(uuid4()), "again": True},
        {"cursor": None, "again": False, "finished_at": backend.now() + timedelta(hours=1)},
    ):
        saved = attrs.evolve(wanted, **changes)
        backend.run(lambda tx, saved=saved: tx.cancellations.save(saved))  # type: ignore[misc] # bound at once
        assert backend.run(lambda tx: tx.cancellations.lock(wanted.event_id)()) == saved
    assert backend.run(lambda tx: tx.cancellations.lock(EventId(uuid4()))()) is None


def test_another_tenant_sees_no_cancellation(backend: Backend) -> None:
    """A cancellation, its payments and their sums are the tenant's own."""
    wanted = cancellation(backend)
    ended(backend)
    backend.run(lambda tx: tx.cancellations.start(wanted))
    found = backend.run_as_other(
        lambda tx: (
            tx.cancellations.get(wanted.event_id)(),
            tx.cancellations.lock(wanted.event_id)(),
            tx.cancellations.to_look_at(wanted.event_id, None, 9)(),
            tx.cancellations.progress(wanted.event_id)().orders,
        )
    )
    assert found == (None, None, (), 0)


def test_payments_come_in_pages_by_id(backend: Backend) -> None:
    """Each page goes on after the last id; what is cancelled or has gone back is left out."""
    event = backend.home.event_id
    kept = [ended(backend) for _ in range(4)] + [backend.stored_payment()]
    ended(backend, PaymentEvent.CANCEL)
    refunded(backend, ended(backend), RefundEvent.COMPLETE)
    refunded(backend, ended(backend), RefundEvent.COMPLETE, reason="other")
    in_parts = ended(backend)
    for part in (100, in_parts.received_cents - 100):
        refunded(backend, in_parts, RefundEvent.COMPLETE, cents=part)
    refunded(backend, kept[0])
    refunded(backend, kept[1], RefundEvent.FAIL)
    refunded(backend, kept[2], RefundEvent.COMPLETE, cents=100, reason="other")
    refunded(backend, kept[3], RefundEvent.COMPLETE, cents=kept[3].received_cents - 100)
    refunded(backend, kept[3], cents=100, reason="other")

    def page(after: PaymentId | None, limit: int) -> list[PaymentId]:
        return list(backend.run(lambda tx: tx.cancellations.to_look_at(event, after, limit)()))

    wanted = sorted(payment.id for payment in kept)
    assert page(None, 9) == wanted
    first = page(None, 2)
    assert first == wanted[:2]
    assert page(first[-1], 3) == wanted[2:]
    assert page(wanted[-1], 2) == []
    others = backend.run(lambda tx: tx.cancellations.to_look_at(EventId(UUID(int=7)), None, 9)())
    assert others == ()


def test_progress_is_counted_from_payments_and_refunds(backend: Backend) -> None:
    """Paid orders, what is under way, what has arrived, what failed, and what may still complete."""
    event = backend.home.event_id
    assert backend.run(lambda tx: tx.cancellations.progress(event)()) == CancellationProgress(
        orders=0, begun=0, refunded=0, failed=0, unfinished=0
    )
    paid = [ended(backend) for _ in range(6)]
    ended(backend, PaymentEvent.CANCEL)
    ended(backend, PaymentEvent.FAIL)
    backend.stored_payment()
    cents = paid[0].amount.cents
    refunded(backend, paid[0], RefundEvent.COMPLETE)
    refunded(backend, paid[1], RefundEvent.PROCESS)
    refunded(backend, paid[2], RefundEvent.FAIL)
    refunded(backend, paid[3], RefundEvent.COMPLETE, cents=100, reason="other")
    refunded(backend, paid[3], cents=cents - 100)
    refunded(backend, paid[4], reason="other", needs_approval=True)
    refunded(backend, paid[5], RefundEvent.FAIL, reason="other")
    assert backend.run(lambda tx: tx.cancellations.progress(event)()) == CancellationProgress(
        orders=6,
        begun=3,
        refunded=1,
        failed=1,
        unfinished=2,
        money=(
            MoneyBack(
                currency=USD,
                cents=6 * cents,
                begun_cents=3 * cents,
                refunded_cents=cents + 100,
            ),
        ),
    )


@pytest.mark.spec("S20", "S23")
def test_progress_adds_no_currency_to_another(backend: Backend) -> None:
    """The money of an event that was sold in two currencies is two sums, the orders are one count."""
    now, rate = backend.now(), DEVELOPMENT_RATES.rate(USD, EUR)
    home = attrs.evolve(backend.home, currencies=frozenset({EUR}))
    order = home.order(now, exchange=rate)
    backend.run(lambda tx: tx.orders.add(order))
    euros, dollars = ended(backend, order=order), ended(backend)
    refunded(backend, euros, RefundEvent.COMPLETE)
    found = backend.run(lambda tx: tx.cancellations.progress(backend.home.event_id)())
    assert (found.orders, found.refunded) == (2, 1)
    assert [
        (one.currency, one.cents, one.begun_cents, one.refunded_cents) for one in found.money
    ] == [
        (EUR, euros.amount.cents, euros.amount.cents, euros.amount.cents),
        (USD, dollars.amount.cents, 0, 0),
    ]
    sums = backend.run(lambda tx: tx.catalog.volume(home.venue_id, now - timedelta(days=1))())
    assert {(one.currency, one.cents) for one in sums} == {
        (EUR, euros.amount.cents),
        (USD, dollars.amount.cents),
    }
