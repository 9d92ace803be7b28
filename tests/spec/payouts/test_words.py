"""The words, codes and shapes of payouts that others rely on."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any
from uuid import UUID

import attrs
import pytest

from tests.spec.payouts.venues import balances, payout
from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.errors import FieldError, TicketpayError
from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.ledger import Bucket
from ticketpay.domain.money import EUR, CurrencyMismatch, Money, Rate
from ticketpay.domain.payouts import (
    PAYOUT_MACHINE,
    STANDARD_PAYOUT_RULES,
    BalanceNegative,
    Balances,
    DailyLimitExceeded,
    InsufficientFunds,
    Payable,
    Payout,
    PayoutAmountInvalid,
    PayoutEvent,
    PayoutRules,
    PayoutSpeed,
    PayoutState,
    Portion,
    RiskLevel,
    VenueAccount,
    VenueHistory,
    VenueNotConnected,
)


@pytest.mark.spec("S21", "S22")
def test_the_words_of_a_payout() -> None:
    """Each state, event, level and speed has the word under which it is stored and sent."""
    assert words(PayoutState) == "requested processing paid failed cancelled"
    assert words(PayoutEvent) == "process pay fail cancel"
    assert words(RiskLevel) == "low medium high"
    assert words(PayoutSpeed) == "standard instant"
    assert PAYOUT_MACHINE.name == "payout"


@pytest.mark.spec("S21")
@pytest.mark.parametrize(
    ("error", "code", "title"),
    [
        (InsufficientFunds(), "INSUFFICIENT_FUNDS", "Insufficient funds for payout"),
        (DailyLimitExceeded(), "DAILY_LIMIT", "Exceeds daily payout limit"),
        (
            BalanceNegative(),
            "BALANCE_NEGATIVE",
            "Payouts are blocked while the balance is negative",
        ),
        (PayoutAmountInvalid("is wrong"), "VALIDATION_ERROR", "Validation failed"),
        (
            VenueNotConnected(),
            "VENUE_NOT_CONNECTED",
            "The venue has no account to be paid out to",
        ),
    ],
)
def test_codes(error: TicketpayError, code: str, title: str) -> None:
    """Each refusal of payouts has the code that clients rely on and the rule book's words."""
    assert (error.error_code, type(error).title, error.detail) == (code, title, title)


@pytest.mark.spec("S21 D5")
def test_a_wrong_amount_keeps_its_field() -> None:
    """A wrong amount names its field, in another process too."""
    sent = pickle.dumps(PayoutAmountInvalid("is wrong"))
    error = pickle.loads(sent)  # noqa: S301 - our own bytes

    assert type(error) is PayoutAmountInvalid
    assert error.errors == (FieldError("amountCents", "is wrong"),)


@pytest.mark.spec("S21", "S22")
@pytest.mark.parametrize(
    "value", [PayoutRules, VenueAccount, VenueHistory, Balances, Payable, Payout, Portion]
)
def test_values_are_built_by_name(value: type[attrs.AttrsInstance]) -> None:
    """Of the figures of a payout no two can be swapped."""
    assert by_name(value)


@pytest.mark.spec("S20", "S21")
def test_what_is_new_is_blank() -> None:
    """A new guard row has no account and no postings; a new payout has gone nowhere."""
    fresh = VenueAccount(venue_id=VenueId(UUID(int=1)), currency=EUR)
    assert (fresh.provider_account, fresh.postings) == ("", 0)
    asked = {field.name: field.default for field in attrs.fields(Payout)}
    assert (asked["account"], asked["sent"], asked["version"]) == ("", False, 1)


@pytest.mark.spec("S21", "S22")
def test_the_standard_rules() -> None:
    """The standard rules have the figures of the rule book."""
    rules = STANDARD_PAYOUT_RULES

    assert rules == PayoutRules()
    assert [rules.reserve(level).percent for level in RiskLevel] == ["5", "10", "15"]
    assert (rules.minimum_cents, rules.daily_max_cents) == (10_000, 5_000_000)
    assert (rules.instant_fee.percent, rules.instant_fee_min_cents) == ("1", 0)
    assert (rules.chargebacks_low.percent, rules.chargebacks_high.percent) == ("0.3", "1")
    assert (rules.history_days, rules.young_days, rules.old_days) == (90, 90, 365)
    assert rules.reserve_days == 120


