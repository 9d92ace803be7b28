"""``python -m tests.model``: search the small world and say what was found."""

from __future__ import annotations

import argparse
import sys

from tests.model.explorer import Explorer
from tests.model.scope import Scope


def main() -> int:
    """Print what the search came to; 1 when a promise is broken."""
    options = _options()
    scope = Scope(
        payments=options.payments, events=options.events, crashes=options.crashes, late=options.late
    )
    explorer = Explorer(scope)
    found = explorer.run(states_max=options.states, seconds_max=options.seconds)
    print(found)
    print(found.broken)
    print(
        explorer.production.calls,
        len(explorer._sides.values),
        len(explorer._shared.values),
        len(explorer._steps),
    )
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.model")
    parser.add_argument("--payments", type=int, default=2)
    parser.add_argument("--events", type=int, default=4)
    parser.add_argument("--crashes", type=int, default=1)
    parser.add_argument("--late", type=int, default=1)
    parser.add_argument("--states", type=int, default=5_000_000)
    parser.add_argument("--seconds", type=float, default=60)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
