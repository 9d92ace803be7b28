"""Why a venue is not paid out."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Conflict, FieldError, InvalidInput

__all__ = [
    "BalanceNegative",
    "DailyLimitExceeded",
    "InsufficientFunds",
    "PayoutAmountInvalid",
    "VenueNotConnected",
]


class PayoutAmountInvalid(InvalidInput):
    """The amount is zero, negative, or no more than its fee (S21 D5)."""

    def __init__(self, message: str) -> None:
        super().__init__(errors=(FieldError("amountCents", message),))


class InsufficientFunds(Conflict):
    """More is asked for than is payable at the moment (S21)."""

    code = "INSUFFICIENT_FUNDS"
    title = "Insufficient funds for payout"


class DailyLimitExceeded(Conflict):
    """Today's payouts and this one exceed what a venue may withdraw in a UTC day (S21 D2)."""

    code = "DAILY_LIMIT"
    title = "Exceeds daily payout limit"


class BalanceNegative(Conflict):
    """The venue owes money: nothing is paid out until that is made good (S20 D3)."""

    code = "BALANCE_NEGATIVE"
    title = "Payouts are blocked while the balance is negative"


class VenueNotConnected(Conflict):
    """Nobody has said to which account at the provider the venue's money goes."""

    code = "VENUE_NOT_CONNECTED"
    title = "The venue has no account to be paid out to"
