"""What an amount is worth in another currency: the figures of S23, and what is always true."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.shapes import by_name
from ticketpay.domain.money import (
    CAD,
    DEVELOPMENT_RATES,
    EUR,
    GBP,
    USD,
    AmountNotInteger,
    Currency,
    CurrencyMismatch,
    ExchangeRate,
    Money,
    MoneyError,
    RatesConflict,
    RateTable,
    UnsupportedCurrency,
    convert,
    currency_pair,
)

DAY = date(2026, 3, 1)
CENTS = st.integers(-(10**14), 10**14)
CURRENCIES = st.sampled_from(Currency)
MONEY = st.builds(Money, CENTS, CURRENCIES)
UNITS = st.integers(1, 10**9)
TABLES = st.builds(
    lambda units: table(dict(zip(Currency, units, strict=True))), st.tuples(*[UNITS] * 4)
)


def table(units: dict[Currency, int]) -> RateTable:
    return RateTable(units=units, source="a bank", day=DAY)


def rate(**changes: Any) -> ExchangeRate:
    some = ExchangeRate(
        base=USD, target=EUR, numerator=17, denominator=20, source="a bank", day=DAY
    )
    return attrs.evolve(some, **changes)


@pytest.mark.spec("S23", "check:S23")
@pytest.mark.parametrize(
    ("cents", "base", "target", "worth"),
    [
        (10_000, USD, EUR, 8_500),
        (10_000, EUR, GBP, 8_588),
        (10_000, CAD, GBP, 5_840),
        (9_999, GBP, CAD, 17_122),
        (12_345, EUR, USD, 14_524),
        (1, USD, GBP, 1),
    ],
)
def test_conversions(cents: int, base: Currency, target: Currency, worth: int) -> None:
    """The check figures of conversions hold to the cent."""
    assert convert(Money(cents, base), target, DEVELOPMENT_RATES) == Money(worth, target)


@pytest.mark.spec("S23", "check:S23")
@pytest.mark.parametrize(
    ("base", "target", "shown"),
    [
        (EUR, USD, "1.1765"),
        (GBP, USD, "1.3699"),
        (CAD, USD, "0.8"),
        (EUR, GBP, "0.8588"),
        (GBP, CAD, "1.7123"),
        (CAD, EUR, "0.68"),
        (USD, USD, "1"),
    ],
)
def test_rates_are_shown_with_four_decimals(base: Currency, target: Currency, shown: str) -> None:
    """For people a rate is rounded to four decimals, and zeros at its end are left away."""
    assert DEVELOPMENT_RATES.rate(base, target).display == shown


@pytest.mark.spec("S23")
@pytest.mark.parametrize(
    ("numerator", "denominator", "shown"),
    [(10, 1, "10"), (100, 1, "100"), (1, 20_000, "0.0001"), (1, 20_001, "0"), (21, 20, "1.05")],
)
def test_a_shown_rate_is_rounded_half_up(numerator: int, denominator: int, shown: str) -> None:
    """Half of the last decimal is rounded up; only zeros behind the point are left away."""
    assert rate(numerator=numerator, denominator=denominator).display == shown


@pytest.mark.spec("S23")
def test_the_constants_are_for_development() -> None:
    """The figures of the rule book are one table, and say that nobody quoted them."""
    assert DEVELOPMENT_RATES.units == {USD: 10_000, EUR: 8_500, GBP: 7_300, CAD: 12_500}
    assert DEVELOPMENT_RATES.source == "development"
    assert DEVELOPMENT_RATES.day == date(2025, 1, 1)


@pytest.mark.spec("S23")
@given(MONEY, TABLES)
def test_an_amount_is_worth_itself(money: Money, rates: RateTable) -> None:
    """Converting an amount into its own currency changes nothing, whatever the rates."""
    assert convert(money, money.currency, rates) == money


@pytest.mark.spec("S23", "S23 D1")
@given(MONEY, CURRENCIES, TABLES)
def test_a_conversion_is_rounded_once(money: Money, to: Currency, rates: RateTable) -> None:
    """A converted amount is within half a cent of the exact one, and a half is rounded up."""
    exact = Fraction(money.cents * rates.units[to], rates.units[money.currency])
    worth = convert(money, to, rates)

    assert worth.currency is to
    assert Fraction(-1, 2) < worth.cents - exact <= Fraction(1, 2)


@pytest.mark.spec("S23")
@pytest.mark.parametrize(("cents", "worth"), [(1, 1), (-1, 0), (3, 2), (-3, -1), (0, 0)])
def test_half_a_cent_is_rounded_toward_plus_infinity(cents: int, worth: int) -> None:
    """The half goes up for sales and refunds alike, as everywhere (S01)."""
    assert rate(numerator=1, denominator=2).convert(Money(cents, USD)) == Money(worth, EUR)


@pytest.mark.spec("S23")
@given(CENTS, CENTS, CURRENCIES, CURRENCIES, TABLES)
def test_more_is_never_worth_less(
    one: int, two: int, base: Currency, to: Currency, rates: RateTable
) -> None:
    """Of two amounts the greater one is worth at least as much in every currency."""
    less, more = sorted([Money(one, base), Money(two, base)])

    assert convert(less, to, rates) <= convert(more, to, rates)


@pytest.mark.spec("S23", "S23 D1")
@given(CURRENCIES, CURRENCIES, CURRENCIES, TABLES)
def test_rates_are_exact(one: Currency, two: Currency, three: Currency, rates: RateTable) -> None:
    """A rate and its inverse undo each other, and a detour by a third currency gains nothing."""

    def worth(base: Currency, target: Currency) -> Fraction:
        found = rates.rate(base, target)
        return Fraction(found.numerator, found.denominator)

    assert worth(one, two) * worth(two, one) == 1
    assert worth(one, two) * worth(two, three) == worth(one, three)


@pytest.mark.spec("S23")
@given(MONEY, CURRENCIES, TABLES, st.integers(2, 1_000))
def test_the_scale_of_a_table_is_free(
    money: Money, to: Currency, rates: RateTable, factor: int
) -> None:
    """Units on a finer scale convert alike: only their proportions count."""
    finer = table({currency: units * factor for currency, units in rates.units.items()})

    assert convert(money, to, finer) == convert(money, to, rates)
    assert finer.rate(money.currency, to).display == rates.rate(money.currency, to).display


@pytest.mark.spec("S23 D2")
@given(MONEY, CURRENCIES, TABLES)
def test_a_stored_rate_repeats_its_conversion(money: Money, to: Currency, rates: RateTable) -> None:
    """A rate has all that a sale must store: pair, figures, source and day; it converts alike."""
    stored = ExchangeRate(**attrs.asdict(rates.rate(money.currency, to)))

    assert (stored.base, stored.target) == (money.currency, to)
    assert (stored.source, stored.day) == ("a bank", DAY)
    assert stored.convert(money) == convert(money, to, rates)


@pytest.mark.spec("S23")
@pytest.mark.parametrize(
    ("base", "target", "unknown"),
    [("JPY", "XXX", "JPY"), ("USD", "XXX", "XXX"), ("JPY", "EUR", "JPY"), ("", "EUR", "")],
)
def test_an_unknown_code_names_itself(base: str, target: str, unknown: str) -> None:
    """The first unknown code is named, the one converted from before the one converted to."""
    with pytest.raises(UnsupportedCurrency) as caught:
        currency_pair(base, target)

    assert str(caught.value) == f"Unsupported currency: {unknown}"
    assert caught.value.error_code == "CURRENCY_UNSUPPORTED"
    assert RatesConflict().error_code == "EXCHANGE_RATES_CONFLICT"
    assert caught.value.__suppress_context__


@pytest.mark.spec("S23", "S13 D2")
def test_a_pair_is_read_in_any_case() -> None:
    """Codes are read in any case, and a pair may be one currency twice."""
    assert currency_pair("usd", "Eur") == (USD, EUR)
    assert currency_pair("CAD", "cad") == (CAD, CAD)


@pytest.mark.spec("S23")
@pytest.mark.parametrize(
    ("base", "target", "missing"),
    [(GBP, CAD, "GBP"), (CAD, GBP, "CAD"), (USD, CAD, "CAD"), (GBP, USD, "GBP"), (CAD, CAD, "CAD")],
)
def test_a_table_names_what_it_lacks(base: Currency, target: Currency, missing: str) -> None:
    """A source that lacks a currency is refused by the same name, never asked for a guess."""
    with pytest.raises(UnsupportedCurrency, match=f"^Unsupported currency: {missing}$"):
        convert(Money(1, base), target, table({USD: 10_000, EUR: 8_500}))


@pytest.mark.spec("S23")
def test_a_rate_converts_its_base_only() -> None:
    """An amount in another currency than the rate's base is refused, its target's included."""
    for money in (Money(1, EUR), Money(1, GBP)):
        with pytest.raises(CurrencyMismatch, match=f"a rate of USD converts no {money.currency}"):
            rate().convert(money)


@pytest.mark.spec("S23")
@pytest.mark.parametrize("wrong", [0, -1])
def test_rates_are_positive(wrong: int) -> None:
    """A currency that is worth nothing, or less, is no rate and in no table."""
    with pytest.raises(MoneyError, match=f"numerator must be positive, not {wrong}"):
        rate(numerator=wrong)
    with pytest.raises(MoneyError, match=f"denominator must be positive, not {wrong}"):
        rate(denominator=wrong)
    with pytest.raises(MoneyError, match=f"units of GBP must be positive, not {wrong}"):
        table({USD: 1, GBP: wrong})
    assert rate(numerator=1, denominator=1).convert(Money(5)) == Money(5, EUR)


@pytest.mark.spec("S23 D1")
@pytest.mark.parametrize("wrong", [0.85, "1", True])
def test_rates_are_integers(wrong: Any) -> None:
    """Floats, texts and booleans are in no rate and in no table."""
    with pytest.raises(AmountNotInteger, match="numerator must be an integer"):
        rate(numerator=wrong)
    with pytest.raises(AmountNotInteger, match="denominator must be an integer"):
        rate(denominator=wrong)
    with pytest.raises(AmountNotInteger, match="units of USD must be an integer"):
        table({USD: wrong})


@pytest.mark.spec("S23")
def test_one_is_one() -> None:
    """A rate between a currency and itself is one, or it is refused."""
    with pytest.raises(MoneyError, match="one EUR is worth one EUR"):
        rate(base=EUR)
    assert rate(base=EUR, numerator=20).convert(Money(7, EUR)) == Money(7, EUR)


@pytest.mark.spec("S23 D3")
def test_minor_units_have_their_exponents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between currencies with different decimals the minor units are scaled before the rounding."""
    decimals = {USD: 2, EUR: 0, GBP: 3}
    monkeypatch.setattr(Currency, "exponent", property(decimals.__getitem__))
    rates = table({USD: 100, EUR: 15_000, GBP: 80})

    assert convert(Money(1_234, USD), EUR, rates) == Money(1_851, EUR)
    assert convert(Money(1_851, EUR), USD, rates) == Money(1_234, USD)
    assert convert(Money(1_234, USD), GBP, rates) == Money(9_872, GBP)
    assert convert(Money(1, GBP), USD, rates) == Money(0, USD)


@pytest.mark.spec("S23")
@pytest.mark.parametrize("value", [ExchangeRate, RateTable])
def test_rates_are_built_by_name_and_stay(value: type[attrs.AttrsInstance]) -> None:
    """Of a rate's currencies and figures no two can be swapped, and none is changed."""
    assert by_name(value)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        rate().numerator = 1  # type: ignore[misc] # that is what is refused
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        DEVELOPMENT_RATES.day = DAY  # type: ignore[misc] # that is what is refused
