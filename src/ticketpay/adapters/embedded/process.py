"""A child process which does not outlive us: own session, and a death signal from the kernel.

A ``kill -9`` of the parent runs none of its code, so only the kernel can clean up after it:
``prctl(PR_SET_PDEATHSIG)`` makes it signal the child at that moment. Linux only.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL, SIGTERM, Signals
from typing import IO, TypedDict

from ticketpay.adapters.embedded.accounts import account_named
from ticketpay.adapters.embedded.errors import NotOnMainThread, SpawnFailed, UnsupportedPlatform

__all__ = ["ask_to_stop", "free_port", "require_main_thread", "spawn", "stop"]

_PR_SET_PDEATHSIG = 1
_LOST_PARENT = 127


class _Identity(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: IO[bytes] | int | None = None,
    stderr: IO[bytes] | int | None = None,
    death_signal: Signals = SIGKILL,
    user: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in a session of its own; it gets ``death_signal`` when we die.

    With ``user`` it runs under that account, its primary group and no other groups (needs root).
    Raises NotOnMainThread, UnsupportedPlatform, and SpawnFailed when ``argv`` cannot be run.
    """
    require_main_thread()
    with _translated(argv[0], user), warnings.catch_warnings():
        # Python 3.12+ warns of a fork beside threads; the child only calls prctl and getppid.
        warnings.filterwarnings("ignore", ".*multi-threaded.*", DeprecationWarning)
        return subprocess.Popen(  # noqa: S603 - argv is built by our adapters, never a shell line
            [os.fspath(part) for part in argv],
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            preexec_fn=_last_will(death_signal),  # noqa: PLW1509 - the only way to call prctl
            **_identity(user),
        )


def require_main_thread() -> None:
    """Raise UnsupportedPlatform or NotOnMainThread where ``spawn`` would."""
    if sys.platform != "linux":
        raise UnsupportedPlatform(
            "embedded servers need Linux: set the URLs of servers that you run yourself"
        )
    if threading.current_thread() is not threading.main_thread():
        raise NotOnMainThread(
            "an embedded server dies with the thread that starts it: start it on the main thread"
        )


@contextmanager
def _translated(program: str | Path, user: str | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        account = f" as {user!r}" if user else ""
        raise SpawnFailed(
            f"cannot run {program}{account} ({error.strerror}): "
            "check that the program is there and that we may start it" + account
        ) from error


def _identity(user: str | None) -> _Identity:
    if user is None:
        return {}
    account = account_named(user)
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _last_will(death_signal: Signals) -> Callable[[], None]:
    """What the child does between fork and exec; runs after setuid, which would clear it."""
    prctl = ctypes.CDLL(None).prctl
    number, parent = int(death_signal), os.getpid()

    def arm() -> None:
        if prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0 or os.getppid() != parent:
            os._exit(_LOST_PARENT)

    return arm


def ask_to_stop(
    process: subprocess.Popen[bytes], *, signal: Signals, timeout_seconds: float
) -> bool:
    """Send ``signal`` and say whether the process has ended within the time."""
    process.send_signal(signal)
    try:
        process.wait(timeout_seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def stop(
    process: subprocess.Popen[bytes],
    *,
    signal: Signals = SIGTERM,
    timeout_seconds: float = 10.0,
) -> int:
    """Ask with ``signal``, kill its process group after ``timeout_seconds``; the return code."""
    if process.poll() is None and not ask_to_stop(
        process, signal=signal, timeout_seconds=timeout_seconds
    ):
        os.killpg(process.pid, SIGKILL)
    return process.wait()


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody held a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
