"""The system clock: what this machine believes the time to be, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["SystemClock"]


class SystemClock:
    """``Clock`` of this machine."""

    def now(self) -> datetime:
        """The current instant, aware and in UTC."""
        return datetime.now(UTC)
