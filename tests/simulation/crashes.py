"""Crashes: a process dies at a step that the seed has chosen."""

from __future__ import annotations

import attrs

__all__ = ["Crash", "CrashPlan"]


class Crash(BaseException):
    """The process is gone; no ``except`` of the code under test may see it."""


@attrs.define
class CrashPlan:
    """Counts steps and raises ``Crash`` at the armed one."""

    left: int = 0
    happened_at: str = ""

    def arm(self, steps: int) -> None:
        """Crash at the ``steps``-th step from now on; 0 means never."""
        self.left, self.happened_at = steps, ""

    def step(self, name: str) -> None:
        """A step of the code under test."""
        if self.left == 0:
            return
        self.left -= 1
        if self.left == 0:
            self.happened_at = name
            raise Crash(name)
