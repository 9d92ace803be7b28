"""Ports for what a machine gives: time, identifiers, chance, and a bell to ring."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

__all__ = ["Alerts", "Clock", "Ids", "Random"]


class Clock(Protocol):
    """**Protocol:** the current time."""

    def now(self) -> datetime:
        """The current instant, aware and in UTC."""
        ...


class Ids(Protocol):
    """**Protocol:** fresh identifiers."""

    def new(self) -> UUID:
        """A UUID (version 7) that nobody else has."""
        ...


class Random(Protocol):
    """**Protocol:** chance, for jitter only."""

    def ppm(self) -> int:
        """A uniformly drawn integer in 0..1,000,000."""
        ...


class Alerts(Protocol):
    """**Protocol:** something that a person should look at."""

    def raise_alert(self, kind: str, detail: str, **ids: str) -> None:
        """Ring the bell; never raises. ``ids`` are identifiers only, no personal data."""
        ...
