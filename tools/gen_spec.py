"""Print the test suite as a specification: ``docs/reference/specification.md``.

Every test says in one sentence what it proves and names its rules with
``@pytest.mark.spec("S18", "check:S18")``. The sentences are collected from the sources, grouped
by section. A section in scope without a sentence is an error. ``--check`` writes nothing and
fails when the page is not current.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

__all__ = ["IN_SCOPE", "PAGE", "Sentence", "main", "missing", "rendered", "sentences"]

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "reference" / "specification.md"
IN_SCOPE: Final[dict[str, str]] = {
    "S01": "Money and rounding",
    "S02": "Configuration",
    "S03": "Database access",
    "S04": "Schema, migrations, tenancy",
    "S08": "Authentication and request context",
    "S11": "HTTP idempotency",
    "S13": "Payment request check",
    "S14": "Webhook payload check",
    "S15": "Payment intents",
    "S16": "Payment processor",
    "S17": "Transaction records",
    "S18": "Fee calculator and quote",
    "S19": "Venue plans",
    "S20": "Ledger and balances",
    "S21": "Payouts",
    "S22": "Instant payout",
    "S23": "Currencies",
    "S26": "Stripe webhook intake",
    "S27": "Stripe event handling",
    "S28": "Webhook inbox processing",
    "S30": "Payment state machine",
    "S31": "Order state machine",
    "S32": "Transition service and order sync",
    "S33": "Payment event fan-out",
    "S35": "Event ordering",
    "S36": "Idempotent operations",
    "S37": "Retry of failed payments",
    "S38": "Payment reconciliation",
    "S39": "Order reconciliation",
    "S40": "Outbox and its worker",
    "S41": "Internal calls and signatures",
    "S58": "Taxes",
    "S67": "Test doubles",
}
_SECTION: Final = re.compile(r"S\d\d")


@attrs.frozen(order=True)
class Sentence:
    """What one test proves: the section, the marks that name it, the words, and where."""

    section: str
    where: str
    marks: tuple[str, ...]
    text: str


def sentences(folder: Path) -> list[Sentence]:
    """Every marked test below ``folder``, once per section that it names."""
    found: list[Sentence] = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"), str(path))
        where = path.relative_to(folder.parent).as_posix()
        shared = _marks(_module_marks(tree))
        found.extend(_of_body(tree.body, where, shared))
    return sorted(found)


def _of_body(body: list[ast.stmt], where: str, shared: tuple[str, ...]) -> Iterator[Sentence]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _of_body(node.body, where, shared + _marks(node.decorator_list))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = _marks(node.decorator_list)
            # A helper beside tests that share a mark proves nothing.
            marks = shared + own if own or node.name.startswith("test_") else ()
            text = " ".join((ast.get_docstring(node) or "").split())
            if marks and text:
                for section in sorted({m for mark in marks for m in _SECTION.findall(mark)}):
                    yield Sentence(section, f"{where}::{node.name}", tuple(sorted(marks)), text)


def _module_marks(tree: ast.Module) -> list[ast.expr]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            value = node.value
            return value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    return []


def _marks(decorators: list[ast.expr]) -> tuple[str, ...]:
    return tuple(
        argument.value
        for call in decorators
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.spec"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    )


def missing(found: list[Sentence]) -> list[str]:
    """The sections in scope that no test speaks of."""
    return sorted(IN_SCOPE.keys() - {sentence.section for sentence in found})


def rendered(found: list[Sentence]) -> str:
    """The page: one heading per section, one line per sentence."""
    lines = ["# Specification", ""]
    lines += ["What the tests prove, by section of the rule book.", ""]
    lines += ["Written by `python tools/gen_spec.py`; do not edit it by hand.", ""]
    for section in sorted({sentence.section for sentence in found}):
        lines += [f"## {section} {IN_SCOPE.get(section, '')}".rstrip(), ""]
        for sentence in (s for s in found if s.section == section):
            details = [m for m in sentence.marks if m != section and section in m]
            note = f" ({', '.join(details)})" if details else ""
            lines.append(f"- {sentence.text}{note} `{sentence.where}`")
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` say whether it is current; 1 when a section lacks tests."""
    found = sentences(ROOT / "tests")
    wanted = rendered(found)
    problems = [f"{s} {IN_SCOPE[s]}: no test speaks of it" for s in missing(found)]
    if "--check" not in arguments:
        PAGE.write_text(wanted, "utf-8")
        print(f"wrote {PAGE}: {len(found)} sentences")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != wanted:
        problems.append(f"{PAGE.name} is stale: run python tools/gen_spec.py")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
