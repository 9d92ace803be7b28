"""What the gateway makes of the provider's answers, over HTTP and in process."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from ticketpay.adapters.sandbox import SandboxModel
from ticketpay.adapters.stripe import StripeGateway
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown, TicketpayError
from ticketpay.domain.kernel.ids import PaymentId, TenantId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import (
    CaptureMethod,
    Failure,
    PaymentDeclined,
    PaymentMethod,
    ProviderRef,
    ProviderStatus,
    ProviderUnavailable,
)
from ticketpay.domain.refunds import RefundState

KEY = "sk_test_1"


@attrs.frozen
class Scripted:
    """One prescribed answer."""

    status: int = 200
    headers: dict[str, str] = attrs.field(factory=dict)
    body: bytes = b"{}"
    hang: bool = False


def scripted(*answers: Scripted, **options: Any) -> StripeGateway:
    left = list(answers)
    return StripeGateway.create(KEY, transport=lambda *_: left.pop(0), **options)


def shown(**changes: Any) -> dict[str, Any]:
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1_234,
        "amount_received": 1_234,
        "currency": "usd",
        "livemode": False,
        "status": "succeeded",
        "metadata": {},
    }
    return intent | changes


def answer(body: object, status: int = 200, **headers: str) -> Scripted:
    return Scripted(status, headers, json.dumps(body).encode())


REF = ProviderRef("stripe", "", livemode=False, object_id="pi_1")


@pytest.mark.spec("S15")
def test_a_charge_succeeds_and_carries_everything_that_identifies_it(desk: Any) -> None:
    """A charge answers with amount, money received, reserved metadata and a whole second."""
    request = desk.request("tok_visa", metadata=(("payment_id", "forged"), ("note", "x")))
    fact = desk.gateway.charge(request)
    assert fact.status is ProviderStatus.SUCCEEDED
    assert fact.raw_status == "succeeded"
    assert fact.amount == fact.received == Money(1_234, USD)
    assert (fact.tenant_id, fact.payment_id) == (str(request.tenant_id), str(request.payment_id))
    assert fact.ref.provider == "stripe"
    assert not fact.ref.livemode
    assert fact.client_secret
    assert fact.occurred_at.microsecond == 0
    assert abs(datetime.now(UTC) - fact.occurred_at) < timedelta(seconds=5)


@pytest.mark.spec("S15")
def test_one_key_charges_once_and_a_replay_is_read_again(desk: Any) -> None:
    """The same request sent twice gives the same intent, and its state as it is by then."""
    request = desk.request("pm_card_threeDSecureRequired")
    first = desk.gateway.charge(request)
    assert first.status is ProviderStatus.REQUIRES_ACTION
    desk.gateway.cancel(first.ref, f"cancel:{request.payment_id}")
    second = desk.gateway.charge(request)
    assert second.ref == first.ref
    assert second.status is ProviderStatus.CANCELED


@pytest.mark.spec("S15")
@pytest.mark.parametrize("token", ["tok_visa_chargeDeclined", "pm_card_visa_chargeDeclined"])
def test_a_decline_is_a_fact(desk: Any, token: str) -> None:
    """A declined card leaves an intent that asks for another method and says why."""
    fact = desk.pay(token)
    assert fact.status is ProviderStatus.REQUIRES_PAYMENT_METHOD
    assert fact.failure == Failure("card_declined", "generic_decline", "Your card was declined.")
    assert fact.received == Money(0, USD)


@pytest.mark.spec("S15")
def test_a_refusal_without_an_intent_is_a_decline(desk: Any) -> None:
    """An unknown payment method and an unsupported type are declined, nothing is created."""
    with pytest.raises(PaymentDeclined) as unknown:
        desk.pay("pm_nobody")
    assert unknown.value.failure.code == "resource_missing"
    with pytest.raises(PaymentDeclined) as kind:
        desk.pay(method=PaymentMethod(type="ach", method_id="pm_card_visa"))
    assert "us_bank_account" in kind.value.failure.message


@pytest.mark.spec("S15")
def test_a_held_amount_is_not_received(desk: Any) -> None:
    """Manual capture ends in requires_capture with nothing received."""
    fact = desk.pay("pm_card_visa", capture_method=CaptureMethod.MANUAL)
    assert fact.status is ProviderStatus.REQUIRES_CAPTURE
    assert fact.received == Money(0, USD)


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("fault", "error", "happened"),
    [
        ("timeout_before", OutcomeUnknown, False),
        ("timeout_after", OutcomeUnknown, True),
        ("error_500_before", OutcomeUnknown, False),
        ("error_500_after", OutcomeUnknown, True),
        ("rate_limited", ProviderUnavailable, False),
    ],
)
def test_every_fault_is_translated_and_the_truth_can_be_found(
    desk: Any, fault: str, error: type[TicketpayError], *, happened: bool
) -> None:
    """A time-out or a server error is unknown, a rate limit is nothing; find tells the truth."""
    request = desk.request(f"pm_sandbox_{fault}")
    since = datetime.now(UTC)
    with pytest.raises(error):
        desk.gateway.charge(request)
    found = desk.gateway.find(request.tenant_id, request.payment_id, since)
    assert (found is not None) is happened
    if found is not None:
        assert found.status is ProviderStatus.SUCCEEDED


@pytest.mark.spec("S38")
def test_find_pages_to_the_end_and_compares_both_ids(in_process: Any) -> None:
    """An intent behind more than one page is found, and only for its own tenant."""
    wanted = in_process.request("pm_card_visa")
    in_process.gateway.charge(wanted)
    for _ in range(105):
        in_process.pay("pm_card_visa")
    now, find = datetime.now(UTC), in_process.gateway.find
    found = find(wanted.tenant_id, wanted.payment_id, now)
    assert found is not None
    assert found.payment_id == str(wanted.payment_id)
    assert find(TenantId(uuid4()), wanted.payment_id, now) is None
    assert find(wanted.tenant_id, PaymentId(uuid4()), now) is None
    assert find(wanted.tenant_id, wanted.payment_id, now + timedelta(seconds=600)) is None


@pytest.mark.spec("S38")
def test_list_intents_gives_one_tenant_and_what_is_left(desk: Any) -> None:
    """Every intent of the tenant is listed with its money less what was refunded."""
    tenant = TenantId(uuid4())
    kept, refunded = desk.pay(tenant_id=tenant), desk.pay(tenant_id=tenant)
    held = desk.pay("pm_card_visa", tenant_id=tenant, capture_method=CaptureMethod.MANUAL)
    desk.gateway.cancel(held.ref, "cancel:held")
    desk.pay(tenant_id=TenantId(uuid4()))
    desk.gateway.refund(desk.refund_of(refunded, amount=Money(234, USD)))
    left = {f.ref.object_id: f.received.cents for f in desk.gateway.list_intents(tenant)}
    assert left == {
        kept.ref.object_id: 1_234,
        refunded.ref.object_id: 1_000,
        held.ref.object_id: 0,
    }


@pytest.mark.spec("S15")
def test_cancel_tells_how_it_is_when_it_is_too_late(desk: Any) -> None:
    """A succeeded intent cannot be cancelled: the answer is the succeeded intent."""
    paid = desk.pay()
    assert desk.gateway.cancel(paid.ref, "cancel:1").status is ProviderStatus.SUCCEEDED
    waiting = desk.pay("pm_card_threeDSecureRequired")
    cancelled = desk.gateway.cancel(waiting.ref, f"cancel:{waiting.payment_id}")
    assert cancelled.status is ProviderStatus.CANCELED


@pytest.mark.spec("S15")
def test_confirm_only_reads_what_does_not_wait_for_it(desk: Any) -> None:
    """Confirming an intent that waits for the buyer, or is done, changes nothing."""
    waiting = desk.pay("pm_card_threeDSecureRequired")
    assert desk.gateway.confirm(waiting.ref, "c:1").status is ProviderStatus.REQUIRES_ACTION
    paid = desk.pay()
    assert desk.gateway.confirm(paid.ref, "c:2").status is ProviderStatus.SUCCEEDED


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("card", "status"),
    [
        ("pm_card_visa", ProviderStatus.SUCCEEDED),
        ("pm_card_visa_chargeDeclined", ProviderStatus.REQUIRES_PAYMENT_METHOD),
    ],
)
def test_confirm_confirms_what_waits_for_it(
    model: SandboxModel, in_process: Any, card: str, status: ProviderStatus
) -> None:
    """An intent in requires_confirmation is confirmed, under a key of any length."""
    body = f"amount=500&currency=usd&payment_method={card}".encode()
    headers = {"authorization": f"Bearer {KEY}"}
    made = json.loads(model.request("POST", "/v1/payment_intents", headers, body).body)
    ref = ProviderRef("stripe", "", livemode=False, object_id=made["id"])
    assert in_process.gateway.retrieve(ref).status is ProviderStatus.REQUIRES_CONFIRMATION
    assert in_process.gateway.confirm(ref, "k" * 300).status is status


@pytest.mark.spec("S38")
def test_an_unknown_intent_is_not_found(desk: Any) -> None:
    """Retrieving what the provider does not have raises NotFound."""
    with pytest.raises(NotFound):
        desk.gateway.retrieve(REF)


@pytest.mark.spec("S15")
def test_a_refund_happens_once_whatever_its_key_is_worth(desk: Any) -> None:
    """Repeated, and repeated after its key is forgotten, a refund is the same refund."""
    paid = desk.pay()
    refund = desk.refund_of(paid, amount=Money(500, USD))
    first = desk.gateway.refund(refund)
    assert first.state is RefundState.COMPLETED
    assert desk.gateway.refund(refund) == first
    old = attrs.evolve(refund, created_at=datetime.now(UTC) - timedelta(hours=30))
    assert desk.gateway.refund(old) == first
    left = [f for f in desk.gateway.list_intents(UUID(paid.tenant_id)) if f.ref == paid.ref]
    assert left[0].received == Money(734, USD)


@pytest.mark.spec("S15")
def test_a_fully_refunded_charge_is_recognised_by_its_metadata(scripted_refund: Any) -> None:
    """When the provider says that all is refunded, our refund among its refunds is the answer."""
    gateway, refund = scripted_refund
    fact = gateway.refund(refund)
    assert (fact.provider_refund_id, fact.state) == ("re_1", RefundState.COMPLETED)


@pytest.fixture
def scripted_refund(in_process: Any) -> Any:
    refund = in_process.refund_of(in_process.pay())
    error = {"error": {"type": "invalid_request_error", "code": "charge_already_refunded"}}
    ours = {"id": "re_1", "status": "succeeded", "metadata": {"refund_id": str(refund.id)}}
    listed = {"object": "list", "data": [ours], "has_more": False}
    return scripted(answer(error, 400), answer(listed)), refund


@pytest.mark.spec("S15")
def test_a_charge_refunded_by_somebody_else_is_unknown(in_process: Any) -> None:
    """A refund that nobody can point to is never reported as ours."""
    paid = in_process.pay()
    in_process.gateway.refund(in_process.refund_of(paid))
    with pytest.raises(OutcomeUnknown):
        in_process.gateway.refund(in_process.refund_of(paid))


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", RefundState.PROCESSING),
        ("requires_action", RefundState.PROCESSING),
        ("succeeded", RefundState.COMPLETED),
        ("failed", RefundState.FAILED),
        ("canceled", RefundState.FAILED),
        ("new_word", RefundState.PROCESSING),
    ],
)
def test_refund_statuses(in_process: Any, status: str, state: RefundState) -> None:
    """Each status of a refund has its state; an unknown one is still under way."""
    refund = in_process.refund_of(in_process.pay())
    fact = scripted(answer({"id": "re_1", "object": "refund", "status": status})).refund(refund)
    assert fact.state is state


@pytest.mark.spec("S38")
def test_the_providers_date_wins_over_our_clock() -> None:
    """An answer is dated by its Date header, else by our clock, in whole seconds."""
    now = datetime(2026, 1, 31, 12, 0, 0, 999_999, tzinfo=UTC)
    dated = answer(shown(), date="Tue, 15 Nov 1994 08:12:31 GMT")
    gateway = scripted(dated, answer(shown()), now=lambda: now)
    assert gateway.retrieve(REF).occurred_at == datetime(1994, 11, 15, 8, 12, 31, tzinfo=UTC)
    assert gateway.retrieve(REF).occurred_at == now.replace(microsecond=0)


@pytest.mark.spec("S38")
def test_an_unknown_status_is_unknown_and_kept() -> None:
    """A status that did not exist when this was written is kept as a text."""
    fact = scripted(answer(shown(status="requires_blessing"))).retrieve(REF)
    assert (fact.status, fact.raw_status) == (ProviderStatus.UNKNOWN, "requires_blessing")


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("given", "error"),
    [
        (Scripted(body=b"[]"), OutcomeUnknown),
        (Scripted(body=b"<html>"), OutcomeUnknown),
        (Scripted(body=b"{}"), OutcomeUnknown),
        (Scripted(body=b"\xff"), OutcomeUnknown),
        (Scripted(302), OutcomeUnknown),
        (Scripted(502, body=b"bad gateway"), OutcomeUnknown),
        (Scripted(400, body=b'{"error":[]}'), OutcomeUnknown),
        (answer(shown(amount="12")), OutcomeUnknown),
        (answer(shown(amount=12.5)), OutcomeUnknown),
        (answer(shown(currency="xxx")), OutcomeUnknown),
        (Scripted(hang=True), OutcomeUnknown),
        (Scripted(401, body=b'{"error":{"message":"no"}}'), ProviderUnavailable),
        (Scripted(403, body=b'{"error":{"message":"no"}}'), ProviderUnavailable),
        (Scripted(400, body=b'{"error":{"type":"idempotency_error"}}'), OutcomeUnknown),
        (Scripted(409, body=b'{"error":{"type":"idempotency_error"}}'), OutcomeUnknown),
        (
            Scripted(409, body=b'{"error":{"code":"idempotency_key_in_use"}}'),
            ProviderUnavailable,
        ),
    ],
)
def test_an_answer_that_cannot_be_understood_is_unknown(
    in_process: Any, given: Scripted, error: type[TicketpayError]
) -> None:
    """Whatever comes back from a charge, it ends in one of the errors of the port."""
    with pytest.raises(error):
        scripted(given).charge(in_process.request())


@pytest.mark.spec("S15")
def test_a_key_used_for_another_request_is_named(desk: Any) -> None:
    """The same key with another amount is unknown, with a code of its own."""
    request = desk.request()
    desk.gateway.charge(request)
    with pytest.raises(OutcomeUnknown) as error:
        desk.gateway.charge(attrs.evolve(request, amount=Money(99, USD)))
    assert error.value.error_code == "IDEMPOTENCY_MISMATCH"


@pytest.mark.spec("S15")
def test_a_connected_account_is_charged_and_named(model: SandboxModel, in_process: Any) -> None:
    """With an account, every call speaks to it and every fact names it."""
    gateway = StripeGateway.create(KEY, transport=model.request, account="acct_7")
    platform = StripeGateway.create(KEY, transport=model.request)
    fact = gateway.charge(in_process.request())
    assert fact.ref.account == "acct_7"
    assert platform.retrieve(fact.ref).status is ProviderStatus.SUCCEEDED
    with pytest.raises(NotFound):
        platform.retrieve(attrs.evolve(fact.ref, account=""))
