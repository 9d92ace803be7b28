"""The development stack: everything that a sale needs, on this machine, gone when we are.

PostgreSQL, Valkey, the payment sandbox, a ticket service, the API and a worker, each a process of its own
on the loopback address. Below the data folder, ``secrets.json`` (0600) keeps the secrets from run
to run, ``stack.json`` (0600) tells other commands of this user how to reach the running stack,
``logs/`` holds what each process wrote. Never for production: the payments are play money.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from signal import SIGTERM
from subprocess import STDOUT, Popen, TimeoutExpired
from types import MappingProxyType, TracebackType
from typing import Final, NoReturn, Self

import attrs

from ticketpay.adapters.embedded.errors import DataFolderUnusable, EmbeddedServerFailed
from ticketpay.adapters.embedded.folders import FolderLock, make_folder
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.embedded.process import free_port, require_main_thread, spawn, stop
from ticketpay.adapters.embedded.valkey import EmbeddedValkey

__all__ = ["HEARD", "DevelopmentStack", "running_environment"]

_DATABASE: Final = "ticketpay"
_READY_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.03
_STOP_SECONDS: Final = 12.0
_WIPE_SECONDS: Final = 5.0
# All that a run leaves in the data folder, beside the lock.
_OURS: Final = ("postgres", "valkey", "logs", "secrets.json", "stack.json")
_LOG_LINES: Final = 20
_LOOPBACK: Final = "127.0.0.1"
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_CLI: Final = "ticketpay.entrypoints.cli.main"
_STUB: Final = "ticketpay.entrypoints.ticket_stub"
_SANDBOX: Final = "ticketpay.adapters.sandbox.server"
# What a real endpoint is registered for; the reader knows a few more, which say nothing new.
HEARD: Final = (
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
    "payment_intent.requires_action",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "payout.canceled",
    "payout.failed",
    "payout.paid",
)
_WORKER_READY: Final = "worker ready"
_FORGETFUL: Final = (
    "the database is from an earlier run and the sandbox remembers none of it: "
    "ledger verify will list the payments of that run"
)
# Switches that lead nowhere: they may be set around the development stack.
_SWITCHES: Final = ("ENABLE_METRICS", "LOG_LEVEL", "PLAN_BILLING")
# What a child needs of our own environment; somebody's settings must not leak into the stack.
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "TZ")


@attrs.define(eq=False, kw_only=True)
class DevelopmentStack:
    """A running stack; ``stop`` it, or use it as a context manager.

    ``environment`` holds the settings with which any ticketpay command reaches it.
    """

    data_folder: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey
    environment: Mapping[str, str] = attrs.field(repr=False)
    api_url: str
    sandbox_url: str
    tickets_url: str
    notes: tuple[str, ...]
    pids: Mapping[str, int]
    _check: Callable[[], None] = attrs.field(repr=False)
    _record: Callable[[], Mapping[str, int]] = attrs.field(repr=False)
    _undo: ExitStack = attrs.field(repr=False)

    @classmethod
    def start(
        cls,
        data_folder: Path,
        *,
        port: int = 3005,
        api: bool = True,
        worker: bool = True,
        payment_timeout_ms: int = 30_000,
        extra: Mapping[str, str] = _NOTHING,
        fresh: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> DevelopmentStack:
        """Start all of it and return when all of it answers; ``extra`` adds settings.

        ``fresh`` forgets what an earlier run left; ``tell`` hears what is being done. Raises the
        errors of ``adapters.embedded``.
        """
        require_main_thread()
        folder = data_folder.expanduser().absolute()
        asked = {"PAYMENT_TIMEOUT_MS": str(payment_timeout_ms), **extra}
        with ExitStack() as undo:
            undo.callback(FolderLock.acquire(make_folder(folder)).release)
            if fresh:
                _wipe(folder)
            builder = _Builder(folder=folder, port=_usable_port(port), asked=asked, tell=tell)
            undo.callback(builder.stop)
            builder.start_servers()
            builder.migrate()
            builder.start_ours(api=api, worker=worker)
            return builder.built(undo.pop_all(), wished_port=port)

    def stop(self) -> None:
        """Stop every process, our own before the servers that they use. Idempotent."""
        self._undo.close()

    def check(self) -> None:
        """Raise EmbeddedServerFailed when one of the processes has ended."""
        self._check()

    def restart_postgres(self) -> None:
        """Start the database again on the same port, after it was killed or to interrupt everybody.

        Raises the errors of ``adapters.embedded``.
        """
        self.postgres.restart()
        self.pids = self._record()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def running_environment(data_folder: Path) -> dict[str, str]:
    """The settings of the stack that runs on ``data_folder`` now; empty if none does."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        about = json.loads((data_folder / "stack.json").read_text("utf-8"))
        os.kill(about["pids"]["parent"], 0)
        os.kill(about["pids"]["postgres"], 0)
        return dict(about["environment"])
    return {}


