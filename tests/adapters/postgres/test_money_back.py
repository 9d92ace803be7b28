"""Money that leaves at once on the real server: refunds of one sale, payouts of one venue."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.databases import Database, make_shop
from tests.support.sales import Till
from tests.support.scenery import audit_entry
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.ledger import (
    PLATFORM,
    Account,
    AccountKind,
    Bucket,
    Entry,
    Posting,
    VenueBooks,
)
from ticketpay.domain.messaging import Answer, KeyScope
from ticketpay.domain.money import USD, Money
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.processes.payout_requests import PayoutOrder, PayoutWish
from ticketpay.domain.processes.refund_commands import RefundRequest

pytestmark = pytest.mark.server

CROWD = 20


@pytest.fixture
def till(database: Database) -> Iterator[Till]:
    """Use cases of a shop, and an in-process sandbox."""
    shop = make_shop(capacity=100)
    database.load(shop.catalog)
    with Till.open(database, shop) as till:
        yield till


def at_once(act: Callable[[], Answer]) -> Counter[str]:
    """What twenty are answered that come at the same time: "" or the code of the refusal."""
    barrier = threading.Barrier(CROWD)

    def run(_: int) -> str:
        barrier.wait()
        return str(act().body.get("code", ""))

    with ThreadPoolExecutor(CROWD) as pool:
        return Counter(pool.map(run, range(CROWD)))


def admin(till: Till) -> Actor:
    return attrs.evolve(till.actor, role=Role.ADMIN)


@pytest.mark.spec("S24 D2")
@pytest.mark.parametrize(("cents", "fit"), [(6_000, 1), (1_000, 11), (600, 19)])
def test_twenty_refunds_at_once(till: Till, database: Database, cents: int, fit: int) -> None:
    """As many as fit into what was paid are made, the others are refused, and the books agree."""
    payment = PaymentId(UUID(str(till.buy(quantity=2).body["id"])))

    def refund() -> Answer:
        who = admin(till)
        return till.app.refunding.ask(
            RefundRequest(
                actor=who,
                key=KeyScope(who.user_id, uuid4()),
                request_hash="refund",
                payment_id=payment,
                amount_cents=cents,
            )
        )

    answers = at_once(refund)
    assert answers[""] == fit
    assert set(answers) <= {"", "REFUND_TOO_LARGE", "ALREADY_REFUNDED"}
    held = "SELECT count(*), sum(amount_cents)::bigint FROM refunds WHERE tenant_id = %s"
    assert database.rows(held, till.shop.tenant.id) == [(fit, fit * cents)]
    while till.app.janitor():
        pass
    assert till.app.verify_ledger(till.shop.tenant.id).ok


@pytest.mark.spec("S21 D1", "S21 D2")
@pytest.mark.parametrize(
    ("available", "cents", "fit", "code"),
    [
        # 15 % of 1,000.00 stays in reserve: 850.00 are payable, twice 400.00.
        (100_000, 40_000, 2, "INSUFFICIENT_FUNDS"),
        # Of 850,000.00 that are payable no more than 50,000.00 leave on a day.
        (100_000_000, 1_500_000, 3, "DAILY_LIMIT"),
    ],
)
def test_twenty_payouts_at_once(
    till: Till, database: Database, available: int, cents: int, fit: int, code: str
) -> None:
    """No more than what is payable leaves, and no more than a day's limit; the rest is refused."""
    venue, tenant, now = till.shop.event.venue_id, till.shop.tenant.id, datetime.now(UTC)
    till.app.venue_money.connect(tenant, venue, USD, "acct_venue", audit_entry(now))
    books = VenueBooks(venue_id=venue, currency=USD)
    there = Entry(Account(kind=AccountKind.PROVIDER, party=PLATFORM, currency=USD), available)
    theirs = Entry(books.account(Bucket.AVAILABLE), -available)
    earned = Posting(key=f"earned:{venue}", entries=(there, theirs), posted_at=now)
    till.uow.run(tenant, lambda tx: tx.ledger.post(earned))

    def pay_out() -> Answer:
        who = admin(till)
        return till.app.venue_money.ask(
            PayoutOrder(
                actor=who,
                key=KeyScope(who.user_id, uuid4()),
                request_hash="payout",
                wish=PayoutWish(venue_id=venue, amount=Money(cents, USD)),
            )
        )

    answers = at_once(pay_out)
    assert answers == {"": fit, code: CROWD - fit}
    held: Any = till.uow.run(tenant, lambda tx: tx.ledger.venue_balances(venue)())
    assert held["USD"][Bucket.IN_TRANSIT] == fit * cents
    assert held["USD"][Bucket.AVAILABLE] >= 0
    assert held["USD"][Bucket.AVAILABLE] + held["USD"][Bucket.RESERVED] == available - fit * cents
