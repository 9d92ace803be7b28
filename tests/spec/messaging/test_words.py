"""The words, codes, defaults and shapes of messages that others rely on."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import attrs
import pytest

from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.domain.kernel.ids import TenantId, UserId
from ticketpay.domain.messaging import (
    EMITTED,
    AggregateType,
    Answer,
    Claim,
    ClaimStatus,
    IdempotencyKeyReused,
    InboxClaim,
    InboxStatus,
    KeyScope,
    ListedEvent,
    Message,
    Outcome,
    RequestInProgress,
    Route,
    StoredEvent,
    StreamClaim,
    StreamKey,
    TimerClaim,
    TimerKind,
    UnroutedEvent,
    backoff_seconds,
    is_delivered,
    request_hash,
)
from ticketpay.domain.messaging.backoff import BACKOFF_MS_MAX
from ticketpay.domain.messaging.inbox import ATTEMPTS_MAX
from ticketpay.domain.messaging.outbox import ListedStream


@pytest.mark.spec("S40", "S28", "S11")
def test_the_words_of_messages() -> None:
    """Each kind of message, claim, answer and timer is stored under its word."""
    assert words(AggregateType) == "payment order refund payout dispute subscription"
    assert words(Outcome) == "completed accepted declined refused"
    assert words(ClaimStatus) == "new taken_over finished in_flight reused"
    assert words(InboxStatus) == "received processed dead unsupported invalid"
    assert words(Route) == "ticket_service journal"
    assert words(TimerKind) == "payment refund payout event subscription"


@pytest.mark.spec("S40", "S33")
def test_the_emitted_types() -> None:
    """These types of events leave the system, and no others."""
    payments = {"created", "processing", "authorized", "completed", "failed", "cancelled"}
    payments |= {"method_requested"}
    orders = {"paid", "payment_failed", "cancelled", "expired"}
    tickets = {"frozen", "thawed", "voided"}
    disputes = {"opened", "won", "lost"}
    refunds = {"initiated", "completed", "failed"}
    payouts = {"requested", "cancelled", "paid", "failed"}
    plans = {"started", "renewed", "past_due", "cancelled"}

    assert (
        {f"payment.{word}" for word in payments}
        | {f"order.{word}" for word in orders}
        | {f"refund.{word}" for word in refunds}
        | {f"payout.{word}" for word in payouts}
        | {f"order.tickets_{word}" for word in tickets}
        | {f"dispute.{word}" for word in disputes}
        | {f"subscription.{word}" for word in plans}
    ) == EMITTED


@pytest.mark.spec("S11", "S40")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (IdempotencyKeyReused, "IDEMPOTENCY_KEY_REUSED"),
        (RequestInProgress, "DUPLICATE_IN_PROGRESS"),
        (UnroutedEvent, "UNROUTED_EVENT"),
    ],
)
def test_codes(error: type[TicketpayError], code: str) -> None:
    """Each refusal of messaging has the code that clients rely on."""
    assert error().error_code == code


@pytest.mark.spec("S40")
@pytest.mark.parametrize(
    "value",
    [
        Claim,
        InboxClaim,
        ListedEvent,
        ListedStream,
        Message,
        StoredEvent,
        StreamClaim,
        TimerClaim,
    ],
)
def test_values_are_built_by_name(value: type[attrs.AttrsInstance]) -> None:
    """Of the values of messaging no two fields can be swapped."""
    assert by_name(value)


@pytest.mark.spec("S40")
def test_a_stream_is_its_aggregate() -> None:
    """Two keys of one tenant's aggregate are the same stream, wherever they come from."""
    one, two = (
        StreamKey(TenantId(UUID(int=1)), AggregateType.ORDER, UUID(int=2)) for _ in range(2)
    )

    assert {one, two} == {one}
    assert attrs.evolve(one, aggregate_type=AggregateType.PAYMENT) != one


@pytest.mark.spec("S11")
def test_a_claim_starts_empty() -> None:
    """A claim has no epoch, payment or answer until it is given one; an answer is its first."""
    claim = Claim(scope=KeyScope(UserId(UUID(int=1)), UUID(int=2)), status=ClaimStatus.NEW)
    answer = Answer(Outcome.COMPLETED, {})

    assert (claim.epoch, claim.payment_id, claim.answer) == (0, None, None)
    assert (answer.replayed, answer.client_secret) == (False, "")


@pytest.mark.spec("S26")
def test_a_stored_event_prints_no_secret() -> None:
    """The raw bytes and the signature of an event do not appear in its text."""
    event = _event()

    assert "payload-bytes" not in repr(event)
    assert "signature-text" not in repr(event)
    assert ATTEMPTS_MAX == 5


@pytest.mark.spec("S11", "S36")
def test_the_request_hash_is_of_canonical_json() -> None:
    """The hash is over operation and JSON with sorted keys, no blanks and UTF-8 unescaped."""
    text = 'pay\n{"a":[1,"ü"],"b":null}'

    assert request_hash("pay", {"b": None, "a": [1, "ü"]}) == _sha256(text)


def _event(tenant_id: str = "") -> StoredEvent:
    return StoredEvent(
        provider="stripe",
        account="",
        event_id="evt_1",
        event_type="payment_intent.succeeded",
        object_id="pi_1",
        tenant_id=tenant_id,
        payment_id="",
        payload=b"payload-bytes",
        signature="signature-text",
        status=InboxStatus.RECEIVED,
        received_at=datetime(2026, 3, 1, tzinfo=UTC),
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.spec("S40")
def test_only_what_somebody_receives_is_delivered() -> None:
    """The ticket service hears of orders; everything else is in the journal alone."""
    delivered = {kind for kind in AggregateType if is_delivered(kind)}
    assert delivered == {AggregateType.ORDER}


@pytest.mark.spec("S40")
def test_backoff_is_exact() -> None:
    """Half the jitter adds 15 %, a negative count is none, and the end is a minute."""
    assert backoff_seconds(1, 500_000) == 2.3
    assert backoff_seconds(0, 999_999) == 1.299
    assert backoff_seconds(-1, 0) == 1
    assert BACKOFF_MS_MAX == 60_000


@pytest.mark.spec("S26", "S28")
@pytest.mark.parametrize(
    ("named", "home"),
    [
        ("018f6b1a-0000-7000-8000-000000000001", UUID("018f6b1a-0000-7000-8000-000000000001")),
        ("", None),
        ("018f6b1a", None),
        ("not a tenant", None),
    ],
)
def test_the_home_of_an_event_is_the_tenant_that_it_names(named: str, home: UUID | None) -> None:
    """A text that is no id of a tenant leads nowhere, and is no error."""
    assert _event(tenant_id=named).home == home