@attrs.define(eq=False, kw_only=True)
class _Builder:
    """Starts one process after the other and remembers how to stop them."""

    folder: Path
    port: int
    asked: Mapping[str, str]
    tell: Callable[[str], None]
    sandbox_port: int = attrs.field(factory=free_port)
    tickets_port: int = attrs.field(factory=free_port)
    keys: dict[str, str] = attrs.field(init=False, repr=False)
    used: bool = attrs.field(init=False)
    postgres: EmbeddedPostgres | None = None
    valkey: EmbeddedValkey | None = None
    environment: dict[str, str] = attrs.field(factory=dict, repr=False)
    processes: dict[str, Popen[bytes]] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.keys = _kept_secrets(self.folder / "secrets.json")
        self.used = (self.folder / "postgres" / "pgdata").exists()
        make_folder(self.folder / "logs")

    @property
    def api_url(self) -> str:
        return f"http://{_LOOPBACK}:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://{_LOOPBACK}:{self.sandbox_port}"

    @property
    def tickets_url(self) -> str:
        return f"http://{_LOOPBACK}:{self.tickets_port}"

    def built(self, undo: ExitStack, *, wished_port: int) -> DevelopmentStack:
        assert self.postgres is not None, "the servers are started first"
        assert self.valkey is not None, "the servers are started first"
        notes = []
        if self.port != wished_port:
            notes.append(f"port {wished_port} is taken; the API is on port {self.port} instead")
        if self.used:
            notes.append(_FORGETFUL)
        return DevelopmentStack(
            data_folder=self.folder,
            postgres=self.postgres,
            valkey=self.valkey,
            environment=MappingProxyType(self.environment),
            api_url=self.api_url,
            sandbox_url=self.sandbox_url,
            tickets_url=self.tickets_url,
            notes=tuple(notes),
            pids=self.pids(),
            check=self.check,
            record=self.record,
            undo=undo,
        )

    def pids(self) -> dict[str, int]:
        found = {name: process.pid for name, process in self.processes.items()}
        if self.postgres is not None:
            found["postgres"] = self.postgres.pid
        if self.valkey is not None:
            found["valkey"] = self.valkey.pid
        return found | {"parent": os.getpid()}

    def start_servers(self) -> None:
        """The servers that the API and the worker need; those of ours start beside PostgreSQL."""
        self.tell("starting the payment sandbox and the ticket service")
        hook = f"{self.api_url}/api/v1/webhooks/stripe"
        # A fresh seed: the sandbox remembers nothing of an earlier run, so its ids must differ.
        seed = str(secrets.randbelow(1 << 31))
        sandbox = ("--port", str(self.sandbox_port), "--seed", seed, "--webhook-url", hook)
        signed = ("--webhook-secret", self.keys["webhook"], "--webhook-events", ",".join(HEARD))
        self._spawn("sandbox", _SANDBOX, *sandbox, *signed)
        secret = {"INTERNAL_WEBHOOK_SECRET": self.keys["internal"]}
        self._spawn("tickets", _STUB, "--port", str(self.tickets_port), settings=secret)
        self.tell("starting Valkey")
        self.valkey = EmbeddedValkey.start(self.folder)
        self.tell("starting PostgreSQL")
        self.postgres = EmbeddedPostgres.start(self.folder)
        self.record()
        self._await("sandbox", _answers(self.sandbox_port, "/_sandbox/health"))
        self._await("tickets", _answers(self.tickets_port, "/stats"))

    def migrate(self) -> None:
        """Create the database and bring its schema up to date."""
        from ticketpay.entrypoints import bootstrap

        assert self.postgres is not None, "the servers are started first"
        assert self.valkey is not None, "the servers are started first"
        self.tell("migrating the database")
        _create_database(self.postgres.dsn())
        app, worker = self.keys["app_password"], self.keys["worker_password"]
        owner = self.postgres.dsn(_DATABASE)
        bootstrap.migrate(owner, app_password=app, worker_password=worker)
        self.environment = {
            "APP_ENV": "development",
            "PORT": str(self.port),
            "DATABASE_URL": self.postgres.dsn(_DATABASE, "ticketpay_app", app),
            "WORKER_DATABASE_URL": self.postgres.dsn(_DATABASE, "ticketpay_worker", worker),
            "MIGRATION_DATABASE_URL": owner,
            "STRIPE_SECRET_KEY": self.keys["stripe"],
            "STRIPE_WEBHOOK_SECRET": self.keys["webhook"],
            "STRIPE_API_BASE": self.sandbox_url,
            "JWT_SECRET": self.keys["jwt"],
            "INTERNAL_WEBHOOK_SECRET": self.keys["internal"],
            "TICKET_SERVICE_URL": self.tickets_url,
            "REDIS_URL": self.valkey.url,
            "PLAN_BILLING": "stripe",
            # Everybody comes from the loopback address here.
            "RATE_LIMIT_MAX_REQUESTS": "1000000",
            **{name: os.environ[name] for name in _SWITCHES if name in os.environ},
            **self.asked,
        }

    def start_ours(self, *, api: bool, worker: bool) -> None:
        """The API and the worker, started together."""
        self.tell("starting the API and the worker")
        if api:
            self._spawn("api", _CLI, "serve", settings=self.environment)
        if worker:
            self._spawn("worker", _CLI, "worker", settings=self.environment)
        self.record()
        if api:
            self._await("api", _answers(self.port, "/health/ready"))
        if worker:
            self._await("worker", lambda: _WORKER_READY in self._log("worker").read_text("utf-8"))

    def stop(self) -> None:
        """Stop the API and the worker together, then the servers."""
        (self.folder / "stack.json").unlink(missing_ok=True)
        for names in (("api", "worker"), ("sandbox", "tickets")):
            alive = [p for n in names if (p := self.processes.get(n)) and p.poll() is None]
            for process in alive:
                process.send_signal(SIGTERM)
            for process in alive:
                with suppress(TimeoutExpired):
                    process.wait(_STOP_SECONDS)
                stop(process, timeout_seconds=1.0)
        if self.valkey is not None:
            self.valkey.stop()
        if self.postgres is not None:
            self.postgres.stop()

    def _spawn(
        self, name: str, module: str, *flags: str, settings: Mapping[str, str] = _NOTHING
    ) -> None:
        kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
        with self._log(name).open("wb") as output:
            self.processes[name] = spawn(
                [sys.executable, "-m", module, *flags],
                env={**kept, "PYTHONUNBUFFERED": "1", **settings},
                stdout=output,
                stderr=STDOUT,
            )

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait until ``ready``; raises EmbeddedServerFailed with the last lines of the log."""
        process, deadline = self.processes[name], time.monotonic() + _READY_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if ready():
                return
            time.sleep(_POLL_SECONDS)
        self._fail(name)

    def check(self) -> None:
        """Raise EmbeddedServerFailed when one of the processes has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                self._fail(name)

    def _fail(self, name: str) -> NoReturn:
        code = self.processes[name].poll()
        what = "did not answer in time" if code is None else f"ended with {code}"
        lines = self._log(name).read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
        raise EmbeddedServerFailed(f"the process {name!r} {what}", self._log(name), lines)

    def record(self) -> dict[str, int]:
        """Write down how to reach the stack; returns the process ids."""
        pids = self.pids()
        about = {"pids": pids, "environment": dict(self.environment)}
        _write_private(self.folder / "stack.json", json.dumps(about, indent=2))
        return pids


