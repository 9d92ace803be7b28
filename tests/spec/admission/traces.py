"""Drawn traces: a limit, and instants that love its edges."""

from __future__ import annotations

import random

import attrs

from tests.spec.admission.reference import Bucket, Counted, Said
from ticketpay.domain.admission import Limit, admit

__all__ = ["Trace", "draw", "ours", "verdict"]

NOW_US = 1_772_366_400_000_000
PERIODS = (1, 2, 3, 7, 1_000, 999_983, 60_000_000, 86_400_000_000)


@attrs.frozen
class Trace:
    """A limit and the instants at which it is asked, in microseconds; ``back``: clock set back."""

    limit: Limit
    instants: tuple[int, ...]
    back: bool


def draw(chance: random.Random, length: int = 12) -> Trace:
    """A trace; one in eight has a clock that is set back."""
    burst = chance.choice((1, 2, 3, 4, 7, 10, 100))
    limit = Limit(name="drawn", burst=burst, period_us=chance.choice(PERIODS))
    back = chance.random() < 0.125
    each, now, instants = limit.interval_us, NOW_US + chance.randrange(10**9), []
    edges = (0, 0, 0, 1, each - 1, each, each + 1, limit.window_us - each, limit.window_us)
    for _ in range(chance.randint(1, length)):
        step = chance.choice((*edges, chance.randint(0, 2 * each), chance.randint(0, each * burst)))
        now += -step if back and chance.random() < 0.3 else step
        instants.append(now)
    return Trace(limit, tuple(instants), back)


def ours(trace: Trace) -> list[Said]:
    """What the pure algorithm says."""
    said: list[Said] = []
    kept: int | None = None
    for now in trace.instants:
        arrival, decision = admit(trace.limit, kept, now)
        kept = kept if arrival is None else arrival
        said.append((decision.allowed, decision.remaining, decision.next_us))
    return said


def verdict(trace: Trace, said: list[Said]) -> str:
    """What is wrong with these answers; empty if nothing is."""
    limit = trace.limit
    bucket = Bucket.of(limit.burst, limit.period_us)
    told = [bucket.ask(now) for now in trace.instants]
    if said != told:
        return f"{trace}: said {said}, but the bucket says {told}"
    if not trace.back:
        counted = Counted.of(limit.burst, limit.period_us)
        allowed = [counted.ask(now) for now in trace.instants]
        if allowed != [answer[0] for answer in said]:
            return f"{trace}: said {said}, but counting says {allowed}"
    return ""
