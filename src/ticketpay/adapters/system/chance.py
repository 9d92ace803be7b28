"""Chance, for jitter only."""

from __future__ import annotations

import secrets

__all__ = ["SystemRandom"]


class SystemRandom:
    """``Random`` of the operating system."""

    def ppm(self) -> int:
        """A uniformly drawn integer in 0..1,000,000."""
        return secrets.randbelow(1_000_001)
