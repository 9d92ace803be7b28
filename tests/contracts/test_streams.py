"""What outbox and streams promise: in order per aggregate, at least once, one owner, parking."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.support.backend import Backend
from tests.support.scenery import message
from ticketpay.domain.messaging import AggregateType, ListedStream, Message, StreamClaim, StreamKey
from ticketpay.ports.transactions import Tx


def emit(backend: Backend, *messages: Message) -> None:
    backend.run(lambda tx: tx.outbox.emit(messages))


def claim(backend: Backend, at: datetime, *ids: UUID) -> list[StreamClaim]:
    claims = backend.due_streams(at)
    return [c for c in claims if c.key.aggregate_id in ids]


def pending(backend: Backend, claim: StreamClaim, limit: int = 20) -> list[tuple[int, str]]:
    found = backend.run(lambda tx: tx.outbox.pending(claim, limit)())
    return [(seq, m.type) for seq, m in found]


def ours(backend: Backend, claim: StreamClaim) -> bool:
    return claim.key in backend.run(lambda tx: tx.streams.lock([claim])())


def deliver(backend: Backend, claim: StreamClaim, seq: int, at: datetime) -> None:
    def write(tx: Tx) -> None:
        assert tx.streams.lock([claim])()
        tx.streams.delivered(claim.key, seq, at)

    backend.run(write)


def fail(backend: Backend, claim: StreamClaim, due_at: datetime | None, at: datetime) -> None:
    def write(tx: Tx) -> None:
        assert tx.streams.lock([claim])()
        tx.streams.failed(claim.key, claim.delivered_seq, "it is down", due_at, at)

    backend.run(write)


@pytest.mark.spec("S40")
def test_a_stream_is_delivered_in_order(backend: Backend) -> None:
    """Messages come as they were stored and in the order of emission, from the last delivered on."""
    order, now = uuid4(), backend.now()
    first = message("order.payment_failed", order, now, reason="card", amountCents=5)
    emit(backend, first, message("order.cancelled", order, now))
    emit(backend, message("order.paid", order, now))
    (mine,) = claim(backend, now, order)
    assert mine.key == StreamKey(backend.tenant, AggregateType.ORDER, order)
    kinds = ["order.payment_failed", "order.cancelled", "order.paid"]
    assert pending(backend, mine) == list(enumerate(kinds, start=1))
    assert pending(backend, mine, 1) == [(1, kinds[0])]
    assert backend.run(lambda tx: tx.outbox.pending(mine, 1)())[0][1] == first
    deliver(backend, mine, 2, now)
    (again,) = claim(backend, now, order)
    assert pending(backend, again) == [(3, "order.paid")]
    deliver(backend, again, 3, now)
    assert claim(backend, now + timedelta(days=1), order) == []


@pytest.mark.spec("S40")
def test_a_journal_message_makes_nothing_due(backend: Backend) -> None:
    """A stream of journal messages alone is never claimed; the first deliverable one makes it due."""
    order, now = uuid4(), backend.now()
    emit(backend, message("order.cancelled", order, now))
    assert claim(backend, now + timedelta(days=1), order) == []
    emit(backend, message("order.paid", order, now))
    assert len(claim(backend, now, order)) == 1


@pytest.mark.spec("S40")
def test_a_claim_is_exclusive_and_fenced(backend: Backend) -> None:
    """A claimed stream is skipped; after the lease another claims it and the first is fenced off."""
    order, now = uuid4(), backend.now()
    emit(backend, message("order.paid", order, now))
    (first,) = claim(backend, now, order)
    assert claim(backend, now + timedelta(seconds=59), order) == []
    assert ours(backend, first)
    (second,) = claim(backend, now + timedelta(seconds=61), order)
    assert not ours(backend, first)
    assert ours(backend, second)


@pytest.mark.spec("S40")
def test_a_producer_does_not_disturb_a_claim(backend: Backend) -> None:
    """A message emitted meanwhile neither ends the claim nor is lost when the claim ends."""
    order, now = uuid4(), backend.now()
    emit(backend, message("order.payment_failed", order, now))
    (mine,) = claim(backend, now, order)
    emit(backend, message("order.paid", order, now))
    assert claim(backend, now + timedelta(seconds=59), order) == []
    assert ours(backend, mine)
    deliver(backend, mine, 1, now)
    (again,) = claim(backend, now, order)
    assert pending(backend, again) == [(2, "order.paid")]


@pytest.mark.spec("S40")
def test_a_failed_stream_waits_and_counts(backend: Backend) -> None:
    """A failed stream is due at its time with its attempts counted; an emission does not hurry it."""
    order, now = uuid4(), backend.now()
    emit(backend, message("order.payment_failed", order, now))
    (first,) = claim(backend, now, order)
    due_at = now + timedelta(seconds=8)
    fail(backend, first, due_at, now)
    emit(backend, message("order.paid", order, now))
    assert claim(backend, now + timedelta(seconds=7), order) == []
    (second,) = claim(backend, due_at, order)
    assert (first.attempts, second.attempts) == (0, 1)


def parked(backend: Backend) -> dict[StreamKey, str]:
    found = backend.uow.everywhere(lambda tx: tx.streams.parked()())
    return {key: error for streams in found for key, error in streams}


@pytest.mark.spec("S40")
def test_a_poison_message_parks_its_own_stream(backend: Backend) -> None:
    """A parked stream stays through emissions until it is replayed from its head; others go on."""
    poisoned, sound, now = uuid4(), uuid4(), backend.now()
    for order in (poisoned, sound):
        emit(backend, message("order.payment_failed", order, now))
    mine = next(c for c in claim(backend, now, poisoned, sound) if c.key.aggregate_id == poisoned)
    fail(backend, mine, None, now)
    later = now + timedelta(days=1)
    emit(backend, message("order.paid", poisoned, now))
    assert [c.key.aggregate_id for c in claim(backend, later, poisoned, sound)] == [sound]
    assert parked(backend)[mine.key] == "it is down"
    assert backend.run(lambda tx: tx.streams.replay(mine.key, later)())
    assert not backend.run(lambda tx: tx.streams.replay(mine.key, later)())
    assert mine.key not in parked(backend)
    (again,) = claim(backend, later, poisoned)
    assert again.attempts == 0
    assert pending(backend, again) == [(1, "order.payment_failed"), (2, "order.paid")]


@pytest.mark.spec("S40")
def test_an_undeclared_type_is_not_emitted(backend: Backend) -> None:
    """A type that is not in EMITTED stops the transaction."""
    with pytest.raises(AssertionError):
        emit(backend, message("order.invented", uuid4(), backend.now()))


@pytest.mark.spec("S40")
def test_a_claim_that_delivered_nothing_keeps_its_tries(backend: Backend) -> None:
    """A relay that ran out of time gives a stream back with its failures still counted."""
    order, now = uuid4(), backend.now()
    emit(backend, message("order.paid", order, now))
    (first,) = claim(backend, now, order)
    fail(backend, first, now, now)
    (again,) = claim(backend, now, order)
    deliver(backend, again, 0, now)
    (third,) = claim(backend, now, order)
    assert (first.attempts, again.attempts, third.attempts) == (0, 1, 1)


def next_page(backend: Backend, after: StreamKey | None, limit: int) -> tuple[ListedStream, ...]:
    return backend.run(lambda tx: tx.streams.listed(backend.tenant, after, limit)())


@pytest.mark.spec("S40")
def test_streams_are_listed_by_key(backend: Backend) -> None:
    """Pages are all streams of the tenant with how much of each is delivered, and no others."""
    orders, now = sorted(uuid4() for _ in range(3)), backend.now()
    emit(backend, *(message("order.paid", order, now) for order in orders))
    first = next(c for c in claim(backend, now, *orders) if c.key.aggregate_id == orders[0])
    deliver(backend, first, 1, now)
    for limit in (1, 2, 50):
        found, after = list[ListedStream](), None
        while page := next_page(backend, after, limit):
            found += page
            after = page[-1].key
        assert [one.key.aggregate_id for one in found] == orders
        assert [(one.messages, one.delivered) for one in found] == [(1, 1), (1, 0), (1, 0)]
        assert not any(one.parked for one in found)
    assert backend.run(lambda tx: tx.streams.listed(backend.other_tenant, None, 9)()) == ()


@pytest.mark.spec("S40")
def test_streams_of_one_type_are_listed(backend: Backend) -> None:
    """Of one type there are its streams alone, and pages of it end with it."""
    order, payment, now = uuid4(), uuid4(), backend.now()
    paid = message("payment.completed", payment, now, AggregateType.PAYMENT)
    emit(backend, message("order.paid", order, now), paid)
    for kind, ident in ((AggregateType.ORDER, order), (AggregateType.PAYMENT, payment)):
        key = StreamKey(backend.tenant, kind, ident)
        assert [one.key for one in of_type(backend, kind, None)] == [key]
        assert of_type(backend, kind, key) == ()


def of_type(
    backend: Backend, kind: AggregateType, after: StreamKey | None
) -> tuple[ListedStream, ...]:
    return backend.run(lambda tx: tx.streams.listed(backend.tenant, after, 9, kind)())


@pytest.mark.spec("S40")
def test_a_stream_is_found_by_its_key(backend: Backend) -> None:
    """A stream is shown with its error once it is parked; there is none before its first message."""
    order, now = uuid4(), backend.now()
    key = StreamKey(backend.tenant, AggregateType.ORDER, order)
    assert backend.run(lambda tx: tx.streams.get(key)()) is None
    emit(backend, message("order.paid", order, now))
    (claimed,) = claim(backend, now, order)
    backend.run(lambda tx: tx.streams.lock([claimed])())
    backend.run(lambda tx: tx.streams.failed(key, 0, "no such event", None, now))
    found = backend.run(lambda tx: tx.streams.get(key)())
    assert found is not None
    assert (found.key, found.messages, found.delivered, found.parked) == (key, 1, 0, True)
    assert found.error == "no such event"
