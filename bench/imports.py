"""Import times: money and pricing against attrs, the whole domain, and `ticketpay --help`."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import time

import ticketpay.domain


def milliseconds(statement: str) -> float:
    """Import time inside a fresh interpreter, best of nine."""
    code = f"import time; t = time.perf_counter()\n{statement}\nprint(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(9)
    ]
    return min(runs) * 1000


def start_up(rounds: int = 15) -> tuple[float, float]:
    """Milliseconds of `python -c pass` and of `ticketpay --help`, each the best of its rounds.

    They take turns, so that a busy machine is busy for both.
    """
    help_text = ["-m", "ticketpay.entrypoints.cli.main", "--help"]
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for place, words in enumerate((["-c", "pass"], help_text)):
            started = time.perf_counter()
            subprocess.run([sys.executable, *words], capture_output=True, check=True)
            best[place] = min(best[place], 1000 * (time.perf_counter() - started))
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
        f"python -c pass {bare:.1f} ms; ticketpay --help {said:.1f} ms: {said / bare:.2f}x (gate 3)"
    )
    return (part / base > 3) + (whole > 200) + (said / bare > 3)


if __name__ == "__main__":
    raise SystemExit(main())
