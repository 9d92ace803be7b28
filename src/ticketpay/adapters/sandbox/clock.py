"""The sandbox clock is a base clock plus an offset, which can be frozen and advanced."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["SandboxClock"]


class SandboxClock:
    """Unix seconds of the sandbox: the injected base plus what was advanced; never goes back."""

    def __init__(self, base: Callable[[], float]) -> None:
        self._base = base
        self._offset = 0.0
        self._frozen_at: float | None = None
        self._latest = 0.0

    @property
    def offset(self) -> float:
        """Seconds by which the sandbox runs ahead of its base."""
        return self._offset

    @property
    def frozen(self) -> bool:
        """Whether time stands still until it is advanced or resumed."""
        return self._frozen_at is not None

    def now(self) -> float:
        """Unix seconds."""
        base = self._base() if self._frozen_at is None else self._frozen_at
        self._latest = max(self._latest, base + self._offset)
        return self._latest

    def advance(self, seconds: float) -> None:
        """Jump forward; raises ValueError for a negative number of seconds."""
        if seconds < 0:
            raise ValueError("the sandbox clock does not go back")
        self._offset += seconds

    def freeze(self) -> None:
        """Stand still at the present moment."""
        if self._frozen_at is None:
            self._frozen_at = self._base()

    def resume(self) -> None:
        """Run again from the moment at which the clock was frozen."""
        if self._frozen_at is not None:
            self._offset -= self._base() - self._frozen_at
            self._frozen_at = None

    def reset(self) -> None:
        """Back to the base clock."""
        self._offset = 0.0
        self._frozen_at = None
        self._latest = 0.0
