"""What a webhook reader promises: it believes signatures, reads what finds the payment, no more."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import attrs
import pytest

from tests.support.direct import DirectGateway
from tests.support.providers import charge_request
from tests.support.sandboxed import bank
from ticketpay.adapters.sandbox import Delivery, SandboxModel
from ticketpay.adapters.sandbox.banking import DISPUTE_FEE
from ticketpay.adapters.sandbox.delivery import sign
from ticketpay.adapters.stripe import StripeWebhooks
from ticketpay.domain.kernel.ids import PaymentId, RefundId
from ticketpay.domain.messaging import InboxStatus, StoredEvent, TimerKind
from ticketpay.domain.money import Money
from ticketpay.domain.payments import ChargeRequest, SignatureInvalid
from ticketpay.domain.refunds import DisputeState, Refund, RefundReason, RefundState
from ticketpay.ports.payments import PaymentGateway, WebhookReader

SECRET: Final = "whsec_one"
READERS: Final[dict[str, Callable[[], WebhookReader]]] = {
    "stripe": lambda: StripeWebhooks((SECRET,)),
}
"""Every adapter; the events come from the sandbox."""
NOW: Final = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
CARDS: Final = (
    "pm_card_visa",
    "pm_card_visa_chargeDeclined",
    "pm_card_threeDSecureRequired",
    "pm_sandbox_processing",
)


@attrs.frozen
class Post:
    """A reader, and a provider that sends to it what happens to its charges."""

    reader: WebhookReader
    model: SandboxModel
    gateway: PaymentGateway

    def sent(self, request: ChargeRequest | None = None) -> list[Delivery]:
        """What the provider sends about a charge."""
        self.gateway.charge(request or charge_request("pm_card_visa"))
        return self.model.due_deliveries()

    def one(self) -> tuple[bytes, str]:
        """The raw bytes and the signature of one genuine event."""
        last = next(d for d in self.sent() if b'"payment_intent.succeeded"' in d.body)
        return last.body, last.headers["stripe-signature"]


@pytest.fixture(params=READERS)
def post(request: pytest.FixtureRequest) -> Post:
    """One adapter after the other."""
    model = SandboxModel(7, NOW.timestamp)
    model.add_endpoint("http://127.0.0.1/hook", SECRET)
    return Post(READERS[request.param](), model, DirectGateway(model.request, lambda: NOW))


@pytest.mark.spec("S26")
@pytest.mark.parametrize("card", CARDS)
def test_what_the_provider_sends_is_believed_and_finds_its_payment(post: Post, card: str) -> None:
    """Every event of an intent is received with its ids, its raw bytes and its time."""
    request = charge_request(card)
    events = [
        (d, post.reader.verify(d.body, d.headers["stripe-signature"], NOW))
        for d in post.sent(request)
    ]
    ours = [(d, e) for d, e in events if e.event_type.startswith("payment_intent.")]
    assert ours
    for delivery, event in ours:
        assert event.status is InboxStatus.RECEIVED
        assert event.event_id == json.loads(delivery.body)["id"]
        assert event.object_id.startswith("pi_")
        assert event.tenant_id == str(request.tenant_id)
        assert event.payment_id == str(request.payment_id)
        assert (event.payload, event.received_at) == (delivery.body, NOW)
    assert {e.status for _, e in events} <= {InboxStatus.RECEIVED, InboxStatus.UNSUPPORTED}


@pytest.mark.spec("S26", "S35")
@pytest.mark.parametrize("card", CARDS)
def test_the_last_event_tells_what_the_provider_would_answer(post: Post, card: str) -> None:
    """The fact in the newest event of an intent is the fact that a question would get."""
    deliveries = [d for d in post.sent(charge_request(card)) if b'"payment_intent.' in d.body]
    newest = max(deliveries, key=lambda d: json.loads(d.body)["type"] != "payment_intent.created")
    event = post.reader.verify(newest.body, newest.headers["stripe-signature"], NOW)
    fact = post.reader.fact(event)
    assert fact == attrs.evolve(post.gateway.retrieve(fact.ref), occurred_at=fact.occurred_at)
    assert fact.occurred_at == NOW
    assert post.reader.fact(event) == fact


@pytest.mark.spec("S26")
def test_a_forgery_is_not_believed(post: Post) -> None:
    """Other bytes, another signature or none at all: SignatureInvalid."""
    raw, signature = post.one()
    for body, header in (
        (raw + b" ", signature),
        (raw.replace(b"1234", b"9999"), signature),
        (raw, signature[:-4] + "0000"),
        (raw, signature.replace("v1=", "v0=")),
        (raw, ""),
        (b"", signature),
        (raw, "\x00,=,t=,v1="),
    ):
        with pytest.raises(SignatureInvalid):
            post.reader.verify(body, header, NOW)
    assert post.reader.verify(raw, signature, NOW).status is InboxStatus.RECEIVED


@pytest.mark.spec("S26")
@pytest.mark.parametrize("seconds", [-86_400, -301, 301, 86_400])
def test_a_stale_or_future_signature_is_not_believed(post: Post, seconds: int) -> None:
    """More than 300 s away from now, in either direction, is refused; 300 s is not."""
    raw, signature = post.one()
    with pytest.raises(SignatureInvalid):
        post.reader.verify(raw, signature, NOW + timedelta(seconds=seconds))
    edge = timedelta(seconds=300 if seconds > 0 else -300)
    assert post.reader.verify(raw, signature, NOW + edge).received_at == NOW + edge


@pytest.mark.spec("S26")
@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"created": 1}', b"\xff"])
def test_an_event_without_a_fact_says_so(post: Post, payload: bytes) -> None:
    """A stored event whose payload is no intent raises ValueError and nothing else."""
    event = post.reader.verify(*post.one(), NOW)
    with pytest.raises(ValueError, match=r"event|intent"):
        post.reader.fact(attrs.evolve(event, payload=payload))


@pytest.mark.spec("S24", "S27")
def test_an_event_about_a_refund_leads_to_its_payment(post: Post) -> None:
    """Whatever happens to a refund is told with both ids, amount and state, by the intent it is of."""
    charge = post.gateway.charge(charge_request("pm_card_refundFail"))
    refund = Refund(
        id=RefundId(uuid4()),
        payment_id=PaymentId(uuid4()),
        ref=charge.ref,
        amount=Money(500, charge.amount.currency),
        reason=RefundReason.OTHER,
        state=RefundState.PENDING,
        created_at=NOW,
    )
    fact = post.gateway.refund(refund)
    events = [
        post.reader.verify(d.body, d.headers["stripe-signature"], NOW)
        for d in post.model.due_deliveries()
    ]
    told = [(e, notice) for e in events if (notice := post.reader.refund(e))]
    assert told
    for event, notice in told:
        assert event.object_id == charge.ref.object_id
        assert (event.payment_id, event.status) == (str(refund.payment_id), InboxStatus.RECEIVED)
        assert notice.provider_refund_id == fact.provider_refund_id
        assert (notice.refund_id, notice.amount) == (str(refund.id), refund.amount)
        assert notice.state is RefundState.COMPLETED
    others = [e for e in events if e.event_type.startswith("payment_intent.")]
    assert others
    assert [post.reader.refund(e) for e in others] == [None] * len(others)


@pytest.mark.spec("S27")
@pytest.mark.parametrize("verb", ["win", "lose"])
def test_an_event_about_a_dispute_says_how_far_its_money_is(post: Post, verb: str) -> None:
    """An inquiry, the funds withdrawn with a fee, and the end: each is told by its intent."""
    charge = post.gateway.charge(charge_request("pm_card_visa"))
    for step in ("dispute", "escalate", verb):
        given: dict[str, object] = {"inquiry": True, "amount": 500} if step == "dispute" else {}
        assert bank(post.model, charge.ref.object_id, step, **given) == 200
    events = [
        post.reader.verify(d.body, d.headers["stripe-signature"], NOW)
        for d in post.model.due_deliveries()
    ]
    told = [(e, notice) for e in events if (notice := post.reader.dispute(e))]
    for event, notice in told:
        assert (event.object_id, event.status) == (charge.ref.object_id, InboxStatus.RECEIVED)
        assert notice.amount == Money(500, charge.amount.currency)
        assert notice.fee_cents == (0 if notice.state is DisputeState.INQUIRY else DISPUTE_FEE)
        assert post.reader.refund(event) is None
    inquiry, opened = DisputeState.INQUIRY, DisputeState.OPEN
    end = DisputeState.WON if verb == "win" else DisputeState.LOST
    states = [notice.state for _, notice in told]
    assert states[:3] == [inquiry, opened, opened]
    assert set(states[3:]) == {end}
    assert len({notice.provider_dispute_id for _, notice in told}) == 1
    others = [e for e in events if not e.event_type.startswith("charge.dispute")]
    assert [post.reader.dispute(e) for e in others] == [None] * len(others)


TAKEN: Final = {"amount": -5, "fee": 15}
BACK: Final = {"amount": 5, "fee": 0}
PART: Final = {"amount": 3, "fee": 0}


@pytest.mark.spec("S27")
@pytest.mark.parametrize(
    ("name", "status", "moved", "state"),
    [
        ("created", "warning_needs_response", [], DisputeState.INQUIRY),
        ("created", "needs_response", [], DisputeState.INQUIRY),
        ("funds_withdrawn", "needs_response", [], DisputeState.OPEN),
        ("created", "needs_response", [TAKEN], DisputeState.OPEN),
        ("closed", "won", [TAKEN], DisputeState.OPEN),
        ("closed", "won", [TAKEN, BACK], DisputeState.WON),
        ("funds_reinstated", "won", [], DisputeState.WON),
        ("funds_reinstated", "under_review", [TAKEN, PART], DisputeState.OPEN),
        ("closed", "won", [TAKEN, PART], DisputeState.OPEN),
        ("closed", "lost", [TAKEN, PART], DisputeState.LOST),
        ("closed", "lost", [TAKEN, BACK, TAKEN], DisputeState.LOST),
        ("funds_withdrawn", "under_review", [TAKEN, BACK, TAKEN], DisputeState.OPEN),
        ("closed", "won", [], DisputeState.CLOSED),
        ("closed", "warning_closed", [], DisputeState.CLOSED),
        ("closed", "lost", [TAKEN], DisputeState.LOST),
        ("updated", "a new word", [TAKEN], DisputeState.OPEN),
    ],
)
def test_money_decides_what_a_dispute_is(
    post: Post, name: str, status: str, moved: list[object], state: DisputeState
) -> None:
    """Withdrawn and reinstated funds say where a dispute is, before its status does."""
    event = dispute_event(post, name, status=status, balance_transactions=moved)
    notice = post.reader.dispute(event)
    assert notice is not None
    assert (notice.state, notice.fee_cents) == (state, 15 * moved.count(TAKEN))


@pytest.mark.spec("S14", "S27")
@pytest.mark.parametrize("lost", ["id", "amount", "currency", "status", "payment_intent"])
def test_an_event_about_a_dispute_that_lacks_something(post: Post, lost: str) -> None:
    """A dispute without what it is known by is invalid; one of no intent is none of ours."""
    event = dispute_event(post, "created", **{lost: None})
    wanted = InboxStatus.UNSUPPORTED if lost == "payment_intent" else InboxStatus.INVALID
    assert event.status is wanted
    if lost in ("id", "amount", "currency"):
        with pytest.raises(ValueError, match="cannot be read"):
            post.reader.dispute(event)


def dispute_event(post: Post, name: str, **changes: object) -> StoredEvent:
    shown = {
        "id": "dp_1",
        "amount": 5,
        "currency": "usd",
        "status": "needs_response",
        "payment_intent": "pi_1",
    }
    kind, data = f"charge.dispute.{name}", {"object": shown | changes}
    body = json.dumps({"id": "evt_1", "type": kind, "data": data}).encode()
    return post.reader.verify(body, sign(SECRET, int(NOW.timestamp()), body), NOW)


@pytest.mark.spec("S14", "S24")
def test_a_refund_without_a_status_yet_is_under_way(post: Post) -> None:
    """The provider may say null for it."""
    shown = {"id": "re_1", "amount": 5, "currency": "usd", "status": None, "payment_intent": "pi_1"}
    body = json.dumps({"id": "evt_1", "type": "refund.updated", "data": {"object": shown}}).encode()
    event = post.reader.verify(body, sign(SECRET, int(NOW.timestamp()), body), NOW)
    assert event.status is InboxStatus.RECEIVED
    notice = post.reader.refund(event)
    assert notice is not None
    assert notice.state is RefundState.PROCESSING


@pytest.mark.spec("S14", "S24")
@pytest.mark.parametrize("lost", ["id", "amount", "currency", "status", "payment_intent"])
def test_an_event_about_a_refund_that_lacks_something(post: Post, lost: str) -> None:
    """A refund without what it is known by is invalid; one of no intent is none of ours."""
    shown = {
        "id": "re_1",
        "amount": 5,
        "currency": "usd",
        "status": "succeeded",
        "payment_intent": "pi_1",
    }
    whole = {k: v for k, v in shown.items() if k != lost}
    body = json.dumps({"id": "evt_1", "type": "refund.updated", "data": {"object": whole}}).encode()
    event = post.reader.verify(body, sign(SECRET, int(NOW.timestamp()), body), NOW)
    wanted = InboxStatus.UNSUPPORTED if lost == "payment_intent" else InboxStatus.INVALID
    assert event.status is wanted
    if lost != "payment_intent":
        with pytest.raises(ValueError, match="cannot be read"):
            post.reader.refund(event)


@pytest.mark.spec("S19", "S27")
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_whose_plan_an_event_is_about(reader: Callable[[], WebhookReader]) -> None:
    """The venue is in what the subscription carries, and its invoices; no other event is about a plan."""
    known = {"tenant_id": str(uuid4()), "venue_id": str(uuid4())}
    bare: dict[str, object] = {"id": "sub_1", "metadata": known}
    details = {"subscription": "sub_1", "metadata": known}
    bill = {"id": "in_1", "metadata": {}, "parent": {"subscription_details": details}}
    for kind, shown in (("customer.subscription.updated", bare), ("invoice.paid", bill)):
        notice = reader().reminder(_stored(reader(), kind, shown))
        assert notice is not None
        assert notice.kind is TimerKind.SUBSCRIPTION
        assert (notice.tenant_id, notice.subject_id) == tuple(known.values())
        assert _stored(reader(), kind, shown).tenant_id == known["tenant_id"]
    parents: tuple[dict[str, object], ...] = ({}, {"parent": None}, {"parent": {}})
    for parent in parents:
        stored = _stored(reader(), "invoice.payment_failed", {"id": "in_2", **parent})
        notice = reader().reminder(stored)
        assert notice is not None
        assert (notice.tenant_id, notice.subject_id) == ("", "")
    assert reader().reminder(_stored(reader(), "payment_intent.succeeded", bare)) is None


@pytest.mark.spec("S21", "S27")
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("name", ["canceled", "created", "failed", "paid", "updated"])
def test_which_payout_an_event_is_about(reader: Callable[[], WebhookReader], name: str) -> None:
    """Ours is a reason to ask; what a venue pays itself there is its own affair."""
    ours = {"tenant_id": str(uuid4()), "payout_id": str(uuid4())}
    stored = _stored(reader(), f"payout.{name}", {"id": "po_1", "metadata": ours})
    notice = reader().reminder(stored)
    assert notice is not None
    assert notice.kind is TimerKind.PAYOUT
    assert (notice.tenant_id, notice.subject_id) == tuple(ours.values())
    assert (stored.status, stored.tenant_id) == (InboxStatus.RECEIVED, ours["tenant_id"])
    for metadata in ({}, {"order": "7"}, None):
        theirs = _stored(reader(), f"payout.{name}", {"id": "po_1", "metadata": metadata})
        assert theirs.status is InboxStatus.PROCESSED


def _stored(reader: WebhookReader, kind: str, shown: Mapping[str, object]) -> StoredEvent:
    body = {"id": "evt_1", "type": kind, "created": 1, "data": {"object": shown}}
    raw = json.dumps(body).encode()
    return reader.verify(raw, sign(SECRET, int(NOW.timestamp()), raw), NOW)
