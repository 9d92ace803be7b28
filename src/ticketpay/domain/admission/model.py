"""Limits and decisions: whole microseconds, so that every counter reckons exactly the same."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

import attrs

__all__ = ["SUBJECT_LENGTH_MAX", "Decision", "Limit", "Turn"]

SUBJECT_LENGTH_MAX: Final = 200
"""The longest subject that is counted, in characters."""

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_BURST_MAX: Final = 100_000_000_000
# A day: an instant plus a window stays far below 2**53, beyond which Lua's numbers are not exact.
_PERIOD_US_MAX: Final = 24 * 3600 * 1_000_000


@attrs.frozen(kw_only=True)
class Limit:
    """At most ``burst`` requests at once, and one more for each ``interval_us``.

    ``period_us`` (microseconds, up to a day) is the time in which a whole burst is earned. Raises
    ValueError for a name that is no ``[a-z][a-z0-9-]*``, or a burst or period out of range.
    """

    name: str
    burst: int
    period_us: int

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"a limit cannot be named {self.name!r}")
        if not 1 <= self.burst <= _BURST_MAX:
            raise ValueError(f"a burst is 1 to {_BURST_MAX}, not {self.burst}")
        if not 1 <= self.period_us <= _PERIOD_US_MAX:
            raise ValueError(f"a period is 1 to {_PERIOD_US_MAX} microseconds")

    @property
    def interval_us(self) -> int:
        """Microseconds in which one request is earned, rounded up: never more than was said."""
        return -(-self.period_us // self.burst)

    @property
    def window_us(self) -> int:
        """Microseconds after which nothing of a whole burst is remembered."""
        return self.burst * self.interval_us


@attrs.frozen(kw_only=True)
class Decision:
    """The answer to one request.

    ``remaining`` requests would be allowed at this instant, one more in ``next_us`` microseconds;
    for a refused one that is when to come again.
    """

    limit: Limit
    allowed: bool
    remaining: int
    next_us: int

    @property
    def next_seconds(self) -> int:
        """``next_us`` in whole seconds, rounded up: whoever waits that long is not early."""
        return -(-self.next_us // 1_000_000)


class Turn(StrEnum):
    """What a purchase finds: it is the only one, its key was seen before, or another is under way."""

    TAKEN = "taken"
    KNOWN = "known"
    REFUSED = "refused"
