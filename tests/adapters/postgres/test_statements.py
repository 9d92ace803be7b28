"""The statements of the ``.sql`` files: what several share is written once."""

from __future__ import annotations

from importlib.resources import files

import pytest

from ticketpay.adapters.postgres.statements import expand, load

SHARED = """
-- fragment: columns
id,
name

-- name: one
-- Why.
SELECT {columns} FROM shops WHERE id = %(id)s AND tags <> '{}'

-- name: all
SELECT {columns} FROM shops
"""


def test_a_fragment_stands_in_each_statement_that_names_it() -> None:
    """The statements have the fragment in its places, and the fragment is none of them."""
    assert expand(SHARED) == {
        "one": "-- Why.\nSELECT id,\nname FROM shops WHERE id = %(id)s AND tags <> '{}'",
        "all": "SELECT id,\nname FROM shops",
    }


@pytest.mark.parametrize(
    "wrong",
    [
        SHARED.replace("SELECT {columns}", "SELECT {colums}"),
        SHARED.replace("{columns}", "id"),
        SHARED.replace("id,\nname", "{keys}"),
        SHARED.replace("id,\nname", "{keys}") + "-- fragment: keys\nid",
    ],
    ids=["missing", "unused", "missing in a fragment", "a fragment in a fragment"],
)
def test_a_fragment_that_does_not_fit_is_refused(wrong: str) -> None:
    """A fragment that is not there, that nobody uses, or that stands in another is an error."""
    with pytest.raises(ValueError, match="fragments"):
        expand(wrong)


def test_no_statement_of_the_adapter_is_left_with_a_gap() -> None:
    """Every file loads, and whatever it names in braces is there."""
    folder = files("ticketpay.adapters.postgres.sql")
    names = [entry.name.removesuffix(".sql") for entry in folder.iterdir()]
    loaded = {name: load(name) for name in names if not name.startswith("__")}
    assert all("{" not in text.replace("'{}'", "") for s in loaded.values() for text in s.values())
    assert sum(map(len, loaded.values())) > 100
