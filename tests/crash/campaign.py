"""A campaign: cycle after cycle one of the processes is killed or paused while buyers buy.

A cycle strikes, waits until the victim is back and sells one more ticket through it: the recovery
lasts from the strike (of a paused one: from its waking) until that order is fulfilled.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from random import Random
from typing import Final

import attrs

from tests.crash.fleet import Fleet, wait_for
from tests.crash.market import Market

APIS: Final = ("api-1", "api-2")
WORKERS: Final = ("worker-1", "worker-2")
PAUSE_SECONDS: Final = (0.5, 1.6)
"""Some pauses outlast the second after which an idempotency key may be taken over."""


class Victim(StrEnum):
    """Who is struck, in this order."""

    API = "API killed"
    WORKER = "worker killed"
    BACKEND = "backend killed"
    API_PAUSED = "API paused"
    WORKER_PAUSED = "worker paused"
    POSTMASTER = "postmaster killed"


@attrs.define(kw_only=True)
class Tally:
    """What happened in a campaign; seconds."""

    struck: Counter[Victim] = attrs.field(factory=Counter)
    slowest: dict[Victim, float] = attrs.field(factory=dict)
    seconds: float = 0.0
    sold: int = 0
    left: int = 0
    lapsed: int = 0

    def note(self, victim: Victim, recovery: float) -> None:
        """Count one cycle."""
        self.struck[victim] += 1
        self.slowest[victim] = max(recovery, self.slowest.get(victim, 0.0))

    def __str__(self) -> str:
        cycles = self.struck.total()
        victims = ", ".join(
            f"{victim} {count} (slowest recovery {self.slowest[victim]:.1f} s)"
            for victim, count in self.struck.items()
        )
        return (
            f"{cycles} cycles in {self.seconds:.0f} s, {60 * cycles / self.seconds:.1f} a minute:"
            f" {victims}; {self.sold:,} sales acknowledged, {self.left} buyers left without an"
            f" answer, {self.lapsed} leases lapsed early;"
            f" slowest recovery {max(self.slowest.values()):.1f} s"
        )


@attrs.define(eq=False)
class Campaign:
    """Strikes against a fleet of two APIs and two workers while the market is open."""

    fleet: Fleet
    market: Market
    rng: Random
    tally: Tally = attrs.field(factory=Tally)

    def run(self, cycles: int) -> Tally:
        """Strike so many times, then let the market close."""
        begun = time.monotonic()
        with self.market:
            for cycle in range(cycles):
                time.sleep(self.rng.uniform(0.2, 0.8))
                self._cycle(cycle)
        self.tally.seconds = time.monotonic() - begun
        self.tally.sold, self.tally.left = len(self.market.sold), len(self.market.left)
        return self.tally

    def _cycle(self, cycle: int) -> None:
        victims = tuple(Victim)
        victim, which = victims[cycle % len(victims)], cycle // len(victims) % 2
        strike: Callable[[int], tuple[float, str | None]] = {
            Victim.API: self._kill_api,
            Victim.WORKER: self._kill_worker,
            Victim.BACKEND: self._kill_backend,
            Victim.API_PAUSED: self._pause_api,
            Victim.WORKER_PAUSED: self._pause_worker,
            Victim.POSTMASTER: self._kill_postmaster,
        }[victim]
        since, url = strike(which)
        self._await_fulfilled(self.market.probe(url))
        self.tally.note(victim, time.monotonic() - since)
        self.fleet.check()

    def _kill_api(self, which: int) -> tuple[float, str]:
        since, name = time.monotonic(), APIS[which]
        self.fleet.members[name].kill()
        self.fleet.restart(name)
        return since, self.fleet.urls[name]

    def _kill_worker(self, which: int) -> tuple[float, None]:
        since, name = time.monotonic(), WORKERS[which]
        self.fleet.members[name].kill()
        self.tally.lapsed += self.fleet.lapse()
        self.fleet.restart(name)
        return since, None

    def _kill_backend(self, which: int) -> tuple[float, None]:
        since = time.monotonic()
        self.fleet.kill_backend()
        return since, None

    def _kill_postmaster(self, which: int) -> tuple[float, None]:
        since = time.monotonic()
        self.fleet.kill_postmaster()
        return since, None

    def _pause_api(self, which: int) -> tuple[float, str]:
        self._pause(APIS[which])
        return time.monotonic(), self.fleet.urls[APIS[which]]

    def _pause_worker(self, which: int) -> tuple[float, None]:
        """Its leases lapse while it stands still, and the other worker takes over."""
        self._pause(WORKERS[which], self.fleet.lapse)
        return time.monotonic(), None

    def _pause(self, name: str, meanwhile: Callable[[], int] = int) -> None:
        member = self.fleet.members[name]
        member.pause()
        self.tally.lapsed += meanwhile()
        time.sleep(self.rng.uniform(*PAUSE_SECONDS))
        member.resume()

    def _await_fulfilled(self, order: str) -> None:
        rows = self.fleet.database.rows
        wait_for(
            f"fulfilled: {order}",
            lambda: rows("SELECT state FROM orders WHERE id = %s", order) == [("fulfilled",)],
        )
