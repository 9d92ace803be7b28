"""A real PostgreSQL of our own: started on a data folder, gone when we are.

Below the data folder, ``postgres/`` holds ``pgdata`` (the cluster), ``run`` (its socket),
``server.log``, ``initdb.log`` and ``lock``. As root, only ``pgdata`` and ``run`` belong to
``nobody``, who runs the server; the rest stays ours, lest the server lead us to another file.
It trusts every local connection, so it is for development and tests, never for production.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from signal import SIGINT, SIGQUIT
from subprocess import STDOUT, Popen, TimeoutExpired
from types import MappingProxyType, TracebackType
from typing import Final, Self
from urllib.parse import quote

import attrs
import psycopg

from ticketpay.adapters.embedded.accounts import Account, server_account
from ticketpay.adapters.embedded.binaries import COPIES, bin_folder
from ticketpay.adapters.embedded.errors import (
    DataFolderInUse,
    DataFolderUnusable,
    EmbeddedServerFailed,
)
from ticketpay.adapters.embedded.folders import (
    FolderLock,
    default_data_folder,
    make_folder,
    require_reachable,
)
from ticketpay.adapters.embedded.process import (
    ask_to_stop,
    free_port,
    require_main_thread,
    spawn,
    stop,
)

__all__ = ["EmbeddedPostgres", "default_data_folder"]

_DEFAULTS: Final = MappingProxyType(
    {"listen_addresses": "127.0.0.1", "max_connections": "60", "shared_buffers": "128MB"}
)
# A bare environment: the server must see neither our secrets nor somebody's PG* settings.
_ENVIRONMENT: Final = MappingProxyType({"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"})
_NO_OPTIONS: Final[Mapping[str, str]] = MappingProxyType({})
_SOCKET_PATH_LIMIT = 107
_READY_SECONDS = 20.0
_INITDB_SECONDS = 120.0
_VANISH_SECONDS = 10.0
_POLL_SECONDS = 0.02
_TRIES = 4
_RETRY_SECONDS = 0.5
_LOG_LINES = 20


@attrs.frozen
class _Home:
    """The places below one data folder, and who runs the server there."""

    data_folder: Path
    account: Account | None
    bin: Path

    @property
    def folder(self) -> Path:
        return self.data_folder / "postgres"

    @property
    def cluster(self) -> Path:
        return self.folder / "pgdata"

    @property
    def partial(self) -> Path:
        return self.folder / "pgdata.partial"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def user(self) -> str | None:
        return self.account.name if self.account else None


@attrs.define(eq=False, kw_only=True)
class EmbeddedPostgres:
    """A running server on 127.0.0.1 ``port``; ``stop`` it, or use it as a context manager."""

    data_folder: Path
    port: int
    socket_folder: Path
    _home: _Home
    _options: Mapping[str, str]
    _process: Popen[bytes]
    _lock: FolderLock

    @classmethod
    def start(
        cls,
        data_folder: Path,
        *,
        port: int | None = None,
        options: Mapping[str, str] = _NO_OPTIONS,
        copies: Path = COPIES,
    ) -> EmbeddedPostgres:
        """Start a server on ``data_folder`` (created if absent) with ``options`` as by ``-c``.

        Returns when it answers, after crash recovery if there was a crash. ``copies`` is where
        binaries go that ``nobody`` cannot reach. Raises the errors of this package.
        """
        require_main_thread()
        data_folder = data_folder.expanduser().absolute()
        account = server_account()
        require_reachable(data_folder, account)
        home = _Home(data_folder, account, bin_folder(account, copies=copies))
        with ExitStack() as undo:
            lock = FolderLock.acquire(make_folder(home.folder))
            undo.callback(lock.release)
            _prepare(home)
            server = _started(home, lock, port, options)
            undo.pop_all()
        return server

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._process.pid

    @property
    def log(self) -> Path:
        """The file that the server logs to; the one of the previous start is ``server.log.1``."""
        return self._home.log

    def dsn(
        self, database: str = "postgres", user: str = "postgres", password: str | None = None
    ) -> str:
        """The URL over TCP."""
        return f"postgresql://{_login(user, password)}@127.0.0.1:{self.port}/{quote(database, '')}"

    def socket_dsn(
        self, database: str = "postgres", user: str = "postgres", password: str | None = None
    ) -> str:
        """The URL over the Unix socket, which only the server's account and root may enter."""
        return _socket_url(self.socket_folder, self.port, _login(user, password), database)

    def bin(self, name: str) -> Path:
        """The path of a program of this server's version: psql, pgbench, pg_dump..."""
        return self._home.bin / name

    def restart(self) -> None:
        """Start it again on the same port, after it was killed or to interrupt everybody.

        Waits up to 10 s for the backends of a killed postmaster to end, and returns after crash
        recovery. Main thread only; raises as ``start`` does, and then the server is down.
        """
        require_main_thread()
        _stop(self._process)
        _drop_socket_folder(self._home, self.socket_folder)
        _prepare(self._home)
        again = _started(self._home, self._lock, self.port, self._options)
        self._process = again._process  # noqa: SLF001 - one of our own kind
        self.socket_folder = again.socket_folder

    def stop(self) -> None:
        """Fast shutdown; after 10 s an immediate one, after 5 s more a kill. Idempotent."""
        try:
            _stop(self._process)
        finally:
            _drop_socket_folder(self._home, self.socket_folder)
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


