"""The tax rules that ship with ticketpay: dated data files, checked row by row when they are read.

A file is TOML with ``[[rule]]`` and ``[[default_local]]`` tables: state, kind, name, ppm (integer
parts per million), valid_from, source, and where they apply city and valid_to (exclusive). A
``default_local`` is the local tax of the towns of a state that have no rule of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, Final, TypeGuard

import attrs

from ticketpay.domain.kernel.errors import FieldError
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing.errors import TaxDataInvalid
from ticketpay.domain.pricing.model import ChargeKind
from ticketpay.domain.pricing.taxes import TaxRule, TaxTable

__all__ = ["STATES", "TAX_FILES", "read_table", "tax_table"]

# fmt: off
STATES: Final = frozenset(
    {
        "AL", "AK", "AZ", "AR", "CA", "CO", "CT", "DE", "FL", "GA", "HI", "ID", "IL",
        "IN", "IA", "KS", "KY", "LA", "ME", "MD", "MA", "MI", "MN", "MS", "MO", "MT",
        "NE", "NV", "NH", "NJ", "NM", "NY", "NC", "ND", "OH", "OK", "OR", "PA", "RI",
        "SC", "SD", "TN", "TX", "UT", "VT", "VA", "WA", "WV", "WI", "WY", "DC",
    }
)
"""The fifty states and the District of Columbia; other territories have no rule (S58 D6)."""
# fmt: on

TAX_FILES: Final = ("states.toml", "tennessee.toml")
_TABLES: Final = ("rule", "default_local")
_PPM_MAX: Final = 1_000_000
_NEEDED: Final = ("state", "kind", "name", "ppm", "valid_from", "source")
_OPTIONAL: Final = ("city", "valid_to")
_TAXES: Final = tuple(kind.value for kind in ChargeKind if kind.is_tax)


@cache
def tax_table() -> TaxTable:
    """The rules that ship with ticketpay; read and checked once per process."""
    from importlib.resources import files

    folder = files("ticketpay.domain.pricing") / "data"
    return read_table({name: (folder / name).read_text("utf-8") for name in TAX_FILES})


def read_table(texts: Mapping[str, str]) -> TaxTable:
    """The table of all files, by name; raises ``TaxDataInvalid`` naming file and row of each error."""
    rows = [row for name, text in texts.items() for row in _rows(name, text)]
    errors = [FieldError(row.place, wrong) for row in rows for wrong in row.wrong()]
    if not errors:
        errors = list(_overlaps(rows))
    if errors:
        raise TaxDataInvalid(errors=tuple(errors))
    return TaxTable(
        tuple(row.rule() for row in rows if not row.is_default),
        default_local=tuple(row.rule() for row in rows if row.is_default),
    )


@attrs.frozen
class _Row:
    """One table of a file; ``place`` says where it stands, rows counted from 1."""

    place: str
    is_default: bool
    given: Mapping[str, Any]

    def wrong(self) -> Iterator[str]:
        """What is wrong with it, in sentences."""
        yield from (f"{name} is missing" for name in _NEEDED if name not in self.given)
        known = (*_NEEDED, *_OPTIONAL)
        yield from (f"{name} is unknown" for name in self.given if name not in known)
        for name, value in self.given.items():
            if name in _CHECKS and not _CHECKS[name][0](value):
                yield f"{name} must be {_CHECKS[name][1]}"
        yield from self._wrong_together()

    def _wrong_together(self) -> Iterator[str]:
        first, last = self.given.get("valid_from"), self.given.get("valid_to")
        if _is_day(first) and _is_day(last) and last <= first:
            yield "valid_to must be after valid_from"
        statewide = self.is_default or self.given.get("kind") == "state_tax"
        if statewide == ("city" in self.given):
            yield "city must not be given" if statewide else "city is missing"
        if self.is_default and self.given.get("kind") != "local_tax":
            yield "kind of a default must be local_tax"

    def rule(self) -> TaxRule:
        """The rule, once nothing is wrong."""
        given = self.given
        return TaxRule(
            state=given["state"],
            city=given["city"].lower() if "city" in given else None,
            kind=ChargeKind(given["kind"]),
            name=given["name"],
            rate=Rate(given["ppm"]),
            valid_from=given["valid_from"],
            valid_to=given.get("valid_to"),
            source=given["source"],
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != "" and value == value.strip()


def _is_day(value: object) -> TypeGuard[date]:
    return isinstance(value, date) and not isinstance(value, datetime)


_CHECKS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "state": (lambda v: isinstance(v, str) and v in STATES, "one of the 50 states or DC"),
    "city": (_is_text, "a text"),
    "kind": (lambda v: v in _TAXES, f"one of {', '.join(_TAXES)}"),
    "name": (_is_text, "a text"),
    "ppm": (lambda v: type(v) is int and 0 <= v <= _PPM_MAX, f"an integer from 0 to {_PPM_MAX}"),
    "valid_from": (_is_day, "a day"),
    "valid_to": (_is_day, "a day"),
    "source": (_is_text, "a text"),
}


def _rows(name: str, text: str) -> Iterator[_Row]:
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaxDataInvalid(f"{name}: {error}") from error
    for table, rows in document.items():
        if table not in _TABLES or not isinstance(rows, list):
            raise TaxDataInvalid(f"{name}: there is no table {table}")
        for number, row in enumerate(rows, 1):
            given = row if isinstance(row, dict) else {}
            yield _Row(f"{name}, {table} {number}", table == "default_local", given)


def _overlaps(rows: Iterable[_Row]) -> Iterator[FieldError]:
    """Two rows for the same tax on the same day: nobody could say which one holds."""
    known: dict[tuple[object, ...], list[tuple[_Row, TaxRule]]] = {}
    for row in rows:
        rule = row.rule()
        # A city may have several special taxes, but one of each name.
        special = rule.name if rule.kind is ChargeKind.SPECIAL_TAX else None
        same = known.setdefault((row.is_default, rule.state, rule.city, rule.kind, special), [])
        for other, held in same:
            if _overlap(rule, held):
                yield FieldError(row.place, f"holds on days on which {other.place} holds")
        same.append((row, rule))


def _overlap(one: TaxRule, other: TaxRule) -> bool:
    first = max(one.valid_from, other.valid_from)
    return one.holds_on(first) and other.holds_on(first)
