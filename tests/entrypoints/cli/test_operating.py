"""Operators at work: exit codes, one JSON document, and nothing done without ``--yes``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID, uuid4

import attrs
import httpx
import psycopg
import pytest
from click.testing import CliRunner

from tests.entrypoints.cli.desk import SECRET, Desk
from tests.support.sandboxed import place_order
from ticketpay.domain.money import EUR
from ticketpay.domain.orders import OrderNews, news_of
from ticketpay.entrypoints.cli.main import cli
from ticketpay.entrypoints.cli.shell import EXIT_CODES
from ticketpay.entrypoints.http.auth import issue_token

pytestmark = pytest.mark.server


def changed(desk: Desk, before: dict[str, int]) -> dict[str, int]:
    """By how many rows each table has grown."""
    after = desk.database.counts()
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def authenticated(desk: Desk, object_id: str) -> None:
    """The buyer has answered the bank's question, and no webhook came."""
    base = desk.environment["STRIPE_API_BASE"]
    path = f"{base}/_sandbox/payment_intents/{object_id}/authenticate"
    httpx.post(path, json={"outcome": "succeed"}).raise_for_status()


@pytest.mark.spec("S33")
def test_a_quote_is_priced_and_not_kept(desk: Desk) -> None:
    """``quote`` prints the prices of a demand, in cents as JSON and with decimals, and keeps nothing."""
    words = ("quote", *desk.tenant, "--event", desk.home.event_id)
    before = desk.database.counts()
    found = desk.json(*words, "--type", f"{desk.home.standing}:2")
    assert [ticket["priceCents"] for ticket in found["tickets"]] == [5_000, 5_000]
    charges = sum(one["amountCents"] for one in (*found["fees"], *found["taxes"]))
    assert found["totalCents"] == 10_000 + charges
    text = desk.run(*words, "--type", f"{desk.home.standing}:2").stdout
    assert f"{found['totalCents'] / 100:,.2f}" in text
    assert changed(desk, before) == {}


@pytest.mark.spec("S23")
def test_currencies_are_shown(desk: Desk) -> None:
    """A quote, an order and a payment in euros say by which rate; others that there is none."""
    home = attrs.evolve(desk.home, currencies=frozenset({EUR}))
    desk.database.load(home.catalog)
    words = ("quote", *desk.tenant, "--event", home.event_id, "--type", f"{home.standing}:2")
    priced = desk.json(*words, "--currency", "eur")
    assert [ticket["priceCents"] for ticket in priced["tickets"]] == [4_250, 4_250]
    assert (
        "1 USD = 0.85 EUR (development, 2025-01-01)" in desk.run(*words, "--currency", "EUR").stdout
    )
    assert desk.refused(*words, "--currency", "GBP", code=4)["code"] == "CURRENCY_MISMATCH"
    assert desk.refused(*words, "--currency", "XXX", code=4)["code"] == "CURRENCY_UNSUPPORTED"
    paid = desk.buy("visa")
    demand = home.demand(1, currency=EUR)
    answer = desk.app.checkout(place_order(home.actor(), uuid4(), demand)).body
    listed = {one["id"]: one for one in desk.json("orders", "list", *desk.tenant)}
    assert listed[str(paid.order_id)]["exchangeRate"] is None
    assert listed[str(answer["orderId"])]["exchangeRate"] == answer["exchangeRate"]
    assert "0.85 EUR = 1 USD" in desk.run("orders", "list", *desk.tenant).stdout
    for shown in (("orders", "show", answer["orderId"]), ("payments", "show", answer["id"])):
        assert "1 USD = 0.85 EUR" in desk.run(*shown, *desk.tenant).stdout
    plain = desk.run("payments", "show", paid.id, *desk.tenant).stdout
    assert "none: in the event's own currency" in plain


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "x:1",
        f"{uuid4()}",
        f"{uuid4()}:0",
        f"{uuid4()}:-1",
        f"{uuid4()}:10001",
        f"{uuid4()}:00000199999999",
        f"{uuid4()}:{'9' * 5000}",
    ],
)
def test_a_demand_of_the_wrong_kind_is_wrong_usage(desk: Desk, line: str) -> None:
    """A line that is not ID:QTY is wrong usage: exit 2, the error in JSON when JSON is asked for."""
    words = ("quote", *desk.tenant, "--event", desk.home.event_id, "--type", line)
    assert desk.refused(*words, code=2)["code"] == "USAGE"
    assert "Usage: ticketpay quote" in desk.run(*words, code=2).stderr.replace("cli ", "ticketpay ")


