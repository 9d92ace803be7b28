"""Entries of the audit trail, and the links, heads and checkpoints that hold them in place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import attrs

from ticketpay.domain.kernel.time import require_utc

__all__ = [
    "ActorKind",
    "AuditEntry",
    "Checkpoint",
    "Detail",
    "Head",
    "KeptHead",
    "Link",
    "Linked",
]

Detail = str | int | bool | None
"""What a detail may be: exact and small; an amount is in cents."""

TEXT_MAX: Final = 500
DETAILS_MAX: Final = 20
_ACTION: Final = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")


class ActorKind(StrEnum):
    """What kind of somebody acted."""

    USER = "user"
    OPERATOR = "operator"
    WORKER = "worker"
    SYSTEM = "system"


def _storable(_: object, field: attrs.Attribute[Any], text: str) -> None:
    """A text that every store keeps as it is: no NUL, no lone surrogate, at most 500 characters."""
    if len(text) > TEXT_MAX or "\0" in text or not _is_unicode(text):
        raise ValueError(f"{field.name} must be at most {TEXT_MAX} characters, without NUL")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _exact(self: object, field: attrs.Attribute[Any], details: Mapping[str, Detail]) -> None:
    if len(details) > DETAILS_MAX:
        raise ValueError(f"an entry has at most {DETAILS_MAX} details")
    for name, value in details.items():
        _storable(self, field, name)
        if isinstance(value, str):
            _storable(self, field, value)
        elif not (value is None or isinstance(value, int)):
            raise ValueError(f"detail {name} must be a text, an integer, a flag or nothing")


@attrs.frozen(kw_only=True)
class AuditEntry:
    """Who did what to what, when and why. No personal data: identifiers, states and cents only.

    ``action`` is ``subject.verb``, say ``payment.cancel``; raises ``ValueError`` for what cannot
    be stored exactly. The tenant is that of the transaction which records it.
    """

    id: UUID
    at: datetime = attrs.field(converter=require_utc)
    actor_kind: ActorKind
    actor_id: str = attrs.field(validator=_storable)
    action: str = attrs.field(validator=attrs.validators.matches_re(_ACTION))
    subject_type: str = attrs.field(validator=_storable)
    subject_id: str = attrs.field(validator=_storable)
    reason: str = attrs.field(default="", validator=_storable)
    details: Mapping[str, Detail] = attrs.field(factory=dict, validator=_exact)
    request_id: str = attrs.field(default="", validator=_storable)


@attrs.frozen
class Link:
    """The place of an entry in its tenant's chain: a number from 1 without gaps, and the hash."""

    seq: int
    entry_id: UUID
    hash: str


@attrs.frozen
class Linked:
    """A link with the entry it leads to; None when there is no such entry any more."""

    link: Link
    entry: AuditEntry | None


@attrs.frozen(kw_only=True)
class Head:
    """The end of a chain, and how many checkpoints there are; 0 links have 64 zeros for a hash."""

    seq: int
    hash: str
    checkpoints: int


@attrs.frozen(kw_only=True)
class KeptHead:
    """A head that somebody kept elsewhere; without ``seq`` the hash may be of any link."""

    hash: str
    seq: int | None = None


@attrs.frozen(kw_only=True)
class Checkpoint:
    """A head as it was at the end of a batch; ``seal`` is a keyed hash over the rest of it.

    ``number`` counts from 1 without gaps; ``key_id`` names the key, empty without one.
    """

    number: int
    seq: int
    hash: str
    at: datetime
    key_id: str
    seal: str
