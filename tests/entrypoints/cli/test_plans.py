"""Plans by hand: listed, given to a venue, shown; dry unless ``--yes``."""

from __future__ import annotations

import re
from uuid import uuid4

import attrs
import pytest

from tests.entrypoints.cli.desk import Desk

pytestmark = [pytest.mark.server, pytest.mark.spec("S19")]


def test_the_plans_are_listed(desk: Desk) -> None:
    """With price, fee and cap, as a table and as JSON."""
    shown = desk.run("plans", "list").stdout
    assert all(word in shown for word in ("starter", "99.00", "8.2 %", "1000", "any"))
    assert [one["id"] for one in desk.json("plans", "list")["plans"]] == [
        "starter",
        "pro",
        "enterprise",
    ]


def test_a_venue_is_given_a_plan(desk: Desk) -> None:
    """The dry run keeps nothing; the plan that was given is shown, and in the audit trail."""
    venue = desk.buy("visa").venue_id
    assert desk.refused("plans", "show", venue, *desk.tenant, code=3)["code"] == "NOT_FOUND"
    give = ("plans", "subscribe", venue, "starter", *desk.tenant)
    counts = desk.database.counts()
    dry = desk.json(*give)
    assert (dry["before"], dry["would"][:24]) == ("without a plan", "sell by starter until 20")
    assert dry["would"].endswith("; 99.00 USD for 30 days, not billed, as PLAN_BILLING is off")
    assert desk.database.counts() == counts
    done = desk.json(*give, "--yes", "--as", "ada", "--reason", "by telephone")
    assert (done["before"], done["after"]) == ("without a plan", "starter")
    view = desk.json("plans", "show", venue, *desk.tenant)
    assert (view["plan"], view["status"], view["ticketsMax"]) == ("starter", "active", 100)
    assert view["ticketsSold"] == 1
    assert "1 of 100 tickets" in desk.run("plans", "show", venue, *desk.tenant).stdout
    more = ("plans", "subscribe", venue, "enterprise", *desk.tenant)
    assert desk.json(*more)["before"] == "starter"
    assert desk.json(*more, "--yes")["after"] == "enterprise"
    assert "1 of any number" in desk.run("plans", "show", venue, *desk.tenant).stdout
    assert [action for action, *_ in desk.trail()] == ["plan.subscribe"] * 2


def test_what_there_is_not_is_refused(desk: Desk) -> None:
    """A plan that nobody offers, and a venue that nobody knows, dry or not."""
    venue = desk.buy("visa").venue_id
    for rest in ((), ("--yes",)):
        gold = ("plans", "subscribe", venue, "gold", *desk.tenant, *rest)
        assert desk.refused(*gold, code=4)["code"] == "PLAN_UNKNOWN"
        assert "starter, pro, enterprise" in desk.run(*gold, code=4).stderr
        lost = ("plans", "subscribe", uuid4(), "pro", *desk.tenant, *rest)
        assert desk.refused(*lost, code=3)["code"] == "NOT_FOUND"
    assert desk.trail() == []


def test_a_plan_that_is_billed(desk: Desk) -> None:
    """What pays is named; a declined card changes nothing; the end is told, taken back, asked about."""
    billed = attrs.evolve(desk, environment={**desk.environment, "PLAN_BILLING": "stripe"})
    venue = desk.buy("visa").venue_id
    give = ("plans", "subscribe", venue, "pro", *desk.tenant, "--yes")
    assert billed.refused(*give, code=1)["detail"].startswith("paymentMethod is required")
    declined = billed.refused(*give, "--payment-method", "pm_card_chargeDeclined", code=4)
    assert declined["code"] == "PAYMENT_DECLINED"
    assert billed.refused("plans", "show", venue, *desk.tenant, code=3)["code"] == "NOT_FOUND"
    assert billed.json("plans", "sync", venue, *desk.tenant)["before"] == "cancelled"
    assert billed.refused("plans", "sync", uuid4(), *desk.tenant, code=3)["code"] == "NOT_FOUND"
    done = billed.json(*give, "--payment-method", "pm_card_visa")
    assert (done["before"], done["after"]) == ("without a plan", "pro")
    assert billed.json(*give[:-1])["would"] == "change nothing: it sells by pro"
    other = ("plans", "subscribe", venue, "starter", *desk.tenant)
    assert billed.json(*other)["would"].endswith("; 99.00 USD for 30 days, billed to what pays now")
    end = ("plans", "cancel", venue, *desk.tenant)
    assert "and by none after it" in billed.json(*end)["would"]
    assert "it ends then" not in billed.run("plans", "show", venue, *desk.tenant).stdout
    assert billed.json(*end, "--yes")["after"].startswith("pro until 20")
    shown = billed.run("plans", "show", venue, *desk.tenant).stdout
    assert "pro, active, until 20" in shown
    assert "it ends then" in shown
    for again in (end, (*end, "--yes")):
        assert "already" in billed.refused(*again, code=4)["detail"]
    assert billed.json(*give)["after"] == "pro"
    assert desk.refused(*give, code=4)["code"] == "PLAN_BILLING_OFF"
    sync = ("plans", "sync", venue, *desk.tenant)
    assert billed.json(*sync)["would"] == "have the worker ask the provider"
    assert billed.json(*sync, "--yes")["after"] == "the worker asks the provider"
    actions = [action for action, *_ in desk.trail()]
    assert actions.count("plan.subscribe") == 3
    assert actions.count("plan.cancel") == actions.count("plan.sync") == 1
    report = billed.json("ledger", "verify", *desk.tenant)
    assert report["differences"] == []


def test_a_plan_whose_bank_asks(desk: Desk) -> None:
    """It is said what pays and what to do next; given up unpaid, it sells nothing and bills nothing."""
    billed = attrs.evolve(desk, environment={**desk.environment, "PLAN_BILLING": "stripe"})
    venue = desk.buy("visa").venue_id
    card = ("--payment-method", "pm_card_authenticationRequired")
    give = ("plans", "subscribe", venue, "pro", *desk.tenant, *card)
    assert billed.json(*give)["would"].endswith(
        " for 30 days, billed to pm_card_authenticationRequired"
    )
    done = billed.json(*give, "--yes")
    assert (done["before"], done["after"]) == ("without a plan", "pro, requires_action")
    assert re.match(r"the card's bank asks: confirm pi_\w+_secret_\w+ in the browser", done["next"])
    shown = billed.run("plans", "show", venue, *desk.tenant).stdout
    assert "it counts once it is paid" in shown
    end = ("plans", "cancel", venue, *desk.tenant)
    dry = billed.json(*end)
    assert dry["before"] == "pro, requires_action"
    assert dry["would"] == "give up pro, which is not paid; nothing is billed"
    done = billed.json(*end, "--yes")
    assert (done["after"], "next" in done) == ("without a plan", False)
    billed.refused(*end, "--yes", code=3)
    assert "next: the card's bank asks" in billed.run(*give, "--yes").stdout
