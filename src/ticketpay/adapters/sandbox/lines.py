"""A line is one kept-alive HTTP/1.1 connection that posts webhooks, one at a time.

It is a bare protocol with callbacks: a general client spends several times the CPU per webhook,
and the sandbox is part of a benchmark.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Final, cast
from urllib.parse import urlsplit

import attrs
import httptools

__all__ = ["Line", "Origin", "Target", "message", "opened", "target"]

Origin = tuple[str, int, bool]

_OPEN_SECONDS: Final = 5.0


@attrs.frozen
class Target:
    """Where a URL points to: host, port and whether by TLS; path; the value of `Host`."""

    origin: Origin
    path: str
    authority: str


class Line(asyncio.Protocol):
    """A connection; `done` is called once per post with the status, or None when it broke."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.open = False
        self.fresh = True
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._done: Callable[[Line, int | None], None] | None = None

    def post(self, message: bytes, done: Callable[[Line, int | None], None]) -> None:
        """Send a request; the line must be open and idle."""
        self._done = done
        self._parser = httptools.HttpResponseParser(self)
        if self._transport is not None:
            self._transport.write(message)

    def close(self) -> None:
        """Break the connection; a post that is under way ends without a status."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if self._parser is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Called by the event loop."""
        self.open = False
        self._finish(None)

    def on_message_complete(self) -> None:
        """Called by the parser after the last byte of an answer."""
        parser = self._parser
        if parser is not None:
            self.open = self.open and parser.should_keep_alive()
            self.fresh = False
            self._finish(parser.get_status_code())

    def _finish(self, status: int | None) -> None:
        done, self._done, self._parser = self._done, None, None
        if done is not None:
            done(self, status)


def target(url: str) -> Target:
    """Take an http or https URL apart; raises ValueError."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target((parts.hostname or "", port, secure), path, parts.netloc)


def message(goal: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of one POST request."""
    fields = [f"POST {goal.path} HTTP/1.1\r\nhost: {goal.authority}"]
    fields += [f"{name}: {value}" for name, value in headers.items()]
    fields.append(f"content-length: {len(body)}\r\n\r\n")
    return "\r\n".join(fields).encode("latin-1") + body


async def opened(origin: Origin) -> Line:
    """A new connection; raises OSError or TimeoutError."""
    host, port, secure = origin
    context = ssl.create_default_context() if secure else None
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_OPEN_SECONDS):
        _, line = await loop.create_connection(lambda: Line(origin), host, port, ssl=context)
    return line
