"""What is always true of amounts, rates and splits (S01)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketpay.domain.money import (
    EUR,
    USD,
    AmountNotInteger,
    Currency,
    CurrencyMismatch,
    Money,
    Rate,
    UnsupportedCurrency,
    ZeroWeights,
    allocate,
    allocate_cents,
    apply_ppm,
)
from ticketpay.domain.money.rounding import round_ratio

CENTS = st.integers(-(10**14), 10**14)
PPM = st.integers(0, 2_000_000)
MONEY = st.builds(Money, CENTS, st.sampled_from(Currency))
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


@pytest.mark.spec("S01")
@given(CENTS, PPM)
def test_rounding_is_half_up_toward_plus_infinity(cents: int, ppm: int) -> None:
    """A share of an amount is the exact share plus one half, rounded down."""
    exact = Fraction(cents * ppm, 1_000_000)

    assert apply_ppm(cents, ppm) == (exact + Fraction(1, 2)).__floor__()
    assert apply_ppm(cents, ppm) == round_ratio(cents * ppm, 1_000_000)
    assert Rate(ppm).of(Money(cents, EUR)) == Money(Rate(ppm).of_cents(cents), EUR)


@pytest.mark.spec("S01")
@given(CENTS, WEIGHTS)
def test_a_split_loses_nothing(total: int, weights: list[int]) -> None:
    """Splitting money by any weights returns exactly the money that was split."""
    assert sum(allocate_cents(total, weights)) == total


@pytest.mark.spec("S01")
@given(CENTS, WEIGHTS)
def test_a_split_is_fair_to_the_cent(total: int, weights: list[int]) -> None:
    """Each part is within one cent of its exact share, and weight 0 gets nothing."""
    for part, weight in zip(allocate_cents(total, weights), weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) <= 1
        assert weight or not part


@pytest.mark.spec("S01")
@given(CENTS, WEIGHTS)
def test_a_refund_splits_like_its_sale(total: int, weights: list[int]) -> None:
    """A negative amount splits into the negatives of the parts of the positive one."""
    mirrored = [-part for part in allocate_cents(total, weights)]

    assert allocate_cents(-total, weights) == mirrored


@pytest.mark.spec("S01")
@given(CENTS, WEIGHTS, st.integers(2, 50))
def test_a_split_depends_on_proportions_and_order_only(
    total: int, weights: list[int], factor: int
) -> None:
    """Scaling all weights changes no part: only the total and the order of the weights count."""
    scaled = [weight * factor for weight in weights]

    assert allocate_cents(total, scaled) == allocate_cents(total, weights)


@pytest.mark.spec("S01")
@given(st.integers(0, 10**9), st.integers(1, 12))
def test_left_over_cents_go_to_the_first(total: int, parts: int) -> None:
    """Of equal parts the first ones hold the cents that are left over."""
    split = allocate_cents(total, [1] * parts)

    assert split == sorted(split, reverse=True)
    assert split[0] - split[-1] in (0, 1)


@pytest.mark.spec("S01")
@given(MONEY, WEIGHTS)
def test_money_splits_like_cents(total: Money, weights: list[int]) -> None:
    """Money splits as its cents do and keeps its currency."""
    parts = allocate(total, weights)

    assert [part.cents for part in parts] == allocate_cents(total.cents, weights)
    assert {part.currency for part in parts} == {total.currency}


@pytest.mark.spec("S01")
@pytest.mark.parametrize("weights", [[], [0], [0, 0], [-1, 3], [2, -2]])
def test_a_split_needs_weights(weights: list[int]) -> None:
    """Without a positive weight, or with a negative one, there is nothing to split by."""
    with pytest.raises(ZeroWeights):
        allocate_cents(100, weights)


@pytest.mark.spec("S01")
@given(CENTS, CENTS, CENTS)
def test_money_adds_like_integers(one: int, two: int, three: int) -> None:
    """Sums of money are sums of integers: they associate, commute and have inverses."""
    a, b, c = Money(one), Money(two), Money(three)

    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a - b == a + (-b)
    assert a - a == Money.zero(USD)
    assert (a < b, a <= b, a > b, a >= b) == (one < two, one <= two, one > two, one >= two)
    assert a * 3 == 3 * a == a + a + a


@pytest.mark.spec("S01")
@given(MONEY, MONEY)
def test_currencies_never_mix(one: Money, two: Money) -> None:
    """Two currencies never meet in a sum, a difference or a comparison."""
    if one.currency is two.currency:
        assert (one + two).currency is one.currency
        return
    for operation in (Money.__add__, Money.__sub__, Money.__lt__, Money.__ge__):
        with pytest.raises(CurrencyMismatch):
            operation(one, two)
    assert one != two


@pytest.mark.spec("S01", "S13 D1")
@pytest.mark.parametrize("wrong", [1.0, 0.4, "1", True, None])
def test_amounts_are_integers(wrong: object) -> None:
    """Floats, texts and booleans are no amounts, no rates and no factors."""
    with pytest.raises(AmountNotInteger):
        Money(wrong)  # type: ignore[arg-type]  # the wrong type is the point
    with pytest.raises(AmountNotInteger):
        Rate(wrong)  # type: ignore[arg-type]  # the wrong type is the point
    if wrong is not True:
        with pytest.raises(AmountNotInteger):
            Money(1) * wrong  # type: ignore[operator]  # the wrong type is the point


@pytest.mark.spec("S01")
def test_currency_is_no_text() -> None:
    """A currency is a member of the enumeration, not its name."""
    with pytest.raises(UnsupportedCurrency):
        Money(1, "USD")  # type: ignore[arg-type]  # the wrong type is the point


@pytest.mark.spec("S01")
@given(MONEY)
def test_money_reads_what_it_writes(money: Money) -> None:
    """Parsing the text of an amount returns the amount, thousands separators and sign included."""
    assert Money.parse(str(money)) == money


@pytest.mark.spec("S01")
@pytest.mark.parametrize(
    "text", ["", "12", "1.234 USD", "x USD", "1,23.00 USD", "NaN USD", "12 USD"]
)
def test_money_reads_two_decimals_only(text: str) -> None:
    """A text without exactly two decimals is no amount."""
    with pytest.raises(AmountNotInteger):
        Money.parse(text)


@pytest.mark.spec("S01 D2")
@given(st.integers(-(10**9), 10**9))
def test_rates_are_exact(ppm: int) -> None:
    """Every rate writes itself as an exact percentage and reads it back."""
    assert Rate.from_percent(Rate(ppm).percent) == Rate(ppm)


@pytest.mark.spec("S01")
@pytest.mark.parametrize("text", ["6.87501", "x", "", "Infinity", "NaN", f"6.{'0' * 40}1"])
def test_rates_are_never_rounded(text: str) -> None:
    """A percentage that is finer than one part per million is refused."""
    with pytest.raises(AmountNotInteger):
        Rate.from_percent(text)
