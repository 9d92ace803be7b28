"""The chain: hash = SHA-256(hash before, tenant, number, entry); checkpoints seal its head."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ticketpay.domain.audit.model import AuditEntry, Checkpoint, Head, Link
from ticketpay.domain.kernel.ids import TenantId

__all__ = ["GENESIS", "extend", "key_id_of", "link_hash", "seal", "seal_of"]

GENESIS: Final = Head(seq=0, hash="0" * 64, checkpoints=0)
"""The head of a chain without links."""

_FORM: Final = "ticketpay.audit.1"
"""Changes when the canonical form does, so that one form is never taken for another."""


def _canonical(*values: object) -> bytes:
    """JSON with sorted keys and escapes: one text for one value."""
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()


def link_hash(tenant: TenantId, seq: int, previous: str, entry: AuditEntry) -> str:
    """The hash (64 hexadecimal digits) of the link that puts ``entry`` in place ``seq``."""
    said = _canonical(
        _FORM,
        str(tenant),
        seq,
        str(entry.id),
        entry.at.isoformat(timespec="microseconds"),
        str(entry.actor_kind),
        entry.actor_id,
        entry.action,
        entry.subject_type,
        entry.subject_id,
        entry.reason,
        dict(entry.details),
        entry.request_id,
    )
    return hashlib.sha256(previous.encode() + said).hexdigest()


def extend(tenant: TenantId, head: Head, entries: Iterable[AuditEntry]) -> tuple[Link, ...]:
    """The links of ``entries``, in their order, after ``head``."""
    links: list[Link] = []
    previous = head.hash
    for seq, entry in enumerate(entries, head.seq + 1):
        previous = link_hash(tenant, seq, previous, entry)
        links.append(Link(seq, entry.id, previous))
    return tuple(links)


def key_id_of(key: bytes) -> str:
    """The name of a key: tells keys apart and nothing about them; empty for no key."""
    return hmac.digest(key, b"ticketpay.audit.key", "sha256").hex()[:16] if key else ""


def seal_of(tenant: TenantId, checkpoint: Checkpoint, key: bytes) -> str:
    """The keyed hash over everything else in ``checkpoint``."""
    said = _canonical(
        _FORM,
        str(tenant),
        checkpoint.number,
        checkpoint.seq,
        checkpoint.hash,
        checkpoint.at.isoformat(timespec="microseconds"),
        checkpoint.key_id,
    )
    return hmac.digest(key, said, "sha256").hex()


def seal(tenant: TenantId, head: Head, at: datetime, key: bytes) -> Checkpoint:
    """The checkpoint number ``head.checkpoints`` over ``head``."""
    checkpoint = Checkpoint(
        number=head.checkpoints,
        seq=head.seq,
        hash=head.hash,
        at=at,
        key_id=key_id_of(key),
        seal="",
    )
    sealed = seal_of(tenant, checkpoint, key)
    return Checkpoint(
        number=checkpoint.number,
        seq=checkpoint.seq,
        hash=checkpoint.hash,
        at=at,
        key_id=checkpoint.key_id,
        seal=sealed,
    )
