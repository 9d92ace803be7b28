"""A history: one seed, some dozens of steps with faults, the healing, and what the oracles say."""

from __future__ import annotations

import hashlib
import random
from typing import Final

import attrs

from tests.simulation.actors import ACTORS, Actor, World, buy
from tests.simulation.crashes import Crash, CrashPlan
from tests.simulation.oracles import check_always, check_healed
from tests.support.sandboxed import Sandboxed
from ticketpay.domain.kernel.errors import TicketpayError

__all__ = ["History", "SimulationFailed", "play"]

STEPS: Final = 36
CRASH_SHARE: Final = 0.2
CRASH_STEPS_MAX: Final = 9
HEALING_SECONDS: Final = (*(20,) * 4, *(61,) * 10, *(300,) * 5, *(900,) * 5, *(14_400,) * 6)
FIRST_BUYERS: Final = 3
STORY_LINES: Final = 25


class SimulationFailed(AssertionError):
    """An oracle said no; the message names the seed and tells the story."""


@attrs.define(eq=False)
class History:
    """What happened, line by line."""

    seed: int
    lines: list[str] = attrs.field(factory=list)
    crashes: int = 0
    paid: int = 0
    late: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 of the story: the same seed gives the same digest."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()

    def tell(self, line: str) -> None:
        """Add a line."""
        self.lines.append(f"{len(self.lines):3} {line}")


def play(seed: int, steps: int = STEPS) -> History:
    """Play one history; raises ``SimulationFailed``."""
    history, crashes = History(seed), CrashPlan()
    system = Sandboxed(seed=seed, capacity=6, on_step=crashes.step)
    world = World(system, random.Random(seed), crashes)  # noqa: S311 - repeatable, not secret
    try:
        for number in range(steps):
            _step(world, history, buy if number < FIRST_BUYERS else None)
            check_always(world)
        _heal(world, history)
        check_healed(world)
    except Exception as error:
        story = "\n".join(history.lines[-STORY_LINES:])
        message = f"seed {seed}: {type(error).__name__}: {error}\n{story}"
        raise SimulationFailed(message) from error
    history.paid = sum(1 for p in system.payments() if p.state.value == "completed")
    history.late = system.alerts.kinds().count("late_success")
    history.tell(f"end {system.clock.now()} {system.stock()} {system.alerts.kinds()}")
    return history


def _step(world: World, history: History, actor: Actor | None = None) -> None:
    rng = world.rng
    actors, weights = zip(*ACTORS, strict=True)
    actor = actor or rng.choices(actors, weights)[0]
    world.crashes.arm(rng.randint(1, CRASH_STEPS_MAX) if rng.random() < CRASH_SHARE else 0)
    try:
        history.tell(actor(world))
    except TicketpayError as error:
        history.tell(f"{actor.__name__}: {type(error).__name__}: {error}")
    except Crash as crash:
        history.crashes += 1
        history.tell(f"{actor.__name__}: crash at {crash}")
    finally:
        world.crashes.arm(0)


def _heal(world: World, history: History) -> None:
    """All faults are over: everything is delivered and every worker runs, for more than a day."""
    system = world.system
    system.tickets.failures.clear()
    for seconds in HEALING_SECONDS:
        system.clock.advance(seconds)
        system.receive_all()
        for key, _ in system.uow.platform(lambda tx: tx.streams.parked()()):
            system.app.replay_stream(key)
        done = system.work()
        history.tell(f"heal {done}")
        check_always(world)
