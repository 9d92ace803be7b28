"""What one fact does to one payment (S13, S15, S30, S35, S38)."""

from __future__ import annotations

import attrs
import pytest

from tests.spec.payments.histories import AMOUNT, DECLINED, REF, fact, fold, payment
from ticketpay.domain.money import EUR, USD, Money
from ticketpay.domain.payments import (
    FactMismatch,
    PaymentEvent,
    PaymentMethod,
    PaymentState,
    ProviderFact,
    ProviderStatus,
    Verdict,
    event_of,
    judge,
)
from ticketpay.domain.payments.errors import AmountRefused
from ticketpay.domain.payments.policy import Ruling


def _status(status: ProviderStatus) -> ProviderFact:
    return attrs.evolve(fact("processing"), status=status)


@pytest.mark.spec("S38", "S38 D1", "S27")
@pytest.mark.parametrize(
    ("status", "event"),
    [
        (ProviderStatus.REQUIRES_PAYMENT_METHOD, None),
        (ProviderStatus.REQUIRES_CONFIRMATION, None),
        (ProviderStatus.REQUIRES_ACTION, None),
        (ProviderStatus.PROCESSING, PaymentEvent.PROCESS),
        (ProviderStatus.REQUIRES_CAPTURE, PaymentEvent.AUTHORIZE),
        (ProviderStatus.SUCCEEDED, PaymentEvent.COMPLETE),
        (ProviderStatus.CANCELED, PaymentEvent.CANCEL),
        (ProviderStatus.UNKNOWN, None),
    ],
)
def test_provider_words(status: ProviderStatus, event: PaymentEvent | None) -> None:
    """Each status of the provider has one meaning; challenges and unknown words move nothing."""
    assert event_of(_status(status)) is event


@pytest.mark.spec("S38")
def test_a_failed_attempt() -> None:
    """An intent that asks for a payment method has failed only when it carries an error."""
    assert event_of(fact("failed")) is PaymentEvent.FAIL
    assert fold([fact("failed")]).failure == DECLINED


@pytest.mark.spec("S30", "S32 D4")
def test_late_success() -> None:
    """A success for a cancelled payment is ruled late: suspense and refund, not a sale."""
    cancelled = payment(state=PaymentState.CANCELLED)

    assert judge(cancelled, fact("succeeded")) == Verdict(
        Ruling.LATE_SUCCESS, PaymentEvent.LATE_SUCCESS
    )


@pytest.mark.spec("S30", "S28")
def test_late_success_is_refunded_once() -> None:
    """The same late success told again is known: one refund, however often it is told."""
    refunded = payment(state=PaymentState.CANCELLED, received_cents=AMOUNT.cents)

    assert judge(refunded, fact("succeeded")).ruling is Ruling.KNOWN


@pytest.mark.spec("S35 D1")
def test_older_facts_are_superseded() -> None:
    """A fact that is older than what is known, or as old and of no higher rank, is superseded."""
    failed = fold([fact("failed", second=5)])

    assert judge(failed, fact("processing", second=4)) == Verdict(Ruling.SUPERSEDED)
    assert judge(failed, fact("processing", second=5)) == Verdict(Ruling.SUPERSEDED)
    assert judge(failed, fact("processing", second=6)).ruling is Ruling.MOVES


@pytest.mark.spec("S35 D1")
@pytest.mark.parametrize(
    ("known", "told", "ruling"),
    [
        ("action", "processing", Ruling.MOVES),
        ("processing", "authorized", Ruling.MOVES),
        ("processing", "failed", Ruling.MOVES),
        ("authorized", "failed", Ruling.MOVES),
        ("failed", "processing", Ruling.SUPERSEDED),
        ("failed", "authorized", Ruling.SUPERSEDED),
    ],
)
def test_of_one_second_the_higher_rank_counts(known: str, told: str, ruling: Ruling) -> None:
    """Of two facts of one second the further one counts: waiting, processing, authorized, failed."""
    held = fold([fact(known, second=5)])

    assert judge(held, fact(told, second=5)).ruling is ruling


