"""Whole sales per second over HTTP, everything on this machine, against pgbench's six inserts.

API, worker, database, sandbox, ticket service and this load generator share the cores. A sale is
accepted when the API answers 201 and drained when its tickets are issued.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg

from bench.baseline import pgbench_rate
from tests.support.databases import Shop, make_shop
from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter
from ticketpay.entrypoints.http import issue_token
from ticketpay.entrypoints.stack import DevelopmentStack

CLIENTS = 12
SALES = 1_500
WARM_UP = 100
# The load is one user, who buys faster than one may.
UNLIMITED = {"ENABLE_RATE_LIMITING": "false", "ONE_PURCHASE_AT_A_TIME": "false"}


class Load:
    """Buyers of one shop; latencies in seconds."""

    def __init__(self, stack: DevelopmentStack, shop: Shop) -> None:
        self.stack, self.shop = stack, shop
        self.latencies: list[float] = []
        user = uuid4()
        secret = stack.environment["JWT_SECRET"]
        self.token = issue_token(
            secret,
            tenant=shop.tenant.id,
            user=user,
            role="customer",
            lifetime_seconds=3_600,
            now=datetime.now(UTC),
            issuer="tickettoken",
            audience="tickettoken-platform",
        )
        self.body = {
            "venueId": str(shop.event.venue_id),
            "eventId": str(shop.event.id),
            "tickets": [{"ticketTypeId": str(shop.standing.id), "quantity": 2}],
            "paymentMethod": {"type": "card", "paymentMethodId": "pm_card_visa"},
            "deviceFingerprint": "bench",
        }

    async def buy(self, client: httpx.AsyncClient) -> None:
        begun = time.perf_counter()
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(uuid4())}
        answer = await client.post("/api/v1/payments", json=self.body, headers=headers)
        assert answer.status_code == 201, answer.text
        self.latencies.append(time.perf_counter() - begun)

    async def closed(self, sales: int) -> None:
        """``CLIENTS`` buyers, each as fast as it is served."""
        left = iter(range(sales))

        async def buyer(client: httpx.AsyncClient) -> None:
            for _ in left:
                await self.buy(client)

        async with httpx.AsyncClient(base_url=self.stack.api_url, timeout=30) as client:
            await asyncio.gather(*(buyer(client) for _ in range(CLIENTS)))

    async def open_loop(self, rate: float, seconds: float) -> None:
        """Arrivals at a fixed rate, whatever the answers do."""
        async with httpx.AsyncClient(base_url=self.stack.api_url, timeout=30) as client:
            begun, tasks = time.perf_counter(), []
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
                tasks.append(asyncio.create_task(self.buy(client)))
            await asyncio.gather(*tasks)


def fulfilled(stack: DevelopmentStack, tenant: UUID) -> int:
    with psycopg.connect(stack.environment["MIGRATION_DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT count(*) FROM orders WHERE tenant_id = %s AND state = 'fulfilled'", [tenant]
        ).fetchone()
    return 0 if row is None else int(row[0])


def drained(stack: DevelopmentStack, tenant: UUID, wanted: int) -> None:
    while fulfilled(stack, tenant) < wanted:
        time.sleep(0.05)


def cpu(stack: DevelopmentStack) -> dict[str, float]:
    """User + system seconds of every process of the stack, PostgreSQL with its backends."""
    spent = {}
    for name, pid in stack.pids.items():
        process = psutil.Process(pid)
        times = [process.cpu_times()]
        if name == "postgres":
            times += [child.cpu_times() for child in process.children()]
        spent[name] = sum(t.user + t.system for t in times)
    return spent


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ticketpay-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with DevelopmentStack.start(Path(folder) / "data", port=3905, extra=UNLIMITED) as stack:
            base = pgbench_rate(stack.postgres, "ticketpay")
            shop = make_shop(capacity=10_000_000)
            PostgresCatalogWriter(stack.environment["MIGRATION_DATABASE_URL"]).load(shop.catalog)
            load = Load(stack, shop)
            asyncio.run(load.closed(WARM_UP))
            load.latencies.clear()
            before, begun = cpu(stack), time.perf_counter()
            asyncio.run(load.closed(SALES))
            accepted = SALES / (time.perf_counter() - begun)
            drained(stack, shop.tenant.id, WARM_UP + SALES)
            whole = SALES / (time.perf_counter() - begun)
            after = cpu(stack)
            print(f"pgbench six inserts {base:.0f}/s")
            print(
                f"accepted {accepted:.1f} sales/s, drained {whole:.1f}/s: {whole / base:.4f} (gate 0.02, aim 0.05)"
            )
            for name in before:
                print(
                    f"  cpu {name:9} {(after[name] - before[name]) / SALES * 1000:6.2f} ms a sale"
                )
            load.latencies.clear()
            asyncio.run(load.open_loop(whole / 2, 15))
            p50, p99 = percentile(load.latencies, 0.5), percentile(load.latencies, 0.99)
            print(
                f"open loop at {whole / 2:.0f}/s: checkout p50 {p50:.0f} ms, p99 {p99:.0f} ms (gate 150)"
            )
            for name in ("api", "worker"):
                print(
                    f"  resident {name}: {psutil.Process(stack.pids[name]).memory_info().rss >> 20} MiB"
                )
    return int(whole / base < 0.02)


if __name__ == "__main__":
    sys.exit(main())
