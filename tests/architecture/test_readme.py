"""The README is true: its example runs, its links lead somewhere, and so do those of the docs."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from ticketpay.adapters.stripe.webhook import SUPPORTED
from ticketpay.entrypoints.http.operations import OPERATIONS
from ticketpay.entrypoints.stack import HEARD

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
_ACTION = re.compile(
    r'(?:action ?= ?|else |(?:entry_of|operator_entry|say_dry)\(\s*)"([a-z]+\.[a-z_]+)"'
)
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


@pytest.mark.spec("S18", "S58")
def test_the_pricing_guide_runs() -> None:
    """The how-to prices an order with attrs alone, to the cent that the service charges."""
    guide = ROOT / "docs" / "how-to" / "price-an-order.md"
    failed, tried = doctest.testfile(str(guide), module_relative=False)

    assert (failed, tried > 8) == (0, True)


def test_every_route_is_documented() -> None:
    """The HTTP page names every route that the app serves."""
    page = (ROOT / "docs" / "reference" / "http.md").read_text("utf-8")

    assert len(OPERATIONS) > 15
    assert [one.path for one in OPERATIONS if one.path not in page] == []


@pytest.mark.spec("S09")
def test_every_action_that_is_recorded_is_documented() -> None:
    """The page of the audit trail names each action that users, operators and the system leave."""
    page = (ROOT / "docs" / "explanation" / "audit-trail.md").read_text("utf-8")
    texts = (path.read_text("utf-8") for path in (ROOT / "src" / "ticketpay").rglob("*.py"))
    actions = {action for text in texts for action in _ACTION.findall(text)}

    assert {"payout.request", "token.issue", "catalog.load", "refund.reject"} <= actions
    assert sorted(action for action in actions if f"`{action}`" not in page) == []


def test_every_event_that_is_heard_is_documented() -> None:
    """Whoever registers a webhook finds the name of each event that the inbox acts on."""
    page = (ROOT / "docs" / "how-to" / "run-on-your-postgresql.md").read_text("utf-8")

    assert [name for name in HEARD if f"`{name}`" not in page] == []
    assert set(HEARD) <= SUPPORTED
