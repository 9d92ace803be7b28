"""Backoff: how long to wait after n failures (S40)."""

from __future__ import annotations

from typing import Final

__all__ = ["BACKOFF_MS_MAX", "backoff_seconds"]

BACKOFF_MS_MAX: Final = 60_000


def backoff_seconds(attempts: int, jitter_ppm: int) -> float:
    """Seconds until the next try after ``attempts`` failures: 1 s x 2^n, plus jitter, at most 60 s.

    ``jitter_ppm`` in 0..1,000,000 adds up to 30 % (S40). ``attempts`` is bounded to keep 2^n small.
    """
    base = 1_000 << min(max(attempts, 0), 16)
    jittered = base + base * 3 * jitter_ppm // 10_000_000
    return min(jittered, BACKOFF_MS_MAX) / 1_000
