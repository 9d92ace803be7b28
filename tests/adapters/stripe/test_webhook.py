"""What the reader believes, and what it reads."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
import stripe as sdk

from ticketpay.adapters.sandbox import SandboxModel
from ticketpay.adapters.stripe import StripeWebhooks
from ticketpay.adapters.stripe.webhook import PAYOUTS, SUPPORTED
from ticketpay.domain.messaging import InboxStatus
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import ProviderStatus, SignatureInvalid

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SECRET, OTHER = "whsec_one", "whsec_two"
READER = StripeWebhooks((SECRET,))


def signed(raw: bytes, secret: str = SECRET, at: datetime = NOW) -> str:
    stamp = int(at.timestamp())
    text = f"{stamp}.".encode() + raw
    return f"t={stamp},v1={hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}"


def event(kind: str = "payment_intent.succeeded", **intent: Any) -> bytes:
    shown = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1_234,
        "amount_received": 1_234,
        "currency": "usd",
        "livemode": False,
        "status": "succeeded",
        "metadata": {"tenant_id": "t", "payment_id": "p"},
    } | intent
    body = {"id": "evt_1", "object": "event", "type": kind, "created": 1_769_860_800}
    return json.dumps(body | {"data": {"object": shown}}).encode()


@pytest.mark.spec("S26")
def test_a_genuine_event_is_stored_with_what_finds_its_payment() -> None:
    """The signature over the raw bytes makes an event received, with ids and bytes kept."""
    raw = event()
    stored = READER.verify(raw, signed(raw), NOW)
    assert stored.status is InboxStatus.RECEIVED
    assert (stored.provider, stored.event_id) == ("stripe", "evt_1")
    assert stored.event_type == "payment_intent.succeeded"
    assert (stored.object_id, stored.tenant_id, stored.payment_id) == ("pi_1", "t", "p")
    assert (stored.payload, stored.received_at) == (raw, NOW)


@pytest.mark.spec("S26")
def test_the_format_is_the_sdks() -> None:
    """What the SDK signs we accept, what we accept the SDK accepts."""
    raw, now = event(), datetime.now(UTC)
    header = sdk.WebhookSignature.generate_signature_header(raw.decode(), SECRET)
    assert READER.verify(raw, header, now).event_id == "evt_1"
    assert sdk.Webhook.construct_event(raw, signed(raw, at=now), SECRET).id == "evt_1"


@pytest.mark.spec("S26")
def test_the_sandbox_signs_what_we_believe(model: SandboxModel, in_process: Any) -> None:
    """Every event of a payment in the sandbox is genuine; those of the intent are received."""
    model.add_endpoint("http://127.0.0.1/hook", SECRET)
    fact = in_process.pay()
    stored = [
        READER.verify(due.body, dict(due.headers)["stripe-signature"], datetime.now(UTC))
        for due in model.due_deliveries()
    ]
    kinds = {e.event_type: e.status for e in stored}
    assert kinds["payment_intent.succeeded"] is InboxStatus.RECEIVED
    assert kinds["charge.succeeded"] is InboxStatus.UNSUPPORTED
    done = next(e for e in stored if e.event_type == "payment_intent.succeeded")
    told = attrs.evolve(READER.fact(done), client_secret="", occurred_at=fact.occurred_at)
    assert told == attrs.evolve(fact, client_secret="")


@pytest.mark.spec("S26")
def test_several_secrets_and_signatures_allow_a_rotation() -> None:
    """Any of our secrets with any v1 of the header will do, and other schemes are ignored."""
    raw = event()
    both = StripeWebhooks((SECRET, OTHER))
    assert both.verify(raw, signed(raw, OTHER), NOW).event_id == "evt_1"
    stamp, _, genuine = signed(raw).partition(",")
    assert READER.verify(raw, f"{stamp},v0=aa,v1={'0' * 64}, {genuine}", NOW).event_id == "evt_1"


@pytest.mark.spec("S26")
@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 86_400])
def test_stale_and_future_signatures_are_refused(seconds: int) -> None:
    """More than 300 s away from now, in either direction, is refused; 300 s is not."""
    raw = event()
    with pytest.raises(SignatureInvalid):
        READER.verify(raw, signed(raw, at=NOW + timedelta(seconds=seconds)), NOW)
    edge = timedelta(seconds=300 if seconds > 0 else -300)
    assert READER.verify(raw, signed(raw, at=NOW + edge), NOW).event_id == "evt_1"


@pytest.mark.spec("S26")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "t",
        "t=,v1=",
        "v1=abc",
        "t=1769860800",
        "t=x,v1=abc",
        "t=-1,v1=abc",
        "t=1769860800,t=1769860801,v1=abc",
        "t=٣,v1=abc",
        "t=1769860800,v1=ü",
        "t=1769860800,v1=\ud800",
        "t=9999999999999999999999,v1=abc",
        "t=1769860800,v1=" + "a" * 10_000,
        ",,,===",
        "\x00",
    ],
)
def test_a_malformed_header_is_an_invalid_signature(header: str) -> None:
    """Whatever stands in the header, the error is SignatureInvalid."""
    with pytest.raises(SignatureInvalid):
        READER.verify(event(), header, NOW)


@pytest.mark.spec("S26")
def test_blanks_are_those_of_http() -> None:
    """A space or a tab may surround a part of the header, and no other blank may."""
    raw = event()
    stamp, _, genuine = signed(raw).partition(",")
    assert READER.verify(raw, f"{stamp}\t, {genuine} ", NOW).event_id == "evt_1"
    for odd in ("\xa0", "\x1f", "\u2003"):
        with pytest.raises(SignatureInvalid):
            READER.verify(raw, f"{stamp},{odd}{genuine}", NOW)


@pytest.mark.spec("S26")
def test_forgeries_are_refused() -> None:
    """Another secret, other bytes, another time, or no secret at all: refused."""
    raw = event()
    for body, header in [
        (raw, signed(raw, "whsec_forged")),
        (raw + b" ", signed(raw)),
        (raw, signed(raw).replace("t=1769860800", "t=1769860801")),
        (b"\xff", signed(raw)),
    ]:
        with pytest.raises(SignatureInvalid):
            READER.verify(body, header, NOW)
    with pytest.raises(SignatureInvalid):
        StripeWebhooks(()).verify(raw, signed(raw), NOW)


@pytest.mark.spec("S26")
def test_a_blank_secret_is_refused_at_once() -> None:
    """With a blank secret anybody could sign, so there is no such reader."""
    with pytest.raises(ValueError, match="blank"):
        StripeWebhooks((SECRET, " "))


@pytest.mark.spec("S14")
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"id":"evt_1","type":"payment_intent.succeeded"}',
        b'{"id":"evt_1","type":"payment_intent.succeeded","data":[]}',
        b'{"id":"evt_1","type":"charge.succeeded","data":{"object":7}}',
        b'{"id":7,"type":"x","data":{"object":{"id":"a"}}}',
        b'{"id":"evt_1","data":{"object":{"id":"a"}}}',
        event(currency=None),
        event(status=None),
        event(id=None),
    ],
)
def test_a_body_without_structure_is_invalid(raw: bytes) -> None:
    """A genuine body that is no event is stored as invalid, under an id of its own."""
    stored = READER.verify(raw, signed(raw), NOW)
    assert stored.status is InboxStatus.INVALID
    assert stored.event_id in ("evt_1", hashlib.sha256(raw).hexdigest())


@pytest.mark.spec("S14")
def test_an_amount_of_zero_is_present() -> None:
    """D1: presence counts, not truth."""
    raw = event(amount=0)
    assert READER.verify(raw, signed(raw), NOW).status is InboxStatus.RECEIVED


@pytest.mark.spec("S26")
def test_other_types_are_unsupported() -> None:
    """A type that nobody handles is stored as such."""
    for kind in ("charge.succeeded", "payment_intent.partially_funded", "topup.succeeded"):
        raw = event(kind)
        assert READER.verify(raw, signed(raw), NOW).status is InboxStatus.UNSUPPORTED


@pytest.mark.spec("S26", "S27")
@pytest.mark.parametrize("kind", sorted(SUPPORTED))
def test_a_venues_account_tells_of_payouts_alone(kind: str) -> None:
    """Metadata are no proof: of another account than ours only payouts are heard."""
    names = {"tenant_id": "t", "payment_id": "p", "payout_id": "o"}
    body = json.loads(event(kind, payment_intent="pi_1", metadata=names))
    theirs = json.dumps(body | {"account": "acct_venue"}).encode()
    stored = READER.verify(theirs, signed(theirs), NOW)
    heard = InboxStatus.RECEIVED if kind in PAYOUTS else InboxStatus.UNSUPPORTED
    assert (stored.status, stored.account) == (heard, "acct_venue")
    own = StripeWebhooks((SECRET,), account="acct_venue")
    assert own.verify(theirs, signed(theirs), NOW).status is InboxStatus.RECEIVED
    ours = json.dumps(body).encode()
    assert own.verify(ours, signed(ours), NOW).status is InboxStatus.RECEIVED


@pytest.mark.spec("S38")
def test_the_fact_is_the_snapshot_at_the_events_time() -> None:
    """A failed attempt is told by the snapshot's status and error, dated by the event."""
    error = {"code": "card_declined", "decline_code": "lost_card", "message": "No."}
    raw = event(
        "payment_intent.payment_failed",
        status="requires_payment_method",
        amount_received=0,
        last_payment_error=error,
    )
    fact = READER.fact(READER.verify(raw, signed(raw), NOW))
    assert fact.status is ProviderStatus.REQUIRES_PAYMENT_METHOD
    assert fact.failure is not None
    assert fact.failure.decline_code == "lost_card"
    assert fact.occurred_at == datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
    assert (fact.amount, fact.received) == (Money(1_234, USD), Money(0, USD))


@pytest.mark.spec("S26")
@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        event().replace(b'"created": 1769860800', b'"created": "now"'),
        event(amount=True),
        event(amount="12"),
        event(currency="xxx"),
        event(last_payment_error="no"),
        event(id=7),
    ],
)
def test_an_event_that_carries_no_fact_says_so(raw: bytes) -> None:
    """A payload that cannot be read as an intent raises ValueError."""
    template = READER.verify(event(), signed(event()), NOW)
    with pytest.raises(ValueError, match=r"event|intent"):
        READER.fact(attrs.evolve(template, payload=raw))


@pytest.mark.spec("S19", "S26")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"metadata": {}, "customer": "cus_1"}, InboxStatus.PROCESSED),
        ({"customer": "cus_1"}, InboxStatus.RECEIVED),
        ({"metadata": {}}, InboxStatus.RECEIVED),
    ],
    ids=["of an invoice", "ours with a customer", "nobody's"],
)
def test_what_pays_an_invoice_is_not_worked_on(
    changes: dict[str, Any], status: InboxStatus
) -> None:
    """An intent with a customer and none of our names pays for a plan: its invoice tells of it."""
    raw = event(**changes)
    assert READER.verify(raw, signed(raw), NOW).status is status
