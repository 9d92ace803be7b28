"""What the inbox promises: an event is stored once and processed by one at a time, oldest first."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import ref
from ticketpay.domain.kernel.ids import PaymentId, TenantId
from ticketpay.domain.messaging import InboxClaim, InboxStatus, ListedEvent, StoredEvent
from ticketpay.ports.transactions import PlatformTx


def event(backend: Backend, at: datetime, **more: str) -> StoredEvent:
    fields = {
        "provider": "stripe",
        "account": "",
        "event_id": f"evt_{uuid4().hex}",
        "event_type": "payment_intent.succeeded",
        "object_id": f"pi_{uuid4().hex}",
        "tenant_id": str(backend.tenant),
        "payment_id": "",
    } | more
    return StoredEvent(
        **fields,
        payload=b'{"a": "\xc3\xa9"}',
        signature="t=1,v1=ab",
        status=InboxStatus.RECEIVED,
        received_at=at,
    )


def put(one: StoredEvent, tx: PlatformTx) -> bool:
    return tx.inbox.store(one)()


def store(backend: Backend, *events: StoredEvent) -> list[bool]:
    return [backend.uow.platform(partial(put, e), e.home) for e in events]


def claim(backend: Backend, at: datetime, *mine: StoredEvent) -> list[InboxClaim]:
    claims = backend.due_events(at)
    ids = [e.event_id for e in mine]
    return [c for c in claims if c.event.event_id in ids]


def locks(backend: Backend, claim: InboxClaim) -> bool:
    return backend.run(lambda tx: tx.inbox.lock(claim)())


@pytest.mark.spec("S28")
def test_an_event_is_stored_once(backend: Backend) -> None:
    """The same event id of the same account is a duplicate; of another account it is not."""
    first = event(backend, backend.now())
    again = attrs.evolve(first, payload=b"other")
    elsewhere = attrs.evolve(first, account="acct_1")
    assert store(backend, first, again, elsewhere) == [True, False, True]
    claims = claim(backend, backend.now(), first)
    assert sorted(c.event.account for c in claims) == ["", "acct_1"]
    assert first in [c.event for c in claims]


@pytest.mark.spec("S28")
def test_events_are_claimed_oldest_first_by_one(backend: Backend) -> None:
    """Due events come in the order of their arrival, and a held one is skipped."""
    now = backend.now()
    old, young = (
        event(backend, now - timedelta(seconds=5)),
        event(backend, now - timedelta(seconds=1)),
    )
    store(backend, young, old)
    claims = claim(backend, now, old, young)
    assert [c.event.event_id for c in claims] == [old.event_id, young.event_id]
    assert [c.attempts for c in claims] == [1, 1]
    assert claim(backend, now + timedelta(seconds=59), old, young) == []


@pytest.mark.spec("S28")
def test_a_lapsed_claim_is_fenced_off(backend: Backend) -> None:
    """After the lease somebody else claims it, and the first can neither lock, finish nor retry."""
    now, mine = backend.now(), event(backend, backend.now())
    store(backend, mine)
    (first,) = claim(backend, now, mine)
    assert locks(backend, first)
    later = now + timedelta(seconds=61)
    (second,) = claim(backend, later, mine)
    assert (second.attempts, second.epoch > first.epoch) == (2, True)
    assert not locks(backend, first)
    backend.run(lambda tx: tx.inbox.finish(first, InboxStatus.DEAD, "late", later))
    backend.run(lambda tx: tx.inbox.retry(first, "late", later))
    assert locks(backend, second)
    assert claim(backend, later, mine) == []
    backend.run(lambda tx: tx.inbox.finish(second, InboxStatus.PROCESSED, "applied", later))
    assert not claim(backend, later + timedelta(days=1), mine)
    assert store(backend, mine) == [False]


@pytest.mark.spec("S28")
def test_a_retry_waits(backend: Backend) -> None:
    """A failed event is due again at its time and not before, with the attempts counted."""
    now, mine = backend.now(), event(backend, backend.now())
    store(backend, mine)
    (first,) = claim(backend, now, mine)
    due_at = now + timedelta(seconds=7)
    backend.uow.platform(lambda tx: tx.inbox.retry(first, "NotFound", due_at), mine.home)
    assert claim(backend, now + timedelta(seconds=6), mine) == []
    (second,) = claim(backend, due_at, mine)
    assert second.attempts == 2


@pytest.mark.spec("S28")
@pytest.mark.parametrize("status", [InboxStatus.INVALID, InboxStatus.UNSUPPORTED])
def test_what_is_only_kept_is_never_due(backend: Backend, status: InboxStatus) -> None:
    """An invalid or unsupported event is stored and not processed."""
    mine = attrs.evolve(event(backend, backend.now()), status=status)
    assert store(backend, mine, mine) == [True, False]
    assert claim(backend, backend.now() + timedelta(days=1), mine) == []


@pytest.mark.spec("S27")
def test_the_address_is_the_directory_then_the_metadata(backend: Backend) -> None:
    """A known intent leads to its payment whatever payment the metadata name; else they are believed."""
    now, payment = backend.now(), backend.stored_payment()
    intent = ref()
    backend.run(lambda tx: tx.payments.save(attrs.evolve(payment, ref=intent), None, now))
    known = event(backend, now, object_id=intent.object_id, payment_id="x")
    told = event(backend, now, payment_id=str(payment.id))
    lost = event(backend, now, tenant_id="")
    store(backend, known, told, lost)
    found = {
        c.event.event_id: (c.tenant_id, c.payment_id)
        for c in claim(backend, now, known, told, lost)
    }
    ours = (str(backend.tenant), str(payment.id))
    assert found[known.event_id] == found[told.event_id] == ours
    assert found[lost.event_id] == (None, None)


@pytest.mark.spec("S27")
def test_the_owner_of_an_object_is_found_without_metadata(backend: Backend) -> None:
    """One database at most knows whose object an event is about; none knows a stranger's."""
    now, payment, intent = backend.now(), backend.stored_payment(), ref()
    backend.run(lambda tx: tx.payments.save(attrs.evolve(payment, ref=intent), None, now))
    known = event(backend, now, object_id=intent.object_id, tenant_id="")
    strange = event(backend, now, tenant_id="")
    owners = backend.uow.everywhere(lambda tx: tx.inbox.owner(known)())
    assert [o for o in owners if o] == [(str(backend.tenant), str(payment.id))]
    assert not any(backend.uow.everywhere(lambda tx: tx.inbox.owner(strange)()))
    elsewhere = attrs.evolve(known, account="acct_1")
    assert not any(backend.uow.everywhere(lambda tx: tx.inbox.owner(elsewhere)()))


