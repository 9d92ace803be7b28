"""The ticket service's client against a server that records and answers as told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import attrs
import pytest

from ticketpay.adapters.outbound import HttpTicketService
from ticketpay.domain.kernel.errors import Rejected, Unavailable
from ticketpay.domain.messaging import AggregateType, Message

NONCE = UUID("00000000-0000-4000-8000-000000000001")
NOW = datetime(2025, 1, 1, tzinfo=UTC)
ORDER = UUID(int=1)


@attrs.define(eq=False)
class Service:
    """What came in, and what is answered."""

    url: str
    status: int = 200
    body: bytes = b""
    delay: float = 0
    requests: list[tuple[str, dict[str, str], bytes]] = attrs.field(factory=list)


class Fixed:
    def now(self) -> datetime:
        return NOW

    def new(self) -> UUID:
        return NONCE


@pytest.fixture
def service() -> Iterator[Service]:
    """An HTTP server in the place of the ticket service."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            taken.requests.append((self.path, headers, body))
            time.sleep(taken.delay)
            self.send_response(taken.status)
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
            self.send_header("content-length", str(len(taken.body)))
            self.end_headers()
            self.wfile.write(taken.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as inherited
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taken = Service(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield taken
        server.shutdown()
        thread.join()


@pytest.fixture
def tickets(service: Service) -> Iterator[HttpTicketService]:
    client = HttpTicketService(service.url + "/", "test-secret", Fixed(), Fixed(), 0.3)
    yield client
    client.close()


def message(kind: str, **data: Any) -> Message:
    return Message(
        id=UUID(int=9),
        type=kind,
        aggregate_type=AggregateType.ORDER,
        aggregate_id=ORDER,
        occurred_at=NOW,
        data={"orderId": "order-1", "paymentId": "payment-1"} | data,
    )


FAILED = message("order.payment_failed", reason="Payment failed")
PAID = message(
    "order.paid",
    currency="USD",
    ticketQuantity=2,
    amountCents=1_234,
    eventId="event-1",
    userId="usér-1",
)


@pytest.mark.spec("S41")
def test_a_failed_payment_is_told_with_the_signature_of_the_rule_book(
    service: Service, tickets: HttpTicketService
) -> None:
    """Check figure: the exact bytes of the body and their signature."""
    tickets.deliver(FAILED)
    path, headers, body = service.requests[0]
    assert path == "/api/v1/webhooks/payment-failed"
    assert body == (
        b'{"orderId":"order-1","reason":"Payment failed","timestamp":"2025-01-01T00:00:00.000Z"}'
    )
    assert headers["x-internal-signature"] == (
        "d60e0bb86a3e237f1784f66f3178fd3790c77d4fc1e35d30c822fcc79cf2ccbe"
    )
    assert headers["x-webhook-timestamp"] == "1735689600000"
    assert headers["x-webhook-nonce"] == str(NONCE)
    assert headers["x-idempotency-key"] == "payment-failed-order-1-payment-1"
    assert headers["content-type"] == "application/json"


@pytest.mark.spec("S24", "S41")
def test_voided_tickets_are_told_by_their_numbers(
    service: Service, tickets: HttpTicketService
) -> None:
    """The body of order.tickets_voided, and the key under which it counts once."""
    tickets.deliver(
        message(
            "order.tickets_voided",
            refundId="refund-1",
            eventId="event-1",
            tickets=[1, 3],
            reason="other",
        )
    )
    path, headers, body = service.requests[0]
    assert path == "/api/v1/webhooks/tickets-voided"
    assert body == (
        b'{"orderId":"order-1","refundId":"refund-1","eventId":"event-1","tickets":[1,3],'
        b'"reason":"other","timestamp":"2025-01-01T00:00:00.000Z"}'
    )
    assert headers["x-idempotency-key"] == "tickets-voided-order-1-refund-1"


@pytest.mark.spec("S27", "S41")
def test_a_lost_dispute_voids_tickets(service: Service, tickets: HttpTicketService) -> None:
    """What a dispute has voided is told under its id, in body and key."""
    causes = {"refundId": "", "disputeId": "dispute-1", "eventId": "event-1"}
    tickets.deliver(message("order.tickets_voided", **causes, tickets=[1], reason="fraudulent"))
    _, headers, body = service.requests[0]
    assert body.startswith(b'{"orderId":"order-1","disputeId":"dispute-1","eventId":"event-1",')
    assert headers["x-idempotency-key"] == "tickets-voided-order-1-dispute-1"


@pytest.mark.spec("S27", "S41")
@pytest.mark.parametrize("word", ["frozen", "thawed"])
def test_tickets_are_held_while_a_dispute_is_open(
    service: Service, tickets: HttpTicketService, word: str
) -> None:
    """The body of order.tickets_frozen and order.tickets_thawed, and the key."""
    about = {"disputeId": "dispute-1", "eventId": "event-1", "reason": "fraudulent"}
    tickets.deliver(message(f"order.tickets_{word}", **about))
    path, headers, body = service.requests[0]
    assert path == f"/api/v1/webhooks/tickets-{word}"
    assert body == (
        b'{"orderId":"order-1","disputeId":"dispute-1","eventId":"event-1",'
        b'"reason":"fraudulent","timestamp":"2025-01-01T00:00:00.000Z"}'
    )
    assert headers["x-idempotency-key"] == f"tickets-{word}-order-1-dispute-1"


@pytest.mark.spec("S41")
def test_a_paid_order_is_told_in_the_order_of_the_rule_book(
    service: Service, tickets: HttpTicketService
) -> None:
    """The body of order.paid: keys in order, compact, UTF-8 unescaped."""
    service.body = b'{"type":"order.tickets_issued","tickets":2}'
    delivery = tickets.deliver(PAID)
    path, headers, body = service.requests[0]
    assert path == "/api/v1/webhooks/payment-confirmed"
    assert headers["x-idempotency-key"] == "payment-order-1-payment-1"
    assert body.decode() == (
        '{"orderId":"order-1","paymentId":"payment-1","userId":"usér-1","eventId":"event-1",'
        '"amount":1234,"ticketQuantity":2,"idempotencyKey":"payment-order-1-payment-1",'
        '"timestamp":"2025-01-01T00:00:00.000Z"}'
    )
    assert delivery.issued
    assert delivery.detail["tickets"] == 2


@pytest.mark.spec("S41")
@pytest.mark.parametrize("status", [200, 201, 202, 204, 409])
@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"type":"order.queued"}'])
def test_success_without_tickets(
    service: Service, tickets: HttpTicketService, status: int, body: bytes
) -> None:
    """2xx and 409 are success; only a body that says so means that tickets are issued."""
    service.status, service.body = status, b"" if status == 204 else body
    assert not tickets.deliver(PAID).issued


@pytest.mark.spec("S41")
def test_a_conflict_may_say_that_the_tickets_are_issued(
    service: Service, tickets: HttpTicketService
) -> None:
    """409 means already done, and its body counts."""
    service.status, service.body = 409, json.dumps({"type": "order.tickets_issued"}).encode()
    assert tickets.deliver(PAID).issued


@pytest.mark.spec("S41")
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_an_outage_may_be_tried_again(
    service: Service, tickets: HttpTicketService, status: int
) -> None:
    """Time-outs, throttling and server errors are unavailability."""
    service.status = status
    with pytest.raises(Unavailable):
        tickets.deliver(PAID)


@pytest.mark.spec("S41")
@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 410, 422])
def test_a_refusal_is_for_good_and_a_redirect_is_not_followed(
    service: Service, tickets: HttpTicketService, status: int
) -> None:
    """D4: other 4xx, and every 3xx, are rejected after one request."""
    service.status = status
    with pytest.raises(Rejected):
        tickets.deliver(PAID)
    assert len(service.requests) == 1


@pytest.mark.spec("S41")
def test_no_answer_is_unavailability(service: Service, tickets: HttpTicketService) -> None:
    """A time-out and a refused connection may be tried again."""
    service.delay = 0.6
    with pytest.raises(Unavailable):
        tickets.deliver(PAID)
    nobody = HttpTicketService("http://127.0.0.1:1", "test-secret", Fixed(), Fixed(), 0.3)
    with pytest.raises(Unavailable):
        nobody.deliver(PAID)
    nobody.close()


@pytest.mark.spec("S41")
def test_what_the_service_does_not_know_is_rejected_unsent(
    service: Service, tickets: HttpTicketService
) -> None:
    """Another type, or a message that lacks something, never leaves."""
    for unknown in (message("payment.completed"), message("order.paid", userId="u")):
        with pytest.raises(Rejected):
            tickets.deliver(unknown)
    assert service.requests == []
