"""The threat model names tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import ROOT

PAGE = ROOT / "docs" / "explanation" / "threat-model.md"


@pytest.mark.spec("S08")
def test_every_line_of_the_threat_model_is_held_by_a_test() -> None:
    """Each row of the STRIDE table names a test, and the test is there."""
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")][1:]
    named = [re.search(r"`(tests/[\w/]+\.py)::(\w+)` \|$", row) for row in rows]

    assert len(rows) > 15
    assert [row for row, found in zip(rows, named, strict=True) if found is None] == []
    lost = [
        found[0]
        for found in named
        if found and f"def {found[2]}(" not in (ROOT / found[1]).read_text("utf-8")
    ]
    assert lost == []
