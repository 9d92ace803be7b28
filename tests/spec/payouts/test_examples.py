"""The figures of payouts: the rule book's check figures, and each border from both sides."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from tests.spec.payouts.venues import NOW, balances, limit, payout
from ticketpay.domain.kernel.errors import FieldError
from ticketpay.domain.ledger import Bucket
from ticketpay.domain.money import EUR, USD, CurrencyMismatch, Money, Rate
from ticketpay.domain.payouts import (
    BalanceNegative,
    DailyLimitExceeded,
    InsufficientFunds,
    PayoutAmountInvalid,
    PayoutRules,
    PayoutSpeed,
    PayoutState,
    Portion,
    RiskLevel,
    VenueHistory,
    check_payout,
    paid_out_cents,
    payable,
    payout_fee,
    recovery_order,
    risk_level,
)

LOW, MEDIUM, HIGH = RiskLevel
MORNING = NOW.replace(hour=0)


@pytest.mark.spec("S21", "check:S21", "S21 D3", "S21 D7")
@pytest.mark.parametrize(
    ("available", "reserved", "level", "required", "additional", "free"),
    [
        (1_000_000, 20_000, MEDIUM, 100_000, 80_000, 920_000),
        (1_000_000, 20_000, LOW, 50_000, 30_000, 970_000),
        (1_000_000, 20_000, HIGH, 150_000, 130_000, 870_000),
        (1_000_000, 100_000, MEDIUM, 100_000, 0, 1_000_000),
        (1_000_000, 100_001, MEDIUM, 100_000, 0, 1_000_000),
        (1_000_000, 99_999, MEDIUM, 100_000, 1, 999_999),
        (10_000, 1_000, MEDIUM, 1_000, 0, 10_000),
        (9_999, 1_000, MEDIUM, 1_000, 0, 0),
        (11_111, 0, MEDIUM, 1_111, 1_111, 10_000),
        (11_110, 0, MEDIUM, 1_111, 1_111, 0),
        (100_005, 0, MEDIUM, 10_001, 10_001, 90_004),
        (100_004, 0, MEDIUM, 10_000, 10_000, 90_004),
        (0, 0, HIGH, 0, 0, 0),
        (-1, 0, LOW, 0, 0, 0),
        (-1_000_000, 500_000, MEDIUM, 0, 0, 0),
    ],
)
def test_payable(
    available: int, reserved: int, level: RiskLevel, required: int, additional: int, free: int
) -> None:
    """The reserve is filled first; the rest is payable from 100.00 on and nothing below."""
    found = payable(balances(available, reserved), level)

    assert (found.required_cents, found.additional_cents) == (required, additional)
    assert (found.available_cents, found.payable_cents) == (available, free)
    assert found.is_blocked is (available < 0)


@pytest.mark.spec("S21", "S21 D3")
def test_the_minimum_may_be_nothing() -> None:
    """Without a minimum one cent is payable, and a debt is still nothing to pay out."""
    rules = PayoutRules(minimum_cents=0, reserve_low=Rate(0))

    found = [payable(balances(cents), LOW, rules).payable_cents for cents in (1, 0, -1)]

    assert found == [1, 0, 0]


@pytest.mark.spec("S21")
def test_what_is_payable_is_of_one_currency() -> None:
    """What is payable is in the currency of its balances."""
    euros = attrs.evolve(balances(50_000), currency=EUR)

    assert payable(euros, LOW).currency is EUR


@pytest.mark.spec("S21")
@pytest.mark.parametrize(
    ("age", "paid", "disputed", "level"),
    [
        (89, 1_000, 0, HIGH),
        (90, 1_000, 0, MEDIUM),
        (365, 1_000, 0, MEDIUM),
        (366, 1_000, 0, LOW),
        (366, 1_000, 10, HIGH),
        (366, 1_001, 10, MEDIUM),
        (366, 1_000, 3, MEDIUM),
        (366, 1_001, 3, LOW),
        (365, 1_001, 3, MEDIUM),
        (366, 0, 0, LOW),
        (90, 0, 0, MEDIUM),
        (366, 0, 1, HIGH),
        (0, 0, 0, HIGH),
    ],
)
def test_risk(age: int, paid: int, disputed: int, level: RiskLevel) -> None:
    """From 1 % or under 90 days the risk is high; under 0.3 % and over 365 days it is low."""
    history = VenueHistory(age_days=age, paid_count=paid, disputed_count=disputed)

    assert risk_level(history) is level


@pytest.mark.spec("S21")
def test_risk_by_other_rules() -> None:
    """Ages and rates of risk are those of the rules that are given."""
    rules = PayoutRules(
        young_days=10, old_days=20, chargebacks_low=Rate(100_000), chargebacks_high=Rate(500_000)
    )
    histories = [(9, 0), (10, 0), (20, 0), (21, 0), (21, 1), (21, 5)]
    found = [
        risk_level(VenueHistory(age_days=age, paid_count=10, disputed_count=disputed), rules)
        for age, disputed in histories
    ]

    assert found == [HIGH, MEDIUM, MEDIUM, LOW, MEDIUM, HIGH]


@pytest.mark.spec("S22", "check:S22", "S22 D2")
@pytest.mark.parametrize(
    ("cents", "fee"), [(12_345, 123), (12_350, 124), (150, 2), (149, 1), (50, 1), (49, 0), (1, 0)]
)
def test_the_fee_of_an_instant_payout(cents: int, fee: int) -> None:
    """An instant payout costs 1 %, half-up to the cent, of what leaves the balance."""
    assert payout_fee(Money(cents, EUR), PayoutSpeed.INSTANT) == Money(fee, EUR)


@pytest.mark.spec("S22", "check:S22")
def test_what_arrives() -> None:
    """Of 123.45 that leave, 122.22 arrive and 1.23 are the fee."""
    sent = payout(12_345, fee=payout_fee(Money(12_345, USD), PayoutSpeed.INSTANT))

    assert (sent.amount, sent.fee, sent.net) == (Money(12_345), Money(123), Money(12_222))


@pytest.mark.spec("S22", "check:S22")
def test_a_standard_payout_is_free() -> None:
    """A standard payout costs nothing, whatever an instant one costs."""
    dear = PayoutRules(instant_fee_min_cents=500)

    assert payout_fee(Money(12_345, EUR), PayoutSpeed.STANDARD, dear) == Money(0, EUR)


@pytest.mark.spec("S22")
@pytest.mark.parametrize(
    ("speed", "arrival"),
    [
        (PayoutSpeed.INSTANT, "Within 30 minutes"),
        (PayoutSpeed.STANDARD, "1-2 business days"),
    ],
)
def test_arrival(speed: PayoutSpeed, arrival: str) -> None:
    """Each speed says when the money arrives."""
    assert speed.arrival == arrival


@pytest.mark.spec("S22 D4")
def test_a_minimum_fee() -> None:
    """A minimum fee counts until 1 % is more, and an amount that it would eat up is refused."""
    rules = PayoutRules(instant_fee_min_cents=50)
    amounts = [51, 5_000, 5_050]
    fees = [payout_fee(Money(cents), PayoutSpeed.INSTANT, rules).cents for cents in amounts]

    assert fees == [50, 50, 51]
    with pytest.raises(PayoutAmountInvalid) as caught:
        payout_fee(Money(50), PayoutSpeed.INSTANT, rules)
    assert caught.value.errors == (
        FieldError("amountCents", "must be more than the fee of 50 cents"),
    )


@pytest.mark.spec("S21 D5")
@pytest.mark.parametrize("cents", [0, -1, -10_000])
def test_amounts_are_positive(cents: int) -> None:
    """Zero and less are wrong input, not a credit; the field is named whatever is payable."""
    with pytest.raises(PayoutAmountInvalid) as caught:
        check_payout(Money(cents), limit(-5), today_cents=0)

    assert caught.value.error_code == "VALIDATION_ERROR"
    assert caught.value.errors == (
        FieldError("amountCents", "must be a positive integer of cents"),
    )


@pytest.mark.spec("S21", "S20 D5")
def test_the_currency_is_that_of_the_balance() -> None:
    """An amount in another currency than the balance's is refused by the name of its field."""
    with pytest.raises(CurrencyMismatch) as caught:
        check_payout(Money(1, EUR), limit(100), today_cents=0)

    assert caught.value.errors == (FieldError("currency", "must be USD"),)


