"""Sales and the cancellation of their event at the same time, on the real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from tests.support.backend import Backend, postgres
from tests.support.databases import Database
from ticketpay.adapters.postgres.uow import PostgresTx
from ticketpay.domain.catalog import Cancellation
from ticketpay.ports.transactions import Tx

pytestmark = [pytest.mark.server, pytest.mark.spec("S24", "S14")]

SOON = 0.3
LATE = 20.0


@pytest.fixture
def backend(database: Database) -> Iterator[Backend]:
    """A tenant of its own on one database."""
    with postgres(database) as made:
        yield made


def look(backend: Backend, tx: Tx) -> bool:
    """Lock stock as a sale does, and see whether the event is on sale."""
    stock, offer = tx.stock.lock(backend.home.demand()), tx.catalog.offer(backend.home.event_id)
    stock()
    found = offer()
    assert found is not None
    return found.event.on_sale


def start(backend: Backend, tx: Tx) -> None:
    """Cancel the event; the writes are sent and have been answered."""
    tx.cancellations.start(
        Cancellation(
            event_id=backend.home.event_id,
            reason="rain",
            requested_by="kim",
            started_at=backend.now(),
        )
    )
    tx.cancellations.get(backend.home.event_id)()


def while_open(
    backend: Backend, first: Callable[[Tx], object], then: Callable[[], object]
) -> tuple[object, object]:
    """What both say; ``then`` begins inside the transaction of ``first`` and must wait for its end."""
    inside, leave = threading.Event(), threading.Event()

    def run(tx: Tx) -> object:
        assert isinstance(tx, PostgresTx)
        found = first(tx)
        inside.set()
        assert leave.wait(LATE)
        return found

    with ThreadPoolExecutor(2) as pool:
        one: Future[object] = pool.submit(backend.run, run)
        assert inside.wait(LATE)
        two = pool.submit(then)
        early, _ = wait([two], timeout=SOON)
        leave.set()
        assert not early, "nobody waited"
        return one.result(LATE), two.result(LATE)


def test_a_cancellation_waits_for_the_sales_that_have_begun(backend: Backend) -> None:
    """Who holds stock of the event sells; the cancellation commits afterwards, and sees the sale."""
    order = backend.stored_order()
    payment = backend.home.payment(order, backend.now())

    def sell(tx: Tx) -> bool:
        sold = look(backend, tx)
        tx.payments.add(payment)
        return sold

    def cancel() -> tuple[object, ...]:
        backend.run(lambda tx: start(backend, tx))
        event = backend.home.event_id
        return backend.run(lambda tx: tx.cancellations.to_look_at(event, None, 9)())

    assert while_open(backend, sell, cancel) == (True, (payment.id,))


def test_a_sale_that_waited_for_a_cancellation_sees_it(backend: Backend) -> None:
    """Who comes for stock while the event is being cancelled finds it off sale."""
    found = while_open(
        backend,
        lambda tx: start(backend, tx),
        lambda: backend.run(lambda tx: look(backend, tx)),
    )
    assert found == (None, False)


def test_a_catalogue_that_is_loaded_meanwhile_leaves_the_event_off_sale(backend: Backend) -> None:
    """A load waits for the cancellation and keeps what it says."""
    while_open(
        backend,
        lambda tx: start(backend, tx),
        lambda: backend.writer.load(backend.home.catalog),
    )
    assert backend.run(lambda tx: look(backend, tx)) is False
