"""Resident memory of API and worker at sale 10,000 against sale 2,000 (gate 1.05)."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import psutil

from bench.sales import UNLIMITED, Load, drained
from tests.support.databases import make_shop
from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter
from ticketpay.entrypoints.stack import DevelopmentStack

EARLY, LATE = 2_000, 10_000
NAMES = ("api", "worker")


def resident(stack: DevelopmentStack) -> dict[str, int]:
    return {name: psutil.Process(stack.pids[name]).memory_info().rss for name in NAMES}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ticketpay-soak-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with DevelopmentStack.start(Path(folder) / "data", port=3907, extra=UNLIMITED) as stack:
            shop = make_shop(capacity=10_000_000)
            PostgresCatalogWriter(stack.environment["MIGRATION_DATABASE_URL"]).load(shop.catalog)
            load = Load(stack, shop)
            asyncio.run(load.closed(EARLY))
            drained(stack, shop.tenant.id, EARLY)
            early = resident(stack)
            asyncio.run(load.closed(LATE - EARLY))
            drained(stack, shop.tenant.id, LATE)
            late = resident(stack)
    ratios = {name: late[name] / early[name] for name in NAMES}
    for name in NAMES:
        print(
            f"{name}: {early[name] >> 20} MiB at {EARLY}, {late[name] >> 20} MiB at {LATE}: {ratios[name]:.3f} (gate 1.05)"
        )
    return int(max(ratios.values()) > 1.05)


if __name__ == "__main__":
    sys.exit(main())
