"""The HTTP/1.1 connection, with bounds that httptools does not have: the head of a request.

Whatever cannot be read, or is too long, is answered with a problem and the connection closed. It
is refused while it arrives, so nobody can fill the memory with headers. Trailers are read and left
out: what is merged into the headers of a running request, no proxy has looked at (RFC 9110 6.5.1).
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = [
    "ARRIVAL_SECONDS_MAX",
    "HEADERS_MAX",
    "HEAD_BYTES_MAX",
    "PROBLEMS",
    "URL_BYTES_MAX",
    "BoundedProtocol",
]

HEADERS_MAX: Final = 100
HEAD_BYTES_MAX: Final = 32 * 1024
URL_BYTES_MAX: Final = 8 * 1024
ARRIVAL_SECONDS_MAX: Final = 30.0
"""From the connection, or from the first byte of a later request, to its last byte."""

_LINGER_SECONDS: Final = 1.0

PROBLEMS: Final = {
    400: ("MALFORMED_REQUEST", "The request is not valid HTTP"),
    408: ("REQUEST_TIMEOUT", f"A request may take {ARRIVAL_SECONDS_MAX:.0f} seconds to arrive"),
    414: ("URL_TOO_LONG", f"A URL may have {URL_BYTES_MAX} bytes"),
    431: ("HEADERS_TOO_LARGE", f"At most {HEADERS_MAX} headers of {HEAD_BYTES_MAX} bytes in all"),
}
"""What is wrong with a request that never reached the application, by status: its code and why."""


class _TooLong(Exception):
    """The head of a request is beyond its bounds; httptools turns it into its own error."""


class _LingeringWire:
    """The transport, whose ``close`` lets a client that is still sending read its answer first.

    Whoever closes a socket with unread bytes in it resets the connection, and the answer is lost.
    """

    def __init__(self, protocol: BoundedProtocol, transport: asyncio.Transport) -> None:
        self._protocol, self._transport, self._lingers = protocol, transport, False
        self.write = transport.write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more is read into requests."""
        return self._lingers or self._transport.is_closing()

    def close(self) -> None:
        """Close; within a request, say so first and drop for a second what still comes."""
        if self._lingers or self._transport.is_closing():
            return
        if not self._protocol.reading or not self._transport.can_write_eof():
            self._transport.close()
            return
        self._lingers = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._protocol.loop.call_later(_LINGER_SECONDS, self._transport.close)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, which reads heads of a bounded size only."""

    reading = False
    """Whether a request has begun to arrive and is not whole."""

    _head_bytes = 0
    _header_bytes = 0
    _headers = 0
    _heads = 0
    _in_head = True
    _refusal = 400
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """A client has come."""
        super().connection_made(cast("asyncio.Transport", _LingeringWire(self, transport)))
        self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._forget_request()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; refuse when an unfinished head has grown beyond its bounds."""
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refusal = 431
            self.send_400_response("")
            return
        heads = self._heads
        super().data_received(data)
        # What came together with the beginning of a head may belong to the request before it.
        if self._in_head and heads == self._heads:
            self._head_bytes += len(data)

    def on_message_begin(self) -> None:
        """A new request on this connection."""
        self._in_head, self._head_bytes, self._header_bytes, self._refusal = True, 0, 0, 400
        self._headers, self.reading = 0, True
        self._heads += 1
        self._expect_request()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        super().on_url(url)
        if len(self.url) > URL_BYTES_MAX:
            self._refuse(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer, which counts like the others and is left out."""
        self._header_bytes += len(name) + len(value)
        self._headers += 1
        if self._headers > HEADERS_MAX or self._header_bytes > HEAD_BYTES_MAX:
            self._refuse(431)
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        super().on_headers_complete()
        self._in_head = False

    def on_message_complete(self) -> None:
        """The request is whole."""
        self.reading = False
        self._forget_request()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the words are ours
        """Answer with a problem, if nobody answers already, and close."""
        self.reading = True
        answering = getattr(self.cycle, "response_started", False)
        free = not answering or self.cycle.response_complete
        if free and not self._owes_an_earlier_answer:
            self.transport.write(_problem(self._refusal))
        self.transport.close()

    def _expect_request(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(ARRIVAL_SECONDS_MAX, self._give_up)

    def _forget_request(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        """Whoever sends nothing, or sends drop by drop, does not keep a connection."""
        self._late = None
        if self._owes_an_earlier_answer:
            self._expect_request()
        elif not self.transport.is_closing():
            self._refusal = 408
            self.send_400_response("")

    @property
    def _owes_an_earlier_answer(self) -> bool:
        """Whether a request before this one is unanswered, and would take our words for its own."""
        cycle: Any = self.cycle
        under_way = cycle is not None and not cycle.response_complete
        return bool(self.pipeline) or (under_way and not cycle.more_body)

    def _refuse(self, status: int) -> None:
        self._refusal = status
        raise _TooLong


def _problem(status: int) -> bytes:
    code, detail = PROBLEMS[status]
    phrase = HTTPStatus(status).phrase
    body = json.dumps(
        {
            "type": f"/problems/{code.lower().replace('_', '-')}",
            "title": phrase,
            "status": status,
            "detail": detail,
            "code": code,
        }
    ).encode()
    head = (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
