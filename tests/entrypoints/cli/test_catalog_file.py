"""The catalogue file: what it may say, and how everything wrong in it is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.entrypoints.catalog_file import parse_catalog, read_catalog
from ticketpay.entrypoints.demo import CATALOG

ROOT = Path(__file__).parents[3]


@pytest.fixture
def given() -> Any:
    return json.loads(CATALOG.read_text())


def wrong(given: object) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse_catalog(json.dumps(given))
    assert all(error.message for error in caught.value.errors)
    return [error.field for error in caught.value.errors]


def test_the_example_is_shipped() -> None:
    """The packaged catalogue is the example, byte for byte."""
    assert CATALOG.read_bytes() == (ROOT / "examples/catalog.json").read_bytes()


def test_the_example_is_read() -> None:
    """The example has two venues with two events each, one seated type and future starts."""
    catalog = read_catalog(CATALOG)
    seated = [stocked for stocked in catalog.types if stocked.type.seated]

    assert catalog.tenant.nexus_states == {"TN", "TX"}
    assert {venue.city for venue in catalog.venues} == {"Nashville", "Austin"}
    assert [sum(e.venue_id == v.id for e in catalog.events) for v in catalog.venues] == [2, 2]
    assert [(len(s.seats), s.capacity) for s in seated] == [(10, 10)]
    assert all(event.starts_at.year == 2027 for event in catalog.events)
    assert {s.type.price.cents for s in catalog.types} >= {5_000, 12_500}


@pytest.mark.spec("S59", "S58 D5")
def test_nexus_comes_from_the_catalogue_or_the_settings(given: Any) -> None:
    """A tenant that states nexus has that, even none; one that is silent has that of the settings."""
    given["tenant"]["nexusStates"] = []
    assert parse_catalog(json.dumps(given), frozenset({"CA"})).tenant.nexus_states == frozenset()
    del given["tenant"]["nexusStates"]
    assert parse_catalog(json.dumps(given), frozenset({"CA"})).tenant.nexus_states == {"CA"}
    assert parse_catalog(json.dumps(given)).tenant.nexus_states == {"TN"}


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("venues", "id", "no-uuid"),
        ("venues", "id", 7),
        ("venues", "name", "   "),
        ("venues", "name", "x" * 201),
        ("venues", "state", "Tennessee"),
        ("venues", "timeZone", "America/Nowhere"),
        ("venues", "timeZone", "../etc/passwd"),
        ("events", "startsAt", "2027-05-15T01:00:00"),
        ("events", "startsAt", "2027-05-15T01:00:00+02:00"),
        ("events", "startsAt", "2027-13-15T01:00:00Z"),
        ("events", "startsAt", "2027-05-15"),
        ("events", "currency", "XXX"),
        ("events", "currencies", "EUR"),
        ("events", "currencies", ["EUR", "XXX"]),
        ("events", "currencies", ["EUR", "eur"]),
        ("events", "currencies", [None]),
        ("events", "venueId", "018f6b1a-0000-7000-8000-000000000099"),
        ("ticketTypes", "eventId", "018f6b1a-0000-7000-8000-000000000099"),
        ("ticketTypes", "priceCents", 50.0),
        ("ticketTypes", "priceCents", 0),
        ("ticketTypes", "priceCents", True),
        ("ticketTypes", "capacity", "500"),
        ("ticketTypes", "seats", []),
        ("ticketTypes", "seats", ["A-1", "A-1"]),
        ("ticketTypes", "price", 5),
    ],
)
def test_a_wrong_field_is_named(given: Any, section: str, field: str, value: object) -> None:
    """A wrong or unknown field is named by its dotted path."""
    given[section][0][field] = value

    assert f"{section}.0.{field}" in wrong(given)


def test_every_wrong_field_is_named(given: Any) -> None:
    """All wrong fields are named at once, missing ones included."""
    del given["tenant"]["slug"]
    given["venues"][1]["city"] = 3
    given["events"][2]["name"] = ""
    given["extra"] = 1

    assert set(wrong(given)) == {"tenant.slug", "venues.1.city", "events.2.name", "extra"}


def test_capacity_is_the_number_of_seats(given: Any) -> None:
    """A seated type has as many tickets as seats."""
    given["ticketTypes"][1]["capacity"] = 11

    assert wrong(given) == ["ticketTypes.1.capacity"]


def test_an_id_is_there_once(given: Any) -> None:
    """An id that is there twice is an error."""
    given["events"][1]["id"] = given["events"][0]["id"]

    assert "events.1.id" in wrong(given)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_no_catalogue_at_all(text: str) -> None:
    """What is no JSON object is refused with a typed error."""
    with pytest.raises(InvalidInput):
        parse_catalog(text)


def test_a_missing_file(tmp_path: Path) -> None:
    """A file that cannot be read is a typed error that names it."""
    with pytest.raises(InvalidInput, match=r"nothing\.json"):
        read_catalog(tmp_path / "nothing.json")
