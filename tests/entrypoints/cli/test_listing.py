"""Lists, the timeline of a payment, and dead events."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner

from tests.entrypoints.cli.desk import Desk
from ticketpay.domain.messaging import AggregateType, InboxStatus, StoredEvent
from ticketpay.domain.payments import Payment
from ticketpay.entrypoints.bootstrap import build
from ticketpay.entrypoints.cli.main import cli
from ticketpay.entrypoints.demo import CATALOG
from ticketpay.entrypoints.settings import load_settings

pytestmark = pytest.mark.server


def told(desk: Desk, payment: Payment | None = None, tenant: UUID | None = None) -> str:
    """A stored event of the provider about the payment; its id."""
    event = StoredEvent(
        provider="stripe",
        account="",
        event_id=f"evt_{uuid4().hex}",
        event_type="payment_intent.succeeded",
        object_id=payment.ref.object_id if payment and payment.ref else "pi_nobody",
        tenant_id=str(tenant or desk.home.tenant),
        payment_id="",
        payload=b"{}",
        signature="",
        status=InboxStatus.RECEIVED,
        received_at=desk.app.parts.clock.now(),
    )
    desk.app.parts.uow.platform(lambda tx: tx.inbox.store(event)())
    return event.event_id


def killed(desk: Desk, event_id: str) -> None:
    """The worker gives the event up."""
    app = build(load_settings(desk.environment), worker=True)
    now = app.parts.clock.now()

    def give_up(tx: Any) -> None:
        for claim in tx.inbox.claim_due(now, 60, 1_000)():
            if claim.event.event_id == event_id:
                tx.inbox.finish(claim, InboxStatus.DEAD, "no such payment", now)

    app.parts.uow.platform(give_up)
    app.close()


@pytest.mark.spec("S31", "S32")
def test_a_timeline_merges_everything_by_time(desk: Desk) -> None:
    """``payments show`` merges attempts, moves, postings, messages and events, oldest first."""
    payment = desk.buy("visa")
    event = told(desk, payment)
    view = desk.json("payments", "show", payment.id, *desk.tenant)
    timeline = view["timeline"]
    assert (view["id"], view["status"]) == (str(payment.id), "completed")
    assert [line["at"] for line in timeline] == sorted(line["at"] for line in timeline)
    assert {line["source"] for line in timeline} == {
        "attempt",
        "event",
        "move",
        "posting",
        "message",
    }
    assert timeline[0]["source"] == "attempt"
    assert timeline[-1]["detail"] == f"{event} received"
    moves = [line for line in timeline if line["source"] == "move"]
    assert {(m["about"], m["what"]) for m in moves} >= {("payment", "complete"), ("order", "pay")}
    text = desk.run("payments", "show", payment.id, *desk.tenant).stdout
    assert event in text
    assert f"capture:{payment.id}" in text


def test_colours_are_for_those_who_want_them(desk: Desk) -> None:
    """A terminal gets colours; NO_COLOR and --no-color, and a pipe, get none."""
    words = ["tenants", "list"]
    terminal = {**desk.environment, "FORCE_COLOR": "1", "TERM": "xterm-256color", "NO_COLOR": ""}

    def shown(env: dict[str, str], *more: str) -> str:
        return CliRunner(env=env).invoke(cli, [*words, *more], color=True).stdout

    assert "\x1b[" in shown(terminal)
    assert "\x1b[" not in shown(terminal, "--no-color")
    assert "\x1b[" not in shown({**terminal, "NO_COLOR": "1"})
    assert "\x1b[" not in desk.run(*words).stdout


@pytest.mark.spec("S17 D5")
@pytest.mark.parametrize(("what", "ident"), [("orders", "id"), ("payments", "id")])
def test_orders_and_payments_are_listed_newest_first(desk: Desk, what: str, ident: str) -> None:
    """Pages put together by --before are all of the tenant's, newest first."""
    bought = [desk.buy("visa") for _ in range(3)]
    wanted = [str(p.order_id if what == "orders" else p.id) for p in reversed(bought)]
    first = desk.json(what, "list", *desk.tenant, "--limit", "2")
    assert [one[ident] for one in first] == wanted[:2]
    rest = desk.json(what, "list", *desk.tenant, "--before", wanted[1])
    assert [one[ident] for one in rest] == wanted[2:]
    text = desk.run(what, "list", *desk.tenant).stdout
    assert all(one in text for one in wanted)


