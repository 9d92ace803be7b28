"""The figures of S40 and S41, the routes, the envelope and idempotency keys."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketpay.domain.kernel.ids import TenantId, UserId
from ticketpay.domain.messaging import (
    EMITTED,
    ROUTES,
    AggregateType,
    Answer,
    Claim,
    ClaimStatus,
    IdempotencyKeyReused,
    KeyScope,
    Message,
    Outcome,
    RequestInProgress,
    Route,
    UnroutedEvent,
    backoff_seconds,
    check_routes,
    envelope,
    request_hash,
)
from ticketpay.domain.messaging.idempotency import KEPT_SECONDS, TAKEOVER_SECONDS
from ticketpay.domain.messaging.routes import attempts_max
from ticketpay.domain.messaging.signing import compact_json, sign

_LEAVES = st.integers() | st.booleans() | st.text(max_size=3)
_BODIES = st.dictionaries(st.text(max_size=2), _LEAVES | st.lists(_LEAVES, max_size=2), max_size=4)


@pytest.mark.spec("S40", "check:S40")
@pytest.mark.parametrize(
    ("attempts", "base_ms", "most_ms"),
    [
        (0, 1_000, 1_300),
        (1, 2_000, 2_600),
        (2, 4_000, 5_200),
        (3, 8_000, 10_400),
        (4, 16_000, 20_800),
        (5, 32_000, 41_600),
        (6, 60_000, 60_000),
        (7, 60_000, 60_000),
        (1_000_000, 60_000, 60_000),
    ],
)
def test_backoff(attempts: int, base_ms: int, most_ms: int) -> None:
    """The delay doubles with each attempt, gets up to 30 % on top, and ends at a minute."""
    assert backoff_seconds(attempts, 0) * 1_000 == base_ms
    assert backoff_seconds(attempts, 1_000_000) * 1_000 == most_ms


@pytest.mark.spec("S40")
@given(st.integers(0, 40), st.integers(0, 1_000_000))
def test_backoff_stays_in_its_table(attempts: int, jitter_ppm: int) -> None:
    """Whatever the jitter, a delay is between its base and its base with full jitter."""
    least, most = backoff_seconds(attempts, 0), backoff_seconds(attempts, 1_000_000)

    assert least <= backoff_seconds(attempts, jitter_ppm) <= most <= 60


@pytest.mark.spec("S41", "S41 D2", "check:S41")
def test_signature() -> None:
    """A signature covers timestamp, nonce and the exact bytes that are sent."""
    body = compact_json(
        {
            "orderId": "order-1",
            "reason": "Payment failed",
            "timestamp": "2025-01-01T00:00:00.000Z",
        }
    )
    nonce = UUID("00000000-0000-4000-8000-000000000001")

    assert body.startswith(b'{"orderId":"order-1","reason":')
    assert (
        sign("test-secret", 1_735_689_600_000, nonce, body)
        == "d60e0bb86a3e237f1784f66f3178fd3790c77d4fc1e35d30c822fcc79cf2ccbe"
    )


@pytest.mark.spec("S41")
def test_signed_json_is_compact_and_unescaped() -> None:
    """The bytes to sign have no blanks, keep the order of keys and do not escape UTF-8."""
    assert compact_json({"b": "ü", "a": 1}) == '{"b":"ü","a":1}'.encode()


@pytest.mark.spec("S40 D3", "S33")
def test_every_emitted_type_has_a_route() -> None:
    """Each emitted type has a route; what the ticket service must know of is a signed call."""
    check_routes(EMITTED, ROUTES)
    called = {name for name, route in ROUTES.items() if route is Route.TICKET_SERVICE}

    tickets = {f"order.tickets_{word}" for word in ("frozen", "thawed", "voided")}
    assert called == {"order.paid", "order.payment_failed", *tickets}
    assert set(ROUTES) == EMITTED


@pytest.mark.spec("S40 D3", "S35 D7")
def test_a_missing_route_stops_the_start() -> None:
    """A type that nobody receives is an error that names it, never a silent loss."""
    with pytest.raises(UnroutedEvent, match=r"^no route for order\.lost, order\.stolen$"):
        check_routes([*EMITTED, "order.stolen", "order.lost"], ROUTES)


@pytest.mark.spec("S40", "S40 D5")
@pytest.mark.parametrize("event_type", sorted(EMITTED))
def test_attempts(event_type: str) -> None:
    """Paid orders, what becomes of tickets, refunds and disputes are tried twelve times, everything else five times."""
    refunds = {"refund.initiated", "refund.completed", "refund.failed"}
    tickets = {f"order.tickets_{word}" for word in ("frozen", "thawed", "voided")}
    disputes = {f"dispute.{word}" for word in ("opened", "won", "lost")}
    patient = {"order.paid", *tickets, *refunds, *disputes}

    assert attempts_max(event_type) == (12 if event_type in patient else 5)


@pytest.mark.spec("S33", "S40", "S35 D9")
def test_envelope() -> None:
    """An event travels in one envelope, with ids as texts and its data nested."""
    message = Message(
        id=UUID(int=1),
        type="order.paid",
        aggregate_type=AggregateType.ORDER,
        aggregate_id=UUID(int=2),
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        data={"amountCents": 11_945, "type": "not mine"},
    )

    assert envelope(TenantId(UUID(int=3)), message) == {
        "id": str(UUID(int=1)),
        "type": "order.paid",
        "tenantId": str(UUID(int=3)),
        "aggregateType": "order",
        "aggregateId": str(UUID(int=2)),
        "occurredAt": "2026-03-01T00:00:00.000Z",
        "version": 1,
        "data": {"amountCents": 11_945, "type": "not mine"},
    }


@pytest.mark.spec("S11", "S36")
@given(_BODIES, st.randoms())
def test_the_request_hash_ignores_key_order(body: dict[str, object], random: Random) -> None:
    """Two requests that differ in the order of keys only are the same request."""
    keys = list(body)
    random.shuffle(keys)
    shuffled = {key: body[key] for key in keys}

    assert request_hash("pay", shuffled) == request_hash("pay", body)


@pytest.mark.spec("S11 D2")
def test_the_request_hash_tells_requests_apart() -> None:
    """Another operation, value or list order is another request."""
    hashes = {
        request_hash("pay", {"a": [1, 2]}),
        request_hash("pay", {"a": [2, 1]}),
        request_hash("pay", {"a": ["1", 2]}),
        request_hash("refund", {"a": [1, 2]}),
    }

    assert len(hashes) == 4


@pytest.mark.spec("S11", "S36")
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (ClaimStatus.NEW, None),
        (ClaimStatus.TAKEN_OVER, None),
        (ClaimStatus.FINISHED, None),
        (ClaimStatus.IN_FLIGHT, RequestInProgress),
        (ClaimStatus.REUSED, IdempotencyKeyReused),
    ],
)
def test_claims(status: ClaimStatus, error: type[Exception] | None) -> None:
    """A key that is in flight, or was used for another request, cannot be worked on."""
    claim = Claim(scope=KeyScope(UserId(UUID(int=1)), UUID(int=2)), status=status)
    if error is None:
        claim.refuse_if_not_ours()
        return
    with pytest.raises(error):
        claim.refuse_if_not_ours()


@pytest.mark.spec("S11")
def test_keys_are_kept_long_enough() -> None:
    """A claim is taken over after 90 seconds and a key is kept for 30 days."""
    assert (TAKEOVER_SECONDS, KEPT_SECONDS) == (90, 30 * 86_400)


@pytest.mark.spec("S11")
def test_client_secrets_are_never_printed() -> None:
    """The client secret of an answer does not appear in its text."""
    assert "pi_secret" not in repr(Answer(Outcome.ACCEPTED, {}, client_secret="pi_secret"))