@pytest.mark.spec("S21", "S22")
@pytest.mark.parametrize(
    ("figures", "message"),
    [
        ({"reserve_low": Rate(-1)}, "reserves are out of order"),
        ({"reserve_low": Rate(100_001)}, "reserves are out of order"),
        ({"reserve_medium": Rate(150_001)}, "reserves are out of order"),
        ({"reserve_high": Rate(1_000_001)}, "reserves are out of order"),
        ({"chargebacks_low": Rate(0)}, "chargeback rates are out of order"),
        ({"chargebacks_low": Rate(10_001)}, "chargeback rates are out of order"),
        ({"instant_fee": Rate(-1)}, "fees are out of order"),
        ({"instant_fee": Rate(1_000_001)}, "fees are out of order"),
        ({"minimum_cents": -1}, "minimum_cents cannot be negative"),
        ({"daily_max_cents": -1}, "daily_max_cents cannot be negative"),
        ({"instant_fee_min_cents": -1}, "instant_fee_min_cents cannot be negative"),
        ({"history_days": -1}, "history_days cannot be negative"),
        ({"young_days": -1}, "young_days cannot be negative"),
        ({"young_days": 366}, "366 days are not young if 365 are old"),
    ],
)
def test_impossible_rules(figures: dict[str, Any], message: str) -> None:
    """Shares over the whole, levels out of order and limits below zero are no rules."""
    with pytest.raises(ValueError, match=f"^{message}"):
        PayoutRules(**figures)


@pytest.mark.spec("S20", "S21")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: VenueHistory(age_days=-1, paid_count=0, disputed_count=0),
        lambda: VenueHistory(age_days=0, paid_count=-1, disputed_count=0),
        lambda: VenueHistory(age_days=0, paid_count=0, disputed_count=-1),
        lambda: balances(0, -1),
        lambda: attrs.evolve(balances(0), pending_cents=-1),
        lambda: attrs.evolve(balances(0), in_transit_cents=-1),
        lambda: Portion(bucket=Bucket.RESERVED, cents=-1),
    ],
)
def test_impossible_counts(wrong: Callable[[], object]) -> None:
    """Ages, counts and all balances but the available one are never below zero."""
    with pytest.raises(ValueError, match="cannot be negative"):
        wrong()


@pytest.mark.spec("S21")
def test_the_borders_of_the_rules() -> None:
    """Equal levels, a whole share, no share and no limit at all are rules too."""
    whole, none = Rate(1_000_000), Rate(0)
    PayoutRules(reserve_low=whole, reserve_medium=whole, reserve_high=whole, instant_fee=whole)
    PayoutRules(reserve_low=none, reserve_medium=none, reserve_high=none, instant_fee=none)
    PayoutRules(minimum_cents=0, daily_max_cents=0, young_days=365, history_days=0)
    PayoutRules(chargebacks_low=Rate(1), chargebacks_high=Rate(1), young_days=0, old_days=0)


@pytest.mark.spec("S20", "S21")
def test_balances_begin_at_nothing() -> None:
    """A venue of which nothing else is known has nothing reserved, pending or in transit."""
    held = Balances(currency=EUR, available_cents=-5)

    assert (held.available_cents, held.reserved_cents) == (-5, 0)
    assert (held.pending_cents, held.in_transit_cents) == (0, 0)


@pytest.mark.spec("S21")
def test_a_new_payout_is_unheard_of() -> None:
    """A new payout is its first version, unknown to the provider and without a failure."""
    new = payout()

    assert (new.version, new.provider_payout_id, new.failure) == (1, "", None)


@pytest.mark.spec("S21", "S22 D3")
def test_the_key_is_the_payouts() -> None:
    """The key of a payout at the provider comes from its id, so a repeat is the same payout."""
    assert payout().key == "payout:00000000-0000-0000-0000-000000000001"


@pytest.mark.spec("S21 D5", "S22")
@pytest.mark.parametrize(("cents", "fee"), [(0, 0), (-1, -2), (100, 100), (100, 101), (100, -1)])
def test_payouts_that_never_are(cents: int, fee: int) -> None:
    """A payout sends at least one cent and costs at least nothing."""
    with pytest.raises(
        PayoutAmountInvalid, match="amountCents: must be more than the fee"
    ) as caught:
        payout(cents, fee=Money(fee))

    assert [error.field for error in caught.value.errors] == ["amountCents"]


@pytest.mark.spec("S21", "S22")
def test_payouts_that_may_be() -> None:
    """The least payout is of one cent, and the dearest leaves one."""
    assert [payout(1).net, payout(100, fee=Money(99)).net] == [Money(1), Money(1)]
    with pytest.raises(CurrencyMismatch):
        payout(100, fee=Money(1, EUR))
