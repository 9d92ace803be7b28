"""``make simulate SEEDS=1000``: many histories, stopping at the first that breaks a promise."""

from __future__ import annotations

import sys
import time

from tests.simulation.history import play


def main(seeds: int) -> None:
    """Play ``seeds`` histories and say what happened in them."""
    begun, crashes, paid, late = time.monotonic(), 0, 0, 0
    for seed in range(seeds):
        history = play(seed)
        crashes, paid, late = crashes + history.crashes, paid + history.paid, late + history.late
    spent = time.monotonic() - begun
    print(  # noqa: T201 - the answer of a command
        f"{seeds} seeds in {spent:.1f} s ({spent / seeds * 1000:.0f} ms a seed):"
        f" {paid} paid, {crashes} crashes, {late} late successes, no promise broken"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
