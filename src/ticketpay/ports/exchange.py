"""Ports for exchange rates."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol

from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.money import RateTable
from ticketpay.ports.later import Later

__all__ = ["ExchangeRates", "RateLoader"]


class ExchangeRates(Protocol):
    """**Protocol:** the rates that were loaded, the same for all tenants; none ever changes (S23)."""

    def newest(self, until: date) -> Later[RateTable | None]:
        """The table of the newest day up to ``until``; of several sources, what came last."""
        ...

    def of(self, source: str, day: date) -> Later[RateTable | None]:
        """What a source has said for a day; None if that was not loaded."""
        ...

    def listed(self, limit: int) -> Later[tuple[RateTable, ...]]:
        """The newest ``limit`` tables, newest day first, of one day what came last first."""
        ...


class RateLoader(Protocol):
    """**Protocol:** loads what a source says for a day, once."""

    def load(self, table: RateTable, at: datetime, entry: AuditEntry | None = None) -> bool:
        """Store the table; False if it was there already.

        ``entry`` says in the audit trail of every tenant who did it. Raises ``RatesConflict`` when
        the source has said something else for that day.
        """
        ...
