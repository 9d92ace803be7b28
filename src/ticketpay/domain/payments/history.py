"""The history of a payment: everything that was written down about it, in one order."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import attrs

__all__ = ["Happening", "Source", "in_order"]


class Source(StrEnum):
    """Where it was written down; at the same instant, in this order."""

    ATTEMPT = "attempt"
    EVENT = "event"
    MOVE = "move"
    POSTING = "posting"
    MESSAGE = "message"


_RANK = {source: rank for rank, source in enumerate(Source)}


@attrs.frozen(kw_only=True)
class Happening:
    """One line: ``what`` happened to ``about`` (payment, order or refund) with this id.

    ``number`` orders what one source says about one subject at the same instant.
    """

    at: datetime
    source: Source
    about: str
    about_id: str
    what: str
    detail: str = ""
    number: int = attrs.field(default=0, eq=False)


def in_order(happenings: Iterable[Happening]) -> tuple[Happening, ...]:
    """By time, then by source, subject and number."""
    return tuple(
        sorted(happenings, key=lambda h: (h.at, _RANK[h.source], h.about, h.number, h.what))
    )
