"""``python -m tests.model``: search the small world and say what was found."""

from __future__ import annotations

import argparse
import sys

from tests.model.coverage import missing, to_reach, unexpected
from tests.model.explorer import Explorer, Found
from tests.model.scope import Scope


def main() -> int:
    """Print what the search came to; 1 when a promise is broken or a move was not made."""
    options = _options()
    explorer = Explorer(
        Scope(
            payments=options.payments,
            events=options.events,
            crashes=options.crashes,
            late=options.late,
        )
    )
    found = explorer.run(states_max=options.states, seconds_max=options.seconds)
    made = explorer.production.covered
    print(_summary(explorer, found))  # noqa: T201 - the answer of a command
    wrong = [f"not reached: {move}" for move in missing(made)]
    wrong += [f"nobody should make this move: {move}" for move in unexpected(made)]
    wrong += [found.broken] if found.broken else []
    if not found.exhausted and found.states < options.least:
        wrong.append(f"only {found.states:,} of at least {options.least:,} states: give --seconds")
    print("\n".join(wrong or ["no promise was broken"]))  # noqa: T201 - the same
    return 1 if wrong else 0


def _summary(explorer: Explorer, found: Found) -> str:
    made, legal = explorer.production.covered, to_reach()
    rate = found.states / found.seconds
    return (
        f"{found.states:,} states and {found.transitions:,} transitions in {found.seconds:.1f} s"
        f" of CPU: {rate:,.0f} states/s, depth {found.depth},"
        f" {'all there are' if found.exhausted else 'as far as the bound'}\n"
        f"{explorer.production.calls:,} distinct calls of production;"
        f" {len(made & legal)} of {len(legal)} legal moves were made"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model")
    parser.add_argument("--payments", type=int, choices=(1, 2), default=2)
    parser.add_argument("--events", type=int, default=3, help="events at the provider")
    parser.add_argument("--crashes", type=int, default=1, help="lost answers of the janitor")
    parser.add_argument("--late", type=int, default=1, help="charges that arrive too late")
    parser.add_argument("--states", type=int, default=20_000_000)
    parser.add_argument("--seconds", type=float, default=60, help="of CPU")
    parser.add_argument("--least", type=int, default=500_000, help="states, unless those are all")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
