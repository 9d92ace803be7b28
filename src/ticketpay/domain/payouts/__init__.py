"""Payouts: how much a venue may withdraw, and what becomes of the money on its way (S21, S22).

Vocabulary: the *reserve* is the share of the available money that stays behind for chargebacks,
by *risk level*; *payable* is the rest; a *shortfall* is what a venue owes.

States: requested, processing, then paid or failed; a paid one may still fail, when the bank sends
it back. Guarantees: nothing is paid out while the balance is negative or below the minimum; two
payouts never exceed what one could have had; the day of the daily limit is the UTC day.
"""

from __future__ import annotations

from ticketpay.domain.payouts.errors import (
    BalanceNegative,
    DailyLimitExceeded,
    InsufficientFunds,
    PayoutAmountInvalid,
    VenueNotConnected,
)
from ticketpay.domain.payouts.model import (
    STANDARD_PAYOUT_RULES,
    Balances,
    Payable,
    Payout,
    PayoutRules,
    PayoutSpeed,
    Portion,
    RiskLevel,
    VenueAccount,
    VenueHistory,
)
from ticketpay.domain.payouts.policy import (
    check_payout,
    paid_out_cents,
    payable,
    payout_fee,
    recovery_order,
    reserve_surplus,
    risk_level,
)
from ticketpay.domain.payouts.states import PAYOUT_MACHINE, PayoutEvent, PayoutState

__all__ = [
    "PAYOUT_MACHINE",
    "STANDARD_PAYOUT_RULES",
    "BalanceNegative",
    "Balances",
    "DailyLimitExceeded",
    "InsufficientFunds",
    "Payable",
    "Payout",
    "PayoutAmountInvalid",
    "PayoutEvent",
    "PayoutRules",
    "PayoutSpeed",
    "PayoutState",
    "Portion",
    "RiskLevel",
    "VenueAccount",
    "VenueHistory",
    "VenueNotConnected",
    "check_payout",
    "paid_out_cents",
    "payable",
    "payout_fee",
    "recovery_order",
    "reserve_surplus",
    "risk_level",
]