@pytest.mark.spec("S04", "S16 D3")
@pytest.mark.parametrize(
    "words",
    [("orders", "show"), ("payments", "show"), ("payments", "sync"), ("payments", "cancel")],
)
def test_what_is_not_there_exits_with_3(desk: Desk, words: tuple[str, ...]) -> None:
    """Unknown ids, and another tenant's, are not found: exit 3."""
    payment = desk.buy("visa")
    ident = payment.order_id if words[0] == "orders" else payment.id
    for subject, tenant in ((uuid4(), desk.home.tenant), (ident, uuid4())):
        error = desk.refused(*words, subject, "--tenant", tenant, code=3)
        assert error["code"] == "NOT_FOUND"


@pytest.mark.spec("S17")
def test_an_order_is_shown_with_its_payment(desk: Desk) -> None:
    """``orders show`` prints the order with its payments and its prices."""
    payment = desk.buy("visa")
    found = desk.json("orders", "show", payment.order_id, *desk.tenant)
    assert (found["id"], found["state"]) == (str(payment.order_id), "paid")
    assert [paid["id"] for paid in found["payments"]] == [str(payment.id)]
    assert str(payment.id) in desk.run("orders", "show", payment.order_id, *desk.tenant).stdout


@pytest.mark.spec("S17", "S24")
def test_tickets_are_shown_with_their_numbers(desk: Desk) -> None:
    """The receipt names each ticket by the number that ``refunds request --ticket`` takes; once a
    refund has it, ``refunds list`` says so."""
    order = place_order(desk.home.actor(), uuid4(), desk.home.demand(2), "visa")
    sale = desk.app.checkout(order).body
    told = desk.run("orders", "show", sale["orderId"], *desk.tenant).stdout
    assert re.findall(r"^ticket (\d+) +(\S+) +50\.00$", told, re.MULTILINE) == [
        (number, str(desk.home.standing)) for number in ("1", "2")
    ]
    words = ("refunds", "request", sale["id"], "--ticket", 2, *desk.tenant, "--yes")
    desk.run(*words)
    (head, line) = desk.run("refunds", "list", sale["id"], *desk.tenant).stdout.splitlines()
    start = head.index("tickets")
    assert line[start:].split()[0] == "2"


@pytest.mark.spec("S32", "S35")
def test_a_sync_acts_once_and_only_with_yes(desk: Desk) -> None:
    """Without --yes a sync says what the provider says and changes nothing; with it, once, recorded."""
    payment = desk.buy("threeDSecureRequired")
    assert payment.ref is not None
    authenticated(desk, payment.ref.object_id)
    words, before = ("payments", "sync", payment.id, *desk.tenant), desk.database.counts()
    dry = desk.json(*words)
    assert (dry["dryRun"], dry["would"]) == (True, "apply the provider's word: succeeded")
    assert "--yes does it" in desk.run(*words).stdout
    assert changed(desk, before) == {}
    done = desk.json(*words, "--yes", "--reason", "a lost webhook")
    assert (done["dryRun"], done["after"]) == (False, "completed")
    grown = changed(desk, before)
    assert grown["audit_entries"] == 1
    assert grown["ledger_postings"] == 1
    assert desk.trail() == [("payment.sync", "kim", str(payment.id))]
    assert desk.json(*words, "--yes")["before"] == "completed"
    assert changed(desk, before)["ledger_postings"] == 1