@pytest.mark.spec("S04")
@pytest.mark.parametrize(
    "words",
    [
        ("quote", "--event", uuid4(), "--type", f"{uuid4()}:1"),
        ("orders", "list"),
        ("orders", "show", uuid4()),
        ("payments", "list"),
        ("payments", "show", uuid4()),
        ("payments", "sync", uuid4()),
        ("payments", "cancel", uuid4()),
        ("inbox", "list"),
        ("inbox", "replay", "evt_1"),
        ("outbox", "list"),
        ("outbox", "replay", uuid4()),
        ("ledger", "accounts"),
        ("ledger", "postings"),
        ("ledger", "verify"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_tenant_that_is_not_there_is_no_empty_list(desk: Desk, words: tuple[object, ...]) -> None:
    """A mistyped tenant is exit 3 everywhere, never an empty page that looks like the truth."""
    error = desk.refused(*words, "--tenant", uuid4(), code=3)
    assert error["detail"].startswith("there is no tenant ")


@pytest.mark.parametrize(
    "words", [("orders", "list"), ("payments", "list"), ("outbox", "list"), ("ledger", "accounts")]
)
def test_who_reads_needs_the_database_alone(desk: Desk, words: tuple[str, ...]) -> None:
    """Reading takes DATABASE_URL and no secret; acting names what is missing."""
    payment = desk.buy("visa")
    desk.environment = {"DATABASE_URL": desk.database.app}
    assert desk.json(*words, *desk.tenant)
    error = desk.refused("payments", "sync", payment.id, *desk.tenant, code=1)
    assert "STRIPE_SECRET_KEY" in error["detail"]


@pytest.mark.parametrize("words", [("migrate",), ("catalog", "load", str(CATALOG))])
def test_the_owner_is_needed(desk: Desk, words: tuple[str, ...]) -> None:
    """Migrating and loading with the application's role is refused in a line, and changes nothing."""
    desk.environment = {**desk.environment, "MIGRATION_DATABASE_URL": desk.database.app}
    before = desk.database.counts()
    error = desk.refused(*words, code=4)
    assert error["code"] == "OWNER_REQUIRED"
    assert desk.database.counts() == before


def test_events_are_listed_newest_first(desk: Desk) -> None:
    """``inbox list`` begins with the newest; --before goes on; an unknown event is exit 3."""
    events = [told(desk) for _ in range(3)]
    listed = [one["eventId"] for one in desk.json("inbox", "list", *desk.tenant)]
    assert [one for one in listed if one in events] == events[::-1]
    older = desk.json("inbox", "list", *desk.tenant, "--before", events[1])
    assert [one["eventId"] for one in older if one["eventId"] in events] == events[:1]
    desk.refused("inbox", "list", "--before", "evt_nowhere", code=3)


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_a_limit_out_of_range_is_wrong_usage(desk: Desk, limit: str) -> None:
    """A page has from 1 to 1,000 lines: anything else is exit 2."""
    assert desk.refused("orders", "list", *desk.tenant, "--limit", limit, code=2)["code"] == "USAGE"


@pytest.mark.spec("S20")
def test_the_books_are_listed(desk: Desk) -> None:
    """Accounts sum to zero, as do the entries of every posting; pages go on after a key."""
    payments = [desk.buy("visa") for _ in range(2)]
    accounts = desk.json("ledger", "accounts", *desk.tenant)
    assert sum(one["balanceCents"] for one in accounts) == 0
    assert "provider" in desk.run("ledger", "accounts", *desk.tenant).stdout
    keys = sorted(f"capture:{payment.id}" for payment in payments)
    first = desk.json("ledger", "postings", *desk.tenant, "--limit", "1")
    rest = desk.json("ledger", "postings", *desk.tenant, "--after", keys[0])
    assert [one["key"] for one in (*first, *rest)] == keys
    assert {sum(entry["cents"] for entry in one["entries"]) for one in (*first, *rest)} == {0}
    assert keys[0] in desk.run("ledger", "postings", *desk.tenant).stdout


@pytest.mark.spec("S40")
def test_streams_are_listed(desk: Desk) -> None:
    """Each stream of the tenant has how much there is and how much is delivered."""
    payment = desk.buy("visa")
    found = {
        (v["aggregateType"], v["aggregateId"]): v for v in desk.json("outbox", "list", *desk.tenant)
    }
    assert found["order", str(payment.order_id)]["delivered"] == 0
    assert found["order", str(payment.order_id)]["messages"] == 1
    rest = desk.json("outbox", "list", *desk.tenant, "--after", payment.order_id)
    assert {one["aggregateType"] for one in rest} == {"payment"}
    assert desk.refused("outbox", "list", *desk.tenant, "--after", uuid4(), code=3)


@pytest.mark.spec("S40")
def test_streams_of_a_type_are_listed(desk: Desk) -> None:
    """Only those, of every type there is; what nobody receives is never delivered, and says so."""
    payment = desk.buy("visa")
    for kind in AggregateType:
        listed = desk.json("outbox", "list", *desk.tenant, "--type", kind)
        wanted = {"order": payment.order_id, "payment": payment.id}.get(kind)
        assert [one["aggregateId"] for one in listed] == ([str(wanted)] if wanted else [])
    assert [one["delivered"] for one in desk.json("outbox", "list", *desk.tenant)] == [0, None]
    words = desk.run("outbox", "list", *desk.tenant, "--type", "payment").stdout.splitlines()[1]
    assert words.split()[3] == "-"


def test_tenants_are_listed_and_shown(desk: Desk) -> None:
    """A tenant is in the list; shown with its nexus; an unknown one is exit 3."""
    tenant = str(desk.home.tenant)
    assert tenant in [one["id"] for one in desk.json("tenants", "list")]
    assert desk.json("tenants", "show", tenant)["nexusStates"] == ["TN"]
    assert tenant in desk.run("tenants", "show", tenant).stdout
    desk.refused("tenants", "show", uuid4(), code=3)


@pytest.mark.spec("S26")
def test_a_dead_event_is_shown_and_replayed_once(desk: Desk) -> None:
    """Replay is dry without --yes; with it the event runs again, recorded; then it is refused."""
    event = told(desk)
    words = ("inbox", "replay", event, *desk.tenant)
    assert desk.refused(*words, code=4)["code"] == "CONFLICT"
    killed(desk, event)
    (mine,) = [one for one in desk.json("inbox", "dead") if one["eventId"] == event]
    assert (mine["note"], mine["status"]) == ("no such payment", "dead")
    before = desk.database.counts()
    assert desk.json(*words)["before"] == "dead"
    assert desk.database.counts() == before
    assert event in desk.run("inbox", "dead").stdout
    desk.refused("inbox", "replay", event, "--tenant", uuid4(), "--yes", code=3)
    desk.refused("inbox", "replay", "evt_nowhere", *desk.tenant, "--yes", code=3)
    assert desk.json(*words, "--yes")["after"] == "received"
    assert desk.trail() == [("event.replay", "kim", event)]
    assert event not in [one["eventId"] for one in desk.json("inbox", "dead")]
    listed = desk.json("inbox", "list", *desk.tenant, "--status", "received", "--limit", "1000")
    assert event in [one["eventId"] for one in listed]
    desk.refused(*words, "--yes", code=4)


def test_the_apps_role_cannot_replay_an_event(desk: Desk) -> None:
    """Replaying needs the worker's role: with the application's it is refused in one clear line."""
    event = told(desk)
    killed(desk, event)
    desk.environment = {**desk.environment, "WORKER_DATABASE_URL": desk.database.app}
    before = desk.database.counts()
    error = desk.refused("inbox", "replay", event, *desk.tenant, "--yes", code=4)
    assert "WORKER_DATABASE_URL" in error["detail"]
    assert desk.database.counts() == before
