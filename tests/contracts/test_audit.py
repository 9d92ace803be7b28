"""What the audit trail promises: nothing is lost, nothing waits, and nothing is chained twice."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import audit_entry, chain
from ticketpay.adapters.memory import VirtualClock
from ticketpay.domain.audit import GENESIS, AuditEntry, KeptHead
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.processes.auditing import ChainAudit, VerifyAudit
from ticketpay.ports.transactions import Tx

KEY = b"a key of at least thirty-two bytes"


class Stop(Exception):
    """Ends a transaction without a commit."""


def recorded(backend: Backend, count: int) -> list[AuditEntry]:
    """So many entries, one second apart, each in its own transaction."""
    start = backend.now()
    entries = [audit_entry(start + timedelta(seconds=n)) for n in range(count)]
    for entry in entries:
        backend.run(lambda tx, entry=entry: tx.audit.record(entry))  # type: ignore[misc] # a default binds the loop variable
    return entries


def chain_all(backend: Backend) -> int:
    step = ChainAudit(uow=backend.uow, clock=VirtualClock(backend.now()), keys=(KEY,))
    return step(backend.tenant)


@pytest.mark.spec("S09")
def test_an_entry_comes_back_as_it_was_recorded(backend: Backend) -> None:
    """Every field survives, to the microsecond; another tenant sees nothing of it."""
    at = backend.now() + timedelta(microseconds=123_457)
    entry = audit_entry(
        at, reason='ä "quote" \n ☃', details={"after": None, "n": 2**60, "ok": True}
    )
    backend.run(lambda tx: tx.audit.record(entry))
    assert backend.run(lambda tx: tx.audit.get(entry.id)()) == entry
    assert backend.run_as_other(lambda tx: tx.audit.get(entry.id)()) is None
    assert backend.run_as_other(lambda tx: tx.audit.latest(9)()) == ()
    assert backend.run_as_other(lambda tx: tx.audit.waiting(9)()) == ()
    assert backend.run_as_other(lambda tx: tx.audit.head()()) == GENESIS


@pytest.mark.spec("S09")
def test_the_newest_come_first_and_the_oldest_are_chained_first(backend: Backend) -> None:
    """``latest`` and ``waiting`` go by the time of the entry, each from its end."""
    entries = recorded(backend, 3)
    assert backend.run(lambda tx: tx.audit.latest(2)()) == (entries[2], entries[1])
    assert backend.run(lambda tx: tx.audit.waiting(2)()) == (entries[0], entries[1])


@pytest.mark.spec("S09")
def test_what_is_rolled_back_was_never_recorded(backend: Backend) -> None:
    """An entry goes with the transaction of what it tells of."""
    entry = audit_entry(backend.now())

    def fail(tx: Tx) -> None:
        tx.audit.record(entry)
        raise Stop

    with pytest.raises(Stop):
        backend.run(fail)
    assert backend.run(lambda tx: tx.audit.waiting(9)()) == ()


@pytest.mark.spec("S09")
def test_the_chain_has_every_entry_once(backend: Backend) -> None:
    """Chaining gives numbers from 1 without gaps and one sealed checkpoint per batch."""
    entries = recorded(backend, 3)
    assert chain_all(backend) == 3
    assert chain_all(backend) == 0
    entries += recorded(backend, 2)
    assert chain_all(backend) == 2
    linked = backend.run(lambda tx: tx.audit.linked(0, 99)())
    assert [one.link.seq for one in linked] == [1, 2, 3, 4, 5]
    assert [one.entry for one in linked] == entries
    assert backend.run(lambda tx: tx.audit.linked(3, 1)()) == linked[3:4]
    checkpoints = backend.run(lambda tx: tx.audit.checkpoints()())
    assert [(c.number, c.seq) for c in checkpoints] == [(1, 3), (2, 5)]
    head = backend.run(lambda tx: tx.audit.head()())
    assert (head.seq, head.hash, head.checkpoints) == (5, linked[-1].link.hash, 2)
    report = VerifyAudit(uow=backend.uow, keys=(KEY,))(
        backend.tenant, [KeptHead(hash=head.hash, seq=5)]
    )
    assert report.ok, report.differences
    assert (report.waiting, report.checkpoints) == (0, 2)


@pytest.mark.spec("S09")
def test_what_commits_late_is_chained_late_and_not_forgotten(backend: Backend) -> None:
    """An entry with an old time that appears after newer ones were chained takes the next place."""
    late = audit_entry(backend.now() - timedelta(hours=1))
    recorded(backend, 2)
    chain_all(backend)
    backend.run(lambda tx: tx.audit.record(late))
    findings = backend.run(lambda tx: tx.audit.findings()())
    assert (findings.waiting, findings.strays) == (1, ())
    assert chain_all(backend) == 1
    assert backend.run(lambda tx: tx.audit.linked(2, 9)())[0].entry == late


@pytest.mark.spec("S09")
def test_no_entry_is_chained_twice_or_after_a_wrong_head(backend: Backend) -> None:
    """A head that has moved, and an entry that no longer waits, are conflicts that change nothing."""
    (entry,) = recorded(backend, 1)
    head = backend.run(lambda tx: tx.audit.lock_head()())
    backend.run(lambda tx: chain(tx, head, entry))
    before = backend.run(lambda tx: (tx.audit.head()(), tx.audit.linked(0, 9)()))
    with pytest.raises(Conflict):
        backend.run(lambda tx: chain(tx, head, entry))
    with pytest.raises(Conflict):
        backend.run(lambda tx: chain(tx, tx.audit.lock_head()(), entry))
    unknown = attrs.evolve(entry, id=uuid4())
    with pytest.raises(Conflict):
        backend.run(lambda tx: chain(tx, tx.audit.lock_head()(), unknown))
    assert backend.run(lambda tx: (tx.audit.head()(), tx.audit.linked(0, 9)())) == before
