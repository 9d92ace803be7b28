"""Ids are drawn from a seed, so that the same calls in the same order give the same ids."""

from __future__ import annotations

import random

__all__ = ["Ids", "seeded"]


def seeded(seed: int, purpose: str) -> random.Random:
    """A random source of its own for one purpose, so that purposes do not disturb each other."""
    return random.Random(f"{seed}:{purpose}")  # noqa: S311 - a sandbox must be repeatable


class Ids:
    """A seeded source of ids such as `pi_0f...` (24 hexadecimal digits)."""

    def __init__(self, seed: int) -> None:
        self._bits = seeded(seed, "ids").getrandbits

    def new(self, prefix: str) -> str:
        """A fresh id: the prefix, an underscore and 96 drawn bits."""
        return f"{prefix}_{self._bits(96):024x}"
