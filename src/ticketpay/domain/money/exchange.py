"""Exchange: what an amount of one currency is worth in another (S23).

A rate is a ratio of integers, so a rate and its inverse undo each other exactly. Only the cents
are rounded, half-up and once, at the very end. Whoever sells by a rate stores all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import attrs

from ticketpay.domain.money.errors import (
    AmountNotInteger,
    CurrencyMismatch,
    MoneyError,
    UnsupportedCurrency,
)
from ticketpay.domain.money.model import CAD, EUR, GBP, USD, Currency, Money
from ticketpay.domain.money.rounding import round_ratio

__all__ = ["DEVELOPMENT_RATES", "ExchangeRate", "RateTable", "convert", "currency_pair"]

_DISPLAYED: Final = 10_000


def _positive(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    _check_positive(attribute.name, value)


def _check_positive(name: str, value: int) -> None:
    if type(value) is not int:
        raise AmountNotInteger(f"{name} must be an integer, not {type(value).__name__}")
    if value <= 0:
        raise MoneyError(f"{name} must be positive, not {value}")


@attrs.frozen(kw_only=True)
class ExchangeRate:
    """One unit of ``base`` is worth ``numerator`` / ``denominator`` units of ``target``, exactly.

    ``source`` says who quoted it and ``day`` for when; a sale stores them with the pair (S23 D2).
    Raises ``MoneyError`` for figures that are not positive, or a currency not worth itself.
    """

    base: Currency
    target: Currency
    numerator: int = attrs.field(validator=_positive)
    denominator: int = attrs.field(validator=_positive)
    source: str
    day: date

    def __attrs_post_init__(self) -> None:
        if self.base is self.target and self.numerator != self.denominator:
            raise MoneyError(f"one {self.base} is worth one {self.base}")

    def convert(self, money: Money) -> Money:
        """``money`` in ``target``, rounded half-up once, at the end, to its minor unit (S23 D1, D3).

        Raises ``CurrencyMismatch`` when ``money`` is not in ``base``.
        """
        if money.currency is not self.base:
            raise CurrencyMismatch(f"a rate of {self.base} converts no {money.currency}")
        worth = money.cents * self.numerator * 10**self.target.exponent
        return Money(round_ratio(worth, self.denominator * 10**self.base.exponent), self.target)

    @property
    def display(self) -> str:
        """For people: rounded half-up to four decimals, as the shortest text, such as ``0.8``."""
        rounded = round_ratio(self.numerator * _DISPLAYED, self.denominator)
        units, rest = divmod(rounded, _DISPLAYED)
        return f"{units}.{rest:04d}".rstrip("0").rstrip(".")


def _all_positive(
    _: object, attribute: attrs.Attribute[Mapping[Currency, int]], value: Mapping[Currency, int]
) -> None:
    for currency, units in value.items():
        _check_positive(f"{attribute.name} of {currency}", units)


@attrs.frozen(kw_only=True)
class RateTable:
    """The rates of one ``source`` for one ``day``: how many ``units`` of each one USD is worth.

    Units are integers on one scale, which cancels out in every pair: 10,000 to the dollar in S23,
    more where the source is finer.
    """

    units: Mapping[Currency, int] = attrs.field(validator=_all_positive)
    source: str
    day: date

    def rate(self, base: Currency, target: Currency) -> ExchangeRate:
        """The rate from ``base`` to ``target``, to be stored with what is sold by it (S23 D2).

        Raises ``UnsupportedCurrency`` for the first of the two that the table lacks.
        """
        for currency in (base, target):
            if currency not in self.units:
                raise _unsupported(currency.code)
        return ExchangeRate(
            base=base,
            target=target,
            numerator=self.units[target],
            denominator=self.units[base],
            source=self.source,
            day=self.day,
        )


DEVELOPMENT_RATES: Final = RateTable(
    units={USD: 10_000, EUR: 8_500, GBP: 7_300, CAD: 12_500},
    source="development",
    day=date(2025, 1, 1),
)
"""The constants of S23, without a date in the source: for development and tests only."""


def convert(money: Money, to: Currency, rates: RateTable) -> Money:
    """``money`` in the currency ``to`` by ``rates``, rounded half-up once to the cent (S23).

    Raises ``UnsupportedCurrency`` for the first of the two that ``rates`` lacks.
    """
    return rates.rate(money.currency, to).convert(money)


def currency_pair(base: str, target: str) -> tuple[Currency, Currency]:
    """The currencies of two codes in any case (S13 D2).

    Raises ``UnsupportedCurrency``, ``Unsupported currency: <the first unknown>`` (S23).
    """
    return _currency(base), _currency(target)


def _currency(code: str) -> Currency:
    try:
        return Currency.of(code)
    except UnsupportedCurrency:
        raise _unsupported(code) from None


def _unsupported(code: str) -> UnsupportedCurrency:
    return UnsupportedCurrency(f"Unsupported currency: {code}")
