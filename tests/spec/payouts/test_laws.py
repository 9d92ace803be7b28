"""What is always true of payouts (S21, S22)."""

from __future__ import annotations

from fractions import Fraction

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.spec.payouts.venues import CENTS, LEVELS, RULES, balances, limit
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.ledger import Bucket
from ticketpay.domain.money import USD, Money, Rate
from ticketpay.domain.payouts import (
    BalanceNegative,
    Balances,
    DailyLimitExceeded,
    InsufficientFunds,
    Payable,
    PayoutRules,
    PayoutSpeed,
    Portion,
    RiskLevel,
    VenueHistory,
    check_payout,
    payable,
    payout_fee,
    recovery_order,
    reserve_surplus,
    risk_level,
)

COUNTS = st.integers(0, 3_000)
PORTIONS = st.lists(
    st.builds(
        Portion,
        bucket=st.sampled_from(Bucket),
        subject=st.sampled_from(["", "spring", "summer"]),
        cents=st.integers(0, 100),
    ),
    max_size=8,
)
HISTORIES = st.lists(
    st.one_of(
        st.tuples(st.just("sell"), st.integers(1, 10**6)),
        st.tuples(st.just("pay"), st.integers(1, 10**6)),
        st.tuples(st.just("refund"), st.integers(1, 10**6)),
    ),
    max_size=30,
)


def _after(held: Balances, free: Payable, cents: int) -> Balances:
    """The balances when ``cents`` have been paid out and the reserve has been filled (S21 D6)."""
    return attrs.evolve(
        held,
        available_cents=held.available_cents - free.additional_cents - cents,
        reserved_cents=held.reserved_cents + free.additional_cents,
    )


def _total(portions: list[Portion] | tuple[Portion, ...], *buckets: Bucket) -> int:
    return sum(one.cents for one in portions if one.bucket in buckets)


@pytest.mark.spec("S21", "S21 D6")
@given(CENTS, CENTS, LEVELS, RULES)
def test_the_reserve_comes_first(
    available: int, reserved: int, level: RiskLevel, rules: PayoutRules
) -> None:
    """Whatever is paid out, the reserve is full afterwards and nothing is overdrawn."""
    free = payable(balances(available, reserved), level, rules)

    assert reserved + free.additional_cents == max(reserved, free.required_cents)
    assert free.additional_cents + free.payable_cents <= available
    assert min(free.required_cents, free.additional_cents, free.payable_cents) >= 0
    exact = Fraction(available * rules.reserve(level).ppm, 1_000_000)
    assert -1 < 2 * (free.required_cents - exact) <= 1


@pytest.mark.spec("S21 D3")
@given(CENTS, CENTS, LEVELS, RULES)
def test_the_minimum_is_a_threshold(
    available: int, reserved: int, level: RiskLevel, rules: PayoutRules
) -> None:
    """Payable is all that the reserve leaves if that reaches the minimum, and nothing otherwise."""
    free = payable(balances(available, reserved), level, rules)
    rest = available - free.additional_cents

    assert free.payable_cents == (0 if rest < rules.minimum_cents else rest)


@pytest.mark.spec("S21")
@given(CENTS, CENTS, RULES)
def test_more_risk_never_pays_more(available: int, reserved: int, rules: PayoutRules) -> None:
    """Of two levels the riskier one never has more payable."""
    low, medium, high = (
        payable(balances(available, reserved), level, rules).payable_cents for level in RiskLevel
    )

    assert low >= medium >= high


@pytest.mark.spec("S21")
@given(st.integers(-1_000, 10**10), CENTS, LEVELS, RULES)
def test_one_cent_more_never_pays_less(
    available: int, reserved: int, level: RiskLevel, rules: PayoutRules
) -> None:
    """A cent that becomes available never makes less payable."""
    less, more = (
        payable(balances(available + cent, reserved), level, rules).payable_cents for cent in (0, 1)
    )

    assert less <= more


