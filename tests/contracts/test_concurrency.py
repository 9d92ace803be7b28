"""What holds between transactions that run at the same time, on every adapter."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import message
from ticketpay.domain.kernel.errors import Conflict, TicketpayError
from ticketpay.domain.kernel.ids import UserId
from ticketpay.domain.messaging import Claim, ClaimStatus, KeyScope, StreamClaim, StreamKey
from ticketpay.ports.transactions import PlatformTx

T = TypeVar("T")
CROWD = 8


def at_once(act: Callable[[int], T]) -> list[T]:
    """What everybody in a crowd gets who acts at the same moment."""
    barrier = threading.Barrier(CROWD)

    def run(number: int) -> T:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(run, range(CROWD)))


def outcome(act: Callable[[], object]) -> str:
    """``ok``, or the name of the domain error."""
    try:
        act()
    except TicketpayError as error:
        return type(error).__name__
    return "ok"


@pytest.mark.spec("S40")
def test_a_stream_that_many_write_has_no_gap(backend: Backend) -> None:
    """Messages of transactions that run at once are numbered in the order of their commits."""
    order, now = uuid4(), backend.now()

    def emit(number: int) -> None:
        two = [message("order.cancelled", order, now, writer=number) for _ in range(2)]
        backend.run(lambda tx: tx.outbox.emit(two))

    at_once(emit)
    key = StreamKey(backend.tenant, message("order.paid", order, now).aggregate_type, order)
    claim = StreamClaim(key=key, epoch=0, delivered_seq=0, attempts=0)
    found = backend.run(lambda tx: tx.outbox.pending(claim, 100)())
    assert [seq for seq, _ in found] == list(range(1, 2 * CROWD + 1))
    writers = [m.data["writer"] for _, m in found]
    assert writers[::2] == writers[1::2]
    assert sorted(str(w) for w in writers[::2]) == [str(n) for n in range(CROWD)]


@pytest.mark.spec("S11", "S36 D1")
def test_a_key_that_many_claim_has_one_owner(backend: Backend) -> None:
    """Of claims of a fresh key at once one is new, and the others find it in flight."""
    scope, now = KeyScope(UserId(uuid4()), uuid4()), backend.now()

    def claim(_: int) -> Claim:
        return backend.run(lambda tx: tx.idempotency.claim(scope, "h", now)())

    statuses = Counter(found.status for found in at_once(claim))
    assert statuses == {ClaimStatus.NEW: 1, ClaimStatus.IN_FLIGHT: CROWD - 1}


@pytest.mark.spec("S11")
def test_a_lapsed_key_is_taken_over_by_one(backend: Backend) -> None:
    """Of those who find a claim lapsed at the same moment one takes it over."""
    scope, now = KeyScope(UserId(uuid4()), uuid4()), backend.now()
    first = backend.run(lambda tx: tx.idempotency.claim(scope, "h", now)())
    backend.run(lambda tx: tx.idempotency.release(first, now))

    def claim(_: int) -> Claim:
        return backend.run(lambda tx: tx.idempotency.claim(scope, "h", now)())

    statuses = Counter(found.status for found in at_once(claim))
    assert statuses == {ClaimStatus.TAKEN_OVER: 1, ClaimStatus.IN_FLIGHT: CROWD - 1}


@pytest.mark.spec("S17 D4")
def test_one_version_of_a_payment_is_saved_once(backend: Backend) -> None:
    """Of those who read the same version and save one is saved, the others are conflicts."""
    payment, now = backend.stored_payment(), backend.now()

    def save(number: int) -> str:
        changed = attrs.evolve(payment, provider_status=str(number))
        return outcome(lambda: backend.run(lambda tx: tx.payments.save(changed, None, now)))

    found = at_once(save)
    assert Counter(found) == {"ok": 1, Conflict.__name__: CROWD - 1}
    stored = backend.run(lambda tx: tx.payments.get(payment.id)())
    assert stored is not None
    assert stored.provider_status == str(found.index("ok"))


@pytest.mark.spec("S40")
def test_a_due_stream_has_one_worker(backend: Backend) -> None:
    """Workers that look at the same moment share the due streams out, each to one of them."""
    orders, now = [uuid4() for _ in range(3 * CROWD)], backend.now()
    for order in orders:
        backend.run(lambda tx, o=order: tx.outbox.emit([message("order.paid", o, now)]))  # type: ignore[misc] # a default binds the loop variable

    def claim(_: int) -> list[object]:
        def some(tx: PlatformTx) -> list[object]:
            return [c.key.aggregate_id for c in tx.streams.claim_due(now, 60, 5)()]

        return [one for found in backend.uow.everywhere(some) for one in found]

    claimed = [one for found in at_once(claim) for one in found if one in orders]
    assert len(claimed) == len(set(claimed))
