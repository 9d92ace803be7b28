"""The audit trail in memory: entries wait until the worker has chained them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import attrs

from ticketpay.adapters.memory.store import TenantTables, known
from ticketpay.domain.audit import (
    GENESIS,
    AuditEntry,
    Checkpoint,
    Findings,
    Head,
    Link,
    Linked,
)
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.ports.later import Later

__all__ = ["MemoryAudit"]


def _in_time(entries: Iterable[AuditEntry]) -> list[AuditEntry]:
    return sorted(entries, key=lambda entry: (entry.at, entry.id))


@attrs.frozen
class MemoryAudit:
    """``AuditTrail`` over the tables of one tenant."""

    tables: TenantTables

    def record(self, entry: AuditEntry) -> None:
        if self.tables.audit_entries.lock(entry.id) is not None:
            raise Conflict(f"audit entry {entry.id} is recorded already")
        self.tables.audit_entries.put(entry.id, entry)
        self.tables.audit_waiting.put(entry.id, None)

    def get(self, entry_id: UUID) -> Later[AuditEntry | None]:
        return known(self.tables.audit_entries.get(entry_id))

    def latest(self, limit: int) -> Later[tuple[AuditEntry, ...]]:
        newest_first = _in_time(self.tables.audit_entries.values())[::-1]
        return known(tuple(newest_first[:limit]))

    def waiting(self, limit: int) -> Later[tuple[AuditEntry, ...]]:
        found = (self.tables.audit_entries.get(key) for key in self.tables.audit_waiting.keys())  # noqa: SIM118 - a table is not a mapping
        return known(tuple(_in_time(entry for entry in found if entry)[:limit]))

    def lock_head(self) -> Later[Head]:
        return known(self.tables.audit_head.lock(None) or GENESIS)

    def extend(self, head: Head, links: Sequence[Link], checkpoint: Checkpoint) -> None:
        if self.lock_head()() != head:
            raise Conflict("the head of the audit chain has moved")
        for link in links:
            if link.entry_id not in self.tables.audit_waiting:
                raise Conflict(f"audit entry {link.entry_id} does not wait for a link")
            self.tables.audit_waiting.drop(link.entry_id)
            self.tables.audit_chain.put(link.seq, link)
        self.tables.audit_checkpoints.put(checkpoint.number, checkpoint)
        moved = Head(seq=checkpoint.seq, hash=checkpoint.hash, checkpoints=checkpoint.number)
        self.tables.audit_head.put(None, moved)

    def head(self) -> Later[Head]:
        return known(self.tables.audit_head.get(None) or GENESIS)

    def linked(self, after: int, limit: int) -> Later[tuple[Linked, ...]]:
        chain = sorted(self.tables.audit_chain.items())
        found = [
            Linked(attrs.evolve(link, seq=seq), self.tables.audit_entries.get(link.entry_id))
            for seq, link in chain
            if seq > after
        ]
        return known(tuple(found[:limit]))

    def checkpoints(self) -> Later[tuple[Checkpoint, ...]]:
        return known(tuple(c for _, c in sorted(self.tables.audit_checkpoints.items())))

    def findings(self) -> Later[Findings]:
        entries = {key for key, _ in self.tables.audit_entries.items()}
        waiting = {key for key, _ in self.tables.audit_waiting.items()}
        chained = {link.entry_id for link in self.tables.audit_chain.values()}
        strays = {key for key in entries if (key in waiting) == (key in chained)}
        strays |= waiting - entries
        return known(Findings(waiting=len(waiting), strays=tuple(sorted(strays))))
