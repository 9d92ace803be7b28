"""Payouts asked for per second: many venues, and one whose guard all wait for, against pgbench.

Every payout reads those of its venue of two days, for the day's limit: the more there are, the slower.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from bench.baseline import pgbench_rate
from bench.town import THREADS, Town, catalog_of, open_town, rate
from tests.support.databases import copy_template, make_template
from tests.support.scenery import audit_entry
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.domain.catalog import Event
from ticketpay.domain.kernel.ids import PaymentId, VenueId
from ticketpay.domain.ledger import capture_posting
from ticketpay.domain.messaging import KeyScope, Outcome
from ticketpay.domain.money import USD, Money
from ticketpay.domain.parties import Role
from ticketpay.domain.processes.payout_requests import PayoutOrder, PayoutWish

VENUES = 200
PAYOUTS = 800
OF_ONE = 200
WARM_UP = 80
CENTS = 100
"""Of one payout: few enough for all of them to be within the day's limit of one venue."""


def earn(town: Town, event: Event) -> None:
    """The venue sold an event that is over, and its account is known."""
    now = datetime.now(UTC)
    posting = capture_posting(
        payment_id=PaymentId(uuid4()),
        venue_id=event.venue_id,
        event_id=event.id,
        provider_account="",
        tax_jurisdiction="TN",
        total=Money(10_000_000),
        fees_cents=920,
        taxes_cents=1_025,
        posted_at=now,
    )
    town.api.parts.uow.run(town.tenant, lambda tx: tx.ledger.post(posting))
    town.api.venue_money.connect(
        town.tenant, event.venue_id, USD, f"acct_{event.venue_id.hex}", audit_entry(now)
    )


def asked(town: Town, venues: list[VenueId], count: int) -> float:
    """Payouts a second of all threads together, of each venue in turn."""
    admin = town.actor(Role.ADMIN)

    def ask(number: int) -> None:
        wish = PayoutWish(venue_id=venues[number % len(venues)], amount=Money(CENTS))
        order = PayoutOrder(
            actor=admin, key=KeyScope(admin.user_id, uuid4()), request_hash="p", wish=wish
        )
        assert town.api.venue_money.ask(order).outcome is Outcome.COMPLETED

    with town.rolled_up():
        return rate(ask, range(count))


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ticketpay-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres.start(Path(folder) / "data") as server:
            make_template(server)
            database = copy_template(server)
            catalog = catalog_of(VENUES, starts_in=timedelta(days=-30))
            base = pgbench_rate(server, database.name)
            with open_town(database, catalog) as town:
                rate(lambda event: earn(town, event), catalog.events)
                while town.worker.venue_money.release(town.tenant):
                    pass
                town.settle()
                venues = [venue.id for venue in catalog.venues]
                asked(town, venues, WARM_UP)
                town.settle()
                many = asked(town, venues, PAYOUTS)
                town.settle()
                one = asked(town, venues[:1], OF_ONE)
    print(f"pgbench six inserts {base:.0f}/s; {THREADS} threads in one process")
    print(f"payouts of {VENUES} venues {many:.0f}/s: {many / base:.4f}")
    print(f"payouts of one venue {one:.0f}/s: {one / base:.4f}, {one / many:.2f} of many venues")
    return 0


if __name__ == "__main__":
    sys.exit(main())
