"""Venue money by hand: connected, shown, paid out, called off; dry unless ``--yes``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import attrs
import psycopg
import pytest

from tests.entrypoints.cli.desk import Desk
from tests.support.scenery import a_payout
from ticketpay.domain.kernel.ids import PayoutId, TenantId, VenueId
from ticketpay.domain.ledger import PayoutBooks, VenueBooks
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import Failure
from ticketpay.domain.payouts import (
    PAYOUT_MACHINE,
    Payout,
    PayoutEvent,
    PayoutSpeed,
    PayoutState,
)
from ticketpay.domain.processes.releasing import HoldRules

pytestmark = [pytest.mark.server, pytest.mark.spec("S20", "S21")]


def test_the_balances_of_all_venues(desk: Desk) -> None:
    """Each with what it has in each bucket; who owes something is shown alone."""
    payment = desk.buy("visa")
    (view,) = desk.json("balances", "list", *desk.tenant)
    assert (view["venueId"], view["currency"]) == (str(payment.venue_id), "USD")
    assert (view["pendingCents"], view["availableCents"]) == (5_000, 0)
    assert desk.json("balances", "list", "--owing", *desk.tenant) == []
    books = VenueBooks(venue_id=payment.venue_id, currency=USD)
    paid = PayoutBooks(
        payout_id=PayoutId(uuid4()), venue_id=payment.venue_id, amount=Money(700, USD)
    )
    debt = paid.requested(datetime.now(UTC))
    desk.app.parts.uow.run(TenantId(desk.home.tenant), lambda tx: tx.ledger.post(debt))
    (owing,) = desk.json("balances", "list", "--owing", *desk.tenant)
    assert (owing["availableCents"], owing["inTransitCents"]) == (-700, 700)
    assert "-7.00" in desk.run("balances", "list", *desk.tenant).stdout
    # Another debt has a reserve that makes it good: that venue owes what is left.
    put = books.recovered(-200, 1, datetime.now(UTC))
    desk.app.parts.uow.run(TenantId(desk.home.tenant), lambda tx: tx.ledger.post(put))
    (owing,) = desk.json("balances", "list", "--owing", *desk.tenant)
    assert (owing["availableCents"], owing["reservedCents"]) == (-700, 0)
    assert "-7.00" in desk.run("balances", "list", *desk.tenant).stdout
    # Of an event that has given away more than it had the release takes it; it counts already.
    early = books.released(payment.event_id, 6_025, 1, datetime.now(UTC))
    desk.app.parts.uow.run(TenantId(desk.home.tenant), lambda tx: tx.ledger.post(early))
    listed, shown = (
        desk.json("balances", *words, *desk.tenant)
        for words in (("list",), ("show", payment.venue_id))
    )
    (row,), (one,) = listed, shown["balances"]
    for view in (row, one):
        assert (view["availableCents"], view["pendingCents"]) == (5_000 - 700 - 200, 0)
        assert view["reservedCents"] == 200
    assert "41.00" in desk.run("balances", "list", *desk.tenant).stdout


def test_a_venue_is_connected_and_paid_out(desk: Desk) -> None:
    """Every step is dry first; a payout that is called off in time leaves the balance as it was."""
    payment = desk.buy("visa")
    venue, tenant = payment.venue_id, TenantId(desk.home.tenant)
    over = attrs.evolve(desk.app.venue_money.release, rules=HoldRules(event_hours=-9_999))
    assert over(tenant) == 1
    connect = ("payouts", "connect", venue, "acct_1", *desk.tenant)
    assert desk.json(*connect)["before"] == "without an account"
    nobody = ("payouts", "connect", venue, "12345", *desk.tenant)
    assert "ACCOUNT" in desk.refused(*nobody, code=2)["detail"]
    request = ("payouts", "request", venue, "--amount-cents", 10_000, *desk.tenant)
    assert desk.refused(*request, code=4)["code"] in ("VENUE_NOT_CONNECTED", "INSUFFICIENT_FUNDS")
    assert desk.json(*connect, "--yes")["after"] == "acct_1"
    for _ in range(3):
        desk.buy("visa")
    assert over(tenant) == 1
    before = desk.json("balances", "show", venue, *desk.tenant)["balances"]
    counts = desk.database.counts()
    dry = desk.json(*request)
    assert dry["before"] == "a venue with 200.00 USD available, 170.00 payable, 0.00 reserved"
    assert dry["would"] == (
        "pay 100.00 USD to the bank in 1-2 business days: 100.00 less a fee of 0.00"
    )
    assert desk.json(*request, "--instant")["would"] == (
        "pay 99.00 USD to the bank within 30 minutes: 100.00 less a fee of 1.00"
    )
    assert desk.database.counts() == counts
    done = desk.json(*request, "--yes")
    assert done["after"] == "requested"
    cancel = ("payouts", "cancel", done["subjectId"], *desk.tenant)
    assert desk.json(*cancel)["before"] == "requested"
    assert desk.json(*cancel, "--yes")["after"] == "cancelled"
    (after,) = desk.json("balances", "show", venue, *desk.tenant)["balances"]
    assert after["availableCents"] + after["reservedCents"] == before[0]["availableCents"]
    head, line = desk.run("payouts", "list", venue, *desk.tenant).stdout.splitlines()
    assert " ".join(head.split()[1:]) == "status type amount fee net currency failure created"
    assert " ".join(line.split()[1:-1]) == "cancelled standard 100.00 0.00 100.00 USD -"
    assert [action for action, *_ in desk.trail()] == [
        "payout.connect",
        "payout.request",
        "payout.cancel",
    ]
    assert desk.refused("payouts", "cancel", venue, *desk.tenant, "--yes", code=3)


def failed_payout(desk: Desk, venue: VenueId) -> Payout:
    """An instant one that the bank did not take."""
    fresh = a_payout(venue, datetime.now(UTC))
    payout = attrs.evolve(fresh, speed=PayoutSpeed.INSTANT, fee=Money(200, USD))
    step = PAYOUT_MACHINE.step(PayoutState.PROCESSING, PayoutEvent.FAIL)
    begun = PAYOUT_MACHINE.step(payout.state, PayoutEvent.PROCESS)

    def store(tx: Any) -> Payout:
        tx.payouts.add(payout)
        sent = tx.payouts.move(payout, begun, payout.created_at)
        noted = attrs.evolve(sent, failure=Failure("account_closed"))
        moved: Payout = tx.payouts.move(noted, step, payout.created_at)
        return moved

    return desk.app.parts.uow.run(TenantId(desk.home.tenant), store)


def test_a_payout_is_shown(desk: Desk) -> None:
    """With its type, its fee, what reaches the bank and why it failed; one that is not there is exit 3."""
    venue = desk.buy("visa").venue_id
    payout = failed_payout(desk, venue)
    words = ("payouts", "show", payout.id, *desk.tenant)
    view = desk.json(*words)
    assert (view["type"], view["amountCents"], view["netCents"]) == ("instant", 20_000, 19_800)
    told = dict(line.split(maxsplit=1) for line in desk.run(*words).stdout.splitlines())
    expected = {
        "status": "failed",
        "amount": "200.00",
        "fee": "2.00",
        "net": "198.00",
        "failureCode": "account_closed",
        "arrival": "Within 30 minutes",
    }
    assert {name: told[name] for name in expected} == expected
    line = desk.run("payouts", "list", venue, *desk.tenant).stdout.splitlines()[1]
    assert " ".join(line.split()[1:-1]) == "failed instant 200.00 2.00 198.00 USD account_closed"
    nobody = ("payouts", "show", uuid4(), *desk.tenant)
    assert desk.refused(*nobody, code=3)["code"] == "NOT_FOUND"


def test_a_dry_payout_counts_what_is_due(desk: Desk) -> None:
    """Money whose hold is over is paid out though nobody has released it yet, and the dry run says so."""
    venue, *_ = (desk.buy("visa").venue_id for _ in range(4))
    desk.run("payouts", "connect", venue, "acct_1", *desk.tenant, "--yes")
    with psycopg.connect(desk.database.owner) as connection:
        connection.execute(
            "UPDATE events SET starts_at = now() - interval '30 days' WHERE tenant_id = %s",
            [desk.home.tenant],
        )
    request = ("payouts", "request", venue, "--amount-cents", 10_000, *desk.tenant)
    assert desk.json(*request)["before"] == (
        "a venue with 0.00 USD available, 0.00 payable, 0.00 reserved, and more to be released first"
    )
    assert desk.json(*request, "--yes")["after"] == "requested"
