"""The shell around every request: its id, its duration, its log entry, and its last resort.

Pure ASGI, so that nothing is wrapped or buffered on the way; it also stamps what errors answer.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import attrs
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.entrypoints.http.errors import problem_of, status_of
from ticketpay.entrypoints.http.logs import Logger

if TYPE_CHECKING:
    from ticketpay.entrypoints.metrics import Metrics

__all__ = ["Shell"]

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9-]{1,64}")
_CLIENT_CLOSED: Final = 499


@attrs.define
class _Visit:
    """One request on its way: its id, when it came (ns) and the status once it is sent."""

    request_id: bytes
    began_ns: int
    status: int = 0

    @property
    def milliseconds(self) -> int:
        return (time.perf_counter_ns() - self.began_ns) // 1_000_000

    def stamp(self, message: Message) -> None:
        self.status = message["status"]
        message["headers"] = [
            *message.get("headers", ()),
            (b"x-request-id", self.request_id),
            (b"x-response-time", b"%dms" % self.milliseconds),
            (b"cache-control", b"no-store"),
        ]


@attrs.frozen
class Shell:
    """The outermost application; see the module docstring."""

    inner: ASGIApp
    logger: Logger
    metrics: Metrics | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        visit = _Visit(_request_id(scope), time.perf_counter_ns())
        # Starlette raises what it cannot route only for an application that says who it is.
        scope["app"] = self
        scope["ticketpay.request_id"] = visit.request_id.decode()

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.stamp(message)
            await send(message)

        try:
            await self._answer(visit, scope, receive, stamped)
        finally:
            self._log(visit, scope)

    async def _answer(self, visit: _Visit, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.inner(scope, receive, send)
        except ClientDisconnect:
            visit.status = _CLIENT_CLOSED
        except Exception as error:  # noqa: BLE001 - the last resort; nothing may leak from here
            self._report(visit, error)
            if visit.status == 0:
                await problem_of(error)(scope, receive, send)

    def _report(self, visit: _Visit, error: Exception) -> None:
        """Log what is our fault, by the type of the error only."""
        response_cut = visit.status != 0
        expected = isinstance(error, TicketpayError) and status_of(error) != 500
        if response_cut or not (expected or isinstance(error, HTTPException)):
            name = type(error).__name__
            self.logger.error("request_failed", id=visit.request_id.decode(), error=name)

    def _log(self, visit: _Visit, scope: Scope) -> None:
        route = scope.get("route")
        path = route.path if route is not None else "unknown"
        if self.metrics is not None:
            seconds = (time.perf_counter_ns() - visit.began_ns) / 1e9
            self.metrics.request(scope["method"], path, visit.status, seconds)
        self.logger.info(
            "request",
            id=visit.request_id.decode(),
            method=scope["method"],
            path=path,
            status=visit.status,
            ms=visit.milliseconds,
        )


def _request_id(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return str(uuid4()).encode()