def _login(user: str, password: str | None) -> str:
    return quote(user, "") + (f":{quote(password, '')}" if password is not None else "")


def _socket_url(folder: Path, port: int, login: str, database: str) -> str:
    host = quote(str(folder), "")
    return f"postgresql://{login}@/{quote(database, '')}?host={host}&port={port}"


def _prepare(home: _Home) -> None:
    """Make ``home`` startable: no predecessor, a complete cluster, an owner we can run as."""
    _await_predecessor(home)
    if not home.cluster.exists():
        _initialise(home)
    owner = home.cluster.stat().st_uid
    wanted = home.account.uid if home.account else home.folder.stat().st_uid
    if owner != wanted:
        raise DataFolderUnusable(
            f"{home.cluster} belongs to the user id {owner}, but the server would run as {wanted}: "
            "run ticketpay as its owner, or set TICKETPAY_DATA to another folder"
        )
    # Nobody runs there and we hold the lock, so the file is stale even if its pid lives again.
    home.cluster.joinpath("postmaster.pid").unlink(missing_ok=True)


def _await_predecessor(home: _Home) -> None:
    """Wait for a killed predecessor's processes to end; raise DataFolderInUse if they stay."""
    deadline = time.monotonic() + _VANISH_SECONDS
    while pids := {*_postmaster_of(home), *_servers_in(home)}:
        if time.monotonic() > deadline:
            raise DataFolderInUse(home.data_folder, f"PostgreSQL, process {min(pids)}")
        time.sleep(_POLL_SECONDS)


def _postmaster_of(home: _Home) -> Iterator[int]:
    """The process that the cluster's pid file names, if it is that postmaster and not a reuse."""
    with suppress(OSError, ValueError):
        pid, folder, *_ = home.cluster.joinpath("postmaster.pid").read_text().splitlines()
        if folder.encode() in Path(f"/proc/{int(pid)}/cmdline").read_bytes().split(b"\0"):
            yield int(pid)


def _servers_in(home: _Home) -> Iterator[int]:
    """Every postgres process at work in our cluster, as far as we may see their current folder."""
    places = {home.cluster.resolve(), home.partial.resolve()}
    for entry in Path("/proc").glob("[0-9]*"):
        # A process may vanish, be a zombie, or belong to somebody else: then it is none of ours.
        with suppress(OSError):
            name = entry.joinpath("comm").read_text("utf-8", "replace").strip()
            if name == "postgres" and entry.joinpath("cwd").readlink() in places:
                yield int(entry.name)


