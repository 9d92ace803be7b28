"""Refunds by hand: asked for, decided by somebody else, looked at; dry unless ``--yes``."""

from __future__ import annotations

import getpass
from typing import Any

import httpx
import psycopg
import pytest

from tests.entrypoints.cli.desk import Desk
from ticketpay.adapters.system.alerts import LogAlerts

pytestmark = [pytest.mark.server, pytest.mark.spec("S24")]


def work(desk: Desk) -> None:
    """The worker sends what is due."""
    while desk.app.janitor():
        pass


def ask(desk: Desk, payment: object, *words: object, code: int = 0) -> Any:
    asked = ("refunds", "request", payment, *desk.tenant, *words)
    return desk.json(*asked, code=code) if code == 0 else desk.refused(*asked, code=code)


def test_a_refund_is_dry_then_asked_for_then_sent(desk: Desk) -> None:
    """Without --yes nothing is kept; with it the worker sends the money, and the trail says who."""
    payment = desk.buy("visa")
    before = desk.database.counts()
    dry = ask(desk, payment.id, "--ticket", 1)
    assert (dry["dryRun"], dry["would"]) == (True, "refund 59.23 USD")
    assert dry["before"] == "completed, 0.00 of 59.73 USD refunded"
    assert desk.database.counts() == before
    done = ask(desk, payment.id, "--ticket", 1, "--yes", "--reason", "ill")
    assert (done["before"], done["after"]) == ("asked for", "pending")
    work(desk)
    view = desk.json("refunds", "show", done["subjectId"], *desk.tenant)
    assert (view["status"], view["amountCents"], view["tickets"]) == ("completed", 5_923, [1])
    assert [one["id"] for one in desk.json("refunds", "list", payment.id, *desk.tenant)] == [
        view["id"]
    ]
    assert "59.23" in desk.run("refunds", "list", payment.id, *desk.tenant).stdout
    assert desk.trail() == [("refund.request", "kim", view["id"])]
    (entry,) = desk.json("audit", "list", *desk.tenant)
    assert entry["details"]["login"] == getpass.getuser()
    error = ask(desk, payment.id, "--ticket", 1, code=4)
    assert error["code"] == "TICKET_REFUNDED"
    assert desk.json("ledger", "verify", *desk.tenant)["ok"] is True
    assert desk.json("refunds", "sync", view["id"], *desk.tenant, "--yes")["after"] == "completed"


def test_a_payment_is_shown_with_its_sale(desk: Desk) -> None:
    """Its own status stays completed; what became of the sale is told as in the list, refund by refund."""
    payment = desk.buy("visa")
    desk.buy("visa")
    for cents, status in ((0, "completed"), (2_000, "partially_refunded"), (5_923, "refunded")):
        if cents:
            ask(desk, payment.id, *(("--amount-cents", cents) if cents == 2_000 else ()), "--yes")
            work(desk)
        view = desk.json("payments", "show", payment.id, *desk.tenant)
        found = [view[name] for name in ("status", "saleStatus", "refundedCents")]
        assert found == ["completed", status, cents]
        listed = {one["id"]: one for one in desk.json("payments", "list", *desk.tenant)}
        assert listed[view["id"]]["status"] == status
        told = desk.run("payments", "show", payment.id, *desk.tenant).stdout
        assert f"saleStatus        {status}\nrefunded          {cents / 100:.2f}\n" in told
        if status == "partially_refunded":
            dry = ask(desk, payment.id)
            assert dry["before"] == "partially_refunded, 20.00 of 59.73 USD refunded"


def test_wrong_fields_are_told(desk: Desk) -> None:
    """A ticket that the order has not is named, for people and in JSON, dry or not."""
    payment = desk.buy("visa")
    for words in ((), ("--yes",)):
        asked = ("refunds", "request", payment.id, *desk.tenant, "--ticket", 9, *words)
        error: Any = desk.refused(*asked, code=1)
        assert [wrong["field"] for wrong in error["errors"]] == ["tickets.0"]
        assert error["errors"][0]["message"] in error["detail"]
        told = desk.run(*asked, code=1).stderr
        assert told.startswith("ticketpay: VALIDATION_ERROR: tickets.0: ")


