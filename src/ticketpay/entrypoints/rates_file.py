"""The rates file: what a source says for a day, as JSON.

``{"source": "ecb", "date": "2026-06-12", "units": {"USD": 10000, "EUR": 8500, ...}}``: how many units
of each currency one dollar is worth, on one scale of the file's own; all four currencies are there.
All wrong fields are named at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.money import DEVELOPMENT_RATES, Currency, RateTable

__all__ = ["parse_rates", "read_rates"]

_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_UNITS_MAX: Final = 10**12
_FIELDS: Final = ("source", "date", "units")


def read_rates(path: Path, today: date) -> RateTable:
    """The rates in the file; raises ``InvalidInput`` naming every wrong field."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidInput(f"cannot read {path}: {reason}") from error
    return parse_rates(text, today)


def parse_rates(text: str, today: date) -> RateTable:
    """The rates that the JSON ``text`` describes, of ``today`` (UTC) at the latest."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"the rates are not JSON: {error}") from error
    root = given if isinstance(given, dict) else {}
    notes = [] if isinstance(given, dict) else [FieldError("rates", "must be an object")]
    notes += _unknown("", root, _FIELDS)
    source, day, units = _source(root, notes), _day(root, today, notes), _units(root, notes)
    if notes:
        listed = "; ".join(f"{note.field}: {note.message}" for note in notes)
        raise InvalidInput(listed, errors=tuple(notes))
    return RateTable(units=units, source=source, day=day)


def _unknown(path: str, given: Mapping[str, object], names: tuple[str, ...]) -> list[FieldError]:
    return [FieldError(f"{path}{name}", "is unknown") for name in given if name not in names]


def _source(root: Mapping[str, object], notes: list[FieldError]) -> str:
    value = root.get("source")
    if not isinstance(value, str) or not _SOURCE.fullmatch(value):
        notes.append(FieldError("source", "must be lower-case letters, digits, dots and hyphens"))
        return ""
    if value == DEVELOPMENT_RATES.source:
        notes.append(FieldError("source", "names the constants of development, which are no rates"))
    return value


def _day(root: Mapping[str, object], today: date, notes: list[FieldError]) -> date:
    value = root.get("date")
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        notes.append(FieldError("date", "must be a day such as 2026-06-12"))
        return today
    if day > today:
        notes.append(FieldError("date", f"must not be after today, {today.isoformat()}"))
    return day


def _units(root: Mapping[str, object], notes: list[FieldError]) -> dict[Currency, int]:
    value = root.get("units")
    if not isinstance(value, dict):
        notes.append(FieldError("units", "must be an object with all four currencies"))
        return {}
    notes += _unknown("units.", value, tuple(currency.code for currency in Currency))
    found = {}
    for currency in Currency:
        units = value.get(currency.code)
        if type(units) is not int or not 1 <= units <= _UNITS_MAX:
            wrong = f"must be an integer from 1 to {_UNITS_MAX}"
            notes.append(FieldError(f"units.{currency.code}", wrong))
        else:
            found[currency] = units
    return found
