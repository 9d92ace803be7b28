"""Reading the balance of a venue with 1,000,000 ledger entries against one with 1,000, in turns.

Entries are those of captured sales, each a posting of four, of which one is on an account of the
venue; a thousand entries an event. Their payments are there, too, spread over a year. All of it is
rolled up as the worker does it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from bench.town import Town, catalog_of, open_town
from tests.support.databases import Database, copy_template, make_template
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.domain.kernel.ids import EventId, PaymentId, VenueId
from ticketpay.domain.ledger import capture_posting
from ticketpay.domain.money import Money
from ticketpay.domain.parties import Role

FEW, MANY = 1_000, 1_000_000
LINES = 4
SALES_PER_EVENT = 250
ROUNDS = 300
GATE = 3

TABLES = """
CREATE TEMP TABLE sold (id uuid, event bigint, at timestamptz) ON COMMIT DROP;
CREATE TEMP TABLE line (event bigint, line integer, account uuid, cents bigint) ON COMMIT DROP;
SET session_replication_role = replica
"""
SOLD = """
INSERT INTO sold
SELECT gen_random_uuid(), n %% %(events)s, now() - interval '365 days' * n / %(sales)s
FROM generate_series(1, %(sales)s) n
"""
ACCOUNT = """
INSERT INTO ledger_accounts (tenant_id, id, kind, party, subject, currency, bucket)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
BOOK = (
    "INSERT INTO ledger_postings SELECT %(tenant)s, 'capture:' || id, at, 'USD' FROM sold",
    "INSERT INTO ledger_unrolled SELECT %(tenant)s, 'capture:' || id FROM sold",
    """
    INSERT INTO ledger_entries
    SELECT %(tenant)s, 'capture:' || id, line, account, cents, 'USD' FROM sold JOIN line USING (event)
    """,
    """
    INSERT INTO payments (tenant_id, id, order_id, share, state, amount_cents, received_cents,
        currency, capture_method, user_id, event_id, venue_id, ticket_count, method_type,
        device_fingerprint, provider_status, created_at, sent_at, confirmed_at, updated_at, version)
    SELECT %(tenant)s, id, id, 1, 'completed', 11945, 11945, 'USD', 'automatic', id, id, %(venue)s,
        2, 'card', 'device', 'succeeded', at, at, at, at, 2
    FROM sold
    """,
)


def fill(database: Database, tenant: UUID, venue: VenueId, entries: int) -> None:
    """Book sales in bulk, foreign keys unchecked: payments have no orders, which no balance reads."""
    sales = entries // LINES
    events = -(-sales // SALES_PER_EVENT)
    values = {"tenant": tenant, "venue": venue, "sales": sales, "events": events}
    with psycopg.connect(database.owner) as connection:
        connection.execute(TABLES)
        for number in range(events):
            add_event(connection, tenant, venue, number)
        for statement in (SOLD, *BOOK):
            connection.execute(statement, values)


def add_event(connection: psycopg.Connection, tenant: UUID, venue: VenueId, number: int) -> None:
    """The accounts of an event, and what a sale books to each."""
    posting = capture_posting(
        payment_id=PaymentId(uuid4()),
        venue_id=venue,
        event_id=EventId(uuid4()),
        provider_account="",
        tax_jurisdiction="TN",
        total=Money(11_945),
        fees_cents=920,
        taxes_cents=1_025,
        posted_at=datetime.now(UTC),
    )
    for line, entry in enumerate(posting.entries, 1):
        account = entry.account
        connection.execute(
            ACCOUNT,
            [
                tenant,
                account.id,
                account.kind,
                account.party,
                account.subject,
                account.currency.code,
                account.bucket,
            ],
        )
        connection.execute(
            "INSERT INTO line VALUES (%s, %s, %s, %s)", [number, line, account.id, entry.cents]
        )


def medians(town: Town, venues: list[VenueId]) -> list[float]:
    """Milliseconds of one read of each venue."""
    admin = town.actor(Role.ADMIN)
    spent: dict[VenueId, list[float]] = {venue: [] for venue in venues}
    for _ in range(ROUNDS):
        for venue in venues:
            begun = time.perf_counter()
            town.api.venue_money.show.balance(admin, venue)
            spent[venue].append(time.perf_counter() - begun)
    return [statistics.median(spent[venue]) * 1_000 for venue in venues]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ticketpay-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres.start(Path(folder) / "data") as server:
            make_template(server)
            database, catalog = copy_template(server), catalog_of(2, timedelta(days=30))
            venues = [venue.id for venue in catalog.venues]
            with open_town(database, catalog) as town:
                for venue, entries in zip(venues, (FEW, MANY), strict=True):
                    fill(database, town.tenant, venue, entries)
                town.settle()
                few, many = medians(town, venues)
    ratio = many / few
    print(
        f"balance of {FEW} entries {few:.2f} ms, of {MANY} entries {many:.2f} ms: {ratio:.2f} (gate {GATE}, aim 2.0)"
    )
    return int(ratio > GATE)


if __name__ == "__main__":
    sys.exit(main())
