"""Write docs/reference/settings.md from the declarations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from ticketpay.entrypoints.settings import Secret, declarations

__all__ = ["PAGE", "main", "rendered"]

PAGE: Final = Path(__file__).parents[1] / "docs/reference/settings.md"
_HEAD: Final = """# Settings

Written by `python tools/gen_settings.py`. All settings come from the environment and are checked at start; every wrong one is named.
`ticketpay settings` prints the values of this process, `ticketpay settings --check` what is refused and what is nearly a setting.
A secret is shown as "set" or "not set". Without any setting, `ticketpay serve` starts a development stack.

| Variable | Kind | Default | Needed by | Meaning |
|---|---|---|---|---|
"""
_TAIL: Final = """
Two more are for the command line alone: `TICKETPAY_DATA` is where the development stack keeps its data, and `TICKETPAY_OPERATOR` is the
name that the [audit trail](../explanation/audit-trail.md) keeps for whoever types a command (else the name of the login).

An empty text counts as given; an empty number counts as not given. The development stack sets `RATE_LIMIT_MAX_REQUESTS` to 1000000.
[Rate limits](../explanation/rate-limits.md) and [decision 11](../decisions/0011-databases-and-poolers.md) say more.
"""


def rendered() -> str:
    """The page as it should be."""
    rows = [
        f"| `{declared.name}` | {declared.kind} | {_default(field.default)} "
        f"| {declared.needed_by} | {declared.says} |\n"
        for field, declared in declarations()
    ]
    return _HEAD + "".join(rows) + _TAIL


def _default(value: object) -> str:
    if isinstance(value, Secret | tuple) or value == "":
        return "-"
    if isinstance(value, frozenset):
        return ",".join(sorted(value)) or "-"
    return str(value).lower() if isinstance(value, bool) else str(value)


def main() -> int:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
