"""The mutants that mutmut cannot make, by cosmic-ray: everything outside plain functions.

mutmut 3 leaves out properties and other decorated functions, decorators, the bodies of classes
(defaults, values of enums) and modules (tables of states, of taxes, of routes). cosmic-ray's
operators reach them; two more, in its own plug-in form, drop a row of a table and change a text.
Run by ``mutate.py`` inside the copy: ``mutate_outside.py PACKAGE`` writes ``outside.json``.

cosmic-ray would start pytest anew for each mutant. Here a process that has imported the libraries
forks for each, and imports the mutated text in place of the file.
"""

from __future__ import annotations

import ast
import difflib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import sys
from collections.abc import Iterator, Sequence
from importlib.readers import FileReader
from importlib.resources.abc import TraversableResources
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from cosmic_ray.ast import ast_nodes, get_ast  # type: ignore[import-untyped]  # it is not typed
from cosmic_ray.mutating import mutate_code  # type: ignore[import-untyped]  # it is not typed
from cosmic_ray.operators.operator import Example, Operator  # type: ignore[import-untyped]  # it is not typed
from cosmic_ray.operators.provider import OperatorProvider  # type: ignore[import-untyped]  # it is not typed

__all__ = ["RemoveRow", "ReplaceText", "main", "spots"]

DOMAIN: Final = Path("src/ticketpay/domain")
_RESULT: Final = Path("outside.json")
_CPU_SECONDS_MAX: Final = 90
_CHILDREN_MAX: Final = 2
# What the forking process has imported pytest cannot rewrite, and it would warn of it.
_REWRITES: Final = "ignore::pytest.PytestAssertRewriteWarning"
_PYTEST: Final = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-W",
    _REWRITES,
)
_SIGNS: Final = ("_Add_Sub", "_Sub_Add", "_Mul_Div", "_FloorDiv_Mul", "_Mod_FloorDiv")
_FOR_PEOPLE: Final = ("__all__", "title", "__doc__")
Span = tuple[tuple[int, int], tuple[int, int]]


class RemoveRow(Operator):  # type: ignore[misc]  # cosmic-ray is not typed
    """Drop one row of a table: an element of a set, or a key with its value."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        """One position per row; a table of one row is left alone."""
        if node.type == "dictorsetmaker":
            for row in _rows(node):
                yield (row[0].start_pos, row[-1].end_pos)

    def mutate(self, node: Any, index: int) -> Any:
        """The table without the row of that index."""
        gone = {id(child) for child in _rows(node)[index]}
        node.children = [child for child in node.children if id(child) not in gone]
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """How it changes a table."""
        return (Example("x = {1: 2, 3: 4}", "x = { 3: 4}"),)


class ReplaceText(Operator):  # type: ignore[misc]  # cosmic-ray is not typed
    """Change a text that a program may read; what only people read is left alone."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        """The text itself, unless it is documentation."""
        if node.type == "string" and not _for_people(node):
            yield (node.start_pos, node.end_pos)

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002 - the interface has it
        """The text between XX and XX."""
        text = node.value
        opening = text.index(text[-1]) + 1
        node.value = f"{text[:opening]}XX{text[opening:-1]}XX{text[-1]}"
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """How it changes a text."""
        return (Example('x = "a"', 'x = "XXaXX"'),)


def _rows(node: Any) -> list[list[Any]]:
    rows: list[list[Any]] = [[]]
    for child in node.children:
        rows[-1].append(child)
        if getattr(child, "value", "") == ",":
            rows.append([])
    return [row for row in rows if row]


def _for_people(node: Any) -> bool:
    if node.parent.type == "simple_stmt":
        return True
    while node is not None and node.type != "expr_stmt":
        node = node.parent
    return node is not None and getattr(node.children[0], "value", "") in _FOR_PEOPLE


@attrs.frozen(kw_only=True)
class Spot:
    """One mutant: which operator, which of its occurrences in the file, and in which definition."""

    path: Path
    operator: Operator
    occurrence: int
    function: str

    @property
    def mutated(self) -> str:
        """The whole text of the mutated file."""
        text: str = mutate_code(self.path.read_text("utf-8"), self.operator, self.occurrence)
        return text

    @property
    def diff(self) -> str:
        """The change as a unified diff without context."""
        before = self.path.read_text("utf-8").splitlines()
        return "\n".join(difflib.unified_diff(before, self.mutated.splitlines(), n=0, lineterm=""))

    def row(self, outcome: str) -> dict[str, str]:
        """The mutant and its outcome, to be stored."""
        return {
            "file": self.path.relative_to(DOMAIN).as_posix(),
            "function": self.function,
            "diff": self.diff,
            "outcome": outcome,
        }


def spots(path: Path) -> Iterator[Spot]:
    """Every mutant of a file that lies outside mutmut's reach and outside annotations."""
    text = path.read_text("utf-8")
    names, annotations = _outline(ast.parse(text))
    nodes = list(ast_nodes(get_ast(text)))
    provider = OperatorProvider()
    plain = (provider[name] for name in provider if not _repeats(name, provider[name]))
    for operator in [kind() for kind in (*plain, RemoveRow, ReplaceText)]:
        places = [start for node in nodes for start, _ in operator.mutation_positions(node)]
        for occurrence, (line, column) in enumerate(places):
            function = names.get(line, "")
            if function is not None and not any(a <= (line, column) < b for a, b in annotations):
                yield Spot(path=path, operator=operator, occurrence=occurrence, function=function)


