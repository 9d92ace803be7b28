"""What operators' lists promise: pages along a key without gaps, and a history without holes."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.contracts.test_ledger import capture
from tests.contracts.test_sales import completed, refunded
from tests.support.backend import Backend
from tests.support.scenery import START, message
from ticketpay.domain.messaging import AggregateType
from ticketpay.domain.orders import ORDER_MACHINE, OrderState
from ticketpay.domain.payments.history import Happening, Source, in_order
from ticketpay.domain.refunds import RefundEvent

LAST = UUID(int=(1 << 128) - 1)


def next_page(backend: Backend, name: str, after: Any, limit: int) -> Any:
    return backend.run(lambda tx: getattr(tx.listings, name)(after, limit)())


def walk(backend: Backend, name: str, ident: str, limit: int) -> list[Any]:
    """Every page of a list of the tenant, put together."""
    found: list[Any] = []
    after: Any = "" if name == "postings" else LAST
    while page := next_page(backend, name, after, limit):
        assert len(page) <= limit
        found += page
        after = getattr(page[-1], ident)
    return found


@pytest.mark.spec("S17 D5")
def test_pages_are_the_orders_and_payments_by_id(backend: Backend) -> None:
    """Pages of any size are all orders, and all payments, of the tenant, largest id first."""
    payments = [backend.stored_payment() for _ in range(4)]
    for limit in (1, 3, 50):
        orders = walk(backend, "orders", "id", limit)
        sales = walk(backend, "payments", "payment_id", limit)
        assert [o.id for o in orders] == sorted((p.order_id for p in payments), reverse=True)
        assert [s.payment_id for s in sales] == sorted((p.id for p in payments), reverse=True)
    (order,) = [o for o in orders if o.id == payments[0].order_id]
    assert (order.total_cents, order.state) == (payments[0].amount.cents, OrderState.CREATED)
    assert (order.ticket_count, order.currency) == (1, "USD")
    assert backend.run_as_other(lambda tx: tx.listings.orders(LAST, 9)()) == ()
    assert backend.run_as_other(lambda tx: tx.listings.payments(LAST, 9)()) == ()


@pytest.mark.spec("S20")
def test_pages_are_the_postings_by_key(backend: Backend) -> None:
    """Pages of any size are all postings, whole, by key; another tenant sees none."""
    postings = {}
    for _ in range(4):
        payment = backend.stored_payment()
        order = backend.run(lambda tx, p=payment: tx.orders.get(p.order_id)())  # type: ignore[misc] # a default binds the loop variable
        assert order is not None
        posting = capture(backend, order, payment)
        backend.run(lambda tx, p=posting: tx.ledger.post(p))  # type: ignore[misc] # a default binds the loop variable
        postings[posting.key] = posting
    for limit in (1, 3, 50):
        found = walk(backend, "postings", "key", limit)
        assert [p.key for p in found] == sorted(postings)
        assert all(
            sorted(map(str, p.entries)) == sorted(map(str, postings[p.key].entries)) for p in found
        )
    assert backend.run_as_other(lambda tx: tx.listings.postings("", 9)()) == ()


@pytest.mark.spec("S31", "S32")
def test_a_history_is_everything_about_a_payment(backend: Backend) -> None:
    """Attempt, moves, posting and messages of the payment, its order and its refunds, and no more."""
    order = backend.stored_order()
    paid = completed(backend, backend.stored_payment(order))
    backend.stored_payment()
    assert paid.ref is not None
    path = ORDER_MACHINE.path(order.state, OrderState.PAID)
    assert path is not None
    posting, now = capture(backend, order, paid), backend.now()
    told = [message("order.paid", order.id, now), message("order.paid", uuid4(), now)]
    about = message("payment.completed", paid.id, now, AggregateType.PAYMENT)

    def settle(tx: Any) -> None:
        tx.orders.move(order, path, now)
        tx.ledger.post(posting)
        tx.outbox.emit([*told, about])

    backend.run(settle)
    backend.run(lambda tx: tx.payments.sent_again(paid.id, now))
    refunded(backend, paid, 5, RefundEvent.COMPLETE)
    found = in_order(backend.run(lambda tx: tx.listings.history(paid.id, order.id)()))
    assert [(h.source, h.about, h.what) for h in found] == [
        (Source.ATTEMPT, "payment", "charge"),
        (Source.ATTEMPT, "payment", "charge again"),
        *((Source.MOVE, "order", str(step.event)) for step in path),
        (Source.MOVE, "payment", "complete"),
        (Source.MOVE, "refund", "complete"),
        (Source.POSTING, "payment", posting.key),
        (Source.MESSAGE, "order", "order.paid"),
        (Source.MESSAGE, "payment", "payment.completed"),
    ]
    assert {h.at for h in found} == {now}
    assert found[0].detail == paid.ref.object_id
    cents = sum(entry.cents for entry in posting.entries if entry.cents > 0)
    assert {h.detail for h in found if h.source is Source.POSTING} == {str(cents)}
    assert found[2].detail == f"{path[0].before} -> {path[0].after}"
    assert backend.run_as_other(lambda tx: tx.listings.history(paid.id, order.id)()) == ()


def test_time_comes_before_source() -> None:
    """A history is ordered by time; at the same instant attempts and events come before moves."""
    at = START
    move = Happening(at=at, source=Source.MOVE, about="payment", about_id="1", what="b")
    event = attrs.evolve(move, source=Source.EVENT, what="z")
    later = attrs.evolve(move, source=Source.ATTEMPT, at=at.replace(year=at.year + 1))
    assert in_order([later, move, event]) == (event, move, later)
