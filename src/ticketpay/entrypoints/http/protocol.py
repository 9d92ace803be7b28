"""The HTTP/1.1 connection, with bounds that httptools does not have: the head of a request.

Whatever cannot be read, or is too long, is answered with a problem and the connection closed. It
is refused while it arrives, so nobody can fill the memory with headers.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEADERS_MAX", "HEAD_BYTES_MAX", "URL_BYTES_MAX", "BoundedProtocol"]

HEADERS_MAX: Final = 100
HEAD_BYTES_MAX: Final = 32 * 1024
URL_BYTES_MAX: Final = 8 * 1024

_PROBLEMS: Final = {
    400: ("MALFORMED_REQUEST", "The request is not valid HTTP"),
    414: ("URL_TOO_LONG", f"A URL may have {URL_BYTES_MAX} bytes"),
    431: ("HEADERS_TOO_LARGE", f"At most {HEADERS_MAX} headers of {HEAD_BYTES_MAX} bytes in all"),
}


class _TooLong(Exception):
    """The head of a request is beyond its bounds; httptools turns it into its own error."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, which reads heads of a bounded size only."""

    _head_bytes = 0
    _header_bytes = 0
    _in_head = True
    _refusal = 400

    def data_received(self, data: bytes) -> None:
        """Read on; refuse when an unfinished head has grown beyond its bounds."""
        if self.transport.is_closing():
            return
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refusal = 431
            self.send_400_response("")
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)

    def on_message_begin(self) -> None:
        """A new request on this connection."""
        self._in_head, self._head_bytes, self._header_bytes, self._refusal = True, 0, 0, 400
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        super().on_url(url)
        if len(self.url) > URL_BYTES_MAX:
            self._refuse(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header; also one of a trailer, which counts like the others."""
        self._header_bytes += len(name) + len(value)
        if len(self.headers) >= HEADERS_MAX or self._header_bytes > HEAD_BYTES_MAX:
            self._refuse(431)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        super().on_headers_complete()
        self._in_head = False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the words are ours
        """Answer with a problem, if nobody answers already, and close."""
        answering = getattr(self.cycle, "response_started", False)
        if not answering or self.cycle.response_complete:
            self.transport.write(_problem(self._refusal))
        self.transport.close()

    def _refuse(self, status: int) -> None:
        self._refusal = status
        raise _TooLong


def _problem(status: int) -> bytes:
    code, detail = _PROBLEMS[status]
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
