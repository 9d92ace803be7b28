"""A small ticket service for development: it believes only signed calls and issues tickets once.

``INTERNAL_WEBHOOK_SECRET=... python -m ticketpay.entrypoints.ticket_stub --port 0`` serves the two
calls of S41 and ``GET /stats`` on the loopback address, and dies with its parent (Linux).
"""

from __future__ import annotations

import argparse
import ctypes
import hmac
import json
import os
import re
import signal
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import attrs

from ticketpay.domain.messaging.signing import sign

__all__ = ["Reply", "TicketDesk", "TicketStub", "main"]

TOLERANCE_SECONDS: Final = 300

_LOOPBACK: Final = "127.0.0.1"
_PR_SET_PDEATHSIG: Final = 1
_CONFIRMED: Final = "/api/v1/webhooks/payment-confirmed"
_FAILED: Final = "/api/v1/webhooks/payment-failed"
_VOIDED: Final = "/api/v1/webhooks/tickets-voided"
_FROZEN: Final = "/api/v1/webhooks/tickets-frozen"
_THAWED: Final = "/api/v1/webhooks/tickets-thawed"
_QUANTITY_MAX: Final = 1_000
_NONCE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_STAMP: Final = re.compile(r"[1-9][0-9]{0,14}")

_Json = dict[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@attrs.frozen
class Reply:
    """An HTTP status and a JSON body."""

    status: int
    body: _Json


@attrs.define(eq=False)
class TicketDesk:
    """Checks calls and issues tickets; ``now`` gives Unix seconds."""

    secret: str = attrs.field(repr=False)
    now: Callable[[], float] = time.time
    calls: int = 0
    issued: dict[str, int] = attrs.field(factory=dict)
    voided: dict[str, list[int]] = attrs.field(factory=dict)
    frozen: set[str] = attrs.field(factory=set)
    _answers: dict[str, Reply] = attrs.field(factory=dict)
    _nonces: set[str] = attrs.field(factory=set)

    def handle(self, method: str, path: str, headers: _Json, body: bytes) -> Reply:
        """The reply to one request; header names are in lower case."""
        if (method, path) == ("GET", "/stats"):
            seen = {"issued": dict(self.issued), "voided": dict(self.voided)}
            return Reply(200, {**seen, "frozen": sorted(self.frozen), "calls": self.calls})
        if method != "POST" or path not in (_CONFIRMED, _FAILED, _VOIDED, _FROZEN, _THAWED):
            return Reply(404, {"code": "NOT_FOUND"})
        self.calls += 1
        if not self._believed(headers, body):
            return Reply(401, {"code": "INVALID_INTERNAL_SIGNATURE"})
        call = _object(body)
        if call is None or not _printable(call.get("orderId")):
            return Reply(400, {"code": "VALIDATION_ERROR"})
        if path == _FAILED:
            return Reply(200, {"type": "payment.failure_noted", "orderId": call["orderId"]})
        if path == _VOIDED:
            return self._void(headers.get("x-idempotency-key", ""), call)
        if path in (_FROZEN, _THAWED):
            return self._hold(headers.get("x-idempotency-key", ""), call, frozen=path == _FROZEN)
        return self._issue_once(headers.get("x-idempotency-key", ""), call)

    def _believed(self, headers: _Json, body: bytes) -> bool:
        """S41: our signature over the exact bytes, not older than 300 s, a nonce not seen before.

        Time and nonce have one spelling each: in another dress an old nonce would look new.
        """
        stamp, nonce = headers.get("x-webhook-timestamp", ""), headers.get("x-webhook-nonce", "")
        if not (_STAMP.fullmatch(stamp) and _NONCE.fullmatch(nonce)):
            return False
        expected = sign(self.secret, int(stamp), UUID(nonce), body)
        given = headers.get("x-internal-signature", "")
        fresh = abs(self.now() - int(stamp) / 1_000) <= TOLERANCE_SECONDS
        ours = hmac.compare_digest(expected.encode(), given.encode())
        if not (fresh and ours) or nonce in self._nonces:
            return False
        self._nonces.add(nonce)
        return True

    def _issue_once(self, key: str, call: _Json) -> Reply:
        if not key:
            return Reply(400, {"code": "IDEMPOTENCY_KEY_MISSING"})
        if key not in self._answers:
            self._answers[key] = self._issue(call)
        return self._answers[key]

    def _void(self, key: str, call: _Json) -> Reply:
        """Of an order's tickets, by their numbers; a number that is void already stays so."""
        numbers = call.get("tickets")
        if not key:
            return Reply(400, {"code": "IDEMPOTENCY_KEY_MISSING"})
        if not isinstance(numbers, list) or not all(type(n) is int for n in numbers):
            return Reply(400, {"code": "VALIDATION_ERROR"})
        order = call["orderId"]
        self.voided[order] = sorted({*self.voided.get(order, []), *numbers})
        return Reply(200, {"type": "order.tickets_voided", "orderId": order})

    def _hold(self, key: str, call: _Json, *, frozen: bool) -> Reply:
        """While a dispute is open nobody enters with the tickets of its order."""
        if not key:
            return Reply(400, {"code": "IDEMPOTENCY_KEY_MISSING"})
        order, told = call["orderId"], "frozen" if frozen else "thawed"
        if key not in self._answers:
            (self.frozen.add if frozen else self.frozen.discard)(order)
            self._answers[key] = Reply(200, {"type": f"order.tickets_{told}", "orderId": order})
        return self._answers[key]

    def _issue(self, call: _Json) -> Reply:
        order, quantity = call["orderId"], call.get("ticketQuantity")
        if type(quantity) is not int or not 1 <= quantity <= _QUANTITY_MAX:
            return Reply(400, {"code": "VALIDATION_ERROR"})
        self.issued[order] = self.issued.get(order, 0) + quantity
        tickets = [{"id": str(uuid5(NAMESPACE_URL, f"{order}/{n}"))} for n in range(quantity)]
        return Reply(200, {"type": "order.tickets_issued", "orderId": order, "tickets": tickets})


def _printable(value: object) -> bool:
    return isinstance(value, str) and value.isprintable()


def _object(body: bytes) -> _Json | None:
    try:
        call = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return call if isinstance(call, dict) else None


@attrs.frozen
class TicketStub:
    """The desk as an ASGI application."""

    desk: TicketDesk

    async def __call__(self, scope: _Json, receive: _Receive, send: _Send) -> None:
        """Answer one HTTP request; there is no lifespan."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            part = await receive()
            body, more = body + part.get("body", b""), part.get("more_body", False)
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        reply = self.desk.handle(scope["method"], scope["path"], headers, body)
        start: _Json = {"type": "http.response.start", "status": reply.status}
        start["headers"] = [(b"content-type", b"application/json")]
        await send(start)
        await send({"type": "http.response.body", "body": json.dumps(reply.body).encode()})


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the exit status."""
    import uvicorn

    parser = argparse.ArgumentParser(prog="ticket_stub", description="A stand-in ticket service.")
    parser.add_argument("--port", type=int, default=3004, help="0 takes a free one")
    options = parser.parse_args(argv)
    secret = os.environ.get("INTERNAL_WEBHOOK_SECRET", "")
    if not secret:
        parser.error("INTERNAL_WEBHOOK_SECRET is not set")
    _die_with_parent(os.getppid())
    uvicorn.run(
        TicketStub(TicketDesk(secret)),
        host=_LOOPBACK,
        port=options.port,
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return 0


def _die_with_parent(parent: int) -> None:
    """Be killed when the starting thread ends (Linux); elsewhere do nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main())
