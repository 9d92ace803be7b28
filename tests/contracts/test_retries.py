"""What the store of tries promises: written down once, ended once, and what else the buyer has."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import ref
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import PaymentId, UserId
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    Circumstances,
    Payment,
    PaymentEvent,
    Retry,
    RetryAction,
)
from ticketpay.domain.payments.history import Source
from ticketpay.ports.transactions import Tx

pytestmark = pytest.mark.spec("S37", "S37 D3")

FAIL, COMPLETE, CANCEL = PaymentEvent.FAIL, PaymentEvent.COMPLETE, PaymentEvent.CANCEL


def a_retry(backend: Backend, payment_id: PaymentId, **changes: Any) -> Retry:
    retry = Retry(payment_id=payment_id, number=1, action=RetryAction.CONFIRM, at=backend.now())
    return attrs.evolve(retry, **changes)


def made(backend: Backend, payment_id: PaymentId) -> tuple[Retry, ...]:
    return backend.run(lambda tx: tx.retries.of_payment(payment_id)())


def moved(backend: Backend, payment: Payment, *events: PaymentEvent, **changes: Any) -> Payment:
    for event in events:
        step = PAYMENT_MACHINE.step(payment.state, event)
        after = attrs.evolve(payment, state=step.after, **changes)
        payment = backend.run(lambda tx, a=after, s=step: tx.payments.save(a, s, backend.now()))  # type: ignore[misc] # defaults bind the loop variables
    return payment


def bought(backend: Backend, user: UserId, seconds: int, *events: PaymentEvent) -> Payment:
    order = attrs.evolve(backend.home.order(backend.now()), user_id=user)
    at = backend.now() + timedelta(seconds=seconds)
    payment = backend.home.payment(order, at)

    def add(tx: Tx) -> None:
        tx.orders.add(order)
        tx.payments.add(payment)

    backend.run(add)
    done = {"confirmed_at": at, "received_cents": payment.amount.cents}
    return moved(backend, payment, *events, **(done if COMPLETE in events else {}))


def around(backend: Backend, payment: Payment) -> Circumstances:
    return backend.run(lambda tx: tx.retries.around(payment)())


def test_a_try_is_written_down_once(backend: Backend) -> None:
    """Tries come back by their number; one that is there already is left as it is."""
    payment = backend.stored_payment()
    first = a_retry(backend, payment.id)
    second = a_retry(backend, payment.id, number=2, action=RetryAction.WAIT, outcome="unknown")
    for retry in (second, first, attrs.evolve(first, outcome="another"), second):
        backend.run(lambda tx, retry=retry: tx.retries.add(retry))  # type: ignore[misc] # a default binds the loop variable
    assert made(backend, payment.id) == (first, second)
    assert made(backend, PaymentId(uuid4())) == ()
    assert backend.run_as_other(lambda tx: tx.retries.of_payment(payment.id)()) == ()


def test_only_what_has_no_outcome_is_ended(backend: Backend) -> None:
    """The outcome of the try that has none is written down, and never another one after it."""
    payment, other = backend.stored_payment(), backend.stored_payment()
    known = a_retry(backend, payment.id, outcome="processing")
    begun = a_retry(backend, payment.id, number=2)
    theirs = a_retry(backend, other.id)
    for retry in (known, begun, theirs):
        backend.run(lambda tx, retry=retry: tx.retries.add(retry))  # type: ignore[misc] # a default binds the loop variable
    for outcome in ("succeeded", "canceled"):
        backend.run(lambda tx, outcome=outcome: tx.retries.end(payment.id, outcome))  # type: ignore[misc] # a default binds the loop variable
    assert made(backend, payment.id) == (known, attrs.evolve(begun, outcome="succeeded"))
    assert made(backend, other.id) == (theirs,)
    backend.run(lambda tx: tx.retries.end(PaymentId(uuid4()), "succeeded"))


def test_a_buyer_is_asked_once(backend: Backend) -> None:
    """A second plea to the same buyer is a conflict, and the same one again changes nothing."""
    payment = backend.stored_payment()
    asked = a_retry(backend, payment.id, action=RetryAction.ASK_BUYER, outcome="asked")
    for _ in range(2):
        backend.run(lambda tx: tx.retries.add(asked))
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.retries.add(attrs.evolve(asked, number=2)))
    assert made(backend, payment.id) == (asked,)


def test_only_a_payment_is_tried(backend: Backend) -> None:
    """A try of what nobody knows is a conflict."""
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.retries.add(a_retry(backend, PaymentId(uuid4()))))


def test_a_try_is_in_the_history_of_its_payment(backend: Backend) -> None:
    """Operators read what was tried and what came of it."""
    payment = backend.stored_payment()
    backend.run(lambda tx: tx.retries.add(a_retry(backend, payment.id, number=3)))
    backend.run(lambda tx: tx.retries.end(payment.id, "succeeded"))
    told = backend.run(lambda tx: tx.listings.history(payment.id, payment.order_id)())
    (line,) = [one for one in told if one.what.startswith("retry")]
    assert (line.source, line.what, line.detail) == (Source.ATTEMPT, "retry: confirm", "succeeded")
    assert (line.about, line.about_id, line.number) == ("payment", str(payment.id), 3)
    assert line.at == backend.now()


def test_the_event_is_part_of_the_circumstances(backend: Backend) -> None:
    """When the event begins, and whether it is on sale; a buyer alone has bought nothing else."""
    payment, offer = backend.stored_payment(), backend.home.offer
    assert around(backend, payment) == Circumstances(
        starts_at=offer.event.starts_at, on_sale=offer.event.on_sale
    )


@pytest.mark.parametrize(
    ("seconds", "events", "again", "tried"),
    [
        (60, (), True, False),
        (-60, (), True, False),
        (60, (PaymentEvent.PROCESS,), True, False),
        (60, (PaymentEvent.AUTHORIZE,), True, False),
        (60, (COMPLETE,), True, False),
        (0, (COMPLETE,), True, False),
        (-1, (COMPLETE,), False, False),
        (60, (CANCEL,), False, False),
        (60, (FAIL,), False, True),
        (-60, (FAIL,), False, False),
        (60, (FAIL, CANCEL), False, False),
    ],
)
def test_what_else_the_buyer_has_bought(
    backend: Backend,
    seconds: int,
    events: tuple[PaymentEvent, ...],
    again: bool,  # noqa: FBT001 - a column of the table
    tried: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Another order counts while it is under way, when it was paid since, or has failed later."""
    payment = moved(backend, backend.stored_payment(), FAIL)
    bought(backend, payment.user_id, seconds, *events)
    found = around(backend, payment)
    assert (found.bought_again, found.tried_again) == (again, tried)
    assert found.newest_at == backend.now() + timedelta(seconds=seconds)
    assert around(backend, attrs.evolve(payment, user_id=UserId(uuid4()))).superseded is False


