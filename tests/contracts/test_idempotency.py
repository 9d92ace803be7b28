"""What idempotency keys promise: one owner, a lease, a recovery point, one answer for good."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import UserId
from ticketpay.domain.messaging import Answer, Claim, ClaimStatus, KeyScope, Outcome

HASH = "a" * 64
ANSWER = Answer(Outcome.COMPLETED, {"id": "x", "amountCents": 5}, client_secret="secret")


def scope() -> KeyScope:
    return KeyScope(UserId(uuid4()), uuid4())


def claim(backend: Backend, key: KeyScope, at: datetime, request_hash: str = HASH) -> Claim:
    return backend.run(lambda tx: tx.idempotency.claim(key, request_hash, at)())


@pytest.mark.spec("S11")
def test_a_key_has_one_owner_for_its_lease(backend: Backend) -> None:
    """The first claim is new; within 90 seconds another finds it in flight; after it, takes over."""
    key, now = scope(), backend.now()
    first = claim(backend, key, now)
    assert first.status is ClaimStatus.NEW
    assert claim(backend, key, now + timedelta(seconds=89)).status is ClaimStatus.IN_FLIGHT
    second = claim(backend, key, now + timedelta(seconds=91))
    assert second.status is ClaimStatus.TAKEN_OVER
    assert second.epoch > first.epoch
    assert claim(backend, key, now + timedelta(seconds=92)).status is ClaimStatus.IN_FLIGHT


@pytest.mark.spec("S36")
def test_a_finished_key_replays_its_answer(backend: Backend) -> None:
    """The stored answer comes back marked as replayed and without its secret, for ever."""
    key, now = scope(), backend.now()
    mine = claim(backend, key, now)
    backend.run(lambda tx: tx.idempotency.finish(mine, ANSWER, now))
    for later in (1, 3600):
        again = claim(backend, key, now + timedelta(seconds=later))
        assert again.status is ClaimStatus.FINISHED
        assert again.answer == attrs.evolve(ANSWER, replayed=True, client_secret="")


@pytest.mark.spec("S11")
@pytest.mark.parametrize("finished", [True, False])
def test_a_key_is_for_one_request(backend: Backend, *, finished: bool) -> None:
    """Another request hash under the same key is told so, while it runs and afterwards."""
    key, now = scope(), backend.now()
    mine = claim(backend, key, now)
    if finished:
        backend.run(lambda tx: tx.idempotency.finish(mine, ANSWER, now))
    assert claim(backend, key, now, "b" * 64).status is ClaimStatus.REUSED


@pytest.mark.spec("S36")
def test_the_recovery_point_survives(backend: Backend) -> None:
    """Whoever takes over learns which payment the key has made."""
    key, now = scope(), backend.now()
    payment = backend.stored_payment()
    mine = claim(backend, key, now)
    assert mine.payment_id is None
    advanced = backend.run(lambda tx: tx.idempotency.advance(mine, payment.id))
    assert advanced.payment_id == payment.id
    assert claim(backend, key, now + timedelta(seconds=91)).payment_id == payment.id


@pytest.mark.spec("S36")
def test_who_was_taken_over_is_fenced_off(backend: Backend) -> None:
    """After a takeover the first owner can neither finish nor release; the second can finish."""
    key, now = scope(), backend.now()
    first = claim(backend, key, now)
    later = now + timedelta(seconds=91)
    second = claim(backend, key, later)
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.idempotency.finish(first, ANSWER, later))
    backend.run(lambda tx: tx.idempotency.release(first, later))
    assert claim(backend, key, later).status is ClaimStatus.IN_FLIGHT
    backend.run(lambda tx: tx.idempotency.finish(second, ANSWER, later))
    assert claim(backend, key, later).status is ClaimStatus.FINISHED


@pytest.mark.spec("S36")
def test_a_locked_key_says_whose_it_is(backend: Backend) -> None:
    """A key is locked for its present owner only, and not at all when there is no such key."""
    key, now = scope(), backend.now()
    first = claim(backend, key, now)
    assert backend.run(lambda tx: tx.idempotency.lock(first)())
    second = claim(backend, key, now + timedelta(seconds=91))
    assert not backend.run(lambda tx: tx.idempotency.lock(first)())
    assert backend.run(lambda tx: tx.idempotency.lock(second)())
    nobody = attrs.evolve(second, scope=scope())
    assert not backend.run(lambda tx: tx.idempotency.lock(nobody)())


@pytest.mark.spec("S36")
def test_a_released_key_is_taken_over_at_once(backend: Backend) -> None:
    """A released claim keeps its recovery point and need not be waited for."""
    key, now = scope(), backend.now()
    payment = backend.stored_payment()
    mine = claim(backend, key, now)
    mine = backend.run(lambda tx: tx.idempotency.advance(mine, payment.id))
    backend.run(lambda tx: tx.idempotency.release(mine, now))
    again = claim(backend, key, now)
    assert again.status is ClaimStatus.TAKEN_OVER
    assert again.payment_id == payment.id


@pytest.mark.spec("S04")
def test_a_key_belongs_to_user_and_tenant(backend: Backend) -> None:
    """The same UUID is another key for another user and for another tenant."""
    key, now = scope(), backend.now()
    claim(backend, key, now)
    other_user = KeyScope(UserId(uuid4()), key.key)
    assert claim(backend, other_user, now).status is ClaimStatus.NEW
    elsewhere = backend.run_as_other(lambda tx: tx.idempotency.claim(key, HASH, now)())
    assert elsewhere.status is ClaimStatus.NEW


@pytest.mark.spec("S11")
def test_old_keys_are_purged(backend: Backend) -> None:
    """Keys that nobody has used since are deleted, the oldest first and so many; the others stay.

    A key is used while it is claimed, also by whoever takes it over, and when it gets its answer.
    """
    old, older, young, now = scope(), scope(), scope(), backend.now()
    claim(backend, old, now - timedelta(hours=73))
    claim(backend, older, now - timedelta(hours=74))
    claim(backend, young, now)
    ago = now - timedelta(hours=72)
    assert backend.run_as_other(lambda tx: tx.idempotency.purge(ago, 9)()) == 0
    assert backend.run(lambda tx: tx.idempotency.purge(ago, 1)()) == 1
    assert claim(backend, older, now).status is ClaimStatus.NEW
    assert backend.run(lambda tx: tx.idempotency.purge(ago, 9)()) == 1
    taken, answered = scope(), scope()
    for key in (taken, answered):
        claim(backend, key, now - timedelta(hours=80))
    claim(backend, taken, now)
    late = claim(backend, answered, ago - timedelta(minutes=1))
    backend.run(lambda tx: tx.idempotency.finish(late, ANSWER, now))
    assert backend.run(lambda tx: tx.idempotency.purge(ago, 9)()) == 0
    assert claim(backend, old, now).status is ClaimStatus.NEW
    assert claim(backend, young, now).status is ClaimStatus.IN_FLIGHT
