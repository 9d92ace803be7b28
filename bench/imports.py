"""Import times: money and pricing against attrs, and the whole domain; best of several processes."""

from __future__ import annotations

import pkgutil
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


def main() -> int:
    base = milliseconds("import attrs")
    part = milliseconds("import ticketpay.domain.money, ticketpay.domain.pricing")
    names = [m.name for m in pkgutil.walk_packages(ticketpay.domain.__path__, "ticketpay.domain.")]
    whole = milliseconds("import " + ", ".join(names))
    print(f"attrs {base:.1f} ms; money and pricing {part:.1f} ms: {part / base:.2f}x (gate 3)")
    print(f"all {len(names)} domain modules {whole:.1f} ms (gate 200)")
    return (part / base > 3) + (whole > 200)


if __name__ == "__main__":
    raise SystemExit(main())
