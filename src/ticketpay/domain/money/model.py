"""Money, Currency and Rate: the three values that every amount in ticketpay is made of.

``Money`` is on the hot path of every sale, so its arithmetic builds results through the slot
descriptors and skips the validation that its own invariants already guarantee.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from enum import Enum
from fractions import Fraction
from typing import Final

import attrs

from ticketpay.domain.money.errors import AmountNotInteger, CurrencyMismatch, UnsupportedCurrency
from ticketpay.domain.money.rounding import PPM, apply_ppm

__all__ = ["CAD", "EUR", "GBP", "USD", "Currency", "Money", "Rate"]


class Currency(Enum):
    """A supported currency by its ISO 4217 code (S13)."""

    USD = "USD"
    EUR = "EUR"
    GBP = "GBP"
    CAD = "CAD"

    @property
    def code(self) -> str:
        """The three capital letters."""
        return self.value

    @property
    def exponent(self) -> int:
        """How many decimals the minor unit has (2 for all supported currencies)."""
        return 2

    @classmethod
    def of(cls, code: str) -> Currency:
        """The currency named ``code`` in any case; raises ``UnsupportedCurrency``."""
        try:
            # A long s in capitals is an S: only plain letters have a capital here.
            return cls(code.upper() if code.isascii() else code)
        except (ValueError, AttributeError):
            raise UnsupportedCurrency(f"Currency {code} is not supported") from None

    def __repr__(self) -> str:
        return self.value

    def __str__(self) -> str:
        return self.value


_AMOUNT: Final = re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)\.[0-9]{2}")

USD: Final = Currency.USD
EUR: Final = Currency.EUR
GBP: Final = Currency.GBP
CAD: Final = Currency.CAD


def _integer(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if type(value) is not int:
        raise AmountNotInteger(f"{attribute.name} must be an integer, not {type(value).__name__}")


def _currency(_: object, attribute: attrs.Attribute[Currency], value: Currency) -> None:
    if not isinstance(value, Currency):
        raise UnsupportedCurrency(f"{attribute.name} must be a Currency, not {value!r}")


@attrs.frozen(repr=False, order=False)
class Money:
    """An amount in integer minor units (cents) of one currency; may be negative.

    Sums and comparisons of different currencies raise ``CurrencyMismatch``; a float or a text
    as the amount raises ``AmountNotInteger`` (S01, R1).
    """

    cents: int = attrs.field(validator=_integer)
    currency: Currency = attrs.field(default=USD, validator=_currency)

    @classmethod
    def zero(cls, currency: Currency) -> Money:
        """No money, in ``currency``."""
        return cls(0, currency)

    @classmethod
    def parse(cls, text: str) -> Money:
        """``Money.parse("1,234.56 USD")``: exactly two decimals; reads what ``str`` writes."""
        amount, _, code = text.strip().partition(" ")
        if _AMOUNT.fullmatch(amount) is None:
            raise AmountNotInteger(f"{text!r} is not an amount like '1,234.56 USD'")
        return cls(int(amount.replace(",", "").replace(".", "")), Currency.of(code))

    def __add__(self, other: Money) -> Money:
        try:
            if self.currency is not other.currency:
                raise _mismatch(self, other)
        except AttributeError:
            return NotImplemented
        return _money(self.cents + other.cents, self.currency)

    def __sub__(self, other: Money) -> Money:
        try:
            if self.currency is not other.currency:
                raise _mismatch(self, other)
        except AttributeError:
            return NotImplemented
        return _money(self.cents - other.cents, self.currency)

    def __neg__(self) -> Money:
        return _money(-self.cents, self.currency)

    def __mul__(self, count: int) -> Money:
        if type(count) is not int:
            raise AmountNotInteger("money is multiplied by integers only; use a Rate")
        return _money(self.cents * count, self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        return self._compared(other) < 0

    def __le__(self, other: Money) -> bool:
        return self._compared(other) <= 0

    def __gt__(self, other: Money) -> bool:
        return self._compared(other) > 0

    def __ge__(self, other: Money) -> bool:
        return self._compared(other) >= 0

    def _compared(self, other: object) -> int:
        if not isinstance(other, Money) or self.currency is not other.currency:
            raise _mismatch(self, other)
        return self.cents - other.cents

    def __repr__(self) -> str:
        return f"Money({self.cents}, {self.currency.value})"

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        units, rest = divmod(abs(self.cents), 100)
        return f"{sign}{units:,}.{rest:02d} {self.currency.value}"


_new = object.__new__
_set_cents = Money.__dict__["cents"].__set__
_set_currency = Money.__dict__["currency"].__set__


def _money(cents: int, currency: Currency) -> Money:
    money: Money = _new(Money)
    _set_cents(money, cents)
    _set_currency(money, currency)
    return money


def _mismatch(one: Money, other: object) -> Exception:
    if not isinstance(other, Money):
        return TypeError(f"money goes with money, not with {type(other).__name__}")
    return CurrencyMismatch(f"{one.currency} and {other.currency} never mix")


@attrs.frozen(repr=False)
class Rate:
    """An exact share in integer parts per million (1 % = 10,000 ppm, 1 bps = 100 ppm)."""

    ppm: int = attrs.field(validator=_integer)

    @classmethod
    def from_bps(cls, bps: int) -> Rate:
        """From basis points: ``Rate.from_bps(820)`` is 8.2 %."""
        return cls(bps * 100)

    @classmethod
    def from_percent(cls, percent: str) -> Rate:
        """From a decimal text: ``Rate.from_percent("6.875")`` is exact; more digits are refused."""
        try:
            ppm = Fraction(Decimal(percent)) * 10_000
        except (InvalidOperation, ValueError, OverflowError):
            raise AmountNotInteger(f"{percent!r} is not a percentage") from None
        if ppm.denominator != 1:
            raise AmountNotInteger(f"{percent!r} is finer than one part per million")
        return cls(int(ppm))

    def of(self, money: Money) -> Money:
        """This share of ``money``, rounded half-up toward plus infinity to the cent (S01)."""
        return _money((money.cents * self.ppm + 500_000) // 1_000_000, money.currency)

    def of_cents(self, cents: int) -> int:
        """The same on bare cents."""
        return apply_ppm(cents, self.ppm)

    @property
    def percent(self) -> str:
        """The percentage as the shortest exact decimal text, such as ``8.2``."""
        units, rest = divmod(abs(self.ppm), PPM // 100)
        sign = "-" if self.ppm < 0 else ""
        digits = f"{rest:04d}".rstrip("0")
        return f"{sign}{units}.{digits}" if digits else f"{sign}{units}"

    def __repr__(self) -> str:
        return f"Rate({self.percent} %)"
