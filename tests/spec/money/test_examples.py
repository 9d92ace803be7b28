"""The figures of S01 and S13, and the promise that money needs attrs alone."""

from __future__ import annotations

import operator
import subprocess
import sys
from typing import cast

import pytest

from ticketpay.domain.money import CAD, EUR, GBP, USD, Currency, Money, Rate, UnsupportedCurrency
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
    assert repr(Money(5, GBP)) == "Money(5, GBP)"


@pytest.mark.spec("S13", "S13 D2")
def test_supported_currencies() -> None:
    """USD, EUR, GBP and CAD are supported in any case; anything else is refused."""
    assert [Currency.of(code) for code in ("usd", "Eur", "GBP", "cad")] == [USD, EUR, GBP, CAD]
    for wrong in ("JPY", "   ", "", "US", "usd ", "u\u017fd"):
        with pytest.raises(UnsupportedCurrency, match="is not supported"):
            Currency.of(wrong)


@pytest.mark.spec("S01 D1")
@pytest.mark.parametrize(
    "module", ["ticketpay.domain.money", "ticketpay.domain.processes.checkout"]
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
