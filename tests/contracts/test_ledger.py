"""What the ledger promises: a key books once, a balance is checkpoint + tail."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.backend import Backend
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import RefundId
from ticketpay.domain.ledger import (
    AccountKind,
    Booked,
    Posting,
    RefundBooks,
    capture_posting,
    suspense_entries,
    suspense_posting,
)
from ticketpay.domain.orders import Order
from ticketpay.domain.payments import Payment
from ticketpay.ports.transactions import Tx


def capture(backend: Backend, order: Order, payment: Payment) -> Posting:
    """The posting of a captured sale."""
    return capture_posting(
        payment_id=payment.id,
        venue_id=payment.venue_id,
        event_id=payment.event_id,
        provider_account="",
        tax_jurisdiction=order.tax_jurisdiction,
        total=payment.amount,
        fees_cents=order.fees_cents,
        taxes_cents=order.taxes_cents,
        posted_at=backend.now(),
    )


def late_refund(payment: Payment) -> RefundBooks:
    """The books of the refund of a late success."""
    taken = suspense_entries(payment_id=payment.id, amount=payment.amount)
    return RefundBooks(
        payment_id=payment.id, refund_id=RefundId(uuid4()), provider_account="", taken=taken
    )


def sums(backend: Backend) -> dict[AccountKind, int]:
    """The balances by kind, without what is zero."""
    found: dict[AccountKind, int] = {}
    for balance in backend.run(lambda tx: tx.ledger.balances()()):
        kind = balance.account.kind
        found[kind] = found.get(kind, 0) + balance.cents
    return {kind: cents for kind, cents in found.items() if cents}


@pytest.mark.spec("S20")
def test_a_business_key_books_once(backend: Backend) -> None:
    """A second posting with the same key is a conflict, even in the same transaction."""
    payment, now = backend.stored_payment(), backend.now()
    posting = suspense_posting(
        payment_id=payment.id, provider_account="", amount=payment.amount, posted_at=now
    )
    backend.run(lambda tx: tx.ledger.post(posting))
    before = sums(backend)
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.ledger.post(posting))
    refund = late_refund(payment).begun(now)

    def twice(tx: Tx) -> None:
        tx.ledger.post(refund)
        tx.ledger.post(refund)

    with pytest.raises(Conflict):
        backend.run(twice)
    assert sums(backend) == before


@pytest.mark.spec("S20")
def test_balances_are_the_same_before_and_after_a_roll_up(backend: Backend) -> None:
    """Rolling up moves postings, some at a time, and changes no balance; later ones are added."""
    order = backend.stored_order(3)
    payments = [backend.home.payment(order, backend.now()) for _ in range(3)]
    for payment in payments:
        posting = capture(backend, order, payment)
        backend.run(lambda tx, posting=posting: tx.ledger.post(posting))  # type: ignore[misc] # a default binds the loop variable
    before = backend.run(lambda tx: tx.ledger.balances()())
    assert backend.run(lambda tx: tx.ledger.roll_up(2)()) == 2
    assert backend.run(lambda tx: tx.ledger.balances()()) == before
    assert backend.run(lambda tx: tx.ledger.roll_up(10)()) == 1
    assert backend.run(lambda tx: tx.ledger.roll_up(10)()) == 0
    assert backend.run(lambda tx: tx.ledger.balances()()) == before
    late = capture(backend, order, backend.home.payment(order, backend.now()))
    backend.run(lambda tx: tx.ledger.post(late))
    assert sums(backend)[AccountKind.PROVIDER] == 4 * order.total.cents
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.ledger.post(capture(backend, order, payments[0])))


@pytest.mark.spec("S20")
def test_a_capture_is_owed_and_earned(backend: Backend) -> None:
    """A sale debits the provider and credits venue, tax and revenue; the venue sees its share."""
    order = backend.stored_order(2)
    payment = backend.stored_payment(order)
    backend.run(lambda tx: tx.ledger.post(capture(backend, order, payment)))
    assert sums(backend) == {
        AccountKind.PROVIDER: order.total.cents,
        AccountKind.VENUE_PAYABLE: -order.tickets_cents,
        AccountKind.PLATFORM_REVENUE: -order.fees_cents,
        AccountKind.TAX_PAYABLE: -order.taxes_cents,
    }
    for _ in range(2):
        venue = backend.run(lambda tx: tx.ledger.venue_balances(payment.venue_id)())
        assert venue["USD"]["pending"] == order.tickets_cents
        booked = backend.run(lambda tx: tx.ledger.booked_by_payment()())
        assert booked == {str(payment.id): Booked(order.total.cents)}
        backend.run(lambda tx: tx.ledger.roll_up(10)())
    assert not backend.run(lambda tx: tx.ledger.venue_balances(backend.away.venue_id)())


@pytest.mark.spec("S20")
def test_a_late_refund_leaves_nothing(backend: Backend) -> None:
    """A refund that has begun is in clearing; once it is settled nothing is left on any account."""
    payment, now = backend.stored_payment(), backend.now()
    cents, books = payment.amount.cents, late_refund(payment)
    into = suspense_posting(
        payment_id=payment.id, provider_account="", amount=payment.amount, posted_at=now
    )
    booked = []
    for posting in (into, books.begun(now), books.settled(now)):
        backend.run(lambda tx, posting=posting: tx.ledger.post(posting))  # type: ignore[misc] # a default binds the loop variable
        said = backend.run(lambda tx: tx.ledger.booked_by_payment()())
        booked.append(said.get(str(payment.id)))
    assert booked == [Booked(cents), Booked(cents, cents), None]
    assert sums(backend) == {}
