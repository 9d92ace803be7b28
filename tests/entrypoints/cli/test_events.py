"""An event is cancelled by hand: dry unless ``--yes``, once, and its progress can be watched."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.entrypoints.cli.desk import Desk
from ticketpay.entrypoints.bootstrap import build
from ticketpay.entrypoints.settings import load_settings

pytestmark = [pytest.mark.server, pytest.mark.spec("S24")]


def work(desk: Desk) -> None:
    """A worker, with a worker's rights, does what is due."""
    app = build(load_settings(desk.environment), worker=True)
    try:
        while app.janitor():
            pass
    finally:
        app.close()


def test_a_cancelled_event_is_refunded_while_one_watches(desk: Desk) -> None:
    """Dry it says how much would go back; done, the worker sends all of it, and the status says so."""
    event = desk.home.event_id
    sold = [desk.buy("visa") for _ in range(3)]
    desk.buy("visa_chargeDeclined")
    cents = sum(payment.amount.cents for payment in sold)
    before, words = desk.database.counts(), ("events", "cancel", event, *desk.tenant)
    dry = desk.json(*words)
    assert (dry["dryRun"], dry["would"].split(" (")[0]) == (
        True,
        f"refund 3 orders with {cents} cents",
    )
    assert desk.database.counts() == before
    assert desk.json("events", "status", event, *desk.tenant)["state"] == "not cancelled"
    done = desk.json(*words, "--yes", "--reason", "the singer is ill", "--as", "lee")
    assert done["after"].startswith("off sale, refunding 3 orders")
    assert desk.trail() == [("event.cancel", "lee", str(event))]
    work(desk)
    view = desk.json("events", "status", event, *desk.tenant)
    assert (view["orders"], view["refunded"], view["left"], view["failed"]) == (3, 3, 0, 0)
    money = {"currency": "USD", "cents": cents, "refundedCents": cents, "leftCents": 0}
    assert view["money"] == [money]
    # Nobody can pay the declined order any more: it is over at once, and the next pass sees that.
    assert (view["state"], view["unfinished"], view["finishedAt"]) == ("refunding", 0, None)
    assert (view["reason"], view["requestedBy"]) == ("the singer is ill", "lee")
    told = desk.run("events", "status", event, *desk.tenant).stdout
    assert "refunding" in told
    assert f"USD paid      {cents / 100:,.2f}\nUSD refunded  {cents / 100:,.2f}\n" in told
    assert "USD left      0.00\n" in told
    assert desk.json("ledger", "verify", *desk.tenant)["ok"] is True


def test_without_open_payments_it_is_finished_in_the_next_pass(desk: Desk) -> None:
    """Once every refund has arrived, a pass that finds nothing more sets the end."""
    event = desk.home.event_id
    desk.json("events", "cancel", event, *desk.tenant, "--yes", "--reason", "rain")
    work(desk)
    view = desk.json("events", "status", event, *desk.tenant)
    assert (view["state"], view["orders"], view["left"]) == ("finished", 0, 0)
    assert view["finishedAt"] >= view["startedAt"]


def test_what_cannot_be_cancelled(desk: Desk) -> None:
    """A second time is refused with 4, an unknown event with 3, no reason or a blank one with 2; nothing is kept."""
    event = desk.home.event_id
    words = ("events", "cancel", event, *desk.tenant)
    for nothing in ((), ("--reason", ""), ("--reason", "   "), ("--reason", "\u2003\n")):
        assert "--reason" in desk.refused(*words, "--yes", *nothing, code=2)["detail"]
    desk.json(*words, "--yes", "--reason", "rain")
    before = desk.database.counts()
    for again in ((), ("--yes", "--reason", "rain")):
        assert desk.refused(*words, *again, code=4)["code"] == "EVENT_CANCELLED"
    for verb in (("cancel", "--yes", "--reason", "rain"), ("status",)):
        unknown = ("events", verb[0], uuid4(), *desk.tenant, *verb[1:])
        assert desk.refused(*unknown, code=3)["code"] == "NOT_FOUND"
    foreign = ("events", "status", event, "--tenant", uuid4())
    assert desk.refused(*foreign, code=3)["code"] == "NOT_FOUND"
    assert desk.database.counts() == before


def test_a_cancelled_event_sells_nothing(desk: Desk) -> None:
    """Nobody gets a price for it, not even after the catalogue is loaded again."""
    event, home = desk.home.event_id, desk.home
    desk.json("events", "cancel", event, *desk.tenant, "--yes", "--reason", "rain")
    desk.database.load(home.catalog)
    words = ("quote", *desk.tenant, "--event", event, "--type", f"{home.standing}:1")
    error = desk.refused(*words, code=4)
    assert error["code"] == "EVENT_NOT_ON_SALE"