def next_page(
    backend: Backend, status: InboxStatus | None, before: ListedEvent | None, limit: int
) -> tuple[ListedEvent, ...]:
    return backend.run(lambda tx: tx.inbox.listed(status, before, limit)())


def listed(backend: Backend, status: InboxStatus | None, limit: int) -> dict[str, ListedEvent]:
    """All events of a status, page by page, the newest first."""
    found: list[ListedEvent] = []
    before = None
    while page := next_page(backend, status, before, limit):
        assert len(page) <= limit
        found += page
        before = page[-1]
    ages = [one.received_at for one in found]
    assert ages == sorted(ages, reverse=True)
    named = {(one.account, one.event_id) for one in found}
    assert len(named) == len(found)
    return {one.event_id: one for one in found}


@pytest.mark.spec("S26")
def test_events_are_listed_by_status(backend: Backend) -> None:
    """Pages are all events of a status; an event about a payment is found by it or by its object."""
    now, payment = backend.now(), PaymentId(uuid4())
    mine = event(backend, now, payment_id=str(payment))
    other = event(backend, now + timedelta(seconds=1))
    store(backend, mine, other)
    (claimed,) = claim(backend, now, mine)
    backend.run(lambda tx: tx.inbox.finish(claimed, InboxStatus.DEAD, "no such payment", now))
    for limit in (1, 100):
        dead = listed(backend, InboxStatus.DEAD, limit)
        assert (dead[mine.event_id].note, dead[mine.event_id].attempts) == ("no such payment", 1)
        assert dead[mine.event_id].processed_at == now
        assert other.event_id not in dead
        assert {mine.event_id, other.event_id} <= set(listed(backend, None, limit))
    assert backend.run(lambda tx: tx.inbox.get(mine.event_id)()) == dead[mine.event_id]
    assert backend.run(lambda tx: tx.inbox.get("evt_nowhere")()) is None
    about = backend.run(lambda tx: tx.inbox.about(payment, other.object_id)())
    assert [one.event_id for one in about] == [mine.event_id, other.event_id]
    assert len(backend.run(lambda tx: tx.inbox.about(payment, "")())) == 1


@pytest.mark.spec("S26")
def test_a_dead_event_is_replayed_once(backend: Backend) -> None:
    """A dead event of the tenant runs again from its first try; another tenant cannot replay it."""
    now = backend.now()
    mine = event(backend, now)
    store(backend, mine)

    def replay(tenant: TenantId) -> bool:
        return backend.run(lambda tx: tx.inbox.replay(mine.event_id, tenant, now)())

    assert not replay(backend.tenant)
    (claimed,) = claim(backend, now, mine)
    backend.run(lambda tx: tx.inbox.finish(claimed, InboxStatus.DEAD, "x", now))
    assert not replay(backend.other_tenant)
    assert replay(backend.tenant)
    assert not replay(backend.tenant)
    assert not locks(backend, claimed)
    (again,) = claim(backend, now, mine)
    assert again.attempts == 1
