"""The processes that a test may kill or pause, and the database beneath them.

A signal goes by pid, and only to what we started: an API, a worker, the stack's postmaster, or a
backend whose parent is that postmaster. Use it on the main thread, with which the children die.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Final, Self
from urllib.error import HTTPError
from urllib.request import urlopen

import attrs

from tests.support.databases import Database
from ticketpay.adapters.embedded.process import free_port, spawn
from ticketpay.adapters.postgres.migrate import APP_ROLE, WORKER_ROLE
from ticketpay.entrypoints.stack import DevelopmentStack, running_environment
from ticketpay.entrypoints.workers.loop import READY

READY_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05
LEASED: Final = ("outbox_streams", "webhook_inbox", "timers")


def wait_for(
    what: str,
    done: Callable[[], bool],
    seconds: float = READY_SECONDS,
    *,
    every: float = POLL_SECONDS,
) -> None:
    """Poll until ``done``; an assertion that names ``what`` after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s: not yet {what}"
        time.sleep(every)


@attrs.define(eq=False)
class Member:
    """One process of ours and where it logs; ``url`` is empty for a worker."""

    name: str
    process: Popen[bytes]
    log: Path
    logged: int
    url: str = ""

    def is_ready(self) -> bool:
        """Whether it works; an assertion with its last words when it has ended."""
        self.check()
        if not self.url:
            return READY.encode() in self.log.read_bytes()[self.logged :]
        # Not httpx: it reads all certificates for every client, and this is asked often.
        try:
            with urlopen(f"{self.url}/health/ready", timeout=2) as answer:  # noqa: S310 - our own API
                return bool(answer.status == HTTPStatus.OK)
        except HTTPError as refused:
            refused.close()
        except OSError:
            pass
        return False

    def check(self) -> None:
        """An assertion with its last words when it has ended."""
        code = self.process.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.last_words()}"

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-15:])

    def pause(self) -> None:
        """Stop it where it stands, and return when it has stopped."""
        self.process.send_signal(signal.SIGSTOP)
        status = Path(f"/proc/{self.process.pid}/stat")
        wait_for("stopped", lambda: status.read_text().rsplit(") ", 1)[1][0] == "T", 10)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill it, paused or not."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Ask it to end once every step under way is finished; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@attrs.define(eq=False)
class Fleet:
    """APIs and workers over one stack, by name."""

    stack: DevelopmentStack
    members: dict[str, Member] = attrs.field(factory=dict)
    urls: dict[str, str] = attrs.field(factory=dict)
    settings: dict[str, Mapping[str, str]] = attrs.field(factory=dict)

    @property
    def database(self) -> Database:
        """The stack's database, as its owner sees it."""
        return Database(self.stack.postgres, "ticketpay")

    def start_api(self, name: str, **settings: str) -> Member:
        """Start an API; its port stays the same from start to start."""
        if name not in self.urls:
            # The first has the port that the sandbox sends its webhooks to.
            first = self.stack.api_url
            taken = first in self.urls.values()
            self.urls[name] = f"http://127.0.0.1:{free_port()}" if taken else first
        port = self.urls[name].rsplit(":", 1)[1]
        return self._start(name, "serve", settings | {"PORT": port}, self.urls[name])

    def start_worker(self, name: str, **settings: str) -> Member:
        """Start a worker."""
        return self._start(name, "worker", settings, "")

    def restart(self, name: str) -> Member:
        """Start it again as it was and wait until it is ready."""
        start = self.start_api if name in self.urls else self.start_worker
        member = start(name, **self.settings[name])
        self.await_ready()
        return member

    def await_ready(self) -> None:
        """Wait until everybody is ready."""
        for member in self.members.values():
            wait_for(f"{member.name} ready", member.is_ready)

    def _start(self, name: str, command: str, settings: Mapping[str, str], url: str) -> Member:
        self.settings[name] = settings
        kept = {k: os.environ[k] for k in ("PATH", "HOME", "PYTHONPATH") if k in os.environ}
        log = self.stack.data_folder / "logs" / f"{name}.log"
        with log.open("ab") as output:
            process = spawn(
                [sys.executable, "-m", "ticketpay.entrypoints.cli.main", command],
                env={**kept, **self.stack.environment, **settings},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            member = Member(name, process, log, output.tell(), url)
        self.members[name] = member
        return member

    def check(self) -> None:
        """An assertion when one of the processes has ended by itself."""
        for member in self.members.values():
            member.check()
        self.stack.check()

    def alerts(self) -> Counter[str]:
        """How often each kind of alert has rung in the logs of our processes."""
        return Counter(
            json.loads(line)["kind"]
            for member in self.members.values()
            for line in member.log.read_text("utf-8", "replace").splitlines()
            if '"event": "alert"' in line
        )

    def kill_backend(self) -> None:
        """Kill one backend of our roles, one that is at work if there is any; all are restarted."""
        for _ in range(20):
            # A backend may end by itself between our look and our blow: then another one.
            with suppress(FileNotFoundError, ProcessLookupError):
                pid = self._backend()
                stat = Path(f"/proc/{pid}/stat").read_text()
                parent = int(stat.rsplit(") ", 1)[1].split()[1])
                assert parent == self.stack.postgres.pid, "only a backend of our own postmaster"
                os.kill(pid, signal.SIGKILL)
                return
        raise AssertionError("no backend stayed long enough to be killed")

    def _backend(self) -> int:
        found: list[tuple[object, ...]] = []
        for _ in range(20):
            found = self.database.rows(
                "SELECT pid, state FROM pg_stat_activity WHERE usename IN (%s, %s)"
                " ORDER BY state = 'idle', xact_start",
                APP_ROLE,
                WORKER_ROLE,
            )
            if found and found[0][1] != "idle":
                break
        return int(str(found[0][0]))

    def kill_postmaster(self) -> None:
        """Kill the postmaster and start it again on the same data."""
        os.kill(self.stack.postgres.pid, signal.SIGKILL)
        self.stack.restart_postgres()
        assert running_environment(self.stack.data_folder), "other commands find the new postmaster"

    def lapse(self) -> int:
        """Let every lease lapse now that nobody is just writing about; how many there were."""
        return sum(
            len(
                self.database.rows(
                    f"WITH held AS (SELECT ctid FROM {table} WHERE claimed_until > now()"  # noqa: S608 - our own tables
                    f" FOR UPDATE SKIP LOCKED) UPDATE {table} t SET claimed_until = now()"
                    " FROM held WHERE t.ctid = held.ctid RETURNING 1"
                )
            )
            for table in LEASED
        )

    def hasten(self) -> None:
        """Make everything due that waits for a time: retries, events, the looks at payments."""
        for table in LEASED:
            self.database.rows(
                f"WITH late AS (SELECT ctid FROM {table} WHERE due_at > now()"  # noqa: S608 - our own tables
                f" FOR UPDATE SKIP LOCKED) UPDATE {table} t SET due_at = now()"
                " FROM late WHERE t.ctid = late.ctid RETURNING 1"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for member in self.members.values():
            if member.process.poll() is None:
                member.kill()
