"""Import times: money and pricing against attrs, the whole domain, and `ticketpay --help`."""

from __future__ import annotations

import pkgutil
import resource
import subprocess
import sys

import ticketpay.domain


def milliseconds(statement: str) -> float:
    """Import time inside a fresh interpreter, best of nine."""
    code = f"import time; t = time.perf_counter()\n{statement}\nprint(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(9)
    ]
    return min(runs) * 1000


def start_up(rounds: int = 9) -> tuple[float, float]:
    """CPU milliseconds of `python -c pass` and of `ticketpay --help`, each the best of its rounds.

    CPU time, and in turns, so that a busy machine changes the ratio little.
    """
    help_text = ["-m", "ticketpay.entrypoints.cli.main", "--help"]
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for place, words in enumerate((["-c", "pass"], help_text)):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, *words], capture_output=True, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            best[place] = min(best[place], 1000 * spent)
    return best[0], best[1]


def main() -> int:
    base = milliseconds("import attrs")
    part = milliseconds("import ticketpay.domain.money, ticketpay.domain.pricing")
    names = [m.name for m in pkgutil.walk_packages(ticketpay.domain.__path__, "ticketpay.domain.")]
    whole = milliseconds("import " + ", ".join(names))
    print(f"attrs {base:.1f} ms; money and pricing {part:.1f} ms: {part / base:.2f}x (gate 3)")
    print(f"all {len(names)} domain modules {whole:.1f} ms (gate 200)")
    bare, said = start_up()
    print(
        f"python -c pass {bare:.1f} ms of CPU; ticketpay --help {said:.1f} ms: {said / bare:.2f}x (gate 3)"
    )
    return (part / base > 3) + (whole > 200) + (said / bare > 3)


if __name__ == "__main__":
    raise SystemExit(main())
