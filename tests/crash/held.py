"""A service that can hold its callers: it passes calls on and keeps some waiting until released.

A process that waits for it stands at a known point of a step, with its claim in the database: that
is where a test pauses it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Final, Self
from urllib.parse import urlsplit

import attrs

HELD_SECONDS: Final = 60.0
_OF_THE_CONNECTION: Final = ("host", "connection", "transfer-encoding", "content-length")


@attrs.define(eq=False)
class Hold:
    """What is held: calls of ``method`` to paths that begin with ``path``, until ``released``.

    ``answered``: the upstream has done it and only its answer is held back; else the call itself
    is. ``refusal`` is the status that a released call gets instead of being passed on. ``passing``
    calls go through before the first is held.
    """

    method: str
    path: str
    answered: bool = False
    refusal: int = 0
    passing: int = 0
    _passed: Iterator[int] = attrs.field(factory=count, init=False)
    arrived: threading.Event = attrs.field(factory=threading.Event)
    released: threading.Event = attrs.field(factory=threading.Event)

    def concerns(self, method: str, path: str) -> bool:
        """Whether such a call is held, and counted."""
        mine = self.method == method and path.startswith(self.path)
        return mine and next(self._passed) >= self.passing

    def keep(self) -> None:
        """Say that somebody is here, and keep them."""
        self.arrived.set()
        self.released.wait(HELD_SECONDS)

    def await_arrival(self) -> None:
        """Wait until somebody is held."""
        assert self.arrived.wait(HELD_SECONDS), f"nobody called {self.method} {self.path}"


_NOTHING: Final = Hold("", "")


class HeldService:
    """The service at ``url``, in front of ``upstream``."""

    def __init__(self, upstream: str) -> None:
        self.hold = _NOTHING
        self._upstream = urlsplit(upstream).netloc
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @contextmanager
    def holding(
        self, method: str, path: str, *, answered: bool = False, refusal: int = 0, passing: int = 0
    ) -> Iterator[Hold]:
        """Hold such calls; whoever is still held at the end is released."""
        self.hold = Hold(method, path, answered, refusal, passing)
        try:
            yield self.hold
        finally:
            self.hold.released.set()
            self.hold = _NOTHING

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """The upstream's answer, or a refusal, after being held."""
        hold = self.hold
        mine = hold.concerns(method, path)
        if mine and not hold.answered:
            hold.keep()
        if mine and hold.refusal:
            return hold.refusal, {}, b"{}"
        found = self._pass_on(method, path, headers, body)
        if mine and hold.answered:
            hold.keep()
        return found

    def _pass_on(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        upstream = HTTPConnection(self._upstream, timeout=30)
        try:
            upstream.request(method, path, body, headers)
            reply = upstream.getresponse()
            return reply.status, _passed_on(reply.headers), reply.read()
        finally:
            upstream.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                sent = _passed_on(self.headers)
                status, headers, text = service.answer(self.command, self.path, sent, body)
                # The caller may have gone: that is what these tests do to callers.
                with suppress(OSError):
                    self.send_response_only(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)

            do_GET = do_POST  # noqa: N815 - the name that http.server calls

            def log_request(self, *_: object) -> None: ...

        return Handler


def _passed_on(headers: Message) -> dict[str, str]:
    """The headers that are not about the connection alone."""
    return {k: v for k, v in headers.items() if k.lower() not in _OF_THE_CONNECTION}