def _initialise(home: _Home) -> None:
    """Run initdb beside the cluster's place and move it there whole, so that it is never half."""
    shutil.rmtree(home.partial, ignore_errors=True)
    make_folder(home.partial, owner=home.account)
    log = home.folder / "initdb.log"
    flags = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
    with log.open("wb") as output:
        process = spawn(
            [home.bin / "initdb", "-D", home.partial, *flags, "--no-instructions"],
            env=_ENVIRONMENT,
            cwd=home.folder,
            stdout=output,
            stderr=STDOUT,
            user=home.user,
        )
    try:
        with suppress(TimeoutExpired):
            process.wait(_INITDB_SECONDS)
    finally:
        code = stop(process, timeout_seconds=1)
    if code != 0:
        raise EmbeddedServerFailed(f"initdb ended with {code}", log, _last_lines(log))
    home.partial.rename(home.cluster)


def _started(
    home: _Home, lock: FolderLock, port: int | None, options: Mapping[str, str]
) -> EmbeddedPostgres:
    """Launch, again if somebody took the port we chose or a predecessor's backend lingers."""
    passing = ["memory block"] if port else ["memory block", "could not bind"]
    for _ in range(_TRIES - 1):
        try:
            return _launched(home, lock, port or free_port(), options)
        except EmbeddedServerFailed as error:
            if not any(words in line for line in error.log_lines for words in passing):
                raise
            time.sleep(_RETRY_SECONDS)
    return _launched(home, lock, port or free_port(), options)


def _launched(
    home: _Home, lock: FolderLock, port: int, options: Mapping[str, str]
) -> EmbeddedPostgres:
    with ExitStack() as undo:
        sockets = _socket_folder(home, port)
        undo.callback(_drop_socket_folder, home, sockets)
        process = _spawned(home, _settings(port, sockets, options))
        undo.callback(_stop, process)
        _await_ready(home, process, sockets, port)
        undo.pop_all()
    return EmbeddedPostgres(
        data_folder=home.data_folder,
        port=port,
        socket_folder=sockets,
        home=home,
        options=options,
        process=process,
        lock=lock,
    )


def _spawned(home: _Home, settings: Sequence[str]) -> Popen[bytes]:
    with suppress(FileNotFoundError):
        home.log.rename(home.log.with_name("server.log.1"))
    with home.log.open("wb") as output:
        return spawn(
            [home.bin / "postgres", "-D", home.cluster, *settings],
            env=_ENVIRONMENT,
            cwd=home.folder,
            stdout=output,
            stderr=STDOUT,
            death_signal=SIGQUIT,
            user=home.user,
        )


def _settings(port: int, sockets: Path, options: Mapping[str, str]) -> list[str]:
    fixed = {"port": str(port), "unix_socket_directories": str(sockets)}
    merged = {**_DEFAULTS, **options, **fixed}
    return [part for name, value in merged.items() for part in ("-c", f"{name}={value}")]


def _socket_folder(home: _Home, port: int) -> Path:
    """An empty folder for the socket: below the data folder, or short where that is too long."""
    folder = home.folder / "run"
    shutil.rmtree(folder, ignore_errors=True)
    if len(str(folder / f".s.PGSQL.{port}").encode()) <= _SOCKET_PATH_LIMIT:
        return make_folder(folder, owner=home.account)
    short = Path(tempfile.mkdtemp(prefix="ticketpay-", dir="/tmp"))
    if home.account:
        os.chown(short, home.account.uid, home.account.gid)
    return short


def _drop_socket_folder(home: _Home, folder: Path) -> None:
    if folder.parent != home.folder:
        shutil.rmtree(folder, ignore_errors=True)


def _await_ready(home: _Home, process: Popen[bytes], sockets: Path, port: int) -> None:
    """Connect over the socket, which is certainly ours; the TCP port is bound before it."""
    url = _socket_url(sockets, port, "postgres", "postgres")
    deadline = time.monotonic() + _READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(_POLL_SECONDS)
        else:
            return
    code = process.poll()
    what = "did not answer in time" if code is None else f"ended with {code}"
    raise EmbeddedServerFailed(f"PostgreSQL {what}", home.log, _last_lines(home.log))


def _last_lines(log: Path) -> list[str]:
    return log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]


def _stop(process: Popen[bytes]) -> None:
    if process.poll() is None and not ask_to_stop(process, signal=SIGINT, timeout_seconds=10):
        stop(process, signal=SIGQUIT, timeout_seconds=5)
