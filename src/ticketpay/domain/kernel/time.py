"""Time: instants are timezone-aware UTC datetimes; days and months name their IANA zone (R4)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

__all__ = ["day_in", "month_start", "require_utc", "rfc3339", "seconds"]


def require_utc(instant: datetime) -> datetime:
    """Return ``instant`` unchanged if it is aware and in UTC; raise ValueError otherwise."""
    if instant.tzinfo is None or instant.utcoffset() != timedelta(0):
        raise ValueError("an instant must be timezone-aware and in UTC")
    return instant


def day_in(instant: datetime, zone: str) -> date:
    """The calendar day of ``instant`` in the IANA ``zone``."""
    return require_utc(instant).astimezone(ZoneInfo(zone)).date()


def month_start(instant: datetime, zone: str) -> datetime:
    """The first instant, in UTC, of the calendar month of ``instant`` in the IANA ``zone``."""
    local = require_utc(instant).astimezone(ZoneInfo(zone))
    first = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)
    return first.astimezone(UTC)


def rfc3339(instant: datetime) -> str:
    """``2026-01-31T12:00:00.000Z``: RFC 3339 in UTC with milliseconds."""
    text = require_utc(instant).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def seconds(count: float) -> timedelta:
    """A duration of ``count`` seconds."""
    return timedelta(seconds=count)
