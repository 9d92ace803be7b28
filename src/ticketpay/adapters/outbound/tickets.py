"""The ticket service over HTTP: signed, once more if in doubt, never redirected (S41)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import attrs
import httpx

from ticketpay.domain.kernel.errors import Rejected, Unavailable
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.messaging import Message
from ticketpay.domain.messaging.signing import compact_json, sign
from ticketpay.ports.messaging import TicketDelivery
from ticketpay.ports.system import Clock, Ids

__all__ = ["HttpTicketService"]

ISSUED: Final = "order.tickets_issued"

_HELD: Final = {
    "order.tickets_frozen": "tickets-frozen",
    "order.tickets_thawed": "tickets-thawed",
}

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_AGAIN: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)


@attrs.frozen
class _Request:
    path: str
    key: str
    body: bytes


class HttpTicketService:
    """``TicketService`` at ``base_url``; safe to share between threads.

    ``timeout_seconds`` bounds each step of a call (connect, send, each read).
    """

    def __init__(
        self, base_url: str, secret: str, clock: Clock, ids: Ids, timeout_seconds: float = 10
    ) -> None:
        self._secret, self._clock, self._ids = secret, clock, ids
        self._base = base_url.rstrip("/")
        self._http = httpx.Client(
            timeout=timeout_seconds,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def deliver(self, message: Message) -> TicketDelivery:
        """Post ``message``; 2xx and 409 (already done) are success."""
        request = _request(message)
        try:
            answer = self._http.post(
                self._base + request.path, content=request.body, headers=self._headers(request)
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"the ticket service: {type(error).__name__}") from error
        return _delivery(answer)

    def _headers(self, request: _Request) -> dict[str, str]:
        timestamp = (self._clock.now() - _EPOCH) // timedelta(milliseconds=1)
        nonce = self._ids.new()
        return {
            "Content-Type": "application/json",
            "x-internal-signature": sign(self._secret, timestamp, nonce, request.body),
            "x-webhook-timestamp": str(timestamp),
            "x-webhook-nonce": str(nonce),
            "x-idempotency-key": request.key,
        }


def _request(message: Message) -> _Request:
    """The call for a message; raises ``Rejected`` for one that the service does not know."""
    try:
        if message.type == "order.paid":
            return _paid(message)
        if message.type == "order.payment_failed":
            return _failed(message)
        if message.type == "order.tickets_voided":
            return _voided(message)
        if message.type in _HELD:
            return _held(message)
    except KeyError as error:
        raise Rejected(f"{message.type} lacks {error.args[0]}") from error
    raise Rejected(f"the ticket service does not know {message.type}")


def _paid(message: Message) -> _Request:
    data = message.data
    key = f"payment-{data['orderId']}-{data['paymentId']}"
    body = {
        "orderId": data["orderId"],
        "paymentId": data["paymentId"],
        "userId": data["userId"],
        "eventId": data["eventId"],
        "amount": data["amountCents"],
        "ticketQuantity": data["ticketQuantity"],
        "idempotencyKey": key,
        "timestamp": rfc3339(message.occurred_at),
    }
    return _Request("/api/v1/webhooks/payment-confirmed", key, compact_json(body))


def _failed(message: Message) -> _Request:
    data = message.data
    body = {
        "orderId": data["orderId"],
        "reason": data.get("reason") or "Payment failed",
        "timestamp": rfc3339(message.occurred_at),
    }
    key = f"payment-failed-{data['orderId']}-{data['paymentId']}"
    return _Request("/api/v1/webhooks/payment-failed", key, compact_json(body))


def _voided(message: Message) -> _Request:
    """Tickets are counted from 1 in the order in which they were bought.

    A refund or a lost dispute has voided them.
    """
    data = message.data
    cause = "refundId" if data.get("refundId") else "disputeId"
    body = {
        "orderId": data["orderId"],
        cause: data[cause],
        "eventId": data["eventId"],
        "tickets": data["tickets"],
        "reason": data["reason"],
        "timestamp": rfc3339(message.occurred_at),
    }
    key = f"tickets-voided-{data['orderId']}-{data[cause]}"
    return _Request("/api/v1/webhooks/tickets-voided", key, compact_json(body))


def _held(message: Message) -> _Request:
    """A dispute freezes the tickets of an order, or lets them go."""
    data, word = message.data, _HELD[message.type]
    body = {
        "orderId": data["orderId"],
        "disputeId": data["disputeId"],
        "eventId": data["eventId"],
        "reason": data["reason"],
        "timestamp": rfc3339(message.occurred_at),
    }
    key = f"{word}-{data['orderId']}-{data['disputeId']}"
    return _Request(f"/api/v1/webhooks/{word}", key, compact_json(body))


def _delivery(answer: httpx.Response) -> TicketDelivery:
    status = answer.status_code
    if answer.is_success or status == HTTPStatus.CONFLICT:
        detail = _body(answer.content)
        return TicketDelivery(issued=detail.get("type") == ISSUED, detail=detail)
    if status in _AGAIN or answer.is_server_error or answer.is_informational:
        raise Unavailable(f"the ticket service answered {status}")
    raise Rejected(f"the ticket service answered {status}")


def _body(content: bytes) -> Mapping[str, Any]:
    """The JSON object of an answer, an empty one when there is none."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
