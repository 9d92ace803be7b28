"""Tampering with what is stored: whatever is done to a trail once, verification says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.scenery import START, audit_entry
from ticketpay.adapters.memory import MemoryUnitOfWork, VirtualClock
from ticketpay.adapters.memory.store import Table, TenantTables
from ticketpay.domain.audit import ActorKind, AuditReport, KeptHead, link_hash, seal
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.processes.auditing import ChainAudit, VerifyAudit

KEYS: Final = (b"the key of today, thirty-two bytes", b"the key of yesterday, 32 bytes ...")
TENANT: Final = TenantId(UUID(int=7))
TEXTS: Final = ("actor_id", "subject_type", "subject_id", "reason", "request_id")
T = TypeVar("T")


@attrs.define
class Trail:
    """A trail in memory that may be tampered with behind its back."""

    uow: MemoryUnitOfWork = attrs.field(factory=MemoryUnitOfWork)

    @property
    def tables(self) -> TenantTables:
        return self.uow.store.of(TENANT)

    def verify(self, *kept: KeptHead, keys: tuple[bytes, ...] = KEYS) -> AuditReport:
        return VerifyAudit(uow=self.uow, keys=keys)(TENANT, kept)

    def put(self, table: Table[Any, Any], key: object, row: object) -> None:
        self.uow.run(TENANT, lambda _: table.put(key, row))

    def drop(self, table: Table[Any, Any], key: object) -> None:
        self.uow.run(TENANT, lambda _: table.drop(key))


def written(batches: list[int], waiting: int) -> Trail:
    """A trail of batches, sealed with an older key at first, and some entries that still wait."""
    trail, number = Trail(), 0
    for batch, count in enumerate([*batches, waiting]):
        for _ in range(count):
            number += 1
            entry = audit_entry(START + timedelta(seconds=number), id=UUID(int=number))
            trail.uow.run(TENANT, lambda tx, entry=entry: tx.audit.record(entry))  # type: ignore[misc] # a default binds the loop variable
        if batch < len(batches):
            key = KEYS[1] if batch == 0 else KEYS[0]
            ChainAudit(uow=trail.uow, clock=VirtualClock(START), keys=(key,))(TENANT)
    return trail


def other(value: Any) -> Any:
    """Something else of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}!" if not value or value[-1] != "!" else value[:-1]
    if isinstance(value, UUID):
        return uuid4()
    return value + timedelta(microseconds=1)


