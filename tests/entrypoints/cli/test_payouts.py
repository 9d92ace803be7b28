"""Venue money by hand: connected, shown, paid out, called off; dry unless ``--yes``."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import attrs
import pytest

from tests.entrypoints.cli.desk import Desk
from ticketpay.domain.kernel.ids import PayoutId, TenantId
from ticketpay.domain.ledger import PayoutBooks, VenueBooks
from ticketpay.domain.money import USD, Money
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
    assert desk.json(*request)["would"] == "pay 100.00 USD to the bank, 1-2 business days"
    assert desk.json(*request, "--instant")["would"].startswith("pay 99.00 USD")
    assert desk.database.counts() == counts
    done = desk.json(*request, "--yes")
    assert done["after"] == "requested"
    cancel = ("payouts", "cancel", done["subjectId"], *desk.tenant)
    assert desk.json(*cancel)["before"] == "requested"
    assert desk.json(*cancel, "--yes")["after"] == "cancelled"
    (after,) = desk.json("balances", "show", venue, *desk.tenant)["balances"]
    assert after["availableCents"] + after["reservedCents"] == before[0]["availableCents"]
    assert "100.00" in desk.run("payouts", "list", venue, *desk.tenant).stdout
    assert [action for action, *_ in desk.trail()] == [
        "payout.connect",
        "payout.request",
        "payout.cancel",
    ]
    assert desk.refused("payouts", "cancel", venue, *desk.tenant, "--yes", code=3)
