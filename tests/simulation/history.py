"""A history: one seed, some dozens of tasks with faults, the healing, and what the oracles say."""

from __future__ import annotations

import hashlib
from typing import Final

import attrs

from tests.simulation.actors import (
    CHOICES,
    chain,
    hand_over,
    inbox,
    janitor,
    relay,
    send,
    start,
)
from tests.simulation.oracles import Auditor, check_healed
from tests.simulation.scheduler import NEVER
from tests.simulation.world import NOTICE_SECONDS_MAX, World
from tests.support.scenery import START, audit_entry
from ticketpay.domain.messaging import InboxStatus
from ticketpay.domain.payments import PAYMENT_MACHINE
from ticketpay.domain.refunds import DisputeState, RefundState

__all__ = ["History", "SimulationFailed", "finish", "heal", "play"]

LIVE_CALLS: Final = 190
CALLS_MIN: Final = 200
ACTORS_MAX: Final = 5
STORY_LINES: Final = 40
LAST_MOVES: Final = 6
DAWDLING: Final = (0.0, 60.0, 300.0, 600.0)
"""How many seconds later than due the workers look."""

HEALED_SECONDS_MAX: Final = 14 * 24 * 3600
BANK_SECONDS: Final = 4 * 24 * 3600
"""What a bank will do later than this is not waited for: a dispute may stay open."""

MENDINGS_MAX: Final = 2
"""How often operators try again what was given up when all else has come to rest."""

TERMINAL_SECONDS_MAX: Final = 26 * 3600
"""From the healing on, no payment is unfinished for longer: a processing card is given a day."""


class SimulationFailed(AssertionError):
    """An oracle said no; the message names the seed and tells the story."""


@attrs.define(eq=False)
class History:
    """What happened."""

    seed: int
    digest: str = ""
    calls: int = 0
    crashes: int = 0
    faults: int = 0
    paid: int = 0
    flushes: int = 0
    late: int = 0
    kinds: frozenset[str] = frozenset()
    """The faults that struck, and what was begun, by their names."""
    simulated_seconds: float = 0.0
    terminal_after_seconds: float = 0.0


def play(seed: int, live_calls: int = LIVE_CALLS) -> History:
    """Play one history; raises ``SimulationFailed``."""
    world, history = World(seed), History(seed)
    world.watcher = Auditor(world)
    try:
        while world.scheduler.calls < CALLS_MIN:
            _live(world, world.scheduler.calls + live_calls)
            heal(world, history)
        check_healed(world)
        send_all_again(world)
        check_healed(world)
    except Exception as error:
        story = "\n".join(_told(world.story))
        moves = ", ".join(world.scheduler.trace[-LAST_MOVES:])
        again = f"again: python -m tests.simulation 1 --from {seed}"
        message = (
            f"seed {seed}: {type(error).__name__}: {error}\n{story}\nlast moves: {moves}\n{again}"
        )
        raise SimulationFailed(message) from error
    scheduler = world.scheduler
    history.digest = hashlib.sha256(
        "\n".join([*scheduler.trace, *world.story]).encode()
    ).hexdigest()
    history.calls, history.crashes = scheduler.calls, world.crashes
    history.paid = sum(1 for p in world.payments() if p.state.value == "completed")
    history.faults = world.struck - world.crashes
    history.flushes = world.redis.flushes
    history.kinds = frozenset(world.kinds)
    history.late = world.alerts.kinds().count("late_success")
    history.simulated_seconds = world.clock.unix() - START.timestamp()
    return history


def _live(world: World, live_calls: int) -> None:
    """Tasks begin while others are under way; the seed chooses who moves."""
    rng, scheduler = world.rng, world.scheduler
    while scheduler.calls < live_calls:
        possible = [choice for choice in CHOICES if choice.is_possible(world)]
        chosen = rng.choices(possible, [choice.weight for choice in possible])[0]
        chosen.begin(world)
        world.kinds.add(chosen.name)
        for _ in range(rng.choice((0, 2, 6, 12, 30))):
            if not _turn(world):
                break
        while len(scheduler.actors) >= ACTORS_MAX and _turn(world):
            pass


def _turn(world: World) -> bool:
    if world.pending:
        world.settle(world.clock.unix())
    return world.scheduler.turn()


