"""The sources as syntax trees, for tests about their shape."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "ticketpay"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def trees(folder: Path) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(folder).as_posix(), ast.parse(path.read_text("utf-8"))


def functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: Function) -> int:
    """The lines of a body without its docstring; 0 when it is nothing else."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    if not body:
        return 0
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def floats(tree: ast.AST) -> Iterator[int]:
    """The lines on which ``float`` is an annotation, or a literal float is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            if "float" in names(node.annotation):
                yield node.lineno
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            if "float" in names(node.returns):
                yield node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno


def names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
