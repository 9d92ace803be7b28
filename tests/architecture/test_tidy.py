"""The house rules that a linter does not know, each with a planted violation that it finds."""

from __future__ import annotations

import ast
import re
import textwrap
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, SRC, body_lines, floats, functions, trees

_SUPPRESSED = re.compile(r"#\s*(?:type:\s*ignore|noqa)", re.IGNORECASE)
_REASONED = (
    re.compile(r"# type: ignore\[[a-z-]+(?:, ?[a-z-]+)*\]\s+(?:#|-)\s*\S+"),
    re.compile(r"# noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)*\s+(?:#|-)\s*\S+"),
)


def _bodies(folder: Path) -> list[tuple[int, str]]:
    return [
        (body_lines(function), f"{where}::{function.name}")
        for where, tree in trees(folder)
        for function in functions(tree)
    ]


def _unreasoned(path: Path) -> Iterator[str]:
    with path.open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type != tokenize.COMMENT or not _SUPPRESSED.search(token.string):
                continue
            if not any(pattern.search(token.string) for pattern in _REASONED):
                yield f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}"


def test_no_body_is_over_40_lines() -> None:
    """No function body in the sources has more than 40 lines."""
    assert [(lines, name) for lines, name in _bodies(SRC) if lines > 40] == []


def test_few_bodies_are_over_25_lines() -> None:
    """At most 8 % of the function bodies have more than 25 lines."""
    bodies = _bodies(SRC)
    long = sorted(name for lines, name in bodies if lines > 25)

    assert len(long) <= 0.08 * len(bodies), long


def test_bodies_are_counted() -> None:
    """The count leaves out the docstring and finds a body of 41 lines."""
    text = 'def planted():\n    """Say it."""\n' + "    x = 1\n" * 41

    assert [body_lines(f) for f in functions(ast.parse(text))] == [41]


@pytest.mark.spec("S01")
@pytest.mark.parametrize("context", ["ledger", "money", "payouts", "pricing", "subscriptions"])
def test_money_knows_no_float(context: str) -> None:
    """No float is annotated or written where money is computed."""
    found = [
        f"{where}:{line}"
        for where, tree in trees(SRC / "domain" / context)
        for line in floats(tree)
    ]

    assert found == []


def test_floats_are_found() -> None:
    """Planted floats are found in arguments, fields, answers and literals."""
    text = """
        def one(cents: float) -> int: ...
        def two() -> "int" | float: ...
        class Three:
            cents: list[float]
        rate = 0.1
    """

    assert sorted(floats(ast.parse(textwrap.dedent(text)))) == [2, 3, 5, 6]


@pytest.mark.parametrize("folder", ["src", "tests", "bench", "tools"])
def test_suppressions_have_a_code_and_a_reason(folder: str) -> None:
    """Each ``type: ignore`` and ``noqa`` names its code and carries a reason."""
    found = [line for path in sorted((ROOT / folder).rglob("*.py")) for line in _unreasoned(path)]

    assert found == []


@pytest.mark.parametrize(
    ("comment", "good"),
    [
        ("# type: ignore[arg-type]  # the wrong type is the point", True),
        ("# noqa: B008 - a frozen value", True),
        ("# noqa: FBT001, FBT002 - a column of the table", True),
        ("# type: ignore", False),
        ("# type: ignore[arg-type]", False),
        ("# noqa", False),
        ("# noqa: B008", False),
    ],
)
def test_reasons_are_told_apart(comment: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    """A suppression without a code or a reason is recognised."""
    assert any(pattern.search(comment) for pattern in _REASONED) is good
