"""Money against py-moneyed 3: the same add, rate with rounding, and allocate; ratios in one run."""

from __future__ import annotations

import timeit
from decimal import ROUND_FLOOR, Decimal

from moneyed import USD as THEIR_USD
from moneyed import Money as TheirMoney

from ticketpay.domain.money import Money, Rate, allocate

GATES = {"add": (1.4, 2.0), "rate": (3.0, 5.0), "allocate": (1.2, 1.5)}
CENT = Decimal("0.01")


def their_allocate(total: TheirMoney, weights: tuple[int, ...]) -> list[TheirMoney]:
    """What a py-moneyed user writes: py-moneyed has no allocate."""
    whole = sum(weights)
    parts = [
        (total.amount * weight / whole).quantize(CENT, rounding=ROUND_FLOOR) for weight in weights
    ]
    left = int((total.amount - sum(parts)) / CENT)
    for index in range(left):
        parts[index] += CENT
    return [TheirMoney(part, total.currency) for part in parts]


def nanoseconds(statement: str, names: dict[str, object]) -> float:
    """The best of seven runs, per operation."""
    return min(timeit.repeat(statement, globals=names, number=50_000, repeat=7)) / 50_000 * 1e9


def main() -> int:
    ours = {"a": Money(12_345), "b": Money(678), "r": Rate(29_000), "w": (50, 30, 20)}
    theirs = {
        "a": TheirMoney(Decimal("123.45"), THEIR_USD),
        "b": TheirMoney(Decimal("6.78"), THEIR_USD),
        "r": Decimal("0.029"),
        "w": (50, 30, 20),
        "allocate": their_allocate,
    }
    pairs = {
        "add": ("a + b", "a + b"),
        "rate": ("r.of(a)", "(a * r).round(2)"),
        "allocate": ("allocate(a, w)", "allocate(a, w)"),
    }
    missed = 0
    for name, (mine, other) in pairs.items():
        fast = nanoseconds(mine, {**ours, "allocate": allocate})
        slow = nanoseconds(other, theirs)
        gate, aim = GATES[name]
        ratio = slow / fast
        missed += ratio < gate
        print(
            f"{name:9} {fast:7.0f} ns against {slow:7.0f} ns: {ratio:.2f}x (gate {gate}, aim {aim})"
        )
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
