"""Banking days and the provider's prices: what money costs and when it is there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["DISPUTE_FEE", "charge_fee", "instant_fee", "midnight_after", "month_later"]

DISPUTE_FEE = 1500
"""Cents that a dispute costs, won or lost."""


def charge_fee(amount: int) -> int:
    """What a card payment costs: 2.9 % (half a cent up) and 30 cents."""
    return (amount * 29 + 500) // 1000 + 30


def instant_fee(amount: int) -> int:
    """What an instant payout costs: 1 % (rounded up), at least 50 cents."""
    return max(50, -(-amount // 100))


def midnight_after(now: float, days: int) -> int:
    """The Unix second at which the n-th banking day (Monday to Friday) after now begins in UTC."""
    moment = datetime.fromtimestamp(int(now), UTC).replace(hour=0, minute=0, second=0)
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < 5
    return int(moment.timestamp())


def month_later(anchor: int, months: int) -> int:
    """The same day and time some months after an anchor, or the last day of a shorter month."""
    start = datetime.fromtimestamp(anchor, UTC)
    years, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    for day in range(start.day, 27, -1):
        try:
            return int(start.replace(year=years, month=month + 1, day=day).timestamp())
        except ValueError:
            continue
    return int(start.replace(year=years, month=month + 1).timestamp())
