"""The audit trail in PostgreSQL: insert-only for whoever acts, chained by the worker."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from ticketpay.adapters.postgres.documents import dump
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.audit import (
    GENESIS,
    ActorKind,
    AuditEntry,
    Checkpoint,
    Findings,
    Head,
    Link,
    Linked,
)

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.later import Later

__all__ = ["RECORD", "PostgresAudit", "entry_values"]

Rows = Sequence[tuple[Any, ...]]

_SQL: Final = load("audit")
RECORD: Final = _SQL["record"]


def entry_values(tenant: TenantId | None, entry: AuditEntry) -> dict[str, object]:
    """The values of ``RECORD``."""
    return {
        "tenant": tenant,
        "id": entry.id,
        "at": entry.at,
        "actor_kind": entry.actor_kind.value,
        "actor_id": entry.actor_id,
        "action": entry.action,
        "subject_type": entry.subject_type,
        "subject_id": entry.subject_id,
        "reason": entry.reason,
        "details": dump(dict(entry.details)),
        "request_id": entry.request_id,
    }


def _entry(row: tuple[Any, ...]) -> AuditEntry:
    return AuditEntry(
        id=row[0],
        at=row[1].astimezone(UTC),
        actor_kind=ActorKind(row[2]),
        actor_id=row[3],
        action=row[4],
        subject_type=row[5],
        subject_id=row[6],
        reason=row[7],
        details=row[8],
        request_id=row[9],
    )


def _readable(row: tuple[Any, ...]) -> AuditEntry | None:
    """The entry; None when what is stored there cannot have been recorded."""
    try:
        return _entry((*row[:8], json.loads(row[8]), *row[9:]))
    except (AttributeError, TypeError, ValueError):
        return None


def _entries(rows: Rows) -> tuple[AuditEntry, ...]:
    return tuple(map(_entry, rows))


def _head(rows: Rows) -> Head:
    return Head(seq=rows[0][0], hash=rows[0][1], checkpoints=rows[0][2]) if rows else GENESIS


def _linked(rows: Rows) -> tuple[Linked, ...]:
    return tuple(
        Linked(Link(row[0], row[1], row[2]), None if row[3] is None else _readable(row[3:]))
        for row in rows
    )


def _checkpoints(rows: Rows) -> tuple[Checkpoint, ...]:
    return tuple(
        Checkpoint(
            number=number, seq=seq, hash=digest, at=at.astimezone(UTC), key_id=key_id, seal=seal
        )
        for number, seq, digest, at, key_id, seal in rows
    )


@attrs.frozen
class PostgresAudit:
    """Fulfils ``AuditTrail``."""

    session: Session

    def record(self, entry: AuditEntry) -> None:
        self.session.write(RECORD, entry_values(self.session.tenant_id, entry))

    def get(self, entry_id: UUID) -> Later[AuditEntry | None]:
        values = self._tenant() | {"id": entry_id}
        return self.session.read(
            _SQL["entry"], values, lambda rows: _entry(rows[0]) if rows else None
        )

    def latest(self, limit: int) -> Later[tuple[AuditEntry, ...]]:
        return self.session.read(
            _SQL["latest_entries"], self._tenant() | {"limit": limit}, _entries
        )

    def waiting(self, limit: int) -> Later[tuple[AuditEntry, ...]]:
        return self.session.read(
            _SQL["waiting_entries"], self._tenant() | {"limit": limit}, _entries
        )

    def lock_head(self) -> Later[Head]:
        return self.session.read(_SQL["lock_head"], self._tenant(), _head)

    def extend(self, head: Head, links: Sequence[Link], checkpoint: Checkpoint) -> None:
        values = {
            "before": head.seq,
            "count": len(links),
            "seqs": [link.seq for link in links],
            "ids": [link.entry_id for link in links],
            "hashes": [link.hash for link in links],
            "number": checkpoint.number,
            "seq": checkpoint.seq,
            "hash": checkpoint.hash,
            "at": checkpoint.at,
            "key_id": checkpoint.key_id,
            "seal": checkpoint.seal,
        }
        for name in ("move_head", "end_waiting", "add_links", "add_checkpoint"):
            self.session.write(_SQL[name], self._tenant() | values)

    def head(self) -> Later[Head]:
        return self.session.read(_SQL["head"], self._tenant(), _head)

    def linked(self, after: int, limit: int) -> Later[tuple[Linked, ...]]:
        values = self._tenant() | {"after": after, "limit": limit}
        return self.session.read(_SQL["linked"], values, _linked)

    def checkpoints(self) -> Later[tuple[Checkpoint, ...]]:
        return self.session.read(_SQL["checkpoints"], self._tenant(), _checkpoints)

    def findings(self) -> Later[Findings]:
        return self.session.read(
            _SQL["findings"],
            self._tenant(),
            lambda rows: Findings(waiting=rows[0][0], strays=tuple(rows[0][1])),
        )

    def _tenant(self) -> dict[str, object]:
        return {"tenant": self.session.tenant_id}
