"""Write docs/reference/tax-rates.md from the rules that ship with ticketpay."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ticketpay.domain.pricing import TaxRule, TaxTable, tax_table

__all__ = ["PAGE", "main", "rendered"]

PAGE: Final = Path(__file__).parents[1] / "docs/reference/tax-rates.md"
_HEAD: Final = """# Tax rates

Written by `python tools/gen_tax.py` from `src/ticketpay/domain/pricing/data/`; how they are used is
in [taxes](../explanation/tax.md). A rate holds from its first day to the day before its end. A
tenant collects only in its nexus states; a place that is not here is refused.
"""
_COLUMNS: Final = """
| Name | Kind | Rate | From | Until | Source |
|---|---|---|---|---|---|
"""


def rendered(table: TaxTable | None = None) -> str:
    """The page as it should be."""
    table = table or tax_table()
    states = [rule for rule in table.rules if rule.city is None]
    cities = [rule for rule in table.rules if rule.city is not None]
    parts = [
        ("States", "State", states),
        ("Cities", "City", cities),
        ("Towns without a row of their own", "State", list(table.default_local)),
    ]
    return _HEAD + "".join(
        part for title, first, rules in parts for part in _part(title, first, rules)
    )


def _part(title: str, first: str, rules: Iterable[TaxRule]) -> Iterator[str]:
    yield f"\n## {title}\n{_COLUMNS.replace('| Name', f'| {first} | Name', 1)[:-1]}---|\n"
    for rule in rules:
        place = rule.state if rule.city is None else f"{rule.city.title()}, {rule.state}"
        until = rule.valid_to.isoformat() if rule.valid_to else "-"
        yield (
            f"| {place} | {rule.name} | {rule.kind} | {rule.rate.percent} % "
            f"| {rule.valid_from.isoformat()} | {until} | {rule.source} |\n"
        )


def main() -> int:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
