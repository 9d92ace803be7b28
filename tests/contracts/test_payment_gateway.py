"""What a payment gateway promises: one effect per key, facts instead of guesses, no hidden retries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.providers import (
    PROVIDERS,
    Provider,
    Script,
    charge_request,
    refund_of,
    said,
)
from ticketpay.adapters.sandbox import Response
from ticketpay.adapters.sandbox.banking import DISPUTE_FEE
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown, TicketpayError
from ticketpay.domain.kernel.ids import PaymentId, RefundId, TenantId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import (
    CaptureMethod,
    Failure,
    PaymentDeclined,
    PaymentMethod,
    ProviderFact,
    ProviderRef,
    ProviderStatus,
    ProviderUnavailable,
)
from ticketpay.domain.refunds import DisputeState, Refund, RefundState
from ticketpay.ports.payments import PaymentGateway, RefundFact

T = TypeVar("T")

REF: Final = ProviderRef("stripe", "", livemode=False, object_id="pi_1")
TENANT: Final = TenantId(UUID(int=2))
PAYMENT: Final = PaymentId(UUID(int=3))
INTENTS: Final = "/v1/payment_intents"


def a_refund() -> Refund:
    return Refund(
        id=RefundId(UUID(int=4)),
        payment_id=PAYMENT,
        ref=REF,
        amount=Money(500, USD),
        reason="late_success",
        state=RefundState.PENDING,
        created_at=datetime.now(UTC),
    )


CALLS: Final[dict[str, Callable[[PaymentGateway], object]]] = {
    "charge": lambda gateway: gateway.charge(charge_request()),
    "retrieve": lambda gateway: gateway.retrieve(REF),
    "confirm": lambda gateway: gateway.confirm(REF, "confirm:1"),
    "cancel": lambda gateway: gateway.cancel(REF, "cancel:1"),
    "find": lambda gateway: gateway.find(TENANT, PAYMENT, datetime.now(UTC)),
    "list_intents": lambda gateway: list(gateway.list_intents(TENANT)),
    "refund": lambda gateway: gateway.refund(a_refund()),
    "refunds_of": lambda gateway: gateway.refunds_of(REF),
    "disputes_of": lambda gateway: gateway.disputes_of(REF),
}
every_call: Final = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@pytest.fixture(scope="module", params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    """One adapter after the other."""
    with PROVIDERS[request.param](partial(request.getfixturevalue, "sandbox_url")) as made:
        yield made


def listed(provider: Provider, tenant: object) -> list[ProviderFact]:
    return list(provider.gateway.list_intents(TenantId(UUID(str(tenant)))))


def timeless(fact: ProviderFact) -> ProviderFact:
    """The fact without the time at which it was told."""
    return attrs.evolve(fact, occurred_at=datetime(2026, 1, 1, tzinfo=UTC))


def shown(status: str = "succeeded", **changes: Any) -> dict[str, Any]:
    intent = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1_234,
        "amount_received": 1_234,
        "currency": "usd",
        "livemode": False,
        "status": status,
        "metadata": {},
    }
    return intent | changes


def page(*items: object, has_more: bool = False) -> dict[str, Any]:
    return {"object": "list", "data": items, "has_more": has_more}


# --- a charge -------------------------------------------------------------------------------


@pytest.mark.spec("S15")
def test_a_charge_succeeds_and_carries_everything_that_identifies_it(provider: Provider) -> None:
    """A charge answers with amount, money received, reserved metadata and a whole second."""
    request = charge_request(metadata=(("payment_id", "forged"), ("note", "a ü&b=c")))
    fact = provider.gateway.charge(request)
    assert (fact.status, fact.raw_status) == (ProviderStatus.SUCCEEDED, "succeeded")
    assert fact.amount == fact.received == Money(1_234, USD)
    assert (fact.tenant_id, fact.payment_id) == (str(request.tenant_id), str(request.payment_id))
    assert (fact.ref.provider, fact.ref.livemode) == ("stripe", False)
    assert fact.client_secret
    assert fact.occurred_at.microsecond == 0
    assert abs(datetime.now(UTC) - fact.occurred_at) < timedelta(seconds=30)
    stored = provider.send("GET", f"{INTENTS}/{fact.ref.object_id}", "")["metadata"]
    assert stored["note"] == "a ü&b=c"


@pytest.mark.spec("S15")
@pytest.mark.parametrize("card", ["tok_visa", "tok_visa_chargeDeclined"])
def test_the_same_key_is_the_same_charge(provider: Provider, card: str) -> None:
    """Sent twice, a charge has one effect and one answer; another key is another charge."""
    tenant = TenantId(uuid4())
    request = charge_request(card, tenant_id=tenant)
    first, second = provider.gateway.charge(request), provider.gateway.charge(request)
    assert timeless(first) == timeless(second)
    third = provider.gateway.charge(attrs.evolve(request, key=f"another:{request.key}"))
    assert third.ref != first.ref
    assert {f.ref for f in listed(provider, tenant)} == {first.ref, third.ref}


@pytest.mark.spec("S15")
def test_a_repeated_charge_tells_how_it_is_now(provider: Provider) -> None:
    """The answer to a repetition is the intent as it has become, not as it was."""
    request = charge_request("pm_card_threeDSecureRequired")
    first = provider.gateway.charge(request)
    assert first.status is ProviderStatus.REQUIRES_ACTION
    provider.gateway.cancel(first.ref, f"cancel:{request.payment_id}")
    second = provider.gateway.charge(request)
    assert (second.ref, second.status) == (first.ref, ProviderStatus.CANCELED)


@pytest.mark.spec("S15")
def test_one_key_at_once_is_one_charge(provider: Provider) -> None:
    """Eight threads send the same charge: all who get an answer get the same intent."""
    request = charge_request(tenant_id=TenantId(uuid4()))

    def charge(_: int) -> ProviderRef | None:
        try:
            return provider.gateway.charge(request).ref
        except ProviderUnavailable:
            return None

    with ThreadPoolExecutor(8) as threads:
        refs = set(threads.map(charge, range(8))) - {None}
    assert {f.ref for f in listed(provider, request.tenant_id)} == refs
    assert len(refs) == 1


@pytest.mark.spec("S15")
def test_a_key_is_for_one_request(provider: Provider) -> None:
    """The same key with another amount is unknown under a code of its own; nothing is charged."""
    request = charge_request(tenant_id=TenantId(uuid4()))
    first = provider.gateway.charge(request)
    with pytest.raises(OutcomeUnknown) as error:
        provider.gateway.charge(attrs.evolve(request, amount=Money(99, USD)))
    assert error.value.error_code == "IDEMPOTENCY_MISMATCH"
    assert [f.ref for f in listed(provider, request.tenant_id)] == [first.ref]


@pytest.mark.spec("S15")
@pytest.mark.parametrize("key", ["k" * 300, "schlüssel", "a\r\nb"])
def test_a_key_may_be_any_text(provider: Provider, key: str) -> None:
    """A key of any length and alphabet makes a charge happen once."""
    request = charge_request(key=f"{uuid4()}{key}")
    assert provider.gateway.charge(request).ref == provider.gateway.charge(request).ref


@pytest.mark.spec("S15")
@pytest.mark.parametrize("card", ["tok_visa_chargeDeclined", "pm_card_visa_chargeDeclined"])
def test_a_decline_is_a_fact(provider: Provider, card: str) -> None:
    """A declined card leaves an intent that asks for another method and says why."""
    fact = provider.pay(card)
    assert fact.status is ProviderStatus.REQUIRES_PAYMENT_METHOD
    assert fact.failure == Failure("card_declined", "generic_decline", "Your card was declined.")
    assert fact.received == Money(0, USD)
    assert timeless(provider.gateway.retrieve(fact.ref)) == timeless(fact)


@pytest.mark.spec("S15")
def test_a_refusal_without_an_intent_is_a_decline(provider: Provider) -> None:
    """An unknown payment method and an unsupported type are declined, nothing is created."""
    tenant = TenantId(uuid4())
    with pytest.raises(PaymentDeclined) as unknown:
        provider.pay("pm_nobody", tenant_id=tenant)
    assert unknown.value.failure.code == "resource_missing"
    bank = PaymentMethod(type="ach", method_id="pm_card_visa")
    with pytest.raises(PaymentDeclined) as kind:
        provider.pay(method=bank, tenant_id=tenant)
    assert "us_bank_account" in kind.value.failure.message
    assert listed(provider, tenant) == []


@pytest.mark.spec("S15")
def test_an_account_is_charged_and_named(provider: Provider) -> None:
    """Every fact names the account of its intent, and another account does not know the intent."""
    fact = provider.pay()
    assert fact.ref.account.startswith("acct_")
    with pytest.raises(NotFound):
        provider.elsewhere.retrieve(attrs.evolve(fact.ref, account=provider.elsewhere_account))
    assert provider.elsewhere.retrieve(fact.ref).ref == fact.ref


# --- the states of an intent ----------------------------------------------------------------


def intent_in(provider: Provider, status: ProviderStatus) -> ProviderRef:
    """An intent in this state."""
    cards = {
        ProviderStatus.REQUIRES_PAYMENT_METHOD: "pm_card_visa_chargeDeclined",
        ProviderStatus.REQUIRES_ACTION: "pm_card_threeDSecureRequired",
        ProviderStatus.PROCESSING: "pm_sandbox_processing",
        ProviderStatus.CANCELED: "pm_card_threeDSecureRequired",
    }
    if status is ProviderStatus.REQUIRES_CONFIRMATION:
        return unconfirmed(provider, "pm_card_visa")
    held = status is ProviderStatus.REQUIRES_CAPTURE
    capture = CaptureMethod.MANUAL if held else CaptureMethod.AUTOMATIC
    ref = provider.pay(cards.get(status, "pm_card_visa"), capture_method=capture).ref
    if status is ProviderStatus.CANCELED:
        provider.gateway.cancel(ref, f"cancel:{uuid4()}")
    assert provider.gateway.retrieve(ref).status is status
    return ref


def unconfirmed(provider: Provider, card: str) -> ProviderRef:
    """An intent that somebody else created without confirming it."""
    form = f"amount=500&currency=usd&payment_method={card}"
    made = provider.send("POST", INTENTS, form)
    return attrs.evolve(provider.pay().ref, object_id=made["id"])


STATES: Final = [status for status in ProviderStatus if status is not ProviderStatus.UNKNOWN]
FINAL: Final = (ProviderStatus.SUCCEEDED, ProviderStatus.PROCESSING)


@pytest.mark.spec("S15")
@pytest.mark.parametrize("status", STATES)
def test_cancel_ends_what_can_be_ended(provider: Provider, status: ProviderStatus) -> None:
    """Cancelling an intent whose money has not moved ends it; another is told as it is."""
    ref = intent_in(provider, status)
    expected = status if status in FINAL else ProviderStatus.CANCELED
    for key in ("cancel:1", "cancel:1", "cancel:2"):
        fact = provider.gateway.cancel(ref, f"{key}:{ref.object_id}")
        assert (fact.ref, fact.status) == (ref, expected)
    assert provider.gateway.retrieve(ref).status is expected


@pytest.mark.spec("S15")
@pytest.mark.parametrize("status", STATES)
def test_confirm_moves_only_what_waits_for_it(provider: Provider, status: ProviderStatus) -> None:
    """Confirming an intent that does not wait for it tells how it is and changes nothing."""
    ref = intent_in(provider, status)
    waits = status is ProviderStatus.REQUIRES_CONFIRMATION
    expected = ProviderStatus.SUCCEEDED if waits else status
    for _ in range(2):
        assert provider.gateway.confirm(ref, f"c:{ref.object_id}").status is expected
    assert provider.gateway.retrieve(ref).status is expected


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("card", "status"),
    [
        ("pm_card_visa_chargeDeclined", ProviderStatus.REQUIRES_PAYMENT_METHOD),
        ("pm_card_threeDSecureRequired", ProviderStatus.REQUIRES_ACTION),
    ],
)
def test_a_confirmation_may_be_declined_or_questioned(
    provider: Provider, card: str, status: ProviderStatus
) -> None:
    """A confirmation that the bank declines or questions is a fact as well."""
    ref = unconfirmed(provider, card)
    assert provider.gateway.confirm(ref, ref.object_id + "k" * 300).status is status


@pytest.mark.spec("S15")
def test_a_held_amount_is_not_received(provider: Provider) -> None:
    """Manual capture ends in requires_capture with nothing received."""
    fact = provider.pay("pm_card_visa", capture_method=CaptureMethod.MANUAL)
    assert (fact.status, fact.received) == (ProviderStatus.REQUIRES_CAPTURE, Money(0, USD))


@pytest.mark.spec("S38")
def test_an_unknown_intent_is_not_found(provider: Provider) -> None:
    """Reading, confirming, cancelling or refunding what the provider does not have: NotFound."""
    for name in ("retrieve", "confirm", "cancel", "refund"):
        with pytest.raises(NotFound):
            CALLS[name](provider.gateway)


# --- questions ------------------------------------------------------------------------------


@pytest.mark.spec("S38")
def test_find_compares_both_ids(provider: Provider) -> None:
    """An intent is found by its tenant and its payment, and by neither alone."""
    request, now = charge_request(), datetime.now(UTC)
    fact = provider.gateway.charge(request)
    provider.pay("pm_card_visa")
    find = provider.gateway.find
    found = find(request.tenant_id, request.payment_id, now)
    assert found is not None
    assert timeless(found) == timeless(fact)
    assert find(TenantId(uuid4()), request.payment_id, now) is None
    assert find(request.tenant_id, PaymentId(uuid4()), now) is None


@pytest.mark.spec("S38")
def test_find_allows_for_clocks_that_differ_by_two_minutes(provider: Provider) -> None:
    """An intent that is up to 120 s older than asked for is found, one of 121 s is not."""
    request = charge_request()
    fact = provider.gateway.charge(request)
    intent = provider.send("GET", f"{INTENTS}/{fact.ref.object_id}", "")
    created = datetime.fromtimestamp(intent["created"], UTC)
    find = provider.gateway.find
    for seconds, found in ((-3_600, True), (120, True), (120.9, True), (121, False)):
        since = created + timedelta(seconds=seconds)
        assert (find(request.tenant_id, request.payment_id, since) is not None) is found


@pytest.mark.spec("S38")
def test_list_intents_gives_one_tenant_and_what_is_left(provider: Provider) -> None:
    """Every intent of the tenant is listed with its money less what was refunded."""
    tenant = TenantId(uuid4())
    kept, refunded = provider.pay(tenant_id=tenant), provider.pay(tenant_id=tenant)
    held = provider.pay(tenant_id=tenant, capture_method=CaptureMethod.MANUAL)
    provider.gateway.cancel(held.ref, f"cancel:{held.payment_id}")
    provider.pay(tenant_id=TenantId(uuid4()))
    provider.gateway.refund(refund_of(refunded, amount=Money(234, USD)))
    left = {f.ref: f.received.cents for f in listed(provider, tenant)}
    assert left == {kept.ref: 1_234, refunded.ref: 1_000, held.ref: 0}


@pytest.mark.spec("S27", "S38")
def test_list_intents_knows_what_banks_have_taken(provider: Provider) -> None:
    """Withdrawn funds are gone, without the fee; an inquiry leaves all of it."""
    tenant = TenantId(uuid4())
    cards = ("pm_card_createDispute", "pm_card_createDisputeInquiry", "tok_visa")
    taken, asked, kept = (provider.pay(card, tenant_id=tenant) for card in cards)
    left = {f.ref: f.received.cents for f in listed(provider, tenant)}
    assert left == {taken.ref: 0, asked.ref: 1_234, kept.ref: 1_234}


# --- refunds --------------------------------------------------------------------------------


@pytest.mark.spec("S15")
def test_a_refund_happens_once_per_key(provider: Provider) -> None:
    """Repeated, a refund is the same refund; another refund is another one."""
    tenant = TenantId(uuid4())
    paid = provider.pay(tenant_id=tenant)
    one, two = (refund_of(paid, amount=Money(500, USD)) for _ in range(2))
    first = provider.gateway.refund(one)
    assert first.state is RefundState.COMPLETED
    assert provider.gateway.refund(one) == first
    assert provider.gateway.refund(two).provider_refund_id != first.provider_refund_id
    assert [f.received.cents for f in listed(provider, tenant)] == [234]


@pytest.mark.spec("S15")
def test_more_than_is_left_is_not_refunded(provider: Provider) -> None:
    """A refund that goes over what is left has failed, and no money moves."""
    tenant = TenantId(uuid4())
    paid = provider.pay(tenant_id=tenant)
    provider.gateway.refund(refund_of(paid, amount=Money(1_000, USD)))
    refused = provider.gateway.refund(refund_of(paid, amount=Money(235, USD)))
    assert refused == RefundFact(provider_refund_id="", state=RefundState.FAILED)
    assert [f.received.cents for f in listed(provider, tenant)] == [234]


def a_shown_refund(**changes: Any) -> dict[str, Any]:
    refund = {"id": "re_1", "amount": 5, "currency": "usd", "status": "pending", "metadata": {}}
    return refund | changes


@pytest.mark.spec("S24")
@pytest.mark.parametrize(
    "code", ["charge_disputed", "charge_already_refunded", "refund_disputed_payment"]
)
def test_what_will_never_be_refunded_has_failed(provider: Provider, code: str) -> None:
    """A refusal for good is a failed refund; one for another reason is unknown."""
    refusal = said({"error": {"type": "invalid_request_error", "code": code}}, 400)
    fact = provider.scripted(Script([refusal, said(page())])).refund(a_refund())
    assert fact == RefundFact(provider_refund_id="", state=RefundState.FAILED)
    other = said({"error": {"type": "invalid_request_error", "code": "parameter_missing"}}, 400)
    with pytest.raises(OutcomeUnknown):
        provider.scripted(Script([other, said(page())])).refund(a_refund())


@pytest.mark.spec("S24", "S38")
def test_every_refund_of_an_intent_is_listed(provider: Provider) -> None:
    """Ours by our id and anybody else's, oldest first; those of other intents are not."""
    paid, other = provider.pay(), provider.pay()
    provider.gateway.refund(refund_of(other))
    made = [refund_of(paid, amount=Money(cents, USD)) for cents in (500, 234)]
    facts = [provider.gateway.refund(one) for one in made]
    listed = provider.gateway.refunds_of(paid.ref)
    assert {n.provider_refund_id for n in listed} == {f.provider_refund_id for f in facts}
    assert {(n.ref, n.refund_id, n.amount) for n in listed} == {
        (paid.ref, str(one.id), one.amount) for one in made
    }
    script = Script([said(page(a_shown_refund(id="re_2"), a_shown_refund()))])
    told = provider.scripted(script).refunds_of(REF)
    assert [(n.provider_refund_id, n.refund_id, n.state) for n in told] == [
        ("re_1", "", RefundState.PROCESSING),
        ("re_2", "", RefundState.PROCESSING),
    ]
    unreadable: list[dict[str, Any]] = [{"amount": "5"}, {"currency": "xxx"}, {"id": 7}]
    for wrong in unreadable:
        with pytest.raises(OutcomeUnknown):
            provider.scripted(Script([said(page(a_shown_refund(**wrong)))])).refunds_of(REF)


