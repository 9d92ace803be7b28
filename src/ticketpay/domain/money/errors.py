"""What can be wrong with an amount."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Rejected

__all__ = [
    "AmountNotInteger",
    "CurrencyMismatch",
    "MoneyError",
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


class UnsupportedCurrency(MoneyError):
    """The currency is none of USD, EUR, GBP, CAD."""

    code = "CURRENCY_UNSUPPORTED"


class ZeroWeights(MoneyError):
    """A split needs at least one positive weight and no negative one."""

    code = "ZERO_WEIGHTS"
