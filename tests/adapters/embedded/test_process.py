"""Children that do not outlive us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ticketpay.adapters.embedded.errors import NotOnMainThread, SpawnFailed, UnsupportedPlatform
from ticketpay.adapters.embedded.process import free_port, spawn, stop

STUBBORN = "trap '' TERM; echo ready; while :; do sleep 0.1; done"


def test_own_session() -> None:
    """A child leads a session and process group of its own, so our Ctrl-C does not reach it."""
    child = spawn(["sleep", "60"])
    try:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
        assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    finally:
        assert stop(child) == -signal.SIGTERM


def test_killed_parent(gone: Callable[[int], bool]) -> None:
    """The kill -9 of a parent takes its child along."""
    script = """
        import time
        from ticketpay.adapters.embedded.process import spawn
        print(spawn(["sleep", "60"]).pid, flush=True)
        time.sleep(60)
    """
    argv = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.kill()
    assert gone(child)


def test_death_signal(open_folder: Path) -> None:
    """The child of a dead parent gets the very signal that was asked for."""
    heard = open_folder / "heard"
    script = """
        import os, sys
        from signal import SIG_DFL, SIGQUIT, signal
        from subprocess import PIPE
        from ticketpay.adapters.embedded.process import spawn
        line = "trap 'echo quit > $0; exit' QUIT; echo ready; for n in $(seq 300); do sleep 0.05; done"
        signal(SIGQUIT, SIG_DFL)  # whoever was started in the background ignores it, and so would sh
        child = spawn(["sh", "-c", line, sys.argv[1]], stdout=PIPE, death_signal=SIGQUIT)
        child.stdout.readline()
        os._exit(0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script), heard], check=True)
    deadline = time.monotonic() + 10
    while not (heard.exists() and heard.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert heard.read_text() == "quit\n"


def test_other_account() -> None:
    """A child under another account has its user, its group and no other groups."""
    if os.geteuid() != 0:
        pytest.skip("only root may start a child under another account")
    child = spawn(["id"], user="nobody", stdout=subprocess.PIPE, cwd=Path("/"))
    output, _ = child.communicate()
    assert b"(nobody)" in output
    assert b"root" not in output


def test_only_on_the_main_thread() -> None:
    """Another thread is refused, because its end would end the child."""
    caught: list[BaseException] = []

    def attempt() -> None:
        try:
            spawn(["sleep", "60"])
        except NotOnMainThread as error:
            caught.append(error)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    assert "main thread" in str(caught[0])


def test_only_on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere the error is typed and says what to do instead."""
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(UnsupportedPlatform, match="need Linux"):
        spawn(["sleep", "60"])


def test_no_such_program() -> None:
    """A program that is not there is a typed error with its name."""
    with pytest.raises(SpawnFailed, match="no-such-program"):
        spawn(["/no-such-program"])


def test_stop_kills_the_stubborn() -> None:
    """Who does not stop within the time is killed."""
    child = spawn(["sh", "-c", STUBBORN], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout:
        child.stdout.readline()
        assert stop(child, signal=signal.SIGTERM, timeout_seconds=0.2) == -signal.SIGKILL


def test_stop_twice() -> None:
    """To stop what has ended is no error and tells the same return code."""
    child = spawn(["sleep", "60"])
    assert stop(child) == stop(child) == -signal.SIGTERM


def test_free_port() -> None:
    """A free port is above the privileged ones."""
    assert 1024 <= free_port() <= 65535
