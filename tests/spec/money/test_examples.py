"""The figures of S01 and S13, and the promise that money needs attrs alone."""

from __future__ import annotations

import operator
import subprocess
import sys
from typing import cast

import pytest

from ticketpay.domain.money import (
    CAD,
    EUR,
    GBP,
    USD,
    AmountNotInteger,
    Currency,
    CurrencyMismatch,
    Money,
    MoneyError,
    Rate,
    UnsupportedCurrency,
    ZeroWeights,
)
from ticketpay.domain.money.rounding import round_ratio

_FOREIGN = """
import sys
before = set(sys.modules)
import {module}
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
known = sys.stdlib_module_names
print(*sorted(n for n in new - known if not n.startswith("_sysconfigdata")))
"""


@pytest.mark.spec("S01", "check:S01")
@pytest.mark.parametrize(
    ("cents", "bps", "share"),
    [
        (12_345, 820, 1_012),
        (5, 1_000, 1),
        (1, 5_000, 1),
        (-5, 1_000, 0),
        (10_001, 500, 500),
        (12_345, 1_000, 1_235),
    ],
)
def test_check_figures(cents: int, bps: int, share: int) -> None:
    """The check figures of the rounding rule hold to the cent."""
    assert Rate.from_bps(bps).of(Money(cents)) == Money(share)
    assert round_ratio(cents * bps, 10_000) == share


@pytest.mark.spec("S01")
def test_the_half_is_the_border() -> None:
    """Half a cent is rounded up, and a millionth less is rounded down."""
    assert [Rate(ppm).of(Money(1)).cents for ppm in (499_999, 500_000)] == [0, 1]
    assert [Rate(ppm).of_cents(1) for ppm in (499_999, 500_000)] == [0, 1]
    assert [round_ratio(3, 1), round_ratio(5, 2), round_ratio(-5, 2)] == [3, 3, -2]


@pytest.mark.spec("S01")
def test_one_cent_is_a_difference() -> None:
    """Amounts that differ by one cent, and equal amounts, compare as their cents do."""
    one, two = Money(1), Money(2)

    assert (one < two, one <= two, one > two, one >= two) == (True, True, False, False)
    assert (two < one, two <= one, two > one, two >= one) == (False, False, True, True)
    assert (one < one, one <= one, one > one, one >= one) == (False, True, False, True)


@pytest.mark.spec("S01")
def test_no_money_has_its_currency() -> None:
    """Zero is zero of the currency that was asked for; an amount without one is in USD."""
    assert [Money.zero(EUR), Money(7).currency] == [Money(0, EUR), USD]
    assert Currency.USD.exponent == 2


@pytest.mark.spec("S01")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MoneyError, "MONEY_ERROR"),
        (AmountNotInteger, "AMOUNT_NOT_INTEGER"),
        (CurrencyMismatch, "CURRENCY_MISMATCH"),
        (UnsupportedCurrency, "CURRENCY_UNSUPPORTED"),
        (ZeroWeights, "ZERO_WEIGHTS"),
    ],
)
def test_codes(error: type[MoneyError], code: str) -> None:
    """Each refusal of an amount has the code that clients rely on."""
    assert error().error_code == code


@pytest.mark.spec("S01 D2")
@pytest.mark.parametrize(
    ("ppm", "text"),
    [(0, "0"), (1, "0.0001"), (-1, "-0.0001"), (10_000, "1"), (-82_000, "-8.2"), (100_000, "10")],
)
def test_percentages(ppm: int, text: str) -> None:
    """A rate writes itself as the shortest exact percentage."""
    assert Rate(ppm).percent == text


@pytest.mark.spec("S01 D2")
def test_fine_rates_are_exact() -> None:
    """6.875 % is exactly 68,750 parts per million."""
    assert Rate.from_percent("6.875") == Rate(68_750)
    assert Rate(68_750).of(Money(10_000)) == Money(688)
    assert repr(Rate(68_750)) == "Rate(6.875 %)"


@pytest.mark.spec("S01")
def test_ratios_have_positive_denominators() -> None:
    """A ratio over zero or less is a mistake of the caller."""
    with pytest.raises(ValueError, match="positive"):
        round_ratio(1, 0)


@pytest.mark.spec("S01")
def test_money_writes_itself() -> None:
    """An amount is written with sign, separators, two decimals and its currency."""
    assert str(Money(-123_456_789, EUR)) == "-1,234,567.89 EUR"
    assert str(Money(5)) == "0.05 USD"
    assert str(Money(0)) == "0.00 USD"
    assert repr(Money(5, GBP)) == "Money(5, GBP)"
    assert f"{GBP} {GBP!r} {GBP.code}" == "GBP GBP GBP"


@pytest.mark.spec("S13", "S13 D2")
def test_supported_currencies() -> None:
    """USD, EUR, GBP and CAD are supported in any case; anything else is refused."""
    assert [Currency.of(code) for code in ("usd", "Eur", "GBP", "cad")] == [USD, EUR, GBP, CAD]
    for wrong in ("JPY", "   ", "", "US", "usd ", "u\u017fd"):
        with pytest.raises(UnsupportedCurrency, match="is not supported"):
            Currency.of(wrong)


@pytest.mark.spec("S01 D1")
@pytest.mark.parametrize(
    "module",
    [
        "ticketpay.domain.money",
        "ticketpay.domain.subscriptions",
        "ticketpay.domain.processes.checkout",
    ],
)
def test_the_domain_needs_attrs_alone(module: str) -> None:
    """Importing money, or a whole use case, loads attrs and the standard library only."""
    done = subprocess.run(
        [sys.executable, "-c", _FOREIGN.format(module=module)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(done.stdout.split()) <= {"attr", "attrs", "ticketpay"}


@pytest.mark.spec("S01", "S23")
@pytest.mark.parametrize("other", [5, 5.0, "5", None])
def test_money_goes_with_money_only(other: object) -> None:
    """Adding, subtracting or comparing anything but money is a TypeError."""
    for operation in ("__add__", "__sub__"):
        assert getattr(Money(1), operation)(other) is NotImplemented
    with pytest.raises(TypeError, match="money goes with money"):
        operator.lt(Money(1), cast("Money", other))