@pytest.mark.spec("S31")
def test_a_cancel_acts_once_and_only_with_yes(desk: Desk) -> None:
    """Without --yes nothing is cancelled anywhere; with it once; again is refused with exit 4."""
    payment = desk.buy("threeDSecureRequired")
    words, before = ("payments", "cancel", payment.id, *desk.tenant), desk.database.counts()
    assert desk.json(*words)["before"] == str(payment.state)
    assert changed(desk, before) == {}
    assert desk.json("payments", "show", payment.id, *desk.tenant)["status"] != "cancelled"
    done = desk.json(*words, "--yes", "--as", "lee", "--reason", "asked by phone")
    assert done["after"] == "cancelled"
    assert desk.refused(*words, "--yes", code=4)["code"] == "CONFLICT"
    assert desk.refused(*words, code=4)["code"] == "CONFLICT"
    assert changed(desk, before)["audit_entries"] == 1
    assert desk.trail() == [("payment.cancel", "lee", str(payment.id))]


@pytest.mark.spec("S34", "S34 D1")
def test_an_order_event_is_applied_only_with_yes(desk: Desk) -> None:
    """Without --yes it says what would happen; with it the event is applied, once; what is refused
    has exit 4 and is in the trail all the same."""
    payment = desk.buy("threeDSecureRequired")
    words = ("orders", "event", payment.order_id, "order.cancelled", *desk.tenant)
    issued = ("orders", "event", payment.order_id, "order.items_shipped", *desk.tenant)
    before = desk.database.counts()
    dry, refusal = desk.json(*words), desk.refused(*issued, code=4)
    assert (dry["before"], dry["would"]) == ("payment_pending", "apply order.cancelled")
    assert refusal["code"] == "CONFLICT"
    assert refusal["detail"].endswith(
        "would be refused: an order that is payment_pending refuses it"
    )
    assert changed(desk, before) == {}
    done = desk.json(*words, "--yes", "--reason", "asked by phone")
    assert (done["before"], done["after"]) == ("payment_pending", "cancelled")
    assert desk.json("orders", "show", payment.order_id, *desk.tenant)["state"] == "cancelled"
    assert desk.refused(*words, "--yes", code=4)["code"] == "CONFLICT"
    assert desk.refused(*issued, "--yes", code=4)["code"] == "CONFLICT"
    assert changed(desk, before)["audit_entries"] == 3
    assert desk.trail() == [("order.event", "kim", str(payment.order_id))] * 3
    lost = ("orders", "event", uuid4(), "order.cancelled", *desk.tenant)
    for ending in ((), ("--yes",)):
        assert desk.refused(*lost, *ending, code=3)["code"] == "NOT_FOUND"


def test_only_known_order_events_can_be_said(desk: Desk) -> None:
    """Another word is wrong usage that lists them, and so does the help; nothing is recorded."""
    words = ("orders", "event", uuid4(), "nonsense", *desk.tenant, "--yes")
    told = desk.run(*words, code=2).stderr
    helped = desk.run("orders", "event", "--help").stdout
    for kind in (*OrderNews, "order.items_shipped"):
        assert kind in told
        assert kind in helped
        assert news_of(kind) is not None
    assert desk.trail() == []


def test_a_provider_that_is_away_exits_with_5(desk: Desk) -> None:
    """When the provider does not answer, exit 5, and nothing is changed or recorded."""
    payment = desk.buy("threeDSecureRequired")
    before = desk.database.counts()
    desk.environment = {**desk.environment, "STRIPE_API_BASE": "http://127.0.0.1:9"}
    words = ("payments", "sync", payment.id, *desk.tenant, "--yes")
    desk.refused(*words, code=5)
    assert changed(desk, before) == {}


