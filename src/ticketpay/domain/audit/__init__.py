"""Audit: who did what to what, and the proof that nobody has changed the record since.

Vocabulary: an *entry* says who did what; the *chain* gives each entry a number and a hash over it
and the one before; the *head* is the last link; a *checkpoint* is a head, sealed with a key.

Guarantees: with a head that was kept elsewhere, every edit, removal, reordering and truncation up
to it is found; without one, those that leave head and checkpoints as they are.
"""

from __future__ import annotations

from ticketpay.domain.audit.chain import GENESIS, extend, link_hash, seal
from ticketpay.domain.audit.model import (
    TEXT_MAX,
    ActorKind,
    AuditEntry,
    Checkpoint,
    Detail,
    Head,
    KeptHead,
    Link,
    Linked,
)
from ticketpay.domain.audit.verification import AuditReport, ChainCheck, Findings

__all__ = [
    "GENESIS",
    "TEXT_MAX",
    "ActorKind",
    "AuditEntry",
    "AuditReport",
    "ChainCheck",
    "Checkpoint",
    "Detail",
    "Findings",
    "Head",
    "KeptHead",
    "Link",
    "Linked",
    "extend",
    "link_hash",
    "seal",
]
