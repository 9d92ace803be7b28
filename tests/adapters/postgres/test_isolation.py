"""Isolation on the real server: appended unique integers show nothing beyond READ COMMITTED.

Lists are what production appends to: the stream of an aggregate, and a row that is locked, read
and saved with its version. Connections are cut while it happens.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final
from uuid import UUID, uuid4

import attrs
import psycopg
import pytest

from tests.support.appends import Seen, anomalies
from tests.support.databases import Database
from tests.support.scenery import START, Scenery, message
from ticketpay.adapters.postgres.uow import PostgresTx, PostgresUnitOfWork
from ticketpay.domain.kernel.errors import Conflict, OutcomeUnknown, Unavailable
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.messaging import AggregateType, StreamClaim, StreamKey

THREADS: Final = 4
TRANSACTIONS: Final = 50
CUTS: Final = 6


class Changed(Exception):
    """The transaction changes its mind and rolls back."""


@attrs.define
class Lists:
    """Three streams and three locked rows; ``keys`` are their names."""

    uow: PostgresUnitOfWork
    scenery: Scenery
    streams: Mapping[str, UUID]
    rows: Mapping[str, PaymentId]

    @classmethod
    def made(cls, database: Database) -> Lists:
        """A tenant with an empty list of each kind."""
        uow, scenery = database.unit_of_work(both=True), Scenery()
        database.load(scenery.catalog)
        rows = {}
        for name in ("row-1", "row-2", "row-3"):
            order = scenery.order(START)
            payment = scenery.payment(order, START)
            uow.run(scenery.tenant, lambda tx, order=order: tx.orders.add(order))  # type: ignore[misc] # a default binds the loop variable
            uow.run(scenery.tenant, lambda tx, payment=payment: tx.payments.add(payment))  # type: ignore[misc] # the same
            rows[name] = payment.id
        streams = {name: uuid4() for name in ("stream-1", "stream-2", "stream-3")}
        return cls(uow, scenery, streams, rows)

    def read(self, tx: PostgresTx, key: str, *, lock: bool) -> list[int]:
        """The integers of a list as the transaction sees them now."""
        if key in self.streams:
            about = StreamKey(self.scenery.tenant, AggregateType.ORDER, self.streams[key])
            claim = StreamClaim(key=about, epoch=0, delivered_seq=0, attempts=0)
            found = tx.outbox.pending(claim, 100_000)()
            assert [seq for seq, _ in found] == list(range(1, len(found) + 1)), "a gap"
            return [int(str(m.data["number"])) for _, m in found]
        ask = tx.payments.lock if lock else tx.payments.get
        payment = ask(self.rows[key])()
        assert payment is not None
        return [int(number) for number in payment.provider_status.split()]

    def append(self, tx: PostgresTx, key: str, numbers: Sequence[int]) -> None:
        """Append to a list; a row must be locked."""
        if key in self.streams:
            for number in numbers:
                about = self.streams[key]
                tx.outbox.emit([message("order.cancelled", about, START, number=number)])
            return
        payment = tx.payments.lock(self.rows[key])()
        assert payment is not None
        for number in numbers:
            status = f"{payment.provider_status} {number}"
            changed = attrs.evolve(payment, provider_status=status)
            payment = tx.payments.save(changed, None, START)


@attrs.frozen
class Plan:
    """What a transaction does, decided beforehand so that it may be repeated."""

    name: str
    appends: Mapping[str, tuple[int, ...]]
    reads: tuple[str, ...]
    gives_up: bool


def plan(name: str, keys: Sequence[str], rng: random.Random, numbers: itertools.count[int]) -> Plan:
    written = sorted(rng.sample(keys, rng.randint(1, 3)))
    return Plan(
        name=name,
        appends={key: tuple(next(numbers) for _ in range(rng.randint(1, 2))) for key in written},
        reads=tuple(rng.sample(keys, rng.randint(0, 3))),
        gives_up=rng.random() < 0.15,
    )


def perform(lists: Lists, plan: Plan) -> Seen:
    """Run one transaction and say what it saw."""
    read: dict[str, list[int]] = {}
    locked = frozenset(key for key in plan.appends if key in lists.rows)

    def work(tx: PostgresTx) -> None:
        read.clear()
        for key in plan.reads:
            if key not in plan.appends:
                read[key] = lists.read(tx, key, lock=False)
        for key, numbers in plan.appends.items():
            if key in locked:
                read[key] = lists.read(tx, key, lock=True)
            lists.append(tx, key, numbers)
        if plan.gives_up:
            raise Changed

    ended = "ok"
    try:
        lists.uow.run(lists.scenery.tenant, work)
    except (Changed, Conflict):
        ended = "aborted"
    except (OutcomeUnknown, Unavailable):
        ended = "unknown"
    return Seen(name=plan.name, ended=ended, appended=plan.appends, read=read, locked=locked)


def cut(database: Database, done: threading.Event, rng: random.Random) -> None:
    """End a backend of the application now and then."""
    for _ in range(CUTS):
        if done.wait(rng.uniform(0.05, 0.3)):
            return
        with suppress(psycopg.Error):
            database.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1",
                database.name,
            )


@pytest.mark.server
@pytest.mark.spec("S03", "S36", "S40")
@pytest.mark.parametrize("kind", ["fresh_database", "pooled_database"])
def test_appended_integers_show_no_anomaly(request: pytest.FixtureRequest, kind: str) -> None:
    """No acknowledged append is lost or doubled, none that was rolled back is seen, no cycles."""
    database: Database = request.getfixturevalue(kind)
    lists, rng, numbers = Lists.made(database), random.Random(5), itertools.count(1)  # noqa: S311 - a schedule, not a secret
    keys = [*lists.streams, *lists.rows]
    plans = [plan(f"t{n}", keys, rng, numbers) for n in range(THREADS * TRANSACTIONS)]
    done = threading.Event()
    cutter = threading.Thread(target=cut, args=(database, done, rng))
    cutter.start()
    try:
        with ThreadPoolExecutor(THREADS) as pool:
            history = list(pool.map(lambda one: perform(lists, one), plans))
        done.set()
        cutter.join()
        final = _final(lists)
    finally:
        lists.uow.close()
    assert anomalies(history, final) == []
    assert sum(seen.ended == "ok" for seen in history) > len(plans) // 2
    assert any(seen.ended == "aborted" for seen in history)
    assert any(seen.read.get(key) for seen in history for key in lists.rows)


def _final(lists: Lists) -> dict[str, list[int]]:
    """Read once more; a connection that was cut fails one transaction each."""
    for _ in range(30):
        with suppress(Unavailable):
            return lists.uow.run(
                lists.scenery.tenant,
                lambda tx: {
                    key: lists.read(tx, key, lock=False) for key in (*lists.streams, *lists.rows)
                },
            )
    raise AssertionError("the database does not answer")


def seen(
    name: str, ended: str = "ok", locked: str = "", **lists: tuple[list[int], list[int]]
) -> Seen:
    """A transaction that read the first and appended the second to each list."""
    return Seen(
        name=name,
        ended=ended,
        appended={key: new for key, (_, new) in lists.items() if new},
        read={key: old for key, (old, _) in lists.items() if old},
        locked=frozenset(locked.split()),
    )


@pytest.mark.parametrize(
    ("history", "final", "word"),
    [
        ([seen("a", x=([], [1]))], {"x": []}, "was acknowledged"),
        ([seen("a", "aborted", x=([], [1]))], {"x": [1]}, "was rolled back"),
        ([seen("a", "unknown", x=([], [1, 2]))], {"x": [1]}, "only half"),
        ([], {"x": [1]}, "by nobody"),
        ([seen("a", x=([], [1]))], {"x": [1, 1]}, "twice"),
        ([seen("a", "unknown", x=([], [1])), seen("b", x=([1], []))], {"x": []}, "G1a"),
        ([seen("a", x=([], [1, 2])), seen("b", x=([1], []))], {"x": [1, 2]}, "G1b"),
        (
            [seen("a", x=([], [1]), y=([], [2])), seen("b", x=([], [3]), y=([], [4]))],
            {"x": [1, 3], "y": [4, 2]},
            "G0",
        ),
        (
            [seen("a", x=([], [1]), y=([2], [])), seen("b", x=([1], []), y=([], [2]))],
            {"x": [1], "y": [2]},
            "G1c",
        ),
        (
            [seen("a", locked="x", x=([9], [1])), seen("b", x=([], [9])), seen("c", x=([], [8]))],
            {"x": [9, 8, 1]},
            "came between",
        ),
    ],
)
def test_the_checker_sees_every_anomaly(
    history: list[Seen], final: dict[str, list[int]], word: str
) -> None:
    """Each forbidden history is named, and the same without the fault is fine."""
    assert any(word in found for found in anomalies(history, final))


def test_the_checker_lets_read_committed_pass() -> None:
    """Read skew is allowed: two lists read at different times."""
    history = [seen("a", x=([], [1]), y=([], [2])), seen("b", x=([1], []), y=([], []))]
    assert anomalies(history, {"x": [1], "y": [2]}) == []
