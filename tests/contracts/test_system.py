"""What the machine's ports promise: time, identifiers, chance and a bell, real or under control."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import pytest
import structlog
from structlog.testing import capture_logs

from ticketpay.adapters.memory import RecordingAlerts, SeededIds, SeededRandom, VirtualClock
from ticketpay.adapters.system import LogAlerts, SystemClock, SystemRandom, Uuid7
from ticketpay.ports.system import Alerts, Clock, Ids, Random

Ring = tuple[str, str, dict[str, str]]
THREADS: Final = 8


@pytest.fixture(params=[SystemClock, lambda: VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


@pytest.fixture(params=[Uuid7, lambda: SeededIds(7)])
def ids(request: pytest.FixtureRequest) -> Ids:
    made: Ids = request.param()
    return made


@pytest.fixture(params=[SystemRandom, lambda: SeededRandom(7)])
def chance(request: pytest.FixtureRequest) -> Random:
    made: Random = request.param()
    return made


@pytest.fixture(params=["log", "recording"])
def bell(request: pytest.FixtureRequest) -> Iterator[tuple[Alerts, Callable[[], list[Ring]]]]:
    """A bell, and what rang."""
    if request.param == "recording":
        recorded = RecordingAlerts()
        yield recorded, lambda: [(a.kind, a.detail, dict(a.ids)) for a in recorded.raised]
    else:
        with capture_logs() as lines:
            yield LogAlerts(), lambda: [(e["kind"], e["detail"], e["ids"]) for e in lines]


def test_the_time_is_aware_and_in_utc(clock: Clock) -> None:
    """An instant knows that it is in UTC, and no later reading is earlier."""
    readings = [clock.now() for _ in range(100)]
    assert {reading.tzinfo for reading in readings} == {UTC}
    assert all(one <= two for one, two in pairwise(readings))


def test_the_clock_under_control_moves_only_when_told() -> None:
    """A virtual clock stands still until it is advanced, and by exactly that."""
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    first = clock.now()
    assert clock.now() == first
    clock.advance(1.5)
    assert clock.now() - first == timedelta(seconds=1.5)


def test_identifiers_are_uuids_of_version_7_that_nobody_else_has(ids: Ids) -> None:
    """Eight threads draw identifiers at once: all differ, all are RFC 9562 version 7."""
    with ThreadPoolExecutor(THREADS) as threads:
        drawn = [i for some in threads.map(lambda _: _many(ids), range(THREADS)) for i in some]
    assert len(set(drawn)) == len(drawn)
    assert {(i.version, i.variant) for i in drawn} == {(7, "specified in RFC 4122")}


def _many(ids: Ids) -> list[UUID]:
    return [ids.new() for _ in range(500)]


def test_chance_is_uniform_parts_per_million(chance: Random) -> None:
    """Ten thousand draws are whole numbers in 0..1,000,000, and every tenth gets its share."""
    drawn = [chance.ppm() for _ in range(10_000)]
    assert all(type(d) is int and 0 <= d <= 1_000_000 for d in drawn)
    tenths = [sum(1 for d in drawn if d // 100_001 == tenth) for tenth in range(10)]
    assert min(tenths) > 850
    assert max(tenths) < 1_150


def test_a_bell_rings_in_order_with_its_identifiers(
    bell: tuple[Alerts, Callable[[], list[Ring]]],
) -> None:
    """Every ring carries its kind, its detail and its identifiers, in the order of ringing."""
    alerts, rings = bell
    alerts.raise_alert("late_success", "the order is gone", payment_id="p", order_id="o")
    alerts.raise_alert("stuck", "")
    assert rings() == [
        ("late_success", "the order is gone", {"payment_id": "p", "order_id": "o"}),
        ("stuck", "", {}),
    ]


@pytest.mark.parametrize("text", ["\x00", "\ud800", "x" * 1_000_000, "{} %s \r\n"])
def test_a_bell_takes_any_text(bell: tuple[Alerts, Callable[[], list[Ring]]], text: str) -> None:
    """Whatever the text, ringing does not raise and the text is not lost."""
    alerts, rings = bell
    alerts.raise_alert("odd", text, payment_id=text)
    assert rings() == [("odd", text, {"payment_id": text})]


def test_threads_ring_one_bell(bell: tuple[Alerts, Callable[[], list[Ring]]]) -> None:
    """Eight threads ring fifty times each, and no ring is lost."""
    alerts, rings = bell

    def ring(thread: int) -> None:
        for number in range(50):
            alerts.raise_alert("k", f"{thread}.{number}")

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(ring, range(THREADS)))
    assert len({detail for _, detail, _ in rings()}) == THREADS * 50


def test_an_alert_tells_where_an_error_came_from() -> None:
    """The lines of code and nothing of the message; without an error there are none."""
    with structlog.testing.capture_logs() as lines:
        LogAlerts().raise_alert("quiet", "x")
        try:
            raise KeyError("whsec_secret")
        except KeyError:
            LogAlerts().raise_alert("inbox_stuck", "KeyError")
    quiet, loud = lines
    assert "where" not in quiet
    (frame,) = loud["where"]
    assert frame.endswith(" test_an_alert_tells_where_an_error_came_from")
    assert "secret" not in str(loud)


def test_a_broken_log_does_not_stop_who_rings() -> None:
    """A log that fails is nobody's business but the log's; the count goes on."""

    def fail(*_: object) -> structlog.typing.EventDict:
        raise OSError("no space left")

    alerts = LogAlerts()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[fail])
    try:
        alerts.raise_alert("late_success", "x")
    finally:
        structlog.configure(processors=before)
    assert alerts.counts == {"late_success": 1}
