"""The shell around every request: its id, its duration, its log entry, and its last resort.

Pure ASGI, so that nothing is wrapped or buffered on the way; it also stamps what errors answer.
"""

from __future__ import annotations

import re
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import attrs
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.domain.kernel.frames import frames_of
from ticketpay.entrypoints.http.errors import problem_of, status_of
from ticketpay.entrypoints.http.logs import Logger

if TYPE_CHECKING:
    from ticketpay.entrypoints.metrics import Metrics

__all__ = ["PATH", "Manners", "Shell", "checkpoint"]

PATH: Final = "ticketpay.path"
"""Where the scope names what answered when no route did; of few values, for it labels metrics."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9-]{1,64}")
_CLIENT_CLOSED: Final = 499
_CHECKPOINTS_MAX: Final = 20
_SECURITY: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
# What an answer says about itself stands: the page of the documentation needs its own.
_CSP: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_CORS_SENT: Final = ("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID")
_CORS_SHOWN: Final = (
    "Idempotent-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Request-ID",
    "X-Response-Time",
)
_CORS_SECONDS: Final = 600


@attrs.frozen(kw_only=True)
class Manners:
    """How the shell behaves; see the settings of the same names.

    ``cors_methods`` are those of which a listed origin may make use.
    """

    slow_ms: int = 1_000
    cors_origins: tuple[str, ...] = ()
    cors_methods: tuple[str, ...] = ("GET", "POST")
    hsts: bool = False


@attrs.define
class _Visit:
    """One request on its way: its id, when it came (ns) and the status once it is sent."""

    request_id: bytes
    began_ns: int
    status: int = 0
    checkpoints: dict[str, int] = attrs.field(factory=dict)

    @property
    def milliseconds(self) -> int:
        return (time.perf_counter_ns() - self.began_ns) // 1_000_000


_VISIT: Final[ContextVar[_Visit | None]] = ContextVar("visit", default=None)


def checkpoint(name: str) -> None:
    """Note that the request under way has come so far; told when it turns out slow (S09)."""
    visit = _VISIT.get()
    if visit is not None and len(visit.checkpoints) < _CHECKPOINTS_MAX:
        visit.checkpoints[name] = visit.milliseconds


@attrs.define(init=False)
class Shell:
    """The outermost application; see the module docstring."""

    logger: Logger
    manners: Manners
    metrics: Metrics | None
    _inner: ASGIApp
    _guarded: ASGIApp
    _headers: tuple[tuple[bytes, bytes], ...]

    def __init__(
        self,
        inner: ASGIApp,
        logger: Logger,
        manners: Manners | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.logger, self.metrics, self._inner = logger, metrics, inner
        self.manners = manners or Manners()
        self._headers = (*_SECURITY, _HSTS) if self.manners.hsts else _SECURITY
        self._guarded = self._answer
        if self.manners.cors_origins:
            # Outside of the last resort, so that a shop's page can read problems, too.
            self._guarded = CORSMiddleware(
                self._answer,
                allow_origins=self.manners.cors_origins,
                allow_methods=self.manners.cors_methods,
                allow_headers=_CORS_SENT,
                expose_headers=_CORS_SHOWN,
                max_age=_CORS_SECONDS,
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        visit = _Visit(_request_id(scope), time.perf_counter_ns())
        _VISIT.set(visit)
        bind_contextvars(request_id=visit.request_id.decode())
        # Starlette raises what it cannot route only for an application that says who it is.
        scope["app"] = self
        scope["ticketpay.request_id"] = visit.request_id.decode()

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._stamp(visit, message)
            await send(message)

        try:
            await self._guarded(scope, receive, stamped)
        finally:
            self._log(visit, scope)

    def _stamp(self, visit: _Visit, message: Message) -> None:
        visit.status = message["status"]
        headers = [
            *message.get("headers", ()),
            (b"x-request-id", visit.request_id),
            (b"x-response-time", b"%dms" % visit.milliseconds),
            *self._headers,
        ]
        if not any(name == _CSP[0] for name, _ in headers):
            headers.append(_CSP)
        message["headers"] = headers

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = _VISIT.get()
        assert visit is not None, "the shell begins every visit"
        try:
            await self._inner(scope, receive, send)
        except ClientDisconnect:
            visit.status = _CLIENT_CLOSED
        except Exception as error:  # noqa: BLE001 - the last resort; nothing may leak from here
            self._report(visit, error)
            if visit.status == 0:
                await problem_of(error)(scope, receive, send)

    def _report(self, visit: _Visit, error: Exception) -> None:
        """Log what is our fault: the type of the error and where it came from, no message."""
        response_cut = visit.status != 0
        expected = isinstance(error, TicketpayError) and status_of(error) != 500
        if response_cut or not (expected or isinstance(error, HTTPException)):
            name = type(error).__name__
            ident, where = visit.request_id.decode(), frames_of(error)
            self.logger.error("request_failed", id=ident, error=name, where=where)

    def _log(self, visit: _Visit, scope: Scope) -> None:
        route, milliseconds = scope.get("route"), visit.milliseconds
        request_id = visit.request_id.decode()
        path = route.path if route is not None else scope.get(PATH, "unknown")
        if self.metrics is not None:
            seconds = (time.perf_counter_ns() - visit.began_ns) / 1e9
            self.metrics.request(scope["method"], path, visit.status, seconds)
        self.logger.info(
            "request",
            id=request_id,
            method=scope["method"],
            path=path,
            status=visit.status,
            ms=milliseconds,
        )
        if milliseconds > self.manners.slow_ms:
            self.logger.warning(
                "slow_request",
                id=request_id,
                path=path,
                ms=milliseconds,
                checkpoints=dict(visit.checkpoints),
            )


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return str(uuid4()).encode()