def test_another_payment_of_the_same_order_is_no_other_order(backend: Backend) -> None:
    """A second payment of the order supersedes nothing; nor does what another tenant has."""
    order = backend.stored_order()
    payment = moved(backend, backend.stored_payment(order), FAIL)
    second = backend.home.payment(order, backend.now(), share=2)
    backend.run(lambda tx: tx.payments.add(second))
    assert around(backend, payment).superseded is False


def test_the_time_of_the_last_try_is_kept(backend: Backend) -> None:
    """A payment comes back with the time at which it failed, or was tried again."""
    payment = backend.stored_payment()
    assert payment.last_try_at is None
    at = backend.now() + timedelta(hours=1)
    failed = moved(backend, payment, FAIL, last_try_at=at, ref=ref())
    assert backend.run(lambda tx: tx.payments.get(payment.id)()) == failed
    assert failed.last_try_at == at


def test_an_order_that_is_being_opened_is_waited_for(backend: Backend) -> None:
    """Whoever has locked the event's stock sees every order whose tickets were taken before."""
    payment = moved(backend, backend.stored_payment(), FAIL)
    home, begun, opened = backend.home, threading.Event(), threading.Event()
    order = attrs.evolve(home.order(backend.now(), home.demand(1)), user_id=payment.user_id)
    rival = home.payment(order, backend.now())

    def buy(tx: Tx) -> None:
        tx.stock.lock(home.demand(1))()
        begun.set()
        opened.wait(0.2)
        tx.orders.add(order)
        tx.stock.hold(order.id, home.demand(1))
        tx.payments.add(rival)

    def judge(tx: Tx) -> Circumstances:
        tx.stock.lock_event(payment.order_id, payment.event_id)
        return tx.retries.around(payment)()

    with ThreadPoolExecutor(2) as pool:
        buying = pool.submit(lambda: backend.run(buy))
        assert begun.wait(5)
        found = backend.run(judge)
        buying.result()
    assert found.bought_again
