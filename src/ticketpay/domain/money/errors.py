"""What can be wrong with an amount."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Conflict, Rejected

__all__ = [
    "AmountNotInteger",
    "CurrencyMismatch",
    "MoneyError",
    "RatesConflict",
    "UnsupportedCurrency",
    "ZeroWeights",
]


class MoneyError(Rejected):
    """An amount, a rate or a split that makes no sense."""

    code = "MONEY_ERROR"
    title = "Not a valid amount"


class AmountNotInteger(MoneyError):
    """Amounts are integers in minor units; floats, text and booleans are refused."""

    code = "AMOUNT_NOT_INTEGER"


class CurrencyMismatch(MoneyError):
    """Two currencies never mix in one sum."""

    code = "CURRENCY_MISMATCH"


class RatesConflict(Conflict):
    """A source has said something else for that day; what sales were priced by never changes."""

    code = "EXCHANGE_RATES_CONFLICT"
    title = "Other rates are loaded for that day"


class UnsupportedCurrency(MoneyError):
    """The currency is none of USD, EUR, GBP, CAD."""

    code = "CURRENCY_UNSUPPORTED"


class ZeroWeights(MoneyError):
    """A split needs at least one positive weight and no negative one."""

    code = "ZERO_WEIGHTS"