@pytest.mark.spec("S35", "S30 D1")
@pytest.mark.parametrize(
    ("state", "word"),
    [
        (PaymentState.COMPLETED, "canceled"),
        (PaymentState.COMPLETED, "processing"),
        (PaymentState.CANCELLED, "failed"),
        (PaymentState.AUTHORIZED, "processing"),
    ],
)
def test_what_the_table_refuses_is_superseded(state: PaymentState, word: str) -> None:
    """A fact for which the payment's state has no move is superseded, and names no event."""
    assert judge(payment(state=state), fact(word)) == Verdict(Ruling.SUPERSEDED)


@pytest.mark.spec("S35", "S28")
@pytest.mark.parametrize("word", ["processing", "authorized", "failed"])
def test_a_fact_told_twice_is_known(word: str) -> None:
    """What a payment already is, is known, together with the event that would make it so."""
    again = judge(fold([fact(word, second=5)]), fact(word, second=6))

    assert again == Verdict(Ruling.KNOWN, event_of(fact(word)))
    assert judge(payment(), fact("action")) == Verdict(Ruling.KNOWN)


@pytest.mark.spec("S30")
def test_one_cent_received_is_received() -> None:
    """A cancelled payment that received a cent has had its late success."""
    refunded = payment(state=PaymentState.CANCELLED, received_cents=1)

    assert judge(refunded, fact("succeeded")) == Verdict(Ruling.KNOWN, PaymentEvent.LATE_SUCCESS)


@pytest.mark.spec("S35")
@pytest.mark.parametrize("word", ["succeeded", "canceled"])
def test_final_facts_win_at_any_time(word: str) -> None:
    """A success or a cancellation is believed however old it is."""
    failed = fold([fact("failed", second=5)])

    assert judge(failed, fact(word, second=0)).ruling is Ruling.MOVES


@pytest.mark.spec("S27", "S38 D1")
def test_a_challenge_moves_nothing_and_is_remembered() -> None:
    """A payment that waits for its buyer stays pending and learns its reference."""
    waiting = fold([fact("action", second=3)])

    assert waiting.state is PaymentState.PENDING
    assert waiting.ref == REF


@pytest.mark.spec("S15", "S27")
@pytest.mark.parametrize(
    "wrong",
    [
        attrs.evolve(fact("processing"), amount=Money(AMOUNT.cents + 1, USD)),
        attrs.evolve(fact("processing"), amount=Money(AMOUNT.cents, EUR)),
        attrs.evolve(fact("succeeded"), received=Money(AMOUNT.cents - 1, USD)),
        attrs.evolve(fact("processing"), ref=attrs.evolve(REF, object_id="pi_2")),
        attrs.evolve(fact("processing"), ref=attrs.evolve(REF, account="acct_2")),
        attrs.evolve(fact("processing"), ref=attrs.evolve(REF, livemode=True)),
        attrs.evolve(fact("processing"), payment_id="another"),
    ],
    ids=["amount", "currency", "received", "intent", "account", "livemode", "payment"],
)
def test_a_mismatch_moves_nothing(wrong: ProviderFact) -> None:
    """A fact about another amount, currency, intent, account, mode or payment is refused."""
    with pytest.raises(FactMismatch) as caught:
        judge(payment(ref=REF), wrong)

    assert caught.value.error_code == "PROVIDER_MISMATCH"


@pytest.mark.spec("S13")
@pytest.mark.parametrize("cents", [0, -1, 100_000_000])
def test_amounts_that_are_never_charged(cents: int) -> None:
    """Zero, less than zero and more than 99,999,999 cents are refused."""
    with pytest.raises(AmountRefused):
        payment(amount=Money(cents))


@pytest.mark.spec("S13")
def test_amounts_that_are_charged() -> None:
    """One cent and 99,999,999 cents can be charged."""
    assert [payment(amount=Money(c)).amount.cents for c in (1, 99_999_999)] == [1, 99_999_999]


@pytest.mark.spec("S15 D2")
def test_the_charge_key_is_the_payments() -> None:
    """The key of a charge at the provider comes from the payment id, so a repeat is the same."""
    assert payment().charge_key == "intent:00000000-0000-0000-0000-000000000001"


@pytest.mark.spec("S15")
def test_card_tokens_are_never_printed() -> None:
    """A token and a method id do not appear in the text of a payment method."""
    method = PaymentMethod(type="card", token="tok_secret", method_id="pm_secret")

    assert "secret" not in repr(method)