def park(desk: Desk, order: UUID) -> None:
    with psycopg.connect(desk.database.owner) as connection:
        connection.execute(
            "UPDATE outbox_streams SET parked_at = now(), last_error = 'no such event'"
            " WHERE tenant_id = %s AND aggregate_type = 'order' AND aggregate_id = %s",
            [desk.home.tenant, order],
        )


@pytest.mark.spec("S41")
def test_a_parked_stream_is_shown_and_replayed_once(desk: Desk) -> None:
    """``outbox dead`` shows it; replay is dry without --yes, acts once with it, then is refused."""
    order = desk.buy("visa").order_id
    words = ("outbox", "replay", order, *desk.tenant)
    desk.refused(*words, code=4)
    park(desk, order)
    mine = [one for one in desk.json("outbox", "dead") if one["aggregateId"] == str(order)]
    assert [one["error"] for one in mine] == ["no such event"]
    assert str(order) in desk.run("outbox", "dead").stdout
    before = desk.database.counts()
    assert desk.json(*words)["before"] == "parked"
    assert changed(desk, before) == {}
    assert desk.json(*words, "--yes")["after"] == "running"
    assert changed(desk, before) == {"audit_entries": 1, "audit_waiting": 1}
    assert str(order) not in desk.run("outbox", "dead").stdout
    desk.refused(*words, "--yes", code=4)
    desk.refused("outbox", "replay", uuid4(), *desk.tenant, "--yes", code=3)
    assert desk.trail() == [("stream.replay", "kim", str(order))]


def test_the_sandbox_is_steered_and_that_is_recorded(desk: Desk) -> None:
    """The clock is shown; moving it is dry without --yes, needs a tenant with it, and is recorded."""
    clock = ("sandbox", "clock")
    first, before = desk.json(*clock), desk.database.counts()
    assert desk.json(*clock, "--advance", "0")["dryRun"] is True
    assert desk.refused(*clock, "--advance", "0", "--yes", code=2)["code"] == "USAGE"
    assert changed(desk, before) == {}
    assert set(desk.json(*clock, "--advance", "0", "--yes", *desk.tenant)) == set(first)
    desk.json("sandbox", "deliver", "--in-order", "--yes", *desk.tenant)
    assert [action for action, *_ in desk.trail()] == ["sandbox.clock", "sandbox.delivery"]
    assert isinstance(desk.json("sandbox", "deliveries"), list)


def test_a_buyer_proves_who_they_are_at_the_sandbox(desk: Desk) -> None:
    """``sandbox authenticate`` is dry without --yes; with it the intent succeeds, or fails."""
    for words, status in (((), "succeeded"), (("--fail",), "requires_payment_method")):
        payment = desk.buy("threeDSecureRequired")
        assert payment.ref is not None
        asked = ("sandbox", "authenticate", payment.ref.object_id, *words)
        assert desk.json(*asked)["dryRun"] is True
        assert desk.json(*asked, "--yes", *desk.tenant)["status"] == status
    assert [action for action, *_ in desk.trail()] == ["sandbox.authenticate"] * 2
    unknown = ("sandbox", "authenticate", "pi_unknown", "--yes", *desk.tenant)
    error = desk.refused(*unknown, code=3)
    assert (error["code"], error["detail"]) == ("NOT_FOUND", "No such payment_intent: 'pi_unknown'")


def test_a_sandbox_that_is_away(desk: Desk) -> None:
    """A sandbox that nobody runs is exit 5."""
    desk.environment = {**desk.environment, "STRIPE_API_BASE": "http://127.0.0.1:9"}
    desk.refused("sandbox", "clock", code=5)


@pytest.mark.spec("S09")
def test_the_trail_is_one_document(desk: Desk) -> None:
    """``audit list --json`` is one JSON list, empty or not."""
    assert desk.json("audit", "list", *desk.tenant) == []
    for _ in range(2):
        desk.json("payments", "cancel", desk.buy("threeDSecureRequired").id, *desk.tenant, "--yes")
    assert [one["actorId"] for one in desk.json("audit", "list", *desk.tenant)] == ["kim", "kim"]