def a_shown_dispute(**changes: Any) -> dict[str, Any]:
    dispute = {"id": "dp_1", "amount": 5, "currency": "usd", "status": "needs_response"}
    return dispute | {"balance_transactions": [], "reason": "fraudulent"} | changes


@pytest.mark.spec("S27", "S38")
def test_every_dispute_of_an_intent_is_listed(provider: Provider) -> None:
    """Each as its money stands now, oldest first; those of other intents are not."""
    paid, other = provider.pay("tok_createDispute"), provider.pay("tok_createDispute")
    (told,) = provider.gateway.disputes_of(paid.ref)
    assert (told.ref, told.amount, told.state) == (paid.ref, paid.amount, DisputeState.OPEN)
    assert told.fee_cents == DISPUTE_FEE
    (theirs,) = provider.gateway.disputes_of(other.ref)
    assert theirs.provider_dispute_id != told.provider_dispute_id
    assert provider.gateway.disputes_of(provider.pay().ref) == ()
    back = [{"amount": -5, "fee": 15}, {"amount": 5, "fee": 0}]
    newest = a_shown_dispute(id="dp_2", status="won", balance_transactions=back)
    script = Script([said(page(newest, a_shown_dispute(status="lost")))])
    listed = provider.scripted(script).disputes_of(REF)
    assert [(n.provider_dispute_id, n.state, n.fee_cents) for n in listed] == [
        ("dp_1", DisputeState.LOST, 0),
        ("dp_2", DisputeState.WON, 15),
    ]
    for wrong in ({"amount": "5"}, {"currency": "xxx"}, {"id": 7}, {"balance_transactions": [1]}):
        script = Script([said(page(a_shown_dispute(**wrong)))])
        with pytest.raises(OutcomeUnknown):
            provider.scripted(script).disputes_of(REF)


