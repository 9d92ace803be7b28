"""What a unit of work promises: all or nothing, and nobody sees another tenant's rows."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.backend import Backend
from tests.support.scenery import message
from ticketpay.domain.ledger import suspense_posting
from ticketpay.domain.messaging import AggregateType, StreamKey, TimerKind
from ticketpay.ports.transactions import PlatformTx, Tx


class Crash(Exception):
    """Something that nobody expected."""


@pytest.mark.spec("S36")
def test_an_exception_rolls_everything_back(backend: Backend) -> None:
    """An exception in the middle leaves no order, hold, payment, posting, message or timer."""
    now, home = backend.now(), backend.home
    order = home.order(now)
    payment = home.payment(order, now)

    def fail(tx: Tx) -> None:
        tx.orders.add(order)
        tx.stock.lock(home.demand())()
        tx.stock.hold(order.id, home.demand())
        tx.payments.add(payment)
        tx.ledger.post(
            suspense_posting(
                payment_id=payment.id, provider_account="", amount=payment.amount, posted_at=now
            )
        )
        tx.outbox.emit([message("order.paid", order.id, now)])
        tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, payment.id, now)
        raise Crash

    with pytest.raises(Crash):
        backend.run(fail)
    found = backend.run(
        lambda tx: (
            tx.orders.get(order.id)(),
            tx.payments.get(payment.id)(),
            tx.ledger.balances()(),
        )
    )
    assert found == (None, None, ())
    assert backend.stock_counts(home.standing) == (5, 0)
    streams, timers = backend.due_streams(now), backend.due_timers(now)
    assert order.id not in [claim.key.aggregate_id for claim in streams]
    assert payment.id not in [claim.subject_id for claim in timers]


@pytest.mark.spec("S04")
def test_a_tenant_sees_nothing_of_another(backend: Backend) -> None:
    """Orders, payments, quotes, offers and balances of one tenant do not exist for another."""
    now, home = backend.now(), backend.home
    payment = backend.stored_payment()
    quote = home.quote(home.demand(), now)
    posting = suspense_posting(
        payment_id=payment.id, provider_account="", amount=payment.amount, posted_at=now
    )
    backend.run(lambda tx: tx.quotes.add(quote))
    backend.run(lambda tx: tx.ledger.post(posting))

    def look(tx: Tx) -> list[object]:
        return [
            tx.orders.get(payment.order_id)(),
            tx.orders.lock_of_payment(payment.id)(),
            tx.payments.get(payment.id)(),
            tx.payments.lock(payment.id)(),
            tx.quotes.get(quote.id)(),
            tx.catalog.offer(home.event_id)(),
            tx.catalog.offer_of_quote(quote.id)(),
        ]

    assert all(backend.run(look))
    assert not any(backend.run_as_other(look))
    assert backend.run_as_other(lambda tx: tx.ledger.balances()()) == ()
    assert backend.run_as_other(lambda tx: tx.payments.of_order(payment.order_id)()) == ()
    left = backend.run_as_other(lambda tx: tx.stock.lock(home.demand())()).left
    assert dict(left) == {}


@pytest.mark.spec("S36")
def test_what_fn_returns_is_returned(backend: Backend) -> None:
    """A transaction gives back what its function returns, and a read may be asked twice."""

    def read(tx: Tx) -> tuple[object, object]:
        later = tx.catalog.offer(backend.home.event_id)
        return later(), later()

    first, second = backend.run(read)
    assert first == second == backend.home.offer


@pytest.mark.spec("S04")
def test_a_platform_transaction_is_near_a_tenant(backend: Backend) -> None:
    """What a tenant's transaction queues is there near the tenant, and once everywhere."""
    now, order = backend.now(), uuid4()
    backend.run(lambda tx: tx.outbox.emit([message("order.paid", order, now)]))

    def mine(tx: PlatformTx) -> list[StreamKey]:
        claims = tx.streams.claim_due(now, 0, 1000)()
        return [claim.key for claim in claims if claim.key.aggregate_id == order]

    key = StreamKey(backend.tenant, AggregateType.ORDER, order)
    assert backend.uow.platform(mine, backend.tenant) == [key]
    assert [found for found in backend.uow.everywhere(mine) if found] == [[key]]


@pytest.mark.spec("S04")
def test_a_platform_transaction_rolls_back(backend: Backend) -> None:
    """An exception in a platform transaction leaves nothing of it."""
    now, order = backend.now(), uuid4()
    backend.run(lambda tx: tx.outbox.emit([message("order.paid", order, now)]))

    def claim_and_fail(tx: PlatformTx) -> None:
        assert tx.streams.claim_due(now, 60, 1000)()
        raise Crash

    with pytest.raises(Crash):
        backend.uow.platform(claim_and_fail, backend.tenant)
    assert order in [claim.key.aggregate_id for claim in backend.due_streams(now)]
