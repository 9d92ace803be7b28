"""Worker loops: each repeats one step in a thread of its own for as long as the process lives.

A loop goes on at once while its batches are full, after 150 ms when one was not, and backs off from
50 ms by doubling when there is nothing to do or the step failed. A failure never ends a loop; only
``stop`` does, and it lets the step that is under way finish.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.frames import frames_of
from ticketpay.domain.processes.keyed import KEYS_PURGED

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.entrypoints.settings import Settings
    from ticketpay.entrypoints.wiring import App

__all__ = ["JANITORS", "JANITOR_BATCH", "READY", "STOP_SECONDS", "Loop", "Worker", "run_worker"]

READY: Final = "worker ready"
STOP_SECONDS: Final = 10.0

_PARTIAL_SECONDS: Final = 0.15
_IDLE_SECONDS: Final = 0.05
_ROLL_UP_SECONDS: Final = 5.0
_CHECK_SECONDS: Final = 600.0
_RELEASE_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.5
_PURGE_SECONDS: Final = 600.0
_BATCH: Final = 100
_INBOX_BATCH: Final = 20
JANITORS: Final = 4
"""Loops that ask the provider: its answers are waited for side by side."""
JANITOR_BATCH: Final = 2
"""So few that a lease outlasts their calls, though every one of them were answered at its deadline."""
_POSTINGS: Final = 1_000
_ENTRIES: Final = 500
_LOG: Final = logging.getLogger("ticketpay.worker")


class SomeFailed(Exception):
    """A step has failed for some tenants; for the others it has found so many."""

    def __init__(self, found: int) -> None:
        super().__init__(f"failed for some, found {found}")
        self.found = found


@attrs.define(kw_only=True, eq=False)
class Loop:
    """One repeated ``step``, which returns how much it found; ``full`` or more is a full batch.

    ``idle_seconds_max`` bounds the back-off; ``partial_seconds`` is the pause after a partial batch.
    """

    name: str
    step: Callable[[], int]
    full: int
    idle_seconds_max: float
    partial_seconds: float = _PARTIAL_SECONDS
    told: Callable[[str, bool], None] = attrs.field(default=lambda _name, _failed: None)
    _idle_seconds: float = attrs.field(default=_IDLE_SECONDS, init=False)

    def run(self, stopping: threading.Event) -> None:
        """Repeat until ``stopping`` is set."""
        while not stopping.is_set():
            stopping.wait(self.turn())

    def turn(self) -> float:
        """One step; the seconds to wait before the next."""
        try:
            found, failed = self.step(), False
        except SomeFailed as error:
            found, failed = error.found, True
        except Exception as error:  # noqa: BLE001 - whatever it is, the loop must live on
            # No message: it may quote what must not be in a log.
            _LOG.error("loop %s failed: %s", self.name, _way_of(error))
            found, failed = 0, True
        self.told(self.name, failed)
        if found:
            self._idle_seconds = _IDLE_SECONDS
            return 0.0 if found >= self.full else self.partial_seconds
        pause = self._idle_seconds
        self._idle_seconds = min(2 * pause, self.idle_seconds_max)
        return pause


@attrs.define(eq=False)
class Worker:
    """All loops of one process over one application; ``tenants`` is asked before each roll-up."""

    app: App
    tenants: Callable[[], Iterable[TenantId]]
    _stopping: threading.Event = attrs.field(factory=threading.Event, init=False)
    _threads: list[threading.Thread] = attrs.field(factory=list, init=False)

    def loops(self) -> tuple[Loop, ...]:
        """The loops: the inbox, two relays, four janitors, and what keeps the house from time to time."""
        app = self.app
        relays = (
            Loop(name=f"relay-{n}", step=app.relay_outbox, full=_BATCH, idle_seconds_max=1.0)
            for n in (1, 2)
        )
        return (
            Loop(name="inbox", step=app.process_inbox, full=_INBOX_BATCH, idle_seconds_max=1.0),
            *relays,
            *(self._janitor(n) for n in range(1, JANITORS + 1)),
            # Nobody waits for a checkpoint: a short tail is as good as none.
            self._of_tenants(
                "roll-up", app.roll_up_ledger, _POSTINGS, _ROLL_UP_SECONDS, pause=_ROLL_UP_SECONDS
            ),
            self._of_tenants("venue-money", app.venue_money.release, _BATCH, _RELEASE_SECONDS),
            self._of_tenants("audit", app.chain_audit, _ENTRIES, _ROLL_UP_SECONDS),
            self._of_tenants(
                "idempotency-keys",
                app.purge_keys,
                KEYS_PURGED,
                _PURGE_SECONDS,
                pause=_PURGE_SECONDS,
            ),
            Loop(
                name="ledger-check",
                step=self._check_ledger,
                full=1,
                idle_seconds_max=_CHECK_SECONDS,
            ),
        )

    def _of_tenants(
        self,
        name: str,
        step: Callable[[TenantId], int],
        full: int,
        idle_seconds_max: float,
        *,
        pause: float = _PARTIAL_SECONDS,
    ) -> Loop:
        return Loop(
            name=name,
            step=lambda: self._each(name, step),
            full=full,
            idle_seconds_max=idle_seconds_max,
            partial_seconds=pause,
        )

    def _janitor(self, number: int) -> Loop:
        janitor = self.app.janitor
        return Loop(
            name=f"janitor-{number}",
            step=lambda: janitor(JANITOR_BATCH),
            full=JANITOR_BATCH,
            idle_seconds_max=5.0,
        )

    def start(self) -> None:
        """Start a thread for each loop."""
        for loop in self.loops():
            loop.told = self._told
            thread = threading.Thread(
                target=loop.run, args=(self._stopping,), name=loop.name, daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> bool:
        """Let every step finish; False if one is still under way after the time."""
        self._stopping.set()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def _check_ledger(self) -> int:
        """Tell whether the accounts of every tenant sum up to nothing, for who watches."""
        metrics = self.app.metrics
        if metrics is not None:
            sums: dict[tuple[TenantId, str], int] = {}
            for tenant in self.tenants():
                for balance in self.app.trial_balance(tenant):
                    key = (tenant, balance.account.currency.code)
                    sums[key] = sums.get(key, 0) + balance.cents
            metrics.ledger_checked(self.app.parts.clock.now(), ok=not any(sums.values()))
        return 0

    def _told(self, name: str, failed: bool) -> None:  # noqa: FBT001 - what a loop tells
        metrics = self.app.metrics
        if metrics is not None:
            metrics.step(name, self.app.parts.clock.now(), failed=failed)

    def _each(self, name: str, step: Callable[[TenantId], int]) -> int:
        """The most that was found for one tenant; a tenant that fails does not stop the others.

        Raises ``SomeFailed`` when all have had their turn.
        """
        most, failed = 0, False
        for tenant in self.tenants():
            try:
                most = max(most, step(tenant))
            except Exception as error:  # noqa: BLE001 - the other tenants' turn must come
                _LOG.error("%s of a tenant failed: %s", name, _way_of(error))
                failed = True
        if failed:
            raise SomeFailed(most)
        return most


def _way_of(error: Exception) -> str:
    return f"{type(error).__name__} at {', '.join(frames_of(error))}"


def run_worker(settings: Settings) -> bool:
    """Work until SIGTERM or SIGINT; False if a step had to be abandoned after 10 seconds."""
    from ticketpay.entrypoints import bootstrap

    bootstrap.configure_logging(settings)
    app = bootstrap.build(settings, worker=True)
    worker = Worker(app, lambda: bootstrap.tenants(settings))
    asked = _end_on_signals()
    with bootstrap.scraped(app, settings.metrics_host, settings.worker_metrics_port):
        worker.start()
        _LOG.info(READY)
        _wait(asked)
        clean = worker.stop()
    if clean:
        app.close()
    _LOG.info("worker stopped" if clean else "worker gave up on a step that would not end")
    return clean


def _end_on_signals() -> threading.Event:
    """Set when SIGTERM or SIGINT asks us to end."""
    asked = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return asked


def _wait(asked: threading.Event) -> None:
    """Wait with an eye on the time: a signal that the kernel hands to another thread wakes nobody."""
    while not asked.wait(_LOOK_SECONDS):
        pass
