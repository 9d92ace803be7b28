"""Money: integer minor units with a currency, exact rates, and splits that lose nothing (S01, S23).

>>> from ticketpay.domain.money import Money, Rate, USD, allocate
>>> price = Money(10_000, USD)
>>> Rate.from_percent("8.2").of(price)
Money(820, USD)
>>> allocate(Money(100, USD), (1, 1, 1))
(Money(34, USD), Money(33, USD), Money(33, USD))

Guarantees: no floats; one rounding rule, half-up toward plus infinity; currencies never mix,
they are converted by a dated rate; the parts of a split always sum to the whole.
"""

from __future__ import annotations

from ticketpay.domain.money.allocation import allocate, allocate_cents
from ticketpay.domain.money.errors import (
    AmountNotInteger,
    CurrencyMismatch,
    MoneyError,
    RatesConflict,
    UnsupportedCurrency,
    ZeroWeights,
)
from ticketpay.domain.money.exchange import (
    DEVELOPMENT_RATES,
    ExchangeRate,
    RateTable,
    convert,
    currency_pair,
)
from ticketpay.domain.money.model import CAD, EUR, GBP, USD, Currency, Money, Rate
from ticketpay.domain.money.rounding import PPM, apply_ppm

__all__ = [
    "CAD",
    "DEVELOPMENT_RATES",
    "EUR",
    "GBP",
    "PPM",
    "USD",
    "AmountNotInteger",
    "Currency",
    "CurrencyMismatch",
    "ExchangeRate",
    "Money",
    "MoneyError",
    "Rate",
    "RateTable",
    "RatesConflict",
    "UnsupportedCurrency",
    "ZeroWeights",
    "allocate",
    "allocate_cents",
    "apply_ppm",
    "convert",
    "currency_pair",
]
