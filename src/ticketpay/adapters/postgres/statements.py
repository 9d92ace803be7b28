"""Loads the named statements of the ``.sql`` files, once.

There is no other SQL but BEGIN and COMMIT, the migrations, and ALTER ROLE, which takes no
parameters. A file has blocks: ``-- name: get`` begins a statement; ``-- fragment: columns`` begins
a text that several statements of the file share, each where it says ``{columns}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final, LiteralString

__all__ = ["expand", "load"]

_BLOCK: Final = re.compile(r"^-- (name|fragment): (\w+)\n", re.MULTILINE)
_FRAGMENT: Final = re.compile(r"\{(\w+)\}")


def load(context: str) -> dict[str, LiteralString]:
    """The statements of ``sql/<context>.sql`` by name."""
    return expand(files("ticketpay.adapters.postgres.sql").joinpath(f"{context}.sql").read_text())


def expand(text: str) -> dict[str, LiteralString]:
    """The statements of such a text by name, with its fragments in their places.

    Raises ``ValueError`` for a fragment that is not there, that nobody uses, or that is in another.
    """
    _, *parts = _BLOCK.split(text)
    blocks = list(zip(parts[0::3], parts[1::3], map(str.strip, parts[2::3]), strict=True))
    fragments = {name: body for kind, name, body in blocks if kind == "fragment"}
    statements = {name: body for kind, name, body in blocks if kind == "name"}
    wrong = (_named_in(statements) ^ fragments.keys()) | _named_in(fragments)
    if wrong:
        raise ValueError(f"fragments missing, unused or inside a fragment: {sorted(wrong)}")
    # The text ships with the package and is never composed with data.
    return {
        name: _FRAGMENT.sub(lambda found: fragments[found[1]], body)
        for name, body in statements.items()
    }


def _named_in(blocks: Mapping[str, str]) -> set[str]:
    return {name for body in blocks.values() for name in _FRAGMENT.findall(body)}