@pytest.mark.spec("S15")
def test_a_charge_refunded_by_somebody_else_is_not_ours(provider: Provider) -> None:
    """A refund that nobody can point to is never reported as ours: ours has failed."""
    paid = provider.pay()
    provider.gateway.refund(refund_of(paid))
    assert provider.gateway.refund(refund_of(paid)).state is RefundState.FAILED


@pytest.mark.spec("S24", "S25")
def test_a_refund_that_is_known_there_is_only_read(provider: Provider) -> None:
    """With its id at the provider a refund is asked for, not sent: nobody is paid back twice."""
    tenant = TenantId(uuid4())
    paid = provider.pay(tenant_id=tenant)
    refund = refund_of(paid, amount=Money(200, USD))
    fact = provider.gateway.refund(refund)
    known = attrs.evolve(refund, id=RefundId(uuid4()), provider_refund_id=fact.provider_refund_id)
    assert provider.gateway.refund(known) == fact
    assert [f.received.cents for f in listed(provider, tenant)] == [1_034]


def our_refund(refund: Refund) -> dict[str, Any]:
    return {"id": "re_1", "status": "succeeded", "metadata": {"refund_id": str(refund.id)}}


@pytest.mark.spec("S15")
def test_a_refund_that_was_done_is_recognised_by_its_metadata(provider: Provider) -> None:
    """When the provider says that all is refunded, our refund among its refunds is the answer."""
    error = {"error": {"type": "invalid_request_error", "code": "charge_already_refunded"}}
    others = ({"id": "re_0"}, {"id": "re_00", "metadata": ["odd"]})
    script = Script([said(error, 400), said(page(*others, our_refund(a_refund())))])
    fact = provider.scripted(script).refund(a_refund())
    assert fact == RefundFact(provider_refund_id="re_1", state=RefundState.COMPLETED)


