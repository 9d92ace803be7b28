"""The ticket service for development: whom it believes and how often it issues."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from ticketpay.domain.messaging.signing import compact_json, sign
from ticketpay.entrypoints.ticket_stub import Reply, TicketDesk

SECRET = "test-secret"
NOW = 1_800_000_000
CONFIRMED = "/api/v1/webhooks/payment-confirmed"


@pytest.fixture
def desk() -> TicketDesk:
    return TicketDesk(SECRET, now=lambda: NOW)


def paid(order: str = "order-1", tickets: int = 2) -> bytes:
    return compact_json({"orderId": order, "paymentId": "p", "ticketQuantity": tickets})


def call(
    desk: TicketDesk,
    body: bytes,
    *,
    key: str = "payment-1",
    secret: str = SECRET,
    at: int = NOW,
    nonce: UUID | None = None,
    path: str = CONFIRMED,
) -> Reply:
    nonce = nonce or uuid4()
    headers = {
        "x-internal-signature": sign(secret, at * 1_000, nonce, body),
        "x-webhook-timestamp": str(at * 1_000),
        "x-webhook-nonce": str(nonce),
        "x-idempotency-key": key,
    }
    return desk.handle("POST", path, headers, body)


@pytest.mark.spec("S41")
def test_a_signed_call_issues_tickets(desk: TicketDesk) -> None:
    """A signed call issues as many tickets as were paid, and the statistics say so."""
    reply = call(desk, paid())

    assert reply.status == 200
    assert (reply.body["type"], reply.body["orderId"]) == ("order.tickets_issued", "order-1")
    assert len({ticket["id"] for ticket in reply.body["tickets"]}) == 2
    stats = desk.handle("GET", "/stats", {}, b"").body
    assert stats == {"issued": {"order-1": 2}, "voided": {}, "frozen": [], "calls": 1}


@pytest.mark.spec("S41")
def test_the_same_key_issues_once(desk: TicketDesk) -> None:
    """A call with a known idempotency key gets the first answer and issues nothing."""
    assert call(desk, paid()) == call(desk, paid())
    assert desk.issued == {"order-1": 2}
    assert desk.calls == 2


@pytest.mark.spec("S24", "S41")
def test_tickets_are_voided_by_their_numbers(desk: TicketDesk) -> None:
    """Voided numbers add up, a repetition changes nothing; without a key or numbers it is refused."""
    path = "/api/v1/webhooks/tickets-voided"

    def void(tickets: object, key: str = "k") -> int:
        body = json.dumps({"orderId": "order-1", "tickets": tickets}).encode()
        return call(desk, body, path=path, key=key).status

    assert [void([2]), void([2]), void([1, 3])] == [200] * 3
    assert desk.voided == {"order-1": [1, 2, 3]}
    assert [void([1], key=""), void("1"), void([True])] == [400] * 3


@pytest.mark.spec("S27", "S41")
def test_tickets_are_frozen_and_thawed(desk: TicketDesk) -> None:
    """A dispute holds the tickets of its order; a call that comes again changes nothing."""
    body = json.dumps({"orderId": "order-1"}).encode()

    def hold(word: str, key: str) -> int:
        return call(desk, body, path=f"/api/v1/webhooks/tickets-{word}", key=key).status

    assert hold("frozen", "freeze-1") == 200
    assert desk.frozen == {"order-1"}
    assert [hold("thawed", "thaw-1"), hold("frozen", "freeze-1")] == [200] * 2
    assert desk.frozen == set()
    assert hold("frozen", "") == 400


@pytest.mark.spec("S41")
@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_call_is_refused(desk: TicketDesk, seconds: int) -> None:
    """A timestamp more than 300 s off is refused."""
    assert call(desk, paid(), at=NOW + seconds).status == 401
    assert desk.issued == {}


@pytest.mark.spec("S41")
def test_a_foreign_signature_is_refused(desk: TicketDesk) -> None:
    """A signature with another secret is refused."""
    assert call(desk, paid(), secret="other").status == 401


@pytest.mark.spec("S41")
def test_a_nonce_is_good_once(desk: TicketDesk) -> None:
    """The very same call again is refused."""
    nonce = uuid4()

    assert [call(desk, paid(), nonce=nonce).status for _ in range(2)] == [200, 401]


@pytest.mark.spec("S41")
@pytest.mark.parametrize(
    "dress",
    [str.upper, "{{{}}}".format, "urn:uuid:{}".format, lambda nonce: nonce.replace("-", "")],
)
def test_a_nonce_has_one_spelling(desk: TicketDesk, dress: Callable[[str], str]) -> None:
    """A nonce that comes again in another spelling does not pass for a new one."""
    nonce, body = UUID("018f0000-0000-7000-8000-00000000000a"), paid()
    assert call(desk, body, nonce=nonce).status == 200
    headers = {
        "x-internal-signature": sign(SECRET, NOW * 1_000, nonce, body),
        "x-webhook-timestamp": str(NOW * 1_000),
        "x-webhook-nonce": dress(str(nonce)),
        "x-idempotency-key": "payment-2",
    }
    assert desk.handle("POST", CONFIRMED, headers, body).status == 401


@pytest.mark.spec("S41")
@pytest.mark.parametrize(
    "stamp", [f"+{NOW}000", f" {NOW}000", f"0{NOW}000", "9" * 400, "9" * 5_000]
)
def test_a_time_has_one_spelling(desk: TicketDesk, stamp: str) -> None:
    """A time that is not the plain digits that were signed is a refusal, however long it is."""
    nonce = uuid4()
    headers = {
        "x-internal-signature": sign(SECRET, NOW * 1_000, nonce, paid()),
        "x-webhook-timestamp": stamp,
        "x-webhook-nonce": str(nonce),
    }
    assert desk.handle("POST", CONFIRMED, headers, paid()).status == 401


@pytest.mark.spec("S41")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-webhook-timestamp": "now", "x-webhook-nonce": str(uuid4())},
        {"x-webhook-timestamp": f"{NOW}000", "x-webhook-nonce": "no uuid"},
        {
            "x-webhook-timestamp": f"{NOW}000",
            "x-webhook-nonce": str(uuid4()),
            "x-internal-signature": "ünsigned",
        },
    ],
)
def test_an_unsigned_call_is_refused(desk: TicketDesk, headers: dict[str, str]) -> None:
    """Missing or malformed headers are a refusal, not a failure."""
    assert desk.handle("POST", CONFIRMED, headers, paid()).status == 401


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps({"orderId": "o", "ticketQuantity": "2"}).encode(),
        json.dumps({"orderId": "\ud800", "ticketQuantity": 2}).encode(),
    ],
)
def test_a_wrong_body_is_refused(desk: TicketDesk, body: bytes) -> None:
    """A signed body that makes no sense is refused and issues nothing."""
    assert call(desk, body).status == 400
    assert desk.issued == {}


def test_a_failed_payment_is_noted(desk: TicketDesk) -> None:
    """A failed payment is acknowledged and issues nothing."""
    path = "/api/v1/webhooks/payment-failed"

    assert call(desk, paid(), path=path).status == 200
    assert desk.issued == {}


def test_other_paths_are_unknown(desk: TicketDesk) -> None:
    """Anything else is not found."""
    assert desk.handle("GET", CONFIRMED, {}, b"").status == 404