def heal(world: World, history: History) -> None:
    """All faults are over: everybody finishes, and whatever is due is done, until nothing is."""
    world.stop_faults()
    world.tickets.failures.clear()
    begun = world.clock.unix()
    over_after: float | None = None
    mended = 0
    asked = False
    finish(world)
    if world.pending:
        # What operators do waits for nobody: the transactions of the dead are ended first.
        world.advance(NOTICE_SECONDS_MAX)
    world.give_up_waiting()
    while True:
        _work(world)
        now = world.clock.unix()
        if over_after is None and _all_over(world):
            over_after = now - begun
        due = world.next_due()
        if due == NEVER or (due > begun + BANK_SECONDS and world.next_of_ours() == NEVER):
            if not asked:
                asked = True
                world.ask_about_plan()
                continue
            if mended == MENDINGS_MAX or not _replay_dead(world):
                break
            mended += 1
            continue
        assert now - begun < HEALED_SECONDS_MAX, "the world does not come to rest"
        world.advance(max(due - now, 0.5) + world.rng.choice(DAWDLING))
    assert over_after is not None, "a payment never came to its end"
    assert over_after <= TERMINAL_SECONDS_MAX, f"the last payment ended {over_after} s later"
    history.terminal_after_seconds = max(history.terminal_after_seconds, over_after)


def send_all_again(world: World) -> None:
    """Every buyer who was answered asks once more under the old key and hears the same."""
    for request in world.requests:
        if request.final is not None:
            send(world.processes[0], request)


def finish(world: World) -> None:
    """Let every actor come to its end."""
    while world.scheduler.actors:
        if not _turn(world):
            assert world.next_at() < NEVER, "everybody waits for somebody"
            world.advance(max(world.next_at() - world.clock.unix(), 0.1))
    world.settle(world.clock.unix())


def _work(world: World) -> None:
    """Deliver what is due, unless all is lost, and run every worker once."""
    deliveries = world.model.due_deliveries()
    for delivery in deliveries:
        if world.webhooks_lost:
            world.model.delivery_result(delivery.id, None)
        else:
            world.in_transit.append(delivery)
    for _ in range(len(world.in_transit)):
        start(world, hand_over, "api")
    for key, _error in world.uow.platform(lambda tx: tx.streams.parked()()):
        world.processes[0].app.replay_stream(key)
    _mend(world)
    finish(world)
    for queue, task in (("waiting", inbox), ("timers", janitor), ("streams", relay)):
        if world.is_due(queue):
            start(world, task, "worker")
    if list(world.uow.store.of(world.scenery.tenant).audit_waiting.keys()):  # a table is no mapping
        start(world, chain, "worker")
    finish(world)


def _mend(world: World) -> None:
    """What operators do: events that were given up run again, and unheard refunds are asked about."""
    tenant = world.scenery.tenant
    _replay_dead(world)
    if any(c.finished_at is None for c in world.cancellations()):
        _decide_disputes(world)
    for refund in world.refunds():
        if refund.state is RefundState.COMPLETED and world.is_unheard(refund):
            entry = audit_entry(world.clock.now(), id=world.uuid())
            world.processes[0].app.refunding.sync(tenant, refund.id, entry)


def _replay_dead(world: World) -> bool:
    """Events that were given up run again; whether there was one."""
    desk, tenant = world.processes[0].app.inbox_desk, world.scenery.tenant
    rows = list(world.uow.store.platform.settled.values())
    dead = [row for row in rows if row.status is InboxStatus.DEAD]
    for row in dead:
        desk.replay(tenant, row.event.event_id, audit_entry(world.clock.now(), id=world.uuid()))
    return bool(dead)


def _decide_disputes(world: World) -> None:
    """Banks come to an end some day: until then a cancelled event is not finished."""
    for dispute in world.disputes():
        if dispute.state is DisputeState.OPEN:
            verb = world.rng.choice(("win", "lose"))
            path = f"/_sandbox/disputes/{dispute.provider_dispute_id}/{verb}"
            world.model.request("POST", path, {}, b"{}")
            world.provider_moved()


def _told(story: list[str]) -> list[str]:
    """How it began and how it ended; what is too much to read is left out of the middle."""
    if len(story) <= STORY_LINES:
        return story
    left_out = f"           ... {len(story) - STORY_LINES} lines ..."
    return [*story[: STORY_LINES // 2], left_out, *story[-(STORY_LINES // 2) :]]


def _all_over(world: World) -> bool:
    return all(PAYMENT_MACHINE.is_final(payment.state) for payment in world.payments())
