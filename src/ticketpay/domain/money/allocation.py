"""Splitting money so that no cent is lost and none is invented (field notes 3.1).

The order is documented and total: every part is rounded toward zero, then the cents that are
left over go, one each, to the first parts that have a weight. The result depends on nothing but
the total and the order of the weights.
"""

from __future__ import annotations

from collections.abc import Sequence

from ticketpay.domain.money.errors import ZeroWeights
from ticketpay.domain.money.model import Money, _money

__all__ = ["allocate", "allocate_cents"]


def allocate_cents(total: int, weights: Sequence[int]) -> list[int]:
    """Split ``total`` cents by integer ``weights``; the parts sum to ``total`` exactly.

    Each part is within one cent of its exact share, and parts of weight 0 get nothing.
    Raises ``ZeroWeights`` when no weight is positive or one is negative.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ZeroWeights("a split needs weights of zero or more, one of them positive")
    if total < 0:
        return [-part for part in allocate_cents(-total, weights)]
    parts = [total * weight // whole for weight in weights]
    left = total - sum(parts)
    if left:
        _hand_out(parts, weights, left)
    return parts


def _hand_out(parts: list[int], weights: Sequence[int], left: int) -> None:
    for index, weight in enumerate(weights):
        if weight:
            parts[index] += 1
            left -= 1
            if not left:
                return


def allocate(total: Money, weights: Sequence[int]) -> tuple[Money, ...]:
    """``allocate_cents`` for ``Money``: parts in the order of the weights, summing to ``total``."""
    currency = total.currency
    return tuple([_money(part, currency) for part in allocate_cents(total.cents, weights)])