@pytest.mark.spec("S21")
def test_no_more_than_is_payable() -> None:
    """All that is payable can be asked for, and not a cent more."""
    check_payout(Money(920_000), limit(920_000), today_cents=0)
    with pytest.raises(
        InsufficientFunds, match=r"^920000 cents are payable, not 920001$"
    ) as caught:
        check_payout(Money(920_001), limit(920_000), today_cents=0)
    assert caught.value.errors == (FieldError("amountCents", "must be at most 920000"),)


@pytest.mark.spec("S21 D3")
@pytest.mark.parametrize("available", [1, 9_999])
def test_what_is_below_the_minimum_says_so(available: int) -> None:
    """There is money, and none of it is payable: the answer tells why; without money there is no why."""
    rules = PayoutRules()
    little = payable(balances(available, reserved_cents=10**6), LOW)
    told = rf"^0 cents are payable, not 1: the {available} that .* below the minimum of 10000$"
    with pytest.raises(InsufficientFunds, match=told):
        check_payout(Money(1), little, today_cents=0, rules=rules)
    check_payout(Money(1), payable(balances(10_000, reserved_cents=10**6), LOW), today_cents=0)
    enough = payable(balances(10_000, reserved_cents=10**6), LOW)
    with pytest.raises(InsufficientFunds, match=r"^10000 cents are payable, not 10001$"):
        check_payout(Money(10_001), enough, today_cents=0)
    short = payable(balances(10_000), LOW)
    assert short.additional_cents > 0
    rest = 10_000 - short.additional_cents
    with pytest.raises(InsufficientFunds, match=f"the {rest} that the reserve leaves are below"):
        check_payout(Money(1), short, today_cents=0)
    with pytest.raises(InsufficientFunds, match=r"^0 cents are payable, not 1$"):
        check_payout(Money(1), payable(balances(0), LOW), today_cents=0)