def _usable_port(wished: int) -> int:
    try:
        with socket.create_server((_LOOPBACK, wished)):
            return wished
    except (OSError, OverflowError):
        return free_port()


def _answers(port: int, path: str) -> Callable[[], bool]:
    def ask() -> bool:
        connection = HTTPConnection(_LOOPBACK, port, timeout=2.0)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    return ask


def _create_database(dsn: str) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(dsn, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (_DATABASE,))
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE)))


def _kept_secrets(path: Path) -> dict[str, str]:
    """The secrets of this data folder; made once, because the database remembers the passwords."""
    known: dict[str, str] = {}
    with suppress(FileNotFoundError):
        known = json.loads(path.read_text("utf-8"))
    wanted = {
        "jwt": secrets.token_urlsafe(48),
        "internal": secrets.token_urlsafe(48),
        "webhook": f"whsec_{secrets.token_hex(24)}",
        "stripe": f"sk_test_{secrets.token_hex(24)}",
        "app_password": secrets.token_hex(24),
        "worker_password": secrets.token_hex(24),
    }
    if not wanted.keys() <= known.keys():
        known = wanted | known
        _write_private(path, json.dumps(known))
    return known


def _write_private(path: Path, text: str) -> None:
    """Replace the file as a whole; only its owner may read it."""
    partial = path.with_name(f"{path.name}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def _wipe(folder: Path) -> None:
    """Remove what an earlier run left, and nothing else; its servers may be dying still."""
    deadline = time.monotonic() + _WIPE_SECONDS
    while left := [path for name in _OURS if os.path.lexists(path := folder / name)]:
        try:
            for path in left:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            if time.monotonic() > deadline:
                raise DataFolderUnusable(
                    f"cannot empty {folder} ({error.strerror}): "
                    "remove it, or set TICKETPAY_DATA to another folder"
                ) from error
            time.sleep(_POLL_SECONDS)