@pytest.mark.spec("S15")
def test_an_old_refund_is_asked_for_before_it_is_sent(provider: Provider) -> None:
    """After 23 hours the key may be forgotten, so the provider's list decides."""
    old = attrs.evolve(a_refund(), created_at=datetime.now(UTC) - timedelta(hours=23, minutes=1))
    script = Script([said(page(our_refund(old)))])
    assert provider.scripted(script).refund(old).provider_refund_id == "re_1"
    assert script.seen == ["GET /v1/refunds"]
    unknown = Script([said(page()), said({"id": "re_2", "status": "pending"})])
    fact = provider.scripted(unknown).refund(old)
    assert fact == RefundFact(provider_refund_id="re_2", state=RefundState.PROCESSING)
    assert unknown.seen == ["GET /v1/refunds", "POST /v1/refunds"]


# --- what holds after a fault ---------------------------------------------------------------


@pytest.mark.spec("S15")
@pytest.mark.parametrize("fault", ["timeout_before", "rate_limited"])
def test_before_the_effect_a_repetition_charges_once(provider: Provider, fault: str) -> None:
    """After a fault before the effect nothing is found, and the same key charges, once."""
    request, now = (
        charge_request(f"pm_sandbox_{fault}", tenant_id=TenantId(uuid4())),
        datetime.now(UTC),
    )
    expected = ProviderUnavailable if fault == "rate_limited" else OutcomeUnknown
    with pytest.raises(expected):
        provider.impatient.charge(request)
    assert provider.gateway.find(request.tenant_id, request.payment_id, now) is None
    for _ in range(2):
        assert provider.gateway.charge(request).status is ProviderStatus.SUCCEEDED
    assert len(listed(provider, request.tenant_id)) == 1


