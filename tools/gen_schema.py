"""Write docs/reference/schema.md from schema.sql: tables, columns, keys, whose they are, grants."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

__all__ = ["PAGE", "SCHEMA", "Table", "main", "rendered", "tables"]

_ROOT: Final = Path(__file__).parents[1]
PAGE: Final = _ROOT / "docs/reference/schema.md"
SCHEMA: Final = _ROOT / "src/ticketpay/adapters/postgres/schema.sql"
_TABLE: Final = re.compile(r"^CREATE TABLE (\w+) \(\n(.*?)^\);", re.MULTILINE | re.DOTALL)
_WALLED: Final = re.compile(r"IN ARRAY ARRAY\[(.*?)\] LOOP", re.DOTALL)
_GRANT: Final = re.compile(r"^GRANT ([^;]*?)\s+ON\s+([^;]*?)\s+TO\s+([^;]*?);", re.MULTILINE)
_KEY: Final = re.compile(r"(PRIMARY KEY|UNIQUE|FOREIGN KEY|CHECK|CONSTRAINT)\b")
_COMMA: Final = re.compile(r",\s*(?![^(]*\))")
_HEAD: Final = """# Schema

Written by `python tools/gen_schema.py` from `adapters/postgres/schema.sql`, which a test keeps equal to what the migrations make.

A **tenant** table has row-level security, forced: a transaction sees the rows of the tenant it names, and none when it names none. A
**platform** table holds ids, queues and references, and has none. `app` and `worker` are the roles `ticketpay_app` and
`ticketpay_worker`; they own nothing.
"""


@attrs.frozen(kw_only=True)
class Table:
    """One table as the schema file writes it."""

    name: str
    columns: tuple[tuple[str, str], ...]
    keys: tuple[str, ...]
    tenant: bool
    grants: tuple[str, ...]


def tables(text: str) -> Iterator[Table]:
    """Every table in the order of the file."""
    bare = re.sub(r"\s*--.*", "", text)
    walled = {name for part in _WALLED.findall(bare) for name in re.findall(r"'(\w+)'", part)}
    grants = _grants(bare)
    for name, body in _TABLE.findall(bare):
        parts = [part.strip().rstrip(",") for part in body.splitlines() if part.strip()]
        yield Table(
            name=name,
            columns=tuple(_column(part) for part in parts if not _KEY.match(part)),
            keys=tuple(part for part in parts if _KEY.match(part)),
            tenant=name in walled,
            grants=tuple(f"{role}: {', '.join(rights)}" for role, rights in grants[name].items()),
        )


def _column(part: str) -> tuple[str, str]:
    name, _, kind = part.partition(" ")
    return name, kind.strip()


def _grants(text: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for rights, names, roles in _GRANT.findall(text):
        for name in re.split(r",\s*", names):
            for role in re.split(r",\s*", roles):
                found[name][role.removeprefix("ticketpay_")] += _COMMA.split(rights)
    return found


def rendered() -> str:
    """The page as it should be."""
    return _HEAD + "".join(map(_section, tables(SCHEMA.read_text("utf-8"))))


def _section(table: Table) -> str:
    whose = "Tenant table." if table.tenant else "Platform table."
    granted = f" Grants: {'; '.join(table.grants)}." if table.grants else ""
    rows = "".join(f"| `{name}` | `{kind}` |\n" for name, kind in table.columns)
    keys = "".join(f"- `{key}`\n" for key in table.keys)
    head = f"\n## {table.name}\n\n{whose}{granted}\n\n| Column | Type and rules |\n|---|---|\n"
    return head + rows + (f"\n{keys}" if keys else "")


def main() -> int:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
