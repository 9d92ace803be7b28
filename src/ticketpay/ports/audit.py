"""The port for the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from ticketpay.domain.audit import AuditEntry, Checkpoint, Findings, Head, Link, Linked
from ticketpay.ports.later import Later

__all__ = ["AuditTrail"]


class AuditTrail(Protocol):
    """**Protocol:** the audit trail of one tenant; nothing in it is ever changed.

    ``record`` is for whoever acts, in the transaction of what it tells of; it locks nothing. The
    worker chains what is recorded, later.
    """

    def record(self, entry: AuditEntry) -> None:
        """Append an entry; the same id twice raises ``Conflict``, at the latest at the commit."""
        ...

    def get(self, entry_id: UUID) -> Later[AuditEntry | None]:
        """The entry, chained or not; None if there is none."""
        ...

    def latest(self, limit: int) -> Later[tuple[AuditEntry, ...]]:
        """The newest entries by their time, newest first, chained or not."""
        ...

    def waiting(self, limit: int) -> Later[tuple[AuditEntry, ...]]:
        """Committed entries that no link leads to yet, oldest first."""
        ...

    def lock_head(self) -> Later[Head]:
        """The head, locked until the transaction ends: whoever chains does it alone."""
        ...

    def extend(self, head: Head, links: Sequence[Link], checkpoint: Checkpoint) -> None:
        """Append links and a checkpoint after ``head``; the checkpoint is the new head.

        Raises ``Conflict`` (at the latest at the commit) when ``head`` has moved or an entry does
        not wait for a link.
        """
        ...

    def head(self) -> Later[Head]:
        """The head as it is now."""
        ...

    def linked(self, after: int, limit: int) -> Later[tuple[Linked, ...]]:
        """The links after number ``after`` with their entries, in order."""
        ...

    def checkpoints(self) -> Later[tuple[Checkpoint, ...]]:
        """All checkpoints, in order."""
        ...

    def findings(self) -> Later[Findings]:
        """How many entries wait, and what belongs nowhere, in one snapshot."""
        ...