@pytest.mark.spec("S15")
def test_after_the_effect_a_repetition_is_the_same_charge(provider: Provider) -> None:
    """After a time-out behind the effect, find and the same key give the one intent there is."""
    request, now = (
        charge_request("pm_sandbox_timeout_after", tenant_id=TenantId(uuid4())),
        datetime.now(UTC),
    )
    with pytest.raises(OutcomeUnknown):
        provider.impatient.charge(request)
    found = provider.gateway.find(request.tenant_id, request.payment_id, now)
    assert found is not None
    assert found.status is ProviderStatus.SUCCEEDED
    assert provider.gateway.charge(request).ref == found.ref
    assert [f.ref for f in listed(provider, request.tenant_id)] == [found.ref]


@pytest.mark.spec("S15")
@pytest.mark.parametrize(("fault", "happened"), [("before", False), ("after", True)])
def test_a_server_error_is_kept_with_its_key(
    provider: Provider, fault: str, *, happened: bool
) -> None:
    """A stored server error is unknown however often it is asked for; find tells the truth."""
    request = charge_request(f"pm_sandbox_error_500_{fault}", tenant_id=TenantId(uuid4()))
    now = datetime.now(UTC)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            provider.gateway.charge(request)
        found = provider.gateway.find(request.tenant_id, request.payment_id, now)
        assert (found is not None) is happened
    assert len(listed(provider, request.tenant_id)) == int(happened)


