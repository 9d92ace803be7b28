"""Ledger postings per second, one durable transaction each, against pgbench's six inserts."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID, uuid4

from bench.baseline import pgbench_rate
from tests.support.databases import Database, copy_template, make_shop, make_template
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.postgres.uow import PostgresTx, PostgresUnitOfWork, TenantMap, open_pool
from ticketpay.adapters.system.clock import SystemClock
from ticketpay.domain.kernel.ids import EventId, PaymentId, TenantId, VenueId
from ticketpay.domain.ledger import Posting, capture_posting
from ticketpay.domain.money import Money

SECONDS = 8
PROCESSES = 8


def posting(venue: UUID) -> Posting:
    return capture_posting(
        payment_id=PaymentId(uuid4()),
        venue_id=VenueId(venue),
        event_id=EventId(venue),
        provider_account="",
        tax_jurisdiction="TN",
        total=Money(11_945),
        fees_cents=920,
        taxes_cents=1_025,
        posted_at=SystemClock().now(),
    )


def client(dsn: str, tenant: UUID, venues: list[UUID], counts: multiprocessing.Queue[int]) -> None:
    """One client: postings as fast as they commit."""
    uow = PostgresUnitOfWork(TenantMap((open_pool(dsn, size_max=1, name="bench"),)))
    end, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        booked = posting(venues[count % len(venues)])

        def post(tx: PostgresTx, booked: Posting = booked) -> None:
            tx.ledger.post(booked)

        uow.run(TenantId(tenant), post)
        count += 1
    counts.put(count)
    uow.close()


def rate(database: Database, tenant: UUID, venues: list[UUID]) -> float:
    """Postings per second of all clients together."""
    context = multiprocessing.get_context("spawn")
    counts: multiprocessing.Queue[int] = context.Queue()
    clients = [
        context.Process(target=client, args=(database.app, tenant, venues, counts))
        for _ in range(PROCESSES)
    ]
    for process in clients:
        process.start()
    total = sum(counts.get() for _ in clients)
    for process in clients:
        process.join()
    return total / SECONDS


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ticketpay-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres.start(Path(folder) / "data") as server:
            make_template(server)
            database, shop = copy_template(server), make_shop()
            database.load(shop.catalog)
            base = pgbench_rate(server, database.name)
            hot = rate(database, shop.tenant.id, [uuid4()])
            many = rate(database, shop.tenant.id, [uuid4() for _ in range(200)])
    print(
        f"pgbench six inserts {base:.0f}/s; many venues {many:.0f}/s: {many / base:.2f} (gate 0.4, aim 0.6)"
    )
    print(f"one hot venue {hot:.0f}/s: {hot / many:.2f} of many venues")
    return int(many / base < 0.4)


if __name__ == "__main__":
    sys.exit(main())
