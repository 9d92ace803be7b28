"""The README is true: its example runs, its links lead somewhere, and so do those of the docs."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.spec("S01", "S18", "S30", "S31")
def test_the_example_runs() -> None:
    """The library example prices an order, splits an amount and drives both machines."""
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)

    assert (failed, tried > 10) == (0, True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file or a folder that exists."""
    targets = _LINK.findall(page.read_text("utf-8"))

    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_decisions_are_numbered() -> None:
    """Decisions are numbered without gaps."""
    numbers = [int(page.name[:4]) for page in DECISIONS]

    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_decisions_say_what_they_cost(page: Path) -> None:
    """A decision has a status, a context, options, the decision and its consequences."""
    headings = re.findall(r"^## (.+)$", page.read_text("utf-8"), re.MULTILINE)

    assert headings == ["Status", "Context", "Options", "Decision", "Consequences"]
