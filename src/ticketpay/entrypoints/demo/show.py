"""What the demo shows: progress, a table of expectations, a receipt, the books."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ticketpay.entrypoints.cli.shell import amount
from ticketpay.entrypoints.demo.audit import Check
from ticketpay.entrypoints.demo.stories import Result

__all__ = ["Screen"]


def _width() -> int:
    """At least 110 columns, for pipes and logs say 80 and would cut the outcomes."""
    return max(110, shutil.get_terminal_size((110, 40)).columns)


@attrs.frozen
class Screen:
    """The terminal, and when we began."""

    console: Console = attrs.field(factory=lambda: Console(highlight=False, width=_width()))
    began: float = attrs.field(factory=time.monotonic)

    def step(self, text: str) -> None:
        """One line of progress with the seconds since the start."""
        self.console.print(f"[dim]{time.monotonic() - self.began:5.1f} s[/]  {escape(text)}")

    def results(
        self, results: Iterable[Result], title: str = "Buyers", what: str = "buyer"
    ) -> None:
        """Buyers, what should have come and what came."""
        rows = [(r.story, r.expected, r.actual, r.ok) for r in results]
        self._compared(title, what, rows)

    def checks(self, checks: Iterable[Check]) -> None:
        """The questions of the audit."""
        rows = [(c.question, c.expected, c.actual, c.ok) for c in checks]
        self._compared("Audit", "question", rows)

    def receipt(self, order: Mapping[str, Any]) -> None:
        """One order as its buyer sees it: the all-in price first."""
        table = Table(title=f"Receipt of order {order['id']}", title_justify="left")
        table.add_column("")
        table.add_column(str(order["currency"]), justify="right")
        table.add_row("[bold]all-in price[/]", f"[bold]{amount(order['allInCents'])}[/]")
        count = len(order["tickets"])
        table.add_row(f"  {count} tickets", amount(order["ticketsCents"]))
        for charge in (*order["fees"], *order["taxes"]):
            rate = f" ({charge['ratePercent']} %)" if "ratePercent" in charge else ""
            table.add_row(f"  {escape(charge['name'])}{rate}", amount(charge["amountCents"]))
        table.add_row("[bold]total[/]", f"[bold]{amount(order['totalCents'])}[/]")
        self.console.print(table)

    def books(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """The trial balance."""
        table = Table(title="Trial balance", title_justify="left")
        for name in ("account", "", "debit", "credit"):
            table.add_column(name, justify="right" if name.endswith("it") else "left")
        for row in rows:
            table.add_row(*row, style="bold" if row[0] == "total" else "")
        self.console.print(table)

    def verdict(self, differences: Iterable[str], *, ok: bool) -> None:
        """The verification of the ledger, and the end."""
        found = list(differences)
        for difference in found:
            self.console.print(f"[red]{escape(difference)}[/]")
        if found:
            self.console.print(f"[red]ledger verify: {len(found)} differences[/]")
        else:
            self.console.print("[green]ledger verify: OK[/]")
        seconds = time.monotonic() - self.began
        words = "[green]everything as expected[/]" if ok else "[bold red]NOT as expected[/]"
        self.console.print(f"{words}, {seconds:.1f} s")

    def _compared(self, title: str, what: str, rows: list[tuple[str, str, str, bool]]) -> None:
        table = Table(title=title, title_justify="left")
        for name in (what, "expected", "actual", ""):
            table.add_column(name)
        for name, expected, actual, ok in rows:
            mark = "[green]ok[/]" if ok else "[bold red]WRONG[/]"
            shown = escape(actual) if ok else f"[red]{escape(actual)}[/]"
            table.add_row(escape(name), escape(expected), shown, mark)
        self.console.print(table)