@pytest.mark.spec("S15")
def test_an_unknown_cancellation_can_be_repeated(provider: Provider) -> None:
    """After a time-out behind a cancellation the intent is cancelled; the same key says so."""
    asked = (("sandbox_fault", "cancel:timeout_after"),)
    waiting = provider.pay("pm_card_threeDSecureRequired", metadata=asked)
    key = f"cancel:{waiting.payment_id}"
    with pytest.raises(OutcomeUnknown):
        provider.impatient.cancel(waiting.ref, key)
    assert provider.gateway.retrieve(waiting.ref).status is ProviderStatus.CANCELED
    assert provider.gateway.cancel(waiting.ref, key).status is ProviderStatus.CANCELED


def patiently(call: Callable[[], T]) -> T:
    """The answer of a call whose first try the provider may still be busy with."""
    for _ in range(100):
        try:
            return call()
        except ProviderUnavailable:
            time.sleep(0.05)
    return call()


@pytest.mark.spec("S15")
def test_an_unknown_refund_can_be_repeated(provider: Provider) -> None:
    """After a time-out behind a refund the same refund is done, once."""
    tenant, asked = TenantId(uuid4()), (("sandbox_fault", "refund:timeout_after"),)
    paid = provider.pay(tenant_id=tenant, metadata=asked)
    refund = refund_of(paid, amount=Money(234, USD))
    with pytest.raises(OutcomeUnknown):
        provider.impatient.refund(refund)
    assert patiently(lambda: provider.gateway.refund(refund)).state is RefundState.COMPLETED
    assert [f.received.cents for f in listed(provider, tenant)] == [1_000]


