"""The planted bugs stay real: each still applies to the sources, and the page tells of each."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from tools.planted import FOUND_SHARE_MIN, PAGE, ROOT, Bug, Finding, bugs, rows

BUGS_MIN = 25


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_a_patch_applies_to_the_sources_alone(bug: Bug) -> None:
    """A bug can be planted as the sources are now, and it changes nothing outside of them."""
    text = bug.patch.read_text()
    changed = re.findall(r"^\+\+\+ b/(.+)$", text, re.MULTILINE)
    assert changed
    assert all(path.startswith("src/ticketpay/") for path in changed)
    applied = subprocess.run(
        ["git", "apply", "--check", str(bug.patch)],  # noqa: S607 - git of the PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert applied.returncode == 0, applied.stderr


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_a_bug_is_a_program(bug: Bug, tmp_path: Path) -> None:
    """What it leaves is wrong and no nonsense: it compiles, and no name in it is unknown.

    Else every test would fail, and say nothing about the bug.
    """
    changed = re.findall(r"^\+\+\+ b/(.+)$", bug.patch.read_text(), re.MULTILINE)
    for path in changed:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821,E9"]
    sources = [path for path in changed if path.endswith(".py")]
    for command in (["git", "apply", str(bug.patch)], *([[*ruff, *sources]] if sources else [])):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug.name)
def test_a_bug_names_suites_that_exist(bug: Bug) -> None:
    """The suites that should notice a bug are there."""
    assert all((ROOT / suite).exists() for suite in bug.suites)


def test_nearly_every_bug_was_found() -> None:
    """The page has a line for each of at least 25 bugs, and 95 % of them say what found them."""
    names = [bug.name for bug in bugs()]
    assert len(names) >= BUGS_MIN
    assert list(rows()) == names
    unfound = [
        n for n, found in rows().items() if "| seed " not in found and "`tests/" not in found
    ]
    assert len(unfound) <= (1 - FOUND_SHARE_MIN) * len(names)


def test_the_page_names_tests_that_exist() -> None:
    """Every test that the page names is there under its name."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)", PAGE.read_text())
    assert len(named) >= BUGS_MIN
    assert [t for path, t in named if f"def {t}(" not in (ROOT / path).read_text()] == []


def test_a_bug_that_nobody_noticed_is_not_found() -> None:
    """Only a seed or a test makes a bug found."""
    bug = Bug(Path("99-nothing.patch"), "Nothing is wrong.", ())
    nothing = Finding(bug, "", "", 0.0, late=False)
    assert not nothing.is_found
    assert attrs.evolve(nothing, test="tests/a.py::test_b").is_found
    assert attrs.evolve(nothing, seed="seed 1: it broke").is_found
    assert nothing.row == "| 99-nothing | Nothing is wrong. | - | - |"


def test_a_search_that_was_cut_off_says_so() -> None:
    """A suite that was not done in time does not pass for one that found nothing."""
    bug = Bug(Path("99-nothing.patch"), "Nothing is wrong.", ())
    found = Finding(bug, "", "tests/a.py::test_b", 0.0, late=True)
    assert "| - (cut off for its time) | `tests/a.py::test_b` |" in found.row


def test_a_bug_that_is_not_there_is_refused() -> None:
    """A word that is in no bug's name is not taken for a campaign over nothing."""
    with pytest.raises(ValueError, match="no planted bug is called 99-nothing"):
        bugs(["01", "99-nothing"])