@pytest.mark.spec("S21", "S20 D3")
@pytest.mark.parametrize("owed", [1, 10**9])
def test_nothing_while_the_balance_is_negative(owed: int) -> None:
    """A venue that owes a cent is told so, for any amount: no payout is tried that would fail."""
    owing = payable(balances(-owed, reserved_cents=10**6), LOW)

    for cents in (1, 10_000, 10**9):
        with pytest.raises(BalanceNegative, match=f"owes {owed} cents"):
            check_payout(Money(cents), owing, today_cents=0)


@pytest.mark.spec("S21 D2")
@pytest.mark.parametrize(
    ("today", "most"), [(0, 5_000_000), (1, 4_999_999), (4_999_999, 1), (2_000_000, 3_000_000)]
)
def test_the_day_has_a_limit(today: int, most: int) -> None:
    """50,000.00 may leave in a day, today's earlier payouts included, and not a cent more."""
    check_payout(Money(most), limit(10**9), today_cents=today)
    with pytest.raises(
        DailyLimitExceeded, match=f"^{most} cents are left of today's 5000000"
    ) as no:
        check_payout(Money(most + 1), limit(10**9), today_cents=today)
    assert no.value.errors == (FieldError("amountCents", f"must be at most {most}"),)


@pytest.mark.spec("S21 D2")
def test_a_day_that_is_used_up() -> None:
    """Where more has left than may, since the limit was lowered, nothing is left of the day."""
    with pytest.raises(DailyLimitExceeded, match=r"^0 cents are left of today's 100"):
        check_payout(
            Money(1), limit(10**9), today_cents=101, rules=PayoutRules(daily_max_cents=100)
        )


