"""Write docs/reference/metrics.md from the registry."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from ticketpay.entrypoints.metrics import Metrics

__all__ = ["PAGE", "main", "rendered"]

PAGE: Final = Path(__file__).parents[1] / "docs/reference/metrics.md"
_HEAD: Final = """# Metrics

Written by `python tools/gen_metrics.py`. With `ENABLE_METRICS=true` the API answers at
`http://METRICS_HOST:METRICS_PORT/metrics` (127.0.0.1:9090) and the worker at `WORKER_METRICS_PORT`
(9091). Names begin with `ticketpay_`; no label holds a tenant, a person or an id.

| Name | Type | Labels | Meaning |
|---|---|---|---|
"""


def rendered() -> str:
    """The page as it should be."""
    metrics = Metrics()
    metrics.watch_database(dict)
    return _HEAD + "".join(
        f"| `{name}` | {kind} | {', '.join(labels) or '-'} | {text} |\n"
        for name, kind, labels, text in sorted(metrics.described())
    )


def main() -> int:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