def edit_entry(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    chained = [link.entry_id for link in trail.tables.audit_chain.values()]
    entry = trail.tables.audit_entries.get(draw(st.sampled_from(chained)))
    assert entry is not None
    changes: dict[str, Any] = {name: other(getattr(entry, name)) for name in TEXTS}
    changes |= {"at": other(entry.at), "action": entry.action + "_", "actor_kind": ActorKind.WORKER}
    name = draw(st.sampled_from([*changes, "details"]))
    if name == "details":
        changed = draw(st.sampled_from(sorted(entry.details)))
        changes[name] = {**entry.details, changed: "forged"}
    trail.put(trail.tables.audit_entries, entry.id, attrs.evolve(entry, **{name: changes[name]}))


def edit_link(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    seq = draw(st.sampled_from(sorted(trail.tables.audit_chain.keys())))
    link = trail.tables.audit_chain.get(seq)
    assert link is not None
    name = draw(st.sampled_from(["hash", "entry_id"]))
    trail.put(
        trail.tables.audit_chain, seq, attrs.evolve(link, **{name: other(getattr(link, name))})
    )


def remove_entry(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    entries = trail.tables.audit_entries
    trail.drop(entries, draw(st.sampled_from(sorted(entries.keys()))))


def remove_link(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """With its entry, so that nothing is left over."""
    seq = draw(st.sampled_from(sorted(trail.tables.audit_chain.keys())))
    link = trail.tables.audit_chain.get(seq)
    assert link is not None
    trail.drop(trail.tables.audit_chain, seq)
    if draw(st.booleans()):
        trail.drop(trail.tables.audit_entries, link.entry_id)


def remove_waiting(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    waiting = sorted(trail.tables.audit_waiting.keys())
    if waiting:
        trail.drop(trail.tables.audit_waiting, draw(st.sampled_from(waiting)))
    else:
        remove_link(trail, draw)


def swap(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """Two neighbours change places, and the hashes are made anew up to there."""
    seq = draw(st.integers(1, len(trail.tables.audit_chain) - 1))
    one, two = trail.tables.audit_chain.get(seq), trail.tables.audit_chain.get(seq + 1)
    before = trail.tables.audit_chain.get(seq - 1)
    assert one is not None
    assert two is not None
    previous = before.hash if before else "0" * 64
    for place, link in ((seq, two), (seq + 1, one)):
        entry = trail.tables.audit_entries.get(link.entry_id)
        assert entry is not None
        previous = link_hash(TENANT, place, previous, entry)
        trail.put(trail.tables.audit_chain, place, attrs.evolve(link, seq=place, hash=previous))


def truncate(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    """The last links go, with their entries."""
    count = len(trail.tables.audit_chain)
    for seq in range(count, count - draw(st.integers(1, count)), -1):
        link = trail.tables.audit_chain.get(seq)
        assert link is not None
        trail.drop(trail.tables.audit_chain, seq)
        trail.drop(trail.tables.audit_entries, link.entry_id)


def edit_checkpoint(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    table = trail.tables.audit_checkpoints
    number = draw(st.sampled_from(sorted(table.keys())))
    row = table.get(number)
    assert row is not None
    name = draw(st.sampled_from(["number", "seq", "hash", "at", "key_id", "seal"]))
    trail.put(table, number, attrs.evolve(row, **{name: other(getattr(row, name))}))


def remove_checkpoint(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    table = trail.tables.audit_checkpoints
    trail.drop(table, draw(st.sampled_from(sorted(table.keys()))))


def edit_head(trail: Trail, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
    head = trail.tables.audit_head.get(None)
    assert head is not None
    name = draw(st.sampled_from(["seq", "hash", "checkpoints"]))
    trail.put(
        trail.tables.audit_head, None, attrs.evolve(head, **{name: other(getattr(head, name))})
    )


TAMPERINGS: Final = (
    edit_entry,
    edit_link,
    remove_entry,
    remove_link,
    remove_waiting,
    swap,
    truncate,
    edit_checkpoint,
    remove_checkpoint,
    edit_head,
)
BATCHES: Final = st.lists(st.integers(1, 4), min_size=2, max_size=3)


@pytest.mark.spec("S09")
@pytest.mark.parametrize("tamper", TAMPERINGS)
@settings(max_examples=25)
@given(batches=BATCHES, waiting=st.integers(0, 2), data=st.data())
def test_any_tampering_is_found(
    tamper: Callable[[Trail, Any], None], batches: list[int], waiting: int, data: st.DataObject
) -> None:
    """An untouched trail is whole; after one edit, removal, swap or truncation it is not."""
    trail = written(batches, waiting)
    report = trail.verify()
    assert report.ok, report.differences
    assert report.waiting == waiting
    tamper(trail, data.draw)
    assert not trail.verify().ok


def roll_back(trail: Trail, checkpoint: int) -> None:
    """Everything after a checkpoint goes, and head and checkpoints are put right: a restored dump."""
    kept = trail.tables.audit_checkpoints.get(checkpoint)
    head = trail.tables.audit_head.get(None)
    assert kept is not None
    assert head is not None
    for seq in range(kept.seq + 1, head.seq + 1):
        link = trail.tables.audit_chain.get(seq)
        assert link is not None
        trail.drop(trail.tables.audit_chain, seq)
        trail.drop(trail.tables.audit_entries, link.entry_id)
    for number in range(checkpoint + 1, head.checkpoints + 1):
        trail.drop(trail.tables.audit_checkpoints, number)
    moved = attrs.evolve(head, seq=kept.seq, hash=kept.hash, checkpoints=checkpoint)
    trail.put(trail.tables.audit_head, None, moved)


@pytest.mark.spec("S09")
@settings(max_examples=25)
@given(batches=BATCHES, plain=st.booleans())
def test_a_kept_head_finds_what_was_rolled_back_whole(batches: list[int], plain: bool) -> None:  # noqa: FBT001 - drawn
    """A trail rolled back to a checkpoint looks whole by itself; the head kept elsewhere tells."""
    trail = written(batches, 0)
    head = trail.tables.audit_head.get(None)
    assert head is not None
    kept = KeptHead(hash=head.hash, seq=None if plain else head.seq)
    assert trail.verify(kept).ok
    roll_back(trail, 1)
    assert trail.verify().ok
    assert not trail.verify(kept).ok


@pytest.mark.spec("S09")
def test_a_kept_head_is_of_this_chain() -> None:
    """A kept hash that no link has, or another link has, is a difference."""
    trail = written([2, 2], 0)
    link = trail.tables.audit_chain.get(2)
    assert link is not None
    assert trail.verify(KeptHead(hash=link.hash), KeptHead(hash=link.hash, seq=2)).ok
    assert not trail.verify(KeptHead(hash="f" * 64)).ok
    assert not trail.verify(KeptHead(hash=link.hash, seq=3)).ok
    assert not trail.verify(KeptHead(hash="f" * 64, seq=2)).ok


@pytest.mark.spec("S09")
def test_a_chain_written_anew_has_no_seals() -> None:
    """Whoever rewrites everything without the key is found by the seals, or by their absence."""
    trail, forged = written([2, 2], 0), written([2], 0)
    ChainAudit(uow=forged.uow, clock=VirtualClock(START), keys=())(TENANT)
    assert forged.verify(keys=(KEYS[0],)).differences == (
        "checkpoint 1 is sealed with an unknown key",
    )
    last = trail.tables.audit_checkpoints.get(2)
    assert last is not None
    trail.put(trail.tables.audit_checkpoints, 2, attrs.evolve(last, key_id=""))
    assert trail.verify().differences == (
        "checkpoint 2 is sealed without a key, an earlier one with",
        "the seal of checkpoint 2 is broken",
        "checkpoint 2, the last, is sealed without a key",
    )
    assert not trail.verify(keys=()).ok
    assert written([2, 2], 0).verify(keys=()).ok


@pytest.mark.spec("S09")
def test_seals_cannot_be_taken_off() -> None:
    """Whoever puts one seal without a key in the place of all others is found where keys are set;
    a chain from the days before the keys is whole as soon as its last seal has one."""
    trail = written([2, 2], 0)
    table, head = trail.tables.audit_checkpoints, trail.tables.audit_head.get(None)
    assert head is not None
    for number in (1, 2):
        trail.drop(table, number)
    bare = attrs.evolve(head, checkpoints=1)
    trail.put(table, 1, seal(TENANT, bare, START, b""))
    trail.put(trail.tables.audit_head, None, bare)
    assert trail.verify().differences == ("checkpoint 1, the last, is sealed without a key",)
    assert trail.verify(keys=()).ok
    trail.uow.run(TENANT, lambda tx: tx.audit.record(audit_entry(START, id=UUID(int=99))))
    ChainAudit(uow=trail.uow, clock=VirtualClock(START), keys=KEYS)(TENANT)
    assert trail.verify().ok