@pytest.mark.spec("S21")
def test_missing_money_is_told_first() -> None:
    """An amount that is neither payable nor within the day is refused for the money it lacks."""
    with pytest.raises(InsufficientFunds):
        check_payout(Money(5_000_001), limit(5_000_000), today_cents=0)


@pytest.mark.spec("S21 D2")
def test_the_day_is_the_utc_day() -> None:
    """A payout counts on the UTC day of its request, from its first instant to its last."""
    instant = timedelta(microseconds=1)
    evening = MORNING + timedelta(days=1) - instant
    moments = [MORNING - instant, MORNING, evening, evening + instant]
    made = [payout(10**number, created_at=at) for number, at in enumerate(moments)]

    counted = [paid_out_cents(made, currency=USD, now=now) for now in moments]

    assert counted == [1, 110, 110, 1_000]


@pytest.mark.spec("S21 D2")
def test_what_came_back_does_not_count() -> None:
    """A failed or cancelled payout is no part of its day, so that its venue may try again."""
    made = [payout(10**number, state=state) for number, state in enumerate(PayoutState)]

    assert [str(state) for state in PayoutState if state.is_undone] == ["failed", "cancelled"]
    assert paid_out_cents(made, currency=USD, now=NOW) == 111


@pytest.mark.spec("S21 D2")
def test_a_day_is_of_one_currency() -> None:
    """The day's payouts are summed whole, fee included, in one currency."""
    fee = Money(45, USD)
    made = [payout(4_500, fee=fee), payout(200, fee=Money(0, EUR), amount=Money(200, EUR))]

    assert [paid_out_cents(made, currency=c, now=NOW) for c in (USD, EUR)] == [4_500, 200]
    assert paid_out_cents([], currency=USD, now=NOW) == 0


def _portion(bucket: Bucket, cents: int, subject: str = "") -> Portion:
    return Portion(bucket=bucket, subject=subject, cents=cents)


HOLDINGS = (
    _portion(Bucket.PENDING, 1_000, "next"),
    _portion(Bucket.AVAILABLE, 40, "spring"),
    _portion(Bucket.AVAILABLE, 20, "summer"),
    _portion(Bucket.RESERVED, 30, "spring"),
    _portion(Bucket.IN_TRANSIT, 1_000),
    _portion(Bucket.RESERVED, 5),
    _portion(Bucket.RECEIVABLE, 1_000),
)


@pytest.mark.spec("S21", "S20 D3")
@pytest.mark.parametrize(
    ("shortfall", "takes"),
    [
        (0, []),
        (1, ["reserved spring 1"]),
        (30, ["reserved spring 30"]),
        (31, ["reserved spring 30", "reserved  1"]),
        (36, ["reserved spring 30", "reserved  5", "available spring 1"]),
        (95, ["reserved spring 30", "reserved  5", "available spring 40", "available summer 20"]),
        (
            100,
            [
                "reserved spring 30",
                "reserved  5",
                "available spring 40",
                "available summer 20",
                "receivable  5",
            ],
        ),
    ],
)
def test_a_shortfall_is_made_good(shortfall: int, takes: list[str]) -> None:
    """The reserve pays first, then what is available, event by event; the rest is a debt."""
    found = recovery_order(shortfall, HOLDINGS)

    assert [f"{take.bucket} {take.subject} {take.cents}" for take in found] == takes


@pytest.mark.spec("S21")
def test_what_belongs_to_buyers_is_not_taken() -> None:
    """Money of events to come and money on its way make no shortfall good: all of it is a debt."""
    waiting = [one for one in HOLDINGS if one.bucket in (Bucket.PENDING, Bucket.IN_TRANSIT)]

    assert recovery_order(7, waiting) == (_portion(Bucket.RECEIVABLE, 7),)


@pytest.mark.spec("S21")
def test_a_surplus_is_no_shortfall() -> None:
    """A negative shortfall is a programmer's error."""
    with pytest.raises(ValueError, match="is positive, not -1"):
        recovery_order(-1, HOLDINGS)
