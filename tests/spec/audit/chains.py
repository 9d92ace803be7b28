"""Entries as somebody may have left them, and chains of them as a store would hand them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import attrs
from hypothesis import strategies as st

from ticketpay.domain.audit import (
    GENESIS,
    ActorKind,
    AuditEntry,
    AuditReport,
    ChainCheck,
    Checkpoint,
    Findings,
    Head,
    KeptHead,
    Linked,
    extend,
    seal,
)
from ticketpay.domain.kernel.ids import TenantId

__all__ = [
    "BATCHES",
    "ENTRIES",
    "KEYS",
    "START",
    "TENANT",
    "TEXTS",
    "Trail",
    "entry",
    "grown",
    "relinked",
    "resealed",
    "written",
]

START: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TENANT: Final = TenantId(UUID(int=7))
KEYS: Final = (b"the key of today, thirty-two bytes", b"the key of yesterday, 32 bytes ...")

TEXTS: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
ENTRIES: Final = st.builds(
    AuditEntry,
    id=st.uuids(),
    at=st.datetimes(timezones=st.just(UTC)),
    actor_kind=st.sampled_from(ActorKind),
    actor_id=TEXTS,
    action=st.sampled_from(["payment.cancel", "outbox.replay", "token.issue"]),
    subject_type=TEXTS,
    subject_id=TEXTS,
    reason=TEXTS,
    details=st.dictionaries(TEXTS, TEXTS | st.integers() | st.booleans() | st.none(), max_size=5),
    request_id=TEXTS,
)
BATCHES: Final = st.lists(st.lists(ENTRIES, min_size=1, max_size=4), min_size=2, max_size=3).filter(
    lambda batches: len({e.id for batch in batches for e in batch}) == sum(map(len, batches))
)
"""Two or three batches, in which no entry comes twice."""


def entry(number: int = 1, **changes: Any) -> AuditEntry:
    """An entry as an operator leaves it."""
    values: dict[str, Any] = {
        "id": UUID(int=number),
        "at": START + timedelta(seconds=number),
        "actor_kind": ActorKind.OPERATOR,
        "actor_id": "ops@desk",
        "action": "payment.cancel",
        "subject_type": "payment",
        "subject_id": f"p-{number}",
    }
    return AuditEntry(**{**values, **changes})


@attrs.frozen(kw_only=True)
class Trail:
    """A chain with its entries, its head and its checkpoints, and what lies beside it."""

    linked: tuple[Linked, ...] = ()
    head: Head = GENESIS
    checkpoints: tuple[Checkpoint, ...] = ()
    findings: Findings = Findings(waiting=0, strays=())

    def verify(
        self, *kept: KeptHead, keys: Sequence[bytes] = KEYS, tenant: TenantId = TENANT
    ) -> AuditReport:
        """The report of a walk along it, from the start to the end."""
        check = ChainCheck(tenant=tenant, keys=keys, kept=kept)
        check.want(self.checkpoints)
        for linked in self.linked:
            check.see(linked)
        return check.report(self.head, self.checkpoints, self.findings)


def grown(trail: Trail, batch: Sequence[AuditEntry], key: bytes = KEYS[0]) -> Trail:
    """The trail after a batch was chained and its head sealed."""
    links = extend(TENANT, trail.head, batch)
    last = links[-1]
    head = Head(seq=last.seq, hash=last.hash, checkpoints=trail.head.checkpoints + 1)
    return attrs.evolve(
        trail,
        linked=(*trail.linked, *map(Linked, links, batch)),
        head=head,
        checkpoints=(*trail.checkpoints, seal(TENANT, head, START, key)),
    )


def written(*batches: Sequence[AuditEntry] | int, keys: Sequence[bytes] = KEYS[:1]) -> Trail:
    """A trail of these batches (of so many entries); the last key seals all from its place on."""
    trail = Trail()
    for place, batch in enumerate(batches):
        first = trail.head.seq + 1
        entries = [entry(first + n) for n in range(batch)] if isinstance(batch, int) else batch
        trail = grown(trail, entries, keys[min(place, len(keys) - 1)])
    return trail


def relinked(trail: Trail, entries: Sequence[AuditEntry]) -> Trail:
    """The trail with other entries and links that fit them, by somebody who has no key."""
    links = extend(TENANT, GENESIS, entries)
    return attrs.evolve(trail, linked=tuple(map(Linked, links, entries)))


def resealed(trail: Trail, place: int, key: bytes, **changes: Any) -> Trail:
    """The trail with a checkpoint that says something else, under a seal that fits."""
    was = attrs.evolve(trail.checkpoints[place], **changes)
    head = Head(seq=was.seq, hash=was.hash, checkpoints=was.number)
    points = list(trail.checkpoints)
    points[place] = seal(TENANT, head, was.at, key)
    return attrs.evolve(trail, checkpoints=tuple(points))