def _repeats(name: str, operator: type[Operator]) -> bool:
    """Whether another operator kills what this one would: of eleven per sign one is enough."""
    return bool(operator.arguments()) or (
        name.startswith("ReplaceBinaryOperator") and not name.endswith(_SIGNS)
    )


def _outline(tree: ast.Module) -> tuple[dict[int, str | None], list[Span]]:
    """The definition on each line, None where mutmut works; and where annotations are."""
    names: dict[int, str | None] = {}
    annotations = []
    for node in ast.walk(tree):
        annotation = getattr(node, "annotation", None) or getattr(node, "returns", None)
        if isinstance(annotation, ast.expr):
            end = (annotation.end_lineno or 0, annotation.end_col_offset or 0)
            annotations.append(((annotation.lineno, annotation.col_offset), end))
    _name(tree.body, "", names)
    return names, annotations


def _name(body: Sequence[ast.stmt], within: str, names: dict[int, str | None]) -> None:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            name = f"{within}.{node.name}".lstrip(".")
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            reached = isinstance(node, ast.FunctionDef) and _plain(node)
            lines = range(first, (node.end_lineno or first) + 1)
            names.update(dict.fromkeys(lines, None if reached else name))
        if isinstance(node, ast.ClassDef):
            _name(node.body, node.name, names)


def _plain(node: ast.FunctionDef) -> bool:
    return [ast.unparse(d) for d in node.decorator_list] in ([], ["classmethod"], ["staticmethod"])


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports one module from a text instead of its file."""

    def __init__(self, path: Path, text: str) -> None:
        parts = path.with_suffix("").relative_to("src").parts
        self.package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.package else parts)
        self.path, self.text = path, text

    def find_spec(
        self,
        fullname: str,
        path: object = None,  # noqa: ARG002 - the interface has it
        target: object = None,  # noqa: ARG002 - the interface has it
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            self.path.resolve(),
            loader=self,
            submodule_search_locations=[str(self.path.parent)] if self.package else None,
        )

    def get_source(self, fullname: str) -> str:  # noqa: ARG002 - the interface has it
        return self.text

    def get_resource_reader(self, fullname: str) -> TraversableResources:  # noqa: ARG002 - the same
        """The data files of the package are those beside it."""
        return FileReader(self)  # type: ignore[arg-type] # it reads nothing but the path


def _fork(spot: Spot, tests: Sequence[str]) -> int:
    child = os.fork()
    if child:
        return child
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS_MAX, _CPU_SECONDS_MAX + 5))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    code = 1
    try:
        for name in [n for n in sys.modules if n.partition(".")[0] in ("tests", "ticketpay")]:
            del sys.modules[name]
        sys.meta_path.insert(0, _Mutated(spot.path, spot.mutated))
        code = int(pytest.main([*_PYTEST, *tests]))
    finally:
        os._exit(code)


def _outcomes(todo: Sequence[Spot], tests: Sequence[str]) -> dict[int, str]:
    """The outcome of each mutant, two at a time."""
    running: dict[int, int] = {}
    outcomes: dict[int, str] = {}
    waiting = list(enumerate(todo))
    while waiting or running:
        while waiting and len(running) < _CHILDREN_MAX:
            index, spot = waiting.pop(0)
            running[_fork(spot, tests)] = index
        child, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        word = "timeout" if code < 0 else "survived" if code == 0 else "killed"
        outcomes[running.pop(child)] = word
    return outcomes


def _tests(package: str) -> list[str]:
    """The files of tests: what pins words costs least and kills most here, laws cost most."""
    files = sorted(Path("tests/spec", package).glob("test_*.py"))
    last = ("test_words.py", "test_machine.py", "test_examples.py", "test_bad_demands.py")
    return sorted(
        map(str, files), key=lambda f: last.index(Path(f).name) if Path(f).name in last else 9
    )


def main(package: str, *, again: bool = False) -> int:
    """Run every mutant of a package against its tests, which must pass without a mutant.

    ``again`` runs those alone that have survived the run before.
    """
    sys.path[:0] = [str(Path("src").resolve()), str(Path.cwd())]
    tests = _tests(package)
    # A first collection imports the libraries and plug-ins that all children need.
    pytest.main(["--collect-only", "-qq", *_PYTEST, *tests])
    clean = Spot(
        path=DOMAIN / package / "__init__.py", operator=_Nothing(), occurrence=0, function=""
    )
    if _outcomes([clean], tests) != {0: "survived"}:
        raise SystemExit("the tests fail without a mutant")
    todo = [spot for path in sorted((DOMAIN / package).glob("*.py")) for spot in spots(path)]
    known = [row for row in _stored() if row["outcome"] != "survived"] if again else []
    rest = [spot for spot in todo if spot.row("") not in [{**row, "outcome": ""} for row in known]]
    outcomes = _outcomes(rest, tests)
    rows = known + [spot.row(outcomes[index]) for index, spot in enumerate(rest)]
    _RESULT.write_text(json.dumps(rows), "utf-8")
    return 0


def _stored() -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(_RESULT.read_text("utf-8"))
    return rows


class _Nothing(Operator):  # type: ignore[misc]  # cosmic-ray is not typed
    """Changes nothing, to see that the tests pass."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        if node.type == "file_input":
            yield (node.start_pos, node.end_pos)

    def mutate(self, node: Any, index: int) -> Any:  # noqa: ARG002 - the interface has it
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        return ()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], again=sys.argv[2:] == ["again"]))
