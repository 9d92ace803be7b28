"""Draw the state machines: tables and Mermaid diagrams in ``docs/reference/states.md``.

The page is written between markers, from the same tables that drive the code. ``--check`` writes
nothing and fails when the page is not current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ticketpay.domain.kernel.fsm import Machine
from ticketpay.domain.orders import ORDER_MACHINE
from ticketpay.domain.payments import PAYMENT_MACHINE
from ticketpay.domain.payouts import PAYOUT_MACHINE
from ticketpay.domain.refunds import DISPUTE_MACHINE, REFUND_MACHINE
from ticketpay.domain.subscriptions import SUBSCRIPTION_MACHINE

__all__ = ["MACHINES", "PAGE", "main", "rendered"]

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "states.md"
MACHINES: Final[tuple[Machine[Any, Any], ...]] = (
    PAYMENT_MACHINE,
    ORDER_MACHINE,
    REFUND_MACHINE,
    DISPUTE_MACHINE,
    PAYOUT_MACHINE,
    SUBSCRIPTION_MACHINE,
)


def rendered(page: str) -> str:
    """``page`` with the part between each machine's markers replaced by its drawing."""
    for machine in MACHINES:
        begin = f"<!-- begin {machine.name} -->"
        end = f"<!-- end {machine.name} -->"
        before, found, rest = page.partition(begin)
        _, found_end, after = rest.partition(end)
        if not (found and found_end):
            raise ValueError(f"the page has no markers for {machine.name}")
        page = "\n".join([f"{before}{begin}", *_drawing(machine), f"{end}{after}"])
    return page


def _drawing(machine: Machine[Any, Any]) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {machine.initial}"
    for step in machine.steps():
        yield f"    {step.before} --> {step.after}: {step.event}"
    for state in machine.states:
        if machine.is_final(state):
            yield f"    {state} --> [*]"
    yield "```"
    yield ""
    yield "| from | event | to |"
    yield "|---|---|---|"
    for step in machine.steps():
        note = "" if step.moves else " (recorded, nothing moves)"
        yield f"| {step.before} | {step.event} | {step.after}{note} |"


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` say whether it is current."""
    current = PAGE.read_text("utf-8")
    wanted = rendered(current)
    if "--check" in arguments:
        if current != wanted:
            print(f"{PAGE.name} is stale: run python tools/gen_states.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(wanted, "utf-8")
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
