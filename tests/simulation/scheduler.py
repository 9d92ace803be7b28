"""The scheduler: actors are greenlets, and at every call of a port the seed says who moves next.

An actor belongs to a process. A process that crashes takes all its actors along: they are dead
first and unwound then, so that their unwinding rolls nothing back and calls nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import attrs
from greenlet import getcurrent, greenlet

from ticketpay.adapters.memory import Transaction, VirtualClock

__all__ = ["Actor", "Dead", "Scheduler"]

NEVER: Final = float("inf")


class Dead(BaseException):
    """The process is gone; no ``except`` of the code under test may see it."""


@attrs.define(eq=False)
class Actor:
    """One thing that a process is doing, and where it stands."""

    name: str
    process: str
    at: str = "start"
    wakes_at: float = 0.0
    blocker: Transaction | None = None
    dead: bool = False
    thread: greenlet = attrs.field(init=False)


class Scheduler:
    """Runs actors in turns; ``open_`` are the transactions that can block them."""

    def __init__(self, rng: random.Random, clock: VirtualClock, open_: list[Transaction]) -> None:
        self.actors: list[Actor] = []
        self.trace: list[str] = []
        self.failure: BaseException | None = None
        self.running: Actor | None = None
        self.calls = 0
        self._rng, self._clock, self._open = rng, clock, open_
        self._main = getcurrent()

    def start(self, name: str, process: str, work: Callable[[], None]) -> None:
        """A new actor, which moves when it is chosen; ``work`` must raise nothing but ``Dead``."""
        actor = Actor(name, process)
        actor.thread = greenlet(lambda: self._live(actor, work), self._main)
        self.actors.append(actor)

    def pause(self, step: str) -> None:
        """The running actor is about to take ``step``: others may move first."""
        actor = self.running
        if actor is None:
            return
        self.calls += 1
        actor.at = step
        self._away(actor)

    def sleep(self, seconds: float) -> None:
        """The running actor does nothing for a while."""
        actor = self.running
        if actor is None:
            self._clock.advance(seconds)
            return
        actor.wakes_at = self._clock.unix() + seconds
        self._away(actor)

    def wait(self, owner: Transaction) -> None:
        """The running actor waits for a row that ``owner`` holds."""
        actor = self.running
        assert actor is not None, "only actors wait"
        actor.blocker = owner
        self._away(actor)
        actor.blocker = None

    def crash(self, process: str) -> None:
        """All actors of a process are dead from now on; they are unwound in turn."""
        for actor in self.actors:
            actor.dead = actor.dead or actor.process == process

    def wake(self) -> None:
        """Nobody sleeps any longer."""
        for actor in self.actors:
            actor.wakes_at = 0.0

    def turn(self) -> bool:
        """Let one actor move; False when none can."""
        now = self._clock.unix()
        ready = [actor for actor in self.actors if self._is_ready(actor, now)]
        if not ready:
            return False
        chosen = ready[int(self._rng.random() * len(ready))]
        self.trace.append(f"{chosen.name} {chosen.at}")
        self._move(chosen)
        while (corpse := next((a for a in self.actors if a.dead), None)) is not None:
            self._move(corpse)
        if self.failure is not None:
            raise self.failure
        return True

    def next_wake(self) -> float:
        """When (Unix seconds) the next sleeper wakes."""
        return min((a.wakes_at for a in self.actors if a.blocker is None), default=NEVER)

    def _is_ready(self, actor: Actor, now: float) -> bool:
        return actor.wakes_at <= now and (actor.blocker is None or actor.blocker not in self._open)

    def _move(self, actor: Actor) -> None:
        self.running = actor
        actor.thread.switch()
        self.running = None
        if actor.thread.dead:
            self.actors.remove(actor)

    def _away(self, actor: Actor) -> None:
        if actor.dead:
            raise Dead(actor.at)
        self._main.switch()
        if actor.dead:
            raise Dead(actor.at)

    def _live(self, actor: Actor, work: Callable[[], None]) -> None:
        try:
            if not actor.dead:
                work()
        except Dead:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised where the story is told
            self.failure = self.failure or error
