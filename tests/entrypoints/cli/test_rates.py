"""Rates by hand: checked, dry unless ``--yes``, loaded once and never changed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.entrypoints.cli.desk import Desk
from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.domain.money import CAD, EUR, GBP, USD, RateTable
from ticketpay.entrypoints.rates_file import parse_rates, read_rates

TODAY = date(2026, 6, 15)
UNITS = {"USD": 10_000, "EUR": 8_600, "GBP": 7_400, "CAD": 12_600}
GOOD: dict[str, Any] = {"source": "ecb", "date": "2026-06-12", "units": UNITS}


def wrong(**changes: Any) -> list[str]:
    """The fields that are named as wrong."""
    with pytest.raises(InvalidInput) as refused:
        parse_rates(json.dumps({**GOOD, **changes}), TODAY)
    return [error.field for error in refused.value.errors]


@pytest.mark.spec("S23")
def test_a_file_is_read_exactly() -> None:
    """Source, day and the units of all four currencies, nothing rounded."""
    read = parse_rates(json.dumps(GOOD), TODAY)
    units = {USD: 10_000, EUR: 8_600, GBP: 7_400, CAD: 12_600}
    assert read == RateTable(units=units, source="ecb", day=date(2026, 6, 12))
    assert parse_rates(json.dumps({**GOOD, "date": "2026-06-15"}), TODAY).day == TODAY


@pytest.mark.spec("S23")
@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"source": ""}, ["source"]),
        ({"source": "ECB"}, ["source"]),
        ({"source": 7}, ["source"]),
        ({"source": "development"}, ["source"]),
        ({"date": "2026-06-16"}, ["date"]),
        ({"date": "2026-02-30"}, ["date"]),
        ({"date": "20260612"}, ["date"]),
        ({"date": None}, ["date"]),
        ({"units": []}, ["units"]),
        ({"units": {**UNITS, "JPY": 1}}, ["units.JPY"]),
        ({"units": {**UNITS, "EUR": 0}}, ["units.EUR"]),
        ({"units": {**UNITS, "EUR": 0.85}}, ["units.EUR"]),
        ({"units": {**UNITS, "EUR": True, "GBP": "1"}}, ["units.EUR", "units.GBP"]),
        ({"units": {"USD": 1, "EUR": 1, "GBP": 1}}, ["units.CAD"]),
        ({"units": {**UNITS, "EUR": 10**12 + 1}}, ["units.EUR"]),
        ({"rate": 1, "source": None}, ["rate", "source"]),
    ],
)
def test_every_wrong_field_is_named(changes: dict[str, Any], fields: list[str]) -> None:
    """What is missing, unknown, of the wrong kind, of tomorrow, or the constants' name is refused."""
    assert wrong(**changes) == fields


@pytest.mark.spec("S23")
@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null"])
def test_what_is_no_object_is_refused(text: str) -> None:
    """A file that is not JSON, or not an object, is refused in a line."""
    with pytest.raises(InvalidInput):
        parse_rates(text, TODAY)


@pytest.mark.spec("S23")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """No file, and a file that is not UTF-8."""
    with pytest.raises(InvalidInput, match=r"cannot read .*none\.json"):
        read_rates(tmp_path / "none.json", TODAY)
    (tmp_path / "odd.json").write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_rates(tmp_path / "odd.json", TODAY)


@pytest.mark.server
@pytest.mark.spec("S23")
def test_rates_are_loaded_once_and_shown(desk: Desk, tmp_path: Path) -> None:
    """Dry first; then they are there, in the trail too; again changes nothing; others conflict."""
    owner = {**desk.environment, "MIGRATION_DATABASE_URL": desk.database.owner}
    desk = attrs.evolve(desk, environment=owner)
    day = datetime.now(UTC).date() - timedelta(days=1)
    file = tmp_path / "rates.json"
    file.write_text(json.dumps({**GOOD, "date": day.isoformat()}))
    assert desk.refused("rates", "show", code=3)["code"] == "NOT_FOUND"
    load = ("rates", "load", file)
    counts = desk.database.counts()
    dry = desk.json(*load)
    assert (dry["dryRun"], dry["before"], dry["would"]) == (True, "not loaded", "load it")
    assert desk.database.counts() == counts
    for before in ("not loaded", "loaded"):
        done = desk.json(*load, "--yes", "--reason", "daily")
        assert (done["subjectId"], done["before"]) == (f"ecb:{day.isoformat()}", before)
    assert [row[:2] for row in desk.trail()] == [("rates.load", "kim")]
    assert desk.json(*load)["would"] == "change nothing"
    (shown,) = desk.json("rates", "show")
    assert (shown["source"], shown["date"], len(shown["rates"])) == ("ecb", day.isoformat(), 12)
    assert "0.86" in desk.run("rates", "show").stdout
    file.write_text(json.dumps({**GOOD, "date": day.isoformat(), "units": {**UNITS, "EUR": 1}}))
    for words in ((), ("--yes",)):
        assert desk.refused(*load, *words, code=4)["code"] == "EXCHANGE_RATES_CONFLICT"
    file.write_text("{}")
    refused = desk.refused(*load, code=1)
    assert "source: must be" in refused["detail"]
    assert "units: must be" in refused["detail"]
