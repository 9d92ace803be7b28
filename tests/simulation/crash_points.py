"""Crash points: every boundary of every use case, a crash at each, and the end that must follow.

A boundary is a call of a port: every statement of a transaction, its beginning, its commit and
what comes after it, and both sides of every call of the provider and of the ticket service.
``python -m tests.simulation.crash_points`` lists and counts them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import attrs

from tests.simulation.actors import start_in
from tests.simulation.history import History, finish, heal
from tests.simulation.oracles import Auditor, check_healed
from tests.simulation.scenarios import SCENARIOS, Scenario
from tests.simulation.world import World

__all__ = ["End", "boundaries", "end_of"]

SEED = 1
_OF_THE_WORKER = (
    *("process_inbox", "relay_outbox", "janitor", "roll_up_ledger", "chain_audit", "purge_keys"),
)
End = dict[str, object]
PASSING = ("answers", "told", "said")
AGAIN_SECONDS = 200
"""The next try comes when every lease has lapsed."""


@attrs.define
class CrashAt:
    """Counts the boundaries and crashes at one of them; 0 for never."""

    place: int
    steps: list[str] = attrs.field(factory=list)

    @property
    def on(self) -> bool:
        return self.place > 0

    def strikes(self, step: str) -> str:
        self.steps.append(step)
        return "crash" if len(self.steps) == self.place else ""

    def stop(self) -> None:
        self.place = 0


def boundaries(scenario: Scenario) -> list[str]:
    """The boundaries of a scenario, in order."""
    world, faults = _prepared(scenario), CrashAt(0)
    _act(world, scenario, faults)
    return faults.steps


def end_of(scenario: Scenario, place: int) -> End:
    """The healed end after a crash at a boundary (from 1; 0 for none) and a repetition."""
    world = _prepared(scenario)
    _act(world, scenario, CrashAt(place))
    if place:
        assert world.crashes == 1, f"there is no boundary {place}"
        world.advance(AGAIN_SECONDS)
        _act(world, scenario, CrashAt(0))
    assert scenario.raises or not world.errors, f"{scenario.path}: {world.errors}"
    # A worker that comes again finds less to do; a buyer hears the same again.
    said = {} if scenario.use_case in _OF_THE_WORKER else {"said": world.said}
    heal(world, History(SEED))
    check_healed(world)
    end = _end(world) | said
    return {k: v for k, v in end.items() if not (scenario.moves_on and k in PASSING)}


def _prepared(scenario: Scenario) -> World:
    world = World(SEED, taxed=scenario.taxed, abroad=scenario.abroad)
    world.webhooks_lost = False
    world.faults = CrashAt(0)
    world.stop_faults()
    world.watcher = Auditor(world)
    for step in scenario.prepare:
        step(world)
    return world


def _act(world: World, scenario: Scenario, faults: CrashAt) -> None:
    world.faults = faults
    process = world.processes[-1 if scenario.use_case in _OF_THE_WORKER else 0]
    start_in(world, process, scenario.act)
    finish(world)
    world.faults = CrashAt(0)


def _end(world: World) -> End:
    """Everything that matters, without ids and times."""
    tables = world.uow.store.of(world.scenery.tenant)
    refunds = world.model._world.account("").refunds
    balances = world.uow.run(world.scenery.tenant, lambda tx: tx.ledger.balances()())
    streams: dict[object, list[str]] = {}
    for (key, _seq), message in sorted(tables.messages.items(), key=lambda row: row[0][1]):
        streams.setdefault(key, []).append(message.type)
    delivered = {message.id: message.type for message in world.tickets.delivered}
    return {
        "orders": sorted(str(order.state) for order in tables.orders.values()),
        "payments": sorted((str(p.state), p.received_cents) for p in tables.payments.values()),
        "retries": sorted(
            (one.number, str(one.action), one.outcome)
            for made in tables.retries.values()
            for one in made
        ),
        "refunds": sorted(str(refund.state) for refund in tables.refunds.values()),
        "disputes": sorted((str(d.state), d.tickets) for d in tables.disputes.values()),
        "taken": sorted(row.taken for row in tables.stock.values()),
        "balances": [
            (str(b.account.kind), str(b.account.bucket), str(b.account.currency), b.cents)
            for b in balances
        ],
        "intents": sorted(str(fact.status) for fact in world.provider_facts()),
        "taxes": sorted(
            (str(c.kind), c.cents, c.estimated)
            for order in tables.orders.values()
            for c in order.charges
            if c.kind.is_tax
        ),
        "sent back": len(refunds),
        "payouts": sorted(str(payout.state) for payout in tables.payouts.values()),
        "plans": sorted(
            (s.plan_id, str(s.state), s.cancels_at is None) for s in tables.subscriptions.values()
        ),
        "billed": sorted(each["status"] for each in world.plans_there()),
        "periods": sorted(paid.amount.cents for _, paid in tables.invoices.values()),
        "sent out": len(world.model._world.account("").of("transfer")._items),
        "cancelled": [c.finished_at is not None for c in tables.cancellations.values()],
        "told": sorted(tuple(types) for types in streams.values()),
        "delivered": sorted(delivered.values()),
        "answers": [str(r.final.outcome) if r.final else "" for r in world.requests],
    }


def listing() -> Iterator[str]:
    """Every boundary in a line, and their number in the last."""
    count = 0
    for scenario in SCENARIOS:
        steps = boundaries(scenario)
        count += len(steps)
        yield f"{scenario.use_case}, {scenario.path}: {len(steps)}"
        yield from (f"  {place:3} {step}" for place, step in enumerate(steps, 1))
    yield f"{count} boundaries in {len(SCENARIOS)} scenarios"


if __name__ == "__main__":
    sys.stdout.writelines(line + "\n" for line in listing())
