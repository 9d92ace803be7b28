"""Worker loops: their rhythm, that nothing ends them but ``stop``, and that ``stop`` is gentle."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ticketpay.domain.kernel.ids import TenantId
from ticketpay.entrypoints.metrics import Metrics
from ticketpay.entrypoints.wiring import App
from ticketpay.entrypoints.workers.loop import Loop, Worker


class Boom(Exception):
    """Something unexpected."""


def loop(*answers: int | Exception, full: int = 100, most: float = 1.0) -> Loop:
    left = iter(answers)

    def step() -> int:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Loop(name="test", step=step, full=full, idle_seconds_max=most)


def worker(tenants: list[TenantId] | None = None, **steps: Callable[..., int]) -> Worker:
    idle = dict.fromkeys(("process_inbox", "relay_outbox", "janitor"), lambda *_: 0)
    app: Any = SimpleNamespace(
        **{
            **idle,
            "roll_up_ledger": lambda _: 0,
            "chain_audit": lambda _: 0,
            "purge_keys": lambda _: 0,
            "venue_money": SimpleNamespace(release=lambda _: 0),
            "metrics": None,
            **steps,
        }
    )
    return Worker(cast("App", app), lambda: tenants or [])


def test_a_full_batch_goes_on_at_once() -> None:
    """After a full batch the next step comes at once, after a partial one in 150 ms."""
    busy = loop(100, 101, 99, 1)

    assert [busy.turn() for _ in range(4)] == [0.0, 0.0, 0.15, 0.15]


@pytest.mark.parametrize(("most", "last"), [(1.0, 1.0), (2.0, 2.0), (5.0, 5.0)])
def test_idle_backs_off(most: float, last: float) -> None:
    """Idle turns wait 50 ms, doubling up to the bound; work starts over."""
    idle = loop(*[0] * 9, 1, 0, most=most)
    pauses = [idle.turn() for _ in range(9)]

    assert pauses[:5] == [0.05, 0.1, 0.2, 0.4, 0.8]
    assert pauses[-1] == last
    assert [idle.turn(), idle.turn()] == [0.15, 0.05]


def test_an_error_backs_off_and_tells_its_type_only(caplog: pytest.LogCaptureFixture) -> None:
    """A failing step is logged by type, without its message, and backed off like idleness."""
    with caplog.at_level(logging.ERROR):
        broken = loop(Boom("card 4242"), Boom("card 4242"), 3)

        assert [broken.turn() for _ in range(3)] == [0.05, 0.1, 0.15]
    assert "Boom" in caplog.text
    assert "4242" not in caplog.text


def test_every_loop_has_a_thread() -> None:
    """The inbox, two relays, four janitors, the roll-up and the audit run each in its own thread."""
    seen: dict[str, set[str]] = {}

    def step(name: str) -> Callable[..., int]:
        def run(*_: object) -> int:
            seen.setdefault(name, set()).add(threading.current_thread().name)
            return 0

        return run

    names = ("process_inbox", "relay_outbox", "janitor", "roll_up_ledger", "chain_audit")
    team = worker([cast("TenantId", 1)], **{name: step(name) for name in names})
    team.start()
    deadline = time.monotonic() + 5
    while sum(map(len, seen.values())) < 9 and time.monotonic() < deadline:
        time.sleep(0.01)

    assert team.stop()
    assert seen == {
        "process_inbox": {"inbox"},
        "relay_outbox": {"relay-1", "relay-2"},
        "janitor": {f"janitor-{n}" for n in range(1, 5)},
        "roll_up_ledger": {"roll-up"},
        "chain_audit": {"audit"},
    }


def test_a_failing_loop_lives_on() -> None:
    """A loop whose step fails is tried again, and the other loops do not notice."""
    calls: list[str] = []

    def fail() -> int:
        calls.append("inbox")
        raise Boom

    team = worker(process_inbox=fail)
    team.start()
    deadline = time.monotonic() + 5
    while len(calls) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)

    assert team.stop()
    assert len(calls) >= 3


def test_stop_lets_the_step_finish() -> None:
    """``stop`` waits for the step that is under way, and no other begins."""
    begun, ended = threading.Event(), []

    def slow() -> int:
        begun.set()
        time.sleep(0.3)
        ended.append(True)
        return 100

    team = worker(process_inbox=slow)
    team.start()
    begun.wait(5)

    assert team.stop()
    assert ended == [True]


def test_stop_gives_up_in_time() -> None:
    """A step that does not end is abandoned after the time given."""
    begun, release = threading.Event(), threading.Event()

    def hang() -> int:
        begun.set()
        release.wait(30)
        return 0

    team = worker(process_inbox=hang)
    team.start()
    begun.wait(5)
    began = time.monotonic()

    assert not team.stop(0.2)
    assert time.monotonic() - began < 2
    release.set()
    assert team.stop()


def test_one_tenant_does_not_stop_the_roll_up_of_others() -> None:
    """The roll-up goes over every tenant, and over the failure of one."""
    first, second = cast("TenantId", 1), cast("TenantId", 2)
    seen: list[object] = []

    def roll(tenant: object) -> int:
        seen.append(tenant)
        if tenant is first:
            raise Boom
        return 7

    step = next(x for x in worker([first, second], roll_up_ledger=roll).loops() if x.full == 1_000)
    told: list[tuple[str, bool]] = []
    step.told = lambda name, failed: told.append((name, failed))

    # Something was found, so it goes on as after any partial batch; and the failure is no secret.
    assert step.turn() == step.partial_seconds
    assert seen == [first, second]
    assert told == [("roll-up", True)]


@pytest.mark.parametrize(("cents", "ok"), [((5, -5), 1.0), ((5, -4), 0.0)])
def test_the_ledger_is_checked_and_told(cents: tuple[int, int], ok: float) -> None:
    """With metrics the worker tells whether every tenant's accounts sum up to nothing."""
    metrics = Metrics()
    clock = SimpleNamespace(now=lambda: datetime(2026, 6, 15, tzinfo=UTC))
    account = SimpleNamespace(currency=SimpleNamespace(code="USD"))
    team = worker(
        [cast("TenantId", 1)],
        trial_balance=cast(
            "Any", lambda _: [SimpleNamespace(account=account, cents=c) for c in cents]
        ),
    )
    team.app.metrics, team.app.parts = metrics, SimpleNamespace(clock=clock)  # type: ignore[misc,assignment] # it is no real application
    step = next(loop for loop in team.loops() if loop.name == "ledger-check")

    step.step()
    assert metrics.registry.get_sample_value("ticketpay_ledger_check_ok") == ok


def test_a_signal_in_any_thread_ends_it() -> None:
    """SIGTERM is heeded when another thread gets it, as after SIGSTOP and SIGCONT."""
    script = """
import signal, threading, time
from ticketpay.entrypoints.workers import loop

def hit():
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(60)

asked = loop._end_on_signals()
threading.Timer(0.3, hit).start()
loop._wait(asked)
import os; os._exit(7)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=20, check=False).returncode == 7
