"""How much a venue may withdraw, what that costs, and how a shortfall is made good (S21, S22).

All of it is pure and in integers. Whoever calls holds the lock of the venue's guard row from
reading the balances until the posting is written (S21 D1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from ticketpay.domain.kernel.errors import FieldError
from ticketpay.domain.kernel.time import day_in
from ticketpay.domain.ledger import Bucket
from ticketpay.domain.money import PPM, Currency, CurrencyMismatch, Money, Rate
from ticketpay.domain.payouts.errors import (
    BalanceNegative,
    DailyLimitExceeded,
    InsufficientFunds,
    PayoutAmountInvalid,
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
    VenueHistory,
)

__all__ = [
    "check_payout",
    "paid_out_cents",
    "payable",
    "payout_fee",
    "recovery_order",
    "reserve_surplus",
    "risk_level",
]

# Pending money belongs to buyers until their event is over, and money in transit has left.
_TAKEN_FIRST: Final = (Bucket.RESERVED, Bucket.AVAILABLE)


def risk_level(history: VenueHistory, rules: PayoutRules = STANDARD_PAYOUT_RULES) -> RiskLevel:
    """High for many chargebacks or a young venue, low for few and an old one, else medium (S21).

    Without payments the rate is zero unless there are chargebacks of earlier ones.
    """
    if history.age_days < rules.young_days or _reach(history, rules.chargebacks_high):
        return RiskLevel.HIGH
    if history.age_days > rules.old_days and not _reach(history, rules.chargebacks_low):
        return RiskLevel.LOW
    return RiskLevel.MEDIUM


def _reach(history: VenueHistory, rate: Rate) -> bool:
    disputed = history.disputed_count
    return disputed > 0 and disputed * PPM >= history.paid_count * rate.ppm


def payable(
    balances: Balances, level: RiskLevel, rules: PayoutRules = STANDARD_PAYOUT_RULES
) -> Payable:
    """What is available less what the reserve lacks; nothing below the minimum (S21 D3, K42).

    All in cents. A negative balance needs no reserve and pays nothing.
    """
    required = rules.reserve(level).of_cents(max(0, balances.available_cents))
    additional = max(0, required - balances.reserved_cents)
    rest = balances.available_cents - additional
    return Payable(
        currency=balances.currency,
        available_cents=balances.available_cents,
        required_cents=required,
        additional_cents=additional,
        payable_cents=rest if rest >= rules.minimum_cents else 0,
    )


def check_payout(
    amount: Money,
    limit: Payable,
    *,
    today_cents: int,
    rules: PayoutRules = STANDARD_PAYOUT_RULES,
) -> None:
    """Refuse ``amount`` unless it is positive, payable, and within the rest of the day (S21).

    ``today_cents`` is what ``paid_out_cents`` counts. Raises ``PayoutAmountInvalid``,
    ``CurrencyMismatch``, ``BalanceNegative``, ``InsufficientFunds``, ``DailyLimitExceeded``, in
    this order.
    """
    if amount.cents <= 0:
        raise PayoutAmountInvalid("must be a positive integer of cents")
    if amount.currency is not limit.currency:
        wrong = FieldError("currency", f"must be {limit.currency}")
        raise CurrencyMismatch(f"the balance is in {limit.currency}", errors=(wrong,))
    if limit.is_blocked:
        raise BalanceNegative(f"the venue owes {-limit.available_cents} cents")
    if amount.cents > limit.payable_cents:
        raise InsufficientFunds(
            f"{limit.payable_cents} cents are payable, not {amount.cents}{_why(limit, rules)}",
            errors=_at_most(limit.payable_cents),
        )
    if today_cents + amount.cents > rules.daily_max_cents:
        left = max(0, rules.daily_max_cents - today_cents)
        raise DailyLimitExceeded(
            f"{left} cents are left of today's {rules.daily_max_cents}", errors=_at_most(left)
        )


def _why(limit: Payable, rules: PayoutRules) -> str:
    rest = limit.available_cents - limit.additional_cents
    if not 0 < rest < rules.minimum_cents:
        return ""
    return f": the {rest} that the reserve leaves are below the minimum of {rules.minimum_cents}"


def _at_most(cents: int) -> tuple[FieldError]:
    return (FieldError("amountCents", f"must be at most {cents}"),)


def payout_fee(
    amount: Money, speed: PayoutSpeed, rules: PayoutRules = STANDARD_PAYOUT_RULES
) -> Money:
    """The fee of a payout: a share of ``amount`` and at least the minimum if instant, else zero.

    Rounded half-up to the cent (S22). Raises ``PayoutAmountInvalid`` when nothing would arrive.
    """
    if speed is PayoutSpeed.STANDARD:
        return Money.zero(amount.currency)
    share = rules.instant_fee.of(amount)
    fee = max(share, Money(rules.instant_fee_min_cents, amount.currency))
    if fee >= amount:
        raise PayoutAmountInvalid(f"must be more than the fee of {fee.cents} cents")
    return fee


def paid_out_cents(payouts: Iterable[Payout], *, currency: Currency, now: datetime) -> int:
    """What left in ``currency`` on the UTC day of ``now``, in cents (S21 D2).

    A payout counts on the day of its request, whole, and no longer once it failed or was cancelled.
    """
    today = day_in(now, "UTC")
    return sum(
        payout.amount.cents
        for payout in payouts
        if payout.amount.currency is currency
        and not payout.state.is_undone
        and day_in(payout.created_at, "UTC") == today
    )


def reserve_surplus(reserved_cents: int, recent_cents: int) -> int:
    """What is given back of a reserve, in cents: all but ``recent_cents``, which are not old enough.

    A debt may have taken of the reserve meanwhile; it has taken the oldest first.
    """
    return max(0, reserved_cents - recent_cents)


def recovery_order(shortfall_cents: int, holdings: Sequence[Portion]) -> tuple[Portion, ...]:
    """Of what a shortfall is made good: first what is reserved, then what is available, then debt.

    Within a bucket the order is that of ``holdings``. What they lack is a last portion,
    ``receivable``, to be asked for again when later sales become available. Pending money and money
    in transit are never taken. Raises ValueError for a negative shortfall.
    """
    if shortfall_cents < 0:
        raise ValueError(f"a shortfall is positive, not {shortfall_cents}")
    takeable = [holding for holding in holdings if holding.bucket in _TAKEN_FIRST]
    lacking, takes = shortfall_cents, []
    for holding in sorted(takeable, key=lambda one: _TAKEN_FIRST.index(one.bucket)):
        cents = min(lacking, holding.cents)
        takes.append(Portion(bucket=holding.bucket, subject=holding.subject, cents=cents))
        lacking -= cents
    takes.append(Portion(bucket=Bucket.RECEIVABLE, cents=lacking))
    return tuple(take for take in takes if take.cents)