def test_a_payment_is_asked_about_at_the_provider(desk: Desk) -> None:
    """A refund that was made there and never heard of is booked by hand; dry it is not."""
    payment = desk.buy("visa")
    assert payment.ref is not None
    made = {"payment_intent": payment.ref.object_id, "amount": 700}
    url = f"{desk.environment['STRIPE_API_BASE']}/v1/refunds"
    key = {"authorization": f"Bearer {desk.environment['STRIPE_SECRET_KEY']}"}
    assert httpx.post(url, data=made, headers=key).status_code == 200
    words = ("refunds", "sync-payment", payment.id, *desk.tenant)
    assert desk.json(*words)["before"] == "0 refunds"
    assert desk.json("refunds", "list", payment.id, *desk.tenant) == []
    assert desk.json(*words, "--yes")["after"] == "1 refunds"
    (view,) = desk.json("refunds", "list", payment.id, *desk.tenant)
    assert (view["amountCents"], view["reason"], view["status"]) == (700, "dashboard", "completed")
    assert desk.trail() == [("refund.sync_payment", "kim", str(payment.id))]
    assert desk.json("ledger", "verify", *desk.tenant)["ok"] is True


def test_much_money_takes_two_operators(desk: Desk) -> None:
    """Above the limit whoever asked cannot approve; another name can, or rejects it."""
    desk.environment = {**desk.environment, "REFUND_APPROVAL_CENTS": "1000"}
    payment = desk.buy("visa")
    for verb, after in (("reject", "failed"), ("approve", "pending")):
        asked = ask(desk, payment.id, "--amount-cents", 2_000, "--yes")
        assert asked["after"] == "pending, waiting for a second person"
        words = ("refunds", verb, asked["subjectId"], *desk.tenant)
        waiting = desk.json("refunds", "waiting", *desk.tenant)
        assert [view["id"] for view in waiting] == [asked["subjectId"]]
        counts = desk.database.counts()
        dry = desk.json(*words, "--as", "lee")
        assert dry["before"] == "pending, waiting for a second person"
        if verb == "approve":
            for me in ((), ("--as", "Kim"), ("--as", " KIM ")):
                for ending in ((), ("--yes",)):
                    assert desk.refused(*words, *me, *ending, code=4)["code"] == "FORBIDDEN"
        assert desk.database.counts() == counts
        assert desk.json(*words, "--yes", "--as", "lee")["after"] == after
        assert desk.refused(*words, "--yes", "--as", "lee", code=4)["code"] == "REFUND_DECIDED"
    work(desk)
    assert desk.json("ledger", "verify", *desk.tenant)["ok"] is True


def test_a_dry_sync_is_refused_like_a_real_one(desk: Desk) -> None:
    """What has not been sent cannot be asked about, dry or not; else it says what the provider says."""
    desk.environment = {**desk.environment, "REFUND_APPROVAL_CENTS": "1000"}
    asked = ask(desk, desk.buy("visa").id, "--amount-cents", 2_000, "--yes")["subjectId"]
    words = ("refunds", "sync", asked, *desk.tenant)
    for ending in ((), ("--yes",)):
        assert desk.refused(*words, *ending, code=4)["code"] == "CONFLICT"
    desk.json("refunds", "approve", asked, *desk.tenant, "--as", "lee", "--yes")
    work(desk)
    counts = desk.database.counts()
    assert desk.json(*words)["would"] == "apply the provider's word: completed"
    assert desk.database.counts() == counts


def test_a_dry_sync_changes_nothing_and_rings_no_bell(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refund that the provider does not know fails after a day: dry it is only said so."""
    rung: list[str] = []
    payment = desk.buy("visa")
    asked = ask(desk, payment.id, "--yes")["subjectId"]
    with psycopg.connect(desk.database.owner) as connection:
        connection.execute(
            "UPDATE refunds SET created_at = now() - interval '2 days' WHERE id = %s", [asked]
        )
    monkeypatch.setattr(LogAlerts, "raise_alert", lambda _, kind, *__, **___: rung.append(kind))
    words, counts = ("refunds", "sync", asked, *desk.tenant), desk.database.counts()
    assert desk.json(*words)["would"] == "apply the provider's word: failed"
    assert (desk.database.counts(), rung) == (counts, [])
    assert desk.json("refunds", "show", asked, *desk.tenant)["status"] == "pending"
    assert desk.json(*words, "--yes")["after"] == "failed"
    assert rung == ["refund_failed"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--amount-cents", 0), 2),
        (("--amount-cents", "x"), 2),
        (("--amount-cents", 5, "--ticket", 1), 2),
        (("--after-window",), 2),
        (("--after-window", "--reason", " \t\n"), 2),
        (("--ticket", 7), 1),
        (("--amount-cents", 99_999_999), 4),
    ],
)
def test_wrong_wishes(desk: Desk, words: tuple[object, ...], code: int) -> None:
    """What cannot be refunded is refused in one line, and nothing is kept."""
    payment = desk.buy("visa")
    before = desk.database.counts()
    ask(desk, payment.id, *words, "--yes", code=code)
    grown = {name for name, count in desk.database.counts().items() if count != before[name]}
    # A refusal of the rules is the answer of its key; wrong usage claims none.
    assert grown == ({"idempotency_keys"} if code == 4 else set())
