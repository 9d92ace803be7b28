"""The one rounding rule: half-up toward plus infinity, on integers (S01, R2)."""

from __future__ import annotations

from typing import Final

__all__ = ["PPM", "apply_ppm", "round_ratio"]

PPM: Final = 1_000_000
"""Parts per million: the unit of every rate (1 bps = 100 ppm)."""

_HALF: Final = PPM // 2


def apply_ppm(cents: int, ppm: int) -> int:
    """``cents`` x ``ppm`` / 1,000,000, rounded half-up toward plus infinity, in cents.

    >>> apply_ppm(12_345, 82_000), apply_ppm(-5, 100_000)
    (1012, 0)
    """
    return (cents * ppm + _HALF) // PPM


def round_ratio(numerator: int, denominator: int) -> int:
    """``numerator`` / ``denominator`` rounded half-up; the denominator must be positive."""
    if denominator <= 0:
        raise ValueError("the denominator must be positive")
    return (2 * numerator + denominator) // (2 * denominator)
