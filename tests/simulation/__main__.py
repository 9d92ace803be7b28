"""``make simulate SEEDS=10000``: many histories, stopping at the first that breaks a promise.

``--from N`` begins elsewhere, ``--digest N`` prints the digest of one history, and ``--twice``
plays every seed a second time and compares the traces.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.simulation.history import History, SimulationFailed, play


def main() -> int:
    """Play histories and say what happened in them; 1 when one failed."""
    options = _options()
    if options.digest is not None:
        print(play(options.digest).digest)  # noqa: T201 - the answer of a command
        return 0
    begun, histories = time.monotonic(), list[History]()
    for seed in range(options.first, options.first + options.seeds):
        try:
            histories.append(play(seed))
            if options.twice and play(seed).digest != histories[-1].digest:
                print(f"seed {seed}: played twice, its traces differ")  # noqa: T201 - the answer
                return 1
        except SimulationFailed as failed:
            print(failed)  # noqa: T201 - the story is the answer
            return 1
    if options.twice:
        print(f"{len(histories)} of {len(histories)} seeds gave the same trace twice")  # noqa: T201 - the same
    print(_summary(histories, time.monotonic() - begun))  # noqa: T201 - the same
    return 0


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return int(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("seeds", type=_positive, nargs="?", default=1000)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--digest", type=int)
    parser.add_argument("--twice", action="store_true")
    return parser.parse_args()


def _summary(histories: list[History], spent: float) -> str:
    count = len(histories)
    simulated = sum(history.simulated_seconds for history in histories)
    calls = [history.calls for history in histories]
    return (
        f"{count} seeds in {spent:.1f} s: {count / spent:.1f} seeds/s, {spent / count * 1000:.0f}"
        f" ms a seed ({time.process_time() / count * 1000:.0f} ms of CPU),"
        f" {simulated / spent:,.0f} simulated seconds a second\n"
        f"port calls a seed: {sum(calls) / count:.0f}, at least {min(calls)}\n"
        f"{sum(h.paid for h in histories)} paid, {sum(h.crashes for h in histories)} crashes,"
        f" {sum(h.faults for h in histories)} other faults,"
        f" {sum(h.late for h in histories)} late successes\n"
        f"the last payment was over {max(h.terminal_after_seconds for h in histories):,.0f} s"
        " after the healing; no promise was broken"
    )


if __name__ == "__main__":
    sys.exit(main())