@pytest.mark.spec("S15")
@every_call
def test_nobody_there_is_nothing_happened(
    provider: Provider, call: Callable[[PaymentGateway], object]
) -> None:
    """A refused connection and bad credentials are known to have done nothing."""
    for gateway in (provider.unreachable, provider.stranger):
        with pytest.raises(ProviderUnavailable):
            call(gateway)


BROKEN: Final[list[tuple[Response, type[TicketpayError]]]] = [
    (said(b"", hang=True), OutcomeUnknown),
    (said(b"", 500), OutcomeUnknown),
    (said(b"bad gateway", 502), OutcomeUnknown),
    (said(b"{}", 302), OutcomeUnknown),
    (said({"error": {"type": "api_error"}}, 503), OutcomeUnknown),
    (said({"error": {"type": "idempotency_error"}}, 400), OutcomeUnknown),
    (said({"error": {"type": "idempotency_error"}}, 409), OutcomeUnknown),
    (said({"error": {"code": "idempotency_key_in_use"}}, 409), ProviderUnavailable),
    (said({"error": {"code": "rate_limit"}}, 400), ProviderUnavailable),
    (said({"error": {"message": "slowly"}}, 429), ProviderUnavailable),
    (said({"error": {"message": "no"}}, 401), ProviderUnavailable),
    (said({"error": {"message": "no"}}, 403), ProviderUnavailable),
]


@pytest.mark.spec("S15")
@every_call
def test_a_failure_is_one_request(
    provider: Provider, call: Callable[[PaymentGateway], object]
) -> None:
    """Whatever the provider's failure, it has its one meaning, and nothing is sent again."""
    for answer, error in BROKEN:
        script = Script([answer])
        with pytest.raises(error):
            call(provider.scripted(script))
        assert len(script.seen) == 1


