"""The app is the sandbox as a raw ASGI callable: one model, one courier service, no middleware."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from ticketpay.adapters.sandbox.couriers import Couriers
from ticketpay.adapters.sandbox.model import SandboxModel
from ticketpay.adapters.sandbox.response import Response

__all__ = ["SandboxApp"]

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_LONGEST_BODY: Final = 1_000_000


class SandboxApp:
    """Serves a model over HTTP; a hanging request is kept for `hang_seconds` at most."""

    def __init__(self, model: SandboxModel, *, hang_seconds: float = 120.0) -> None:
        self.model = model
        self._hang_seconds = hang_seconds
        self._couriers: Couriers | None = None

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Serve one HTTP request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        body = await _body(receive)
        if body is None:
            return
        path: str = scope["path"]
        if scope["query_string"]:
            path += "?" + scope["query_string"].decode("latin-1")
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        response = self.model.request(scope["method"], path, headers, body)
        if scope["method"] != "GET" and self._couriers is not None:
            self._couriers.wake()
        if response.hang or response.delay_seconds:
            await self._linger(response, receive, send)
        else:
            await _send(response, send)

    async def _linger(self, response: Response, receive: _Receive, send: _Send) -> None:
        self.model.hold(response)
        try:
            seconds = self._hang_seconds if response.hang else response.delay_seconds
            if await _left(receive, seconds):
                return
        finally:
            self.model.release(response)
        if response.hang:
            await _break_off(send)
        else:
            await _send(response, send)

    async def _live(self, receive: _Receive, send: _Send) -> None:
        await receive()
        self._couriers = Couriers(self.model)
        self._couriers.wake()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._couriers.stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: _Receive) -> bytes | None:
    """The whole body of a request; None when the client left or sends too much."""
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > _LONGEST_BODY:
            return None
        if not message.get("more_body", False):
            return body


async def _left(receive: _Receive, seconds: float) -> bool:
    """Whether the client went away within some seconds."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


async def _send(response: Response, send: _Send) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response.headers.items()
    ]
    headers.append((b"content-length", b"%d" % len(response.body)))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def _break_off(send: _Send) -> None:
    """Begin an answer and end it too early: the server then closes the connection."""
    headers = [(b"content-length", b"1"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 504, "headers": headers})