@pytest.mark.spec("S19")
def test_differences_exit_with_1(desk: Desk) -> None:
    """The ledger verifies; once an entry is edited it is one JSON document and exit 1."""
    desk.buy("visa")
    assert desk.json("ledger", "verify", *desk.tenant) == {"ok": True, "differences": []}
    with psycopg.connect(desk.database.owner) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE ledger_entries SET cents = cents + 1 WHERE tenant_id = %s AND cents > 0",
            [desk.home.tenant],
        )
    found = desk.json("ledger", "verify", *desk.tenant, code=1)
    assert found["ok"] is False
    assert found["differences"]
    text = desk.run("ledger", "verify", *desk.tenant, code=1)
    assert text.stdout.splitlines() == found["differences"]
    assert text.stderr == f"ledger verify: {len(found['differences'])} differences\n"


def test_a_token_is_inspected_without_being_believed() -> None:
    """``tokens inspect`` prints the claims of any token, and says when it is none: exit 1."""
    token = issue_token(
        SECRET,
        tenant=uuid4(),
        user=uuid4(),
        role="support",
        lifetime_seconds=60,
        now=datetime.now(UTC),
        issuer="tickettoken-auth",
        audience="tickettoken-platform",
    )
    done = CliRunner().invoke(cli, ["tokens", "inspect", token, "--json"])
    assert json.loads(done.stdout)["role"] == "support"
    bad = CliRunner().invoke(cli, ["tokens", "inspect", "x.y.z", "--json"])
    assert (bad.exit_code, bad.stdout) == (1, "")
    assert json.loads(bad.stderr)["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_for_the_shell(shell: str) -> None:
    """``completion SHELL`` prints a script that asks ticketpay; ``--json`` wraps the same script."""
    text = CliRunner().invoke(cli, ["completion", shell]).stdout
    found = json.loads(CliRunner().invoke(cli, ["completion", shell, "--json"]).stdout)
    assert "_TICKETPAY_COMPLETE" in text
    assert found["script"].strip() == text.strip()


def test_a_shell_completes_commands() -> None:
    """What the script asks is answered with the commands that fit."""
    done = CliRunner().invoke(
        cli,
        prog_name="ticketpay",
        env={
            "_TICKETPAY_COMPLETE": "bash_complete",
            "COMP_WORDS": "ticketpay pay",
            "COMP_CWORD": "1",
        },
    )
    assert "plain,payments" in done.stdout


def test_a_reader_that_has_gone_is_exit_141() -> None:
    """When whoever reads the output has gone, the program ends with 141 and no traceback."""
    code = (
        "import os, sys\n"
        "r, w = os.pipe(); os.close(r); os.dup2(w, 1)\n"
        "from ticketpay.entrypoints.cli.main import main\n"
        "sys.argv = ['ticketpay', 'completion', 'bash']\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("error", [KeyboardInterrupt])
def test_ctrl_c_is_exit_130(desk: Desk, monkeypatch: pytest.MonkeyPatch, error: type) -> None:
    """Ctrl-C ends the program with 130 and one line."""

    def interrupted(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ticketpay.entrypoints.bootstrap.build", interrupted)
    assert desk.refused("outbox", "dead", code=130)["code"] == "INTERRUPTED"


@pytest.mark.parametrize("command", ["serve", "worker", "demo"])
def test_a_server_has_no_json(command: str) -> None:
    """What runs until it is stopped takes no --json: wrong usage."""
    assert CliRunner().invoke(cli, [command, "--json"]).exit_code == 2


def test_the_codes_are_the_documented_ones() -> None:
    """Every exit code is in the table that the reference prints."""
    assert set(EXIT_CODES) == {0, 1, 2, 3, 4, 5, 130, 141}