GARBAGE: Final = [
    said(b""),
    said(b"<html>"),
    said(b"\xff"),
    said(b"[" * 100_000),
    said(b"[]"),
    said(b"null"),
    said(b"7"),
    said(b'"text"'),
    said(b"{}"),
    said(page("x")),
    said(page("x", {"id": "pi_1"})),
    said(page({})),
    said(page(has_more=True)),
    said({"data": {"a": 1}, "has_more": False}),
    said(b"{}", 400),
    said(b'{"error":[]}', 400),
    said(b'{"error":"text"}', 404),
    said(b'{"error":"invalid_request"}', 400),
]


@pytest.mark.spec("S15")
@every_call
def test_an_answer_that_cannot_be_read_is_unknown(
    provider: Provider, call: Callable[[PaymentGateway], object]
) -> None:
    """Whatever comes back, it ends in OutcomeUnknown and in nothing else."""
    for answer in GARBAGE:
        with pytest.raises(OutcomeUnknown):
            call(provider.scripted(Script([answer])))


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("confirm", said(shown("requires_confirmation"))),
        ("find", said(page(shown(), has_more=True))),
        ("list_intents", said(page(shown(), has_more=True))),
        ("refund", said({"error": {"code": "charge_already_refunded"}}, 400)),
        ("refunds_of", said(page(a_shown_refund(), has_more=True))),
        ("disputes_of", said(page(a_shown_dispute(), has_more=True))),
        ("charge", said(shown(), headers={"idempotent-replayed": "true"})),
        ("cancel", said({"error": {"code": "payment_intent_unexpected_state"}}, 400)),
    ],
)
def test_the_second_answer_may_be_the_bad_one(
    provider: Provider, name: str, sound: Response
) -> None:
    """A call that takes two requests is as careful with the second answer as with the first."""
    for answer in (*GARBAGE, said(b"", hang=True)):
        script = Script([sound, answer])
        with pytest.raises(OutcomeUnknown):
            CALLS[name](provider.scripted(script))
        assert len(script.seen) == 2


UNREADABLE: Final = [
    shown(amount="12"),
    shown(amount=12.5),
    shown(currency="xxx"),
    shown(id=""),
    shown(id=7),
    shown(last_payment_error="no"),
    {k: v for k, v in shown().items() if k != "status"},
]


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    "name", ["charge", "retrieve", "confirm", "cancel", "find", "list_intents"]
)
def test_an_intent_that_cannot_be_read_is_unknown(provider: Provider, name: str) -> None:
    """An intent with a field that is missing or of the wrong type is no fact."""
    ours = {"metadata": {"tenant_id": str(TENANT), "payment_id": str(PAYMENT)}}
    for intent in UNREADABLE:
        body = page(intent | ours) if name in ("find", "list_intents") else intent
        with pytest.raises(OutcomeUnknown):
            CALLS[name](provider.scripted(Script([said(body)])))


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
def test_refund_statuses(provider: Provider, status: str, state: RefundState) -> None:
    """Each status of a refund has its state; an unknown one is still under way."""
    script = Script([said({"id": "re_1", "object": "refund", "status": status})])
    assert provider.scripted(script).refund(a_refund()).state is state


@pytest.mark.spec("S38")
def test_an_unknown_status_is_unknown_and_kept(provider: Provider) -> None:
    """A status that did not exist when this was written is kept as a text."""
    fact = provider.scripted(Script([said(shown("requires_blessing"))])).retrieve(REF)
    assert (fact.status, fact.raw_status) == (ProviderStatus.UNKNOWN, "requires_blessing")


@pytest.mark.spec("S38")
def test_a_list_goes_beyond_its_first_page(provider: Provider) -> None:
    """An intent behind more than a page of others is found, and all are listed, newest first."""
    tenant, now = TenantId(uuid4()), datetime.now(UTC)
    wanted = charge_request(tenant_id=tenant)
    refs = [provider.gateway.charge(wanted).ref.object_id]
    form = f"amount=500&currency=usd&metadata[tenant_id]={tenant}"
    refs += [provider.send("POST", INTENTS, form)["id"] for _ in range(100)]
    found = provider.gateway.find(tenant, wanted.payment_id, now)
    assert found is not None
    assert found.ref.object_id == refs[0]
    assert [f.ref.object_id for f in listed(provider, tenant)] == refs[::-1]