@pytest.mark.spec("S21 D1", "S21 D6")
@given(CENTS, CENTS, LEVELS, RULES, st.data())
def test_two_payouts_are_no_more_than_one(
    available: int, reserved: int, level: RiskLevel, rules: PayoutRules, data: st.DataObject
) -> None:
    """After a payout exactly the rest of what was payable is payable, if it reaches the minimum."""
    held = balances(available, reserved)
    free = payable(held, level, rules)
    assume(free.payable_cents)
    cents = data.draw(st.integers(1, free.payable_cents))
    rest = free.payable_cents - cents

    again = payable(_after(held, free, cents), level, rules)

    assert again.additional_cents == 0
    assert again.payable_cents == (0 if rest < rules.minimum_cents else rest)


@pytest.mark.spec("S21", "S20 D3")
@given(st.integers(-(10**10), -1), CENTS, LEVELS, RULES, st.integers(1, 10**10), CENTS)
def test_a_debt_blocks_every_payout(
    available: int, reserved: int, level: RiskLevel, rules: PayoutRules, cents: int, today: int
) -> None:
    """While a venue owes money nothing is payable, and it is told so before all other refusals."""
    free = payable(balances(available, reserved), level, rules)

    assert (free.required_cents, free.additional_cents, free.payable_cents) == (0, 0, 0)
    with pytest.raises(BalanceNegative):
        check_payout(Money(cents), free, today_cents=today, rules=rules)


