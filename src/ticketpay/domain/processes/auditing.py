"""The audit trail at work: chain what was recorded, look at it, prove it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from ticketpay.domain.audit import (
    AuditEntry,
    AuditReport,
    ChainCheck,
    Head,
    KeptHead,
    extend,
    seal,
)
from ticketpay.domain.kernel.errors import NotFound

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["CHAIN_ENTRIES_MAX", "AuditDesk", "ChainAudit", "ShowAudit", "VerifyAudit"]

CHAIN_ENTRIES_MAX: Final = 500
PAGE: Final = 1_000


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ChainAudit:
    """The worker's step: give the waiting entries of a tenant their places, and seal the head.

    The head's lock makes one worker chain at a time; whoever records never waits for it.
    """

    uow: UnitOfWork
    clock: Clock
    keys: Sequence[bytes] = ()

    def __call__(self, tenant: TenantId) -> int:
        """How many entries were chained, at most 500 at a time."""
        return self.uow.run(tenant, self._chain)

    def _chain(self, tx: Tx) -> int:
        if not tx.audit.waiting(1)():
            return 0
        head = tx.audit.lock_head()()
        entries = tx.audit.waiting(CHAIN_ENTRIES_MAX)()
        links = extend(tx.tenant_id, head, entries)
        if links:
            last = links[-1]
            moved = Head(seq=last.seq, hash=last.hash, checkpoints=head.checkpoints + 1)
            key = self.keys[0] if self.keys else b""
            tx.audit.extend(head, links, seal(tx.tenant_id, moved, self.clock.now(), key))
        return len(links)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowAudit:
    """``ticketpay audit list`` and ``show``: what is recorded, chained or not; and the head."""

    uow: UnitOfWork

    def latest(self, tenant: TenantId, limit: int) -> tuple[AuditEntry, ...]:
        """The newest entries, newest first."""
        return self.uow.run(tenant, lambda tx: tx.audit.latest(limit)())

    def entry(self, tenant: TenantId, entry_id: UUID) -> AuditEntry:
        """One entry; raises ``NotFound``."""
        found = self.uow.run(tenant, lambda tx: tx.audit.get(entry_id)())
        if found is None:
            raise NotFound(f"there is no audit entry {entry_id}")
        return found

    def head(self, tenant: TenantId) -> Head:
        """The head to keep elsewhere."""
        return self.uow.run(tenant, lambda tx: tx.audit.head()())


@attrs.frozen(kw_only=True, eq=False, repr=False)
class VerifyAudit:
    """``ticketpay audit verify``: the chain against its hashes, its checkpoints and kept heads."""

    uow: UnitOfWork
    keys: Sequence[bytes] = ()

    def __call__(self, tenant: TenantId, kept: Sequence[KeptHead] = ()) -> AuditReport:
        """The report. The worker may go on meanwhile: then it reads on, too."""
        return self.uow.run(tenant, lambda tx: self._verify(tx, kept))

    def _verify(self, tx: Tx, kept: Sequence[KeptHead]) -> AuditReport:
        check = ChainCheck(tenant=tx.tenant_id, keys=self.keys, kept=kept)
        while True:
            head = tx.audit.head()()
            check.want(tx.audit.checkpoints()())
            while page := tx.audit.linked(check.seq, PAGE)():
                for linked in page:
                    check.see(linked)
            checkpoints, findings = tx.audit.checkpoints()(), tx.audit.findings()()
            # While the head stands still, nobody chains, and all of this was read of one state.
            if tx.audit.head()() == head:
                return check.report(head, checkpoints, findings)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AuditDesk:
    """Everything about the audit trail that people ask for."""

    uow: UnitOfWork
    show: ShowAudit
    verify: VerifyAudit

    @classmethod
    def of(cls, uow: UnitOfWork, keys: Sequence[bytes]) -> AuditDesk:
        """The desk over a unit of work; ``keys`` are those that seals are made with."""
        return cls(uow=uow, show=ShowAudit(uow=uow), verify=VerifyAudit(uow=uow, keys=tuple(keys)))

    def record(self, tenant: TenantId, entry: AuditEntry) -> None:
        """Record what has no transaction of its own."""
        self.uow.run(tenant, lambda tx: tx.audit.record(entry))
