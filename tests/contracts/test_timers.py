"""What timers promise: due oldest first, one owner, never forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.support.backend import Backend
from ticketpay.domain.messaging import TimerClaim, TimerKind
from ticketpay.ports.transactions import Tx

KIND = TimerKind.PAYMENT


def arm(backend: Backend, subject: UUID, at: datetime) -> None:
    backend.run(lambda tx: tx.timers.set(tx.tenant_id, KIND, subject, at))


def claim(backend: Backend, at: datetime, *subjects: UUID) -> list[TimerClaim]:
    claims = backend.due_timers(at)
    return [c for c in claims if c.subject_id in subjects]


def locks(backend: Backend, claim: TimerClaim) -> bool:
    return backend.run(lambda tx: tx.timers.lock(claim)())


@pytest.mark.spec("S38")
def test_timers_are_due_oldest_first(backend: Backend) -> None:
    """Due timers come oldest first with their tenant, held ones are skipped, others wait."""
    now, old, young, future = backend.now(), uuid4(), uuid4(), uuid4()
    arm(backend, young, now - timedelta(seconds=1))
    arm(backend, old, now - timedelta(seconds=9))
    arm(backend, future, now + timedelta(seconds=1))
    claims = claim(backend, now, old, young, future)
    assert [c.subject_id for c in claims] == [old, young]
    assert {(c.tenant_id, c.kind, c.attempts) for c in claims} == {(backend.tenant, KIND, 0)}
    assert claim(backend, now, old, young, future) == []


@pytest.mark.spec("S38")
def test_a_timer_claim_is_fenced(backend: Backend) -> None:
    """After its lease the timer is claimed again and the first claim locks nothing."""
    now, subject = backend.now(), uuid4()
    arm(backend, subject, now)
    (first,) = claim(backend, now, subject)
    assert locks(backend, first)
    (second,) = claim(backend, now + timedelta(seconds=61), subject)
    assert (locks(backend, first), locks(backend, second)) == (False, True)


@pytest.mark.spec("S38")
def test_setting_a_timer_ends_a_claim(backend: Backend) -> None:
    """A timer that is set anew is due at its new time, and the old claim locks nothing."""
    now, subject = backend.now(), uuid4()
    arm(backend, subject, now)
    (mine,) = claim(backend, now, subject)
    arm(backend, subject, now + timedelta(seconds=5))
    assert not locks(backend, mine)
    assert claim(backend, now + timedelta(seconds=4), subject) == []
    assert len(claim(backend, now + timedelta(seconds=5), subject)) == 1


@pytest.mark.spec("S38")
def test_a_cleared_timer_is_gone(backend: Backend) -> None:
    """A cleared timer is never due, its claim locks nothing, and clearing again changes nothing."""
    now, subject = backend.now(), uuid4()
    arm(backend, subject, now)
    (mine,) = claim(backend, now, subject)
    for _ in range(2):
        backend.run(lambda tx: tx.timers.clear(tx.tenant_id, KIND, subject))
    assert not locks(backend, mine)
    assert claim(backend, now + timedelta(days=1), subject) == []


@pytest.mark.spec("S39")
def test_a_postponed_timer_counts_its_tries(backend: Backend) -> None:
    """A postponed timer is due at its new time with one more attempt."""
    now, subject = backend.now(), uuid4()
    arm(backend, subject, now)
    (mine,) = claim(backend, now, subject)
    due_at = now + timedelta(seconds=2)

    def postpone(tx: Tx) -> None:
        assert tx.timers.lock(mine)()
        tx.timers.postpone(mine, due_at, "down")

    backend.run(postpone)
    assert claim(backend, now + timedelta(seconds=1), subject) == []
    (again,) = claim(backend, due_at, subject)
    assert again.attempts == 1


@pytest.mark.spec("S38")
def test_an_old_claim_never_fits_a_new_timer(backend: Backend) -> None:
    """A timer that was cleared, set and claimed again does not know the claim of its former life."""
    now, subject = backend.now(), uuid4()
    arm(backend, subject, now)
    (old,) = claim(backend, now, subject)
    backend.run(lambda tx: tx.timers.clear(tx.tenant_id, KIND, subject))
    arm(backend, subject, now)
    (new,) = claim(backend, now, subject)
    assert (locks(backend, old), locks(backend, new)) == (False, True)
