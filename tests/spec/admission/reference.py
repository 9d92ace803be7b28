"""What a limit means, said twice and without the algorithm: as counting, and as a bucket of tokens.

Neither shares code with ``ticketpay.domain.admission``. All is in *grains*: one is earned each
microsecond, a request takes as many as there are microseconds in its interval, so nothing is rounded.
"""

from __future__ import annotations

from math import ceil

import attrs

__all__ = ["Bucket", "Counted", "Said"]

Said = tuple[bool, int, int]
"""Whether it is allowed, how many remain, and in how many microseconds there is one more."""


def grains(burst: int, period_us: int) -> int:
    """What a request takes: never less than its share of the period."""
    whole, rest = divmod(period_us, burst)
    return whole + ceil(rest / burst)


@attrs.define
class Counted:
    """By counting, for times that do not run backwards.

    A request is allowed if there is no earlier allowed one since which, itself and this one
    included, more than a burst plus what was earned since would have been allowed.
    """

    burst: int
    each: int
    allowed: list[int] = attrs.field(factory=list)

    @classmethod
    def of(cls, burst: int, period_us: int) -> Counted:
        return cls(burst, grains(burst, period_us))

    def ask(self, now: int) -> bool:
        """Whether a request at ``now`` is allowed."""
        seen = [*self.allowed, now]
        for place, since in enumerate(seen):
            taken, earned = (len(seen) - place) * self.each, now - since
            if taken > self.burst * self.each + earned:
                return False
        self.allowed.append(now)
        return True


@attrs.define
class Bucket:
    """By tokens: a full bucket at first, one token more each interval, one taken by each request.

    What is in it is looked up from the last request that was allowed, so a clock may be set back.
    """

    full: int
    each: int
    inside: int
    since: int | None = None

    @classmethod
    def of(cls, burst: int, period_us: int) -> Bucket:
        each = grains(burst, period_us)
        return cls(burst * each, each, burst * each)

    def ask(self, now: int) -> Said:
        """What is said to a request at ``now``."""
        earned = 0 if self.since is None else now - self.since
        there = sorted((0, self.inside + earned, self.full))[1]
        allowed = there >= self.each
        if allowed:
            there -= self.each
            self.inside, self.since = there, now
        tokens, part = divmod(there, self.each)
        return allowed, tokens, self.each - part
