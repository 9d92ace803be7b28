"""The list of surviving mutants is well-formed and current; the campaign itself is ``make mutate``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from tools import mutate
from tools.mutate import (
    DOMAIN,
    PACKAGES,
    ROOT,
    Mutant,
    Survivor,
    changed_lines,
    explained,
    is_message,
)

COPIED = ("tests.spec.", "ticketpay.domain.", "ticketpay.ports.")
"""What the campaign has of ours."""


def gone(survivors: Iterable[Survivor], domain: Path) -> list[Survivor]:
    """The survivors whose line is not in their file any more."""
    return [s for s in survivors if s.was not in _text(domain / s.file)]


def _text(path: Path) -> str:
    return " ".join(path.read_text("utf-8").split())


def mutant(outcome: str, now: str = "return 2") -> Mutant:
    return Mutant(
        file="money/model.py",
        function="Money.zero",
        was="return 1",
        now=now,
        tool="mutmut",
        outcome=outcome,
    )


def test_each_survivor_is_a_line_of_the_sources() -> None:
    """Each explained survivor names a package of the campaign and a line that is still there."""
    survivors = explained()

    assert {s.file.partition("/")[0] for s in survivors} <= set(PACKAGES)
    assert gone(survivors, ROOT / DOMAIN) == []


def test_a_line_that_is_gone_is_found(tmp_path: Path) -> None:
    """A survivor is gone when its line has changed, and stays when only the layout has."""
    (tmp_path / "money").mkdir()
    (tmp_path / "money/model.py").write_text("def zero():\n    return  1\n")

    assert gone([mutant("survived").key], tmp_path) == []
    (tmp_path / "money/model.py").write_text("def zero():\n    return 3\n")
    assert gone([mutant("survived").key], tmp_path) == [mutant("survived").key]


@pytest.mark.parametrize("why", ["", "  ", "one\ntwo"])
def test_an_explanation_is_one_line(why: str, tmp_path: Path) -> None:
    """A survivor without a line of why, or with two, is refused."""
    file = tmp_path / "survivors.toml"
    row = f'[[survivor]]\nfile = "a"\nfunction = "b"\nwas = "c"\nnow = "d"\nwhy = """{why}"""\n'
    file.write_text(row)

    with pytest.raises(ValueError, match="one line of why"):
        explained(file)


def test_a_diff_is_reduced_to_its_lines() -> None:
    """Only the changed lines of a diff identify a mutant, without indentation or position."""
    diff = "--- a\n+++ b\n@@ -3,2 +3,2 @@\n def f():\n-    return   1\n+    return 2\n"

    assert changed_lines(diff) == ("return 1", "return 2")


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        ('FieldError(field, "no such seat")', 'FieldError(field, "XXno such seatXX")', True),
        ('FieldError(field, "no such seat")', "FieldError(field, None)", False),
        ('FieldError(field, "no such seat")', 'FieldError(None, "no such seat")', False),
        ('name="Platform fee"', 'name="XXPlatform feeXX"', False),
        ('code = "gone"', 'code = "XXgoneXX"', False),
    ],
)
def test_messages_are_told_apart(was: str, now: str, message: bool) -> None:  # noqa: FBT001 - a column of the table
    """Only a mutant that changes nothing but a sentence for people is left out of the count."""
    assert is_message(Survivor(file="", function="", was=was, now=now)) is message


@pytest.mark.parametrize(
    ("outcomes", "why", "words"),
    [
        (["killed"] * 19 + ["survived"], True, []),
        (["killed"] * 18 + ["timeout", "survived"], True, []),
        (["killed"] * 18 + ["survived"], True, ["under 95 %"]),
        (["killed"] * 19 + ["survived"], False, ["not explained"]),
        (["killed"] * 19 + ["exit 4"], False, ["not explained"]),
        (["killed"], True, ["explained, but killed"]),
    ],
)
def test_the_campaign_fails_by_its_rules(
    outcomes: list[str],
    why: bool,  # noqa: FBT001 - a column of the table
    words: list[str],
) -> None:
    """The campaign fails under 95 %, for a survivor without why, and for a why without survivor."""
    lines = {mutant("survived").key: "because"} if why else {}
    found = mutate.problems([mutant(outcome) for outcome in outcomes], lines)

    assert len(found) == len(words)
    assert all(word in problem for word, problem in zip(words, found, strict=True))


def strangers(text: str) -> list[str]:
    """The modules of ours that a text imports and that the campaign's copy does not have."""
    names = re.findall(r"^\s*(?:from|import) ((?:tests|ticketpay)\b[\w.]*)", text, re.MULTILINE)
    return [name for name in names if not name.startswith(COPIED)]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_mutated_package_is_tested_by_its_own_folder(package: str) -> None:
    """The campaign has domain, ports and specification only: its tests need nothing else."""
    files = [*(ROOT / "tests/spec" / package).glob("*.py")]
    assert files
    assert {f.name: strangers(f.read_text("utf-8")) for f in files} == {f.name: [] for f in files}


def test_strangers_are_found() -> None:
    """Whatever is neither domain, ports nor specification is a stranger, wherever it is imported."""
    near = "from tests.spec.shapes import words\nfrom ticketpay.domain.money import Money\n"
    far = "    from tests.limits import a\nimport ticketpay.adapters.memory\nfrom tests import b\n"

    assert strangers(near) == []
    assert strangers(near + far) == ["tests.limits", "ticketpay.adapters.memory", "tests"]
