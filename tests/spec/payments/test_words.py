"""The words, codes and shapes of payments that others rely on."""

from __future__ import annotations

import attrs
import pytest

from tests.spec.payments.histories import AMOUNT, DECLINED, REF, fact, payment
from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    CaptureMethod,
    ChargeRequest,
    FactMismatch,
    Failure,
    Payment,
    PaymentDeclined,
    PaymentEvent,
    PaymentMethod,
    PaymentMethodUnsupported,
    PaymentNotPayable,
    PaymentState,
    ProviderFact,
    ProviderStatus,
    ProviderUnavailable,
    SignatureInvalid,
)
from ticketpay.domain.payments.errors import AmountRefused
from ticketpay.domain.payments.model import AMOUNT_CENTS_MAX
from ticketpay.domain.payments.policy import Ruling


@pytest.mark.spec("S30", "S38")
def test_the_words_of_a_payment() -> None:
    """Each state, event, ruling and status has the word under which it is stored and sent."""
    assert words(PaymentState) == "pending processing authorized completed failed cancelled"
    assert words(PaymentEvent) == "process authorize complete fail retry cancel late_success"
    assert words(CaptureMethod) == "automatic manual"
    assert words(Ruling) == "moves known superseded late_success"
    assert words(ProviderStatus) == (
        "requires_payment_method requires_confirmation requires_action processing"
        " requires_capture succeeded canceled unknown"
    )
    assert PAYMENT_MACHINE.name == "payment"


@pytest.mark.spec("S38")
def test_an_intent_is_open_until_it_ends() -> None:
    """Only a success and a cancellation end an intent; an unknown status may still take money."""
    ended = [status for status in ProviderStatus if not status.is_open]

    assert ended == [ProviderStatus.SUCCEEDED, ProviderStatus.CANCELED]


@pytest.mark.spec("S13", "S26")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PaymentDeclined(DECLINED), "PAYMENT_DECLINED"),
        (PaymentMethodUnsupported(), "PAYMENT_METHOD_UNSUPPORTED"),
        (PaymentNotPayable(), "PAYMENT_NOT_PAYABLE"),
        (AmountRefused(), "AMOUNT_REFUSED"),
        (FactMismatch(), "PROVIDER_MISMATCH"),
        (ProviderUnavailable(), "PROVIDER_UNAVAILABLE"),
        (SignatureInvalid(), "INVALID_SIGNATURE"),
    ],
)
def test_codes(error: TicketpayError, code: str) -> None:
    """Each refusal of payments has the code that clients rely on."""
    assert error.error_code == code


@pytest.mark.spec("S13")
def test_a_decline_says_why() -> None:
    """A decline carries its failure, and says the provider's text or, without one, its code."""
    assert PaymentDeclined(DECLINED).failure is DECLINED
    assert PaymentDeclined(DECLINED).detail == "No money"
    assert PaymentDeclined(Failure("card_declined")).detail == "card_declined"
    assert Failure("card_declined") == Failure("card_declined", "", "")


@pytest.mark.spec("S13")
@pytest.mark.parametrize("value", [Payment, PaymentMethod, ChargeRequest, ProviderFact])
def test_values_are_built_by_name(value: type[attrs.AttrsInstance]) -> None:
    """Of the values of a payment no two fields can be swapped."""
    assert by_name(value)


@pytest.mark.spec("S15")
def test_a_new_payment_knows_nothing() -> None:
    """A new payment is the first version of the whole order's share, captured at once, unheard of."""
    new = payment()

    assert (new.share, new.version, new.capture_method) == (1, 1, CaptureMethod.AUTOMATIC)
    assert (new.ref, new.provider_status, new.received_cents) == (None, "", 0)
    assert (new.failure, new.last_fact_at, new.confirmed_at) == (None, None, None)
    assert AMOUNT_CENTS_MAX == 99_999_999


@pytest.mark.spec("S15")
def test_the_account_is_where_the_money_is() -> None:
    """The provider's account is that of the intent; without one it is the platform's own."""
    connected = attrs.evolve(REF, account="acct_1")

    assert payment(ref=connected).provider_account == "acct_1"
    assert [payment().provider_account, payment(ref=REF).provider_account] == ["", ""]


@pytest.mark.spec("S15", "S27")
def test_a_fact_may_name_nobody() -> None:
    """A fact without metadata or failure has none, and never prints its client secret."""
    bare = ProviderFact(
        ref=REF,
        status=ProviderStatus.PROCESSING,
        amount=AMOUNT,
        received=AMOUNT,
        occurred_at=fact("processing").occurred_at,
    )

    assert (bare.failure, bare.tenant_id, bare.payment_id) == (None, "", "")
    assert (bare.client_secret, bare.raw_status) == ("", "")
    assert "pi_secret" not in repr(attrs.evolve(bare, client_secret="pi_secret"))


@pytest.mark.spec("S15", "S12 D5")
def test_a_request_prints_no_method() -> None:
    """A charge request has no metadata but the caller's and does not print how the buyer pays."""
    fields = attrs.fields_dict(ChargeRequest)
    method = PaymentMethod(type="card")

    assert not fields["method"].repr
    assert fields["metadata"].default == ()
    assert (method.token, method.method_id) == (None, None)