@pytest.mark.spec("S21", "S21 D2")
@given(st.integers(1, 300), st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_a_payout_is_refused_for_one_reason(
    cents: int, free: int, today: int, daily_max: int
) -> None:
    """An amount passes exactly when it is payable and within the day; money is missed first."""
    rules = PayoutRules(daily_max_cents=daily_max)
    wanted = (
        InsufficientFunds
        if cents > free
        else DailyLimitExceeded
        if today + cents > daily_max
        else None
    )

    if wanted is None:
        check_payout(Money(cents), limit(free), today_cents=today, rules=rules)
        return
    with pytest.raises(wanted):
        check_payout(Money(cents), limit(free), today_cents=today, rules=rules)


@pytest.mark.spec("S21", "S21 D1", "S21 D2")
@given(HISTORIES, LEVELS, RULES)
def test_a_days_payouts_keep_their_limits(
    history: list[tuple[str, int]], level: RiskLevel, rules: PayoutRules
) -> None:
    """In any day of sales, refunds and payouts no cent is lost and no limit is passed."""
    held, earned, paid = balances(0), 0, 0
    for what, cents in history:
        if what != "pay":
            change = cents if what == "sell" else -cents
            held = attrs.evolve(held, available_cents=held.available_cents + change)
            earned += change
            continue
        free = payable(held, level, rules)
        try:
            check_payout(Money(cents), free, today_cents=paid, rules=rules)
        except Conflict:
            continue
        held, paid = _after(held, free, cents), paid + cents
        assert held.available_cents >= 0
        assert held.reserved_cents >= free.required_cents

    assert held.available_cents + held.reserved_cents + paid == earned
    assert paid <= rules.daily_max_cents


@pytest.mark.spec("S22", "S22 D2", "S22 D4")
@given(st.integers(1, 10**10), st.integers(0, 999_999), st.integers(0, 500))
def test_what_arrives_and_the_fee_are_the_amount(cents: int, ppm: int, minimum: int) -> None:
    """The fee is the exact share to half a cent, or the minimum, and always leaves something."""
    rules = PayoutRules(instant_fee=Rate(ppm), instant_fee_min_cents=minimum)
    share = (Fraction(cents * ppm, 1_000_000) + Fraction(1, 2)).__floor__()
    assume(max(share, minimum) < cents)

    fee = payout_fee(Money(cents, USD), PayoutSpeed.INSTANT, rules)

    assert fee == Money(max(share, minimum), USD)
    assert payout_fee(Money(cents, USD), PayoutSpeed.STANDARD, rules) == Money(0, USD)


@pytest.mark.spec("S21")
@given(st.integers(0, 800), COUNTS, COUNTS)
def test_risk_is_exact(age: int, paid: int, disputed: int) -> None:
    """The level is that of the exact rate; chargebacks without a payment are the highest rate."""
    rate = Fraction(disputed, paid) if paid else Fraction(min(disputed, 1))
    high = age < 90 or rate >= Fraction(1, 100)
    low = age > 365 and rate < Fraction(3, 1000)
    wanted = RiskLevel.HIGH if high else RiskLevel.LOW if low else RiskLevel.MEDIUM

    found = risk_level(VenueHistory(age_days=age, paid_count=paid, disputed_count=disputed))

    assert found is wanted


@pytest.mark.spec("S21")
@given(st.integers(0, 800), COUNTS, st.integers(0, 40))
def test_a_dispute_never_lowers_the_risk(age: int, paid: int, disputed: int) -> None:
    """One dispute more, or one payment less, never makes a venue less risky."""
    levels = list(RiskLevel)
    before, worse, fewer = (
        levels.index(
            risk_level(VenueHistory(age_days=age, paid_count=payments, disputed_count=disputes))
        )
        for payments, disputes in ((paid + 1, disputed), (paid + 1, disputed + 1), (paid, disputed))
    )

    assert before <= worse
    assert before <= fewer


@pytest.mark.spec("S21", "S20 D3")
@given(st.integers(0, 500), PORTIONS)
def test_a_shortfall_is_made_good_to_the_cent(shortfall: int, holdings: list[Portion]) -> None:
    """The takes sum to the shortfall, in order, none of nothing and none above its source."""
    takes = recovery_order(shortfall, holdings)
    ranks = [Bucket.RESERVED, Bucket.AVAILABLE, Bucket.RECEIVABLE]
    order = [ranks.index(take.bucket) for take in takes]

    assert sum(take.cents for take in takes) == shortfall
    assert order == sorted(order)
    assert all(take.cents for take in takes)
    left = list(holdings)
    for take in takes:
        if take.bucket is not Bucket.RECEIVABLE:
            source = next(
                one
                for one in left
                if (one.bucket, one.subject) == (take.bucket, take.subject)
                and one.cents >= take.cents
            )
            left.remove(source)


@pytest.mark.spec("S21", "S20 D3")
@given(st.integers(0, 500), PORTIONS)
def test_nothing_is_owed_while_there_is_money(shortfall: int, holdings: list[Portion]) -> None:
    """The next source is touched only when the one before is empty; debt is the last."""
    takes = recovery_order(shortfall, holdings)
    reserved, available = (
        _total(holdings, bucket) for bucket in (Bucket.RESERVED, Bucket.AVAILABLE)
    )

    assert _total(takes, Bucket.RESERVED) == min(shortfall, reserved)
    assert _total(takes, Bucket.RESERVED, Bucket.AVAILABLE) == min(shortfall, reserved + available)


@pytest.mark.spec("S21", "S20 D3")
@given(st.integers(0, 500), PORTIONS, PORTIONS)
def test_a_debt_is_made_good_later(
    shortfall: int, now: list[Portion], later: list[Portion]
) -> None:
    """Asking later sales for what is still owed leaves the debt that asking all at once leaves."""
    owed = _total(recovery_order(shortfall, now), Bucket.RECEIVABLE)
    left = _total(recovery_order(owed, later), Bucket.RECEIVABLE)

    assert left == _total(recovery_order(shortfall, now + later), Bucket.RECEIVABLE)


@pytest.mark.spec("S21 D6")
@given(st.lists(st.tuples(st.integers(0, 200), CENTS), max_size=6), st.integers(0, 10**10))
def test_a_reserve_gives_back_what_is_old_and_no_more(
    put: list[tuple[int, int]], taken: int
) -> None:
    """What was put there lately stays, unless a debt has taken of it; what is left is never negative."""
    whole = sum(cents for _, cents in put)
    recent = sum(cents for day, cents in put if day > 80)
    reserved = max(0, whole - taken)
    back = reserve_surplus(reserved, recent)
    assert 0 <= back <= reserved
    assert reserved - back == min(reserved, recent)
