"""The pages for a shell run: every block of theirs, by real programs on databases of their own."""

from __future__ import annotations

import json
import re
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import UUID, uuid4

import attrs
import psycopg
import pytest

from tests.architecture.sources import ROOT
from tests.crash.fleet import Member, wait_for
from tests.docs.pages import Reader, Shell, blocks, fences, work_folder
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.embedded.process import free_port
from ticketpay.adapters.sandbox.delivery import sign
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.processes.releasing import HoldRules
from ticketpay.entrypoints.bootstrap import build
from ticketpay.entrypoints.catalog_file import read_catalog
from ticketpay.entrypoints.demo import CATALOG
from ticketpay.entrypoints.settings import load_settings
from ticketpay.entrypoints.stack import running_environment

pytestmark = pytest.mark.server

PASSWORDS_COUNT = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
INSTALL = "how-to/run-on-your-postgresql.md"
ROTATE = "how-to/rotate-secrets.md"
SELL = "tutorial/first-sale.md"
CANCEL = "how-to/cancel-an-event.md"
EXCHANGE = "how-to/sell-in-other-currencies.md"
REPLAY = "how-to/replay-dead-letters.md"
REFUND = "how-to/refund-an-order.md"
PAY_OUT = "how-to/pay-a-venue-out.md"
OVER_AT_ONCE = HoldRules(event_hours=-(10**6))
RECEIPT = 'curl -s -H "Authorization: Bearer $TOKEN" $API/api/v1/orders/'
PARK = b"""
INSERT INTO outbox_streams (tenant_id, aggregate_type, aggregate_id, next_seq, parked_at, last_error)
VALUES (%s, 'order', %s, 1, now(), 'the service is down')
"""
KILL = b"""
UPDATE webhook_inbox SET status = 'dead', note = 'the secret is wrong'
WHERE object_id = %s AND event_type = 'payment_intent.succeeded' AND status = 'processed'
RETURNING event_id
"""


@attrs.frozen
class Answer:
    """An answer as ``curl -i`` shows it."""

    status: int
    head: str
    body: dict[str, Any]


def answers(told: str) -> list[Answer]:
    found = []
    for text in told.split("HTTP/1.1 ")[1:]:
        head, _, body = text.partition("\n\n")
        found.append(Answer(int(head[:3]), head.lower(), json.loads(body)))
    return found


def status(url: str, body: bytes | None = None, **headers: str) -> int:
    try:
        with urlopen(Request(url, body, headers), timeout=10) as answer:  # noqa: S310 - our own API
            return int(answer.status)
    except HTTPError as refused:
        with refused:
            return refused.code


@attrs.frozen
class Production:
    """A server that asks for passwords, and the shell of whoever installs ticketpay on it."""

    server: EmbeddedPostgres
    shell: Shell
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def read(self, page: str) -> Reader:
        db = f"@127.0.0.1:{self.server.port}"
        return Reader(page, self.shell, {"@db:5432": db, ":3005": f":{self.port}"})

    def as_superuser(self, text: str) -> None:
        with psycopg.connect(self.server.socket_dsn(), autocommit=True) as connection:
            for statement in filter(str.strip, text.split(";")):
                connection.execute(statement.encode())

    def serve(self, api: str, worker: str = "") -> None:
        """Start these, or start them again."""
        members = [self.shell.start("api", api, self.url)]
        if worker:
            members.append(self.shell.start("worker", worker))
        for member in members:
            wait_for(f"{member.name} ready", member.is_ready)

    def hear(self, secret: str) -> int:
        """What a webhook is answered that was signed with this secret."""
        event = {"id": f"evt_{uuid4().hex}", "type": "customer.created", "livemode": True}
        body = json.dumps({**event, "created": int(time.time()), "data": {"object": {}}}).encode()
        signature = {"Stripe-Signature": sign(secret, int(time.time()), body)}
        return status(f"{self.url}/api/v1/webhooks/stripe", body, **signature)

    def token(self) -> str:
        words = f"ticketpay tokens issue --tenant $TENANT --user {uuid4()} --role customer"
        return self.shell.run(words).strip()

    def look(self, token: str) -> int:
        """What the owner of a token is answered who asks for an order that is not there."""
        url = f"{self.url}/api/v1/orders/{uuid4()}"
        return status(url, Authorization=f"Bearer {token}")


@pytest.fixture(scope="module")
def production() -> Iterator[Production]:
    port = free_port()
    with work_folder() as folder:
        rules = folder / "hba.conf"
        rules.write_text(PASSWORDS_COUNT)
        with (
            EmbeddedPostgres.start(folder, options={"hba_file": str(rules)}) as server,
            Shell.open(folder, PORT=str(port)) as shell,
        ):
            yield Production(server, shell, port)


@pytest.fixture(scope="module")
def installed(production: Production, sandbox_url: str) -> Reader:
    """The page is followed to its end; the books are compared with the sandbox."""
    page, shell = production.read(INSTALL), production.shell
    production.as_superuser(page.take("sql"))
    page.do("settings")
    (shell.folder / "shop.json").write_text(page.take("json"))
    page.do("loaded")
    production.serve(page.take(), page.take())
    page.do("ready")
    page.do("trail", until=lambda told: "0 waiting" in told)
    play = f"APP_ENV=staging STRIPE_SECRET_KEY=sk_test_1 STRIPE_API_BASE={sandbox_url}"
    page.told["books"] = shell.run(f"(export {play}\n{page.take()})")
    return page


@pytest.fixture(scope="module")
def rotated(installed: Reader, production: Production) -> Reader:
    """The page is followed to its end, in the shell in which ticketpay was installed."""
    page, token = production.read(ROTATE), production.token()
    rotate_webhook_secret(page, production)
    page.do("seal")
    alone = "! AUDIT_KEY=${AUDIT_KEY%%,*} ticketpay audit verify --tenant $TENANT"
    page.told["without the old seal"] = page.shell.run(alone)
    page.do("provider's key")
    rotate_token_secret(page, production, token)
    page.do("ticket service's secret")
    rotate_passwords(page)
    production.serve("ticketpay serve", "ticketpay worker")
    page.seen["webhooks at last"] = [production.hear("whsec_..."), production.hear("whsec_new")]
    page.seen["tokens"] = [production.look(token), production.look(production.token())]
    return page


def rotate_webhook_secret(page: Reader, production: Production) -> None:
    page.do("two webhook secrets")
    production.serve("ticketpay serve")
    page.seen["webhooks"] = [production.hear("whsec_..."), production.hear("whsec_new")]
    page.do("one webhook secret")


def rotate_token_secret(page: Reader, production: Production, token: str) -> None:
    page.do("two token secrets")
    production.serve("ticketpay serve")
    page.seen["tokens meanwhile"] = [production.look(token), production.look(production.token())]
    page.do("one token secret")


def rotate_passwords(page: Reader) -> None:
    names = ("DATABASE_URL", "WORKER_DATABASE_URL")
    old = [page.shell.environment()[name] for name in names]
    with psycopg.connect(old[0]) as connection:
        page.do("passwords")
        page.seen["open connection"] = connection.execute("SELECT 1").fetchone()
    new = [page.shell.environment()[name] for name in names]
    page.seen["logins"] = [logs_in(url) for url in (*old, *new)]


def logs_in(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError as refused:
        if "password authentication failed" not in str(refused):
            raise
        return False
    return True


@pytest.fixture(scope="module")
def sold() -> Iterator[Reader]:
    """The tutorial is followed to its end, and what it started still runs."""
    port = free_port()
    with (
        work_folder() as folder,
        Shell.open(folder, TICKETPAY_DATA=str(folder / "data"), PORT=str(port)) as shell,
    ):
        check_out(folder)
        page = Reader(SELL, shell, {":3005": f":{port}"})
        page.do("demo")
        page.do("kept", printed(shell.start("stack", page.take())))
        page.seen["event"] = shell.environment()["EVENT"]
        page.do("quote")
        order = answers(page.do("bought"))[0].body["orderId"]
        page.do("receipt", {"ORDER": order}, until=lambda told: '"fulfilled"' in told)
        page.do("again")
        page.do("changed")
        let_it_fail(page)
        page.do("books")
        yield page


def check_out(folder: Path) -> None:
    """What a reader has at hand; installed just now, so that ``make`` installs nothing."""
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.prefix) / "bin")
    for name in ("Makefile", "pyproject.toml"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv" / ".installed").touch()


def printed(stack: Member) -> dict[str, str]:
    """What the reader is asked to keep of all that ``serve`` prints."""

    def told() -> str:
        stack.check()
        return stack.log.read_text()

    wait_for("all is printed", lambda: "Ctrl-C" in told())
    tenant = re.findall(r"^tenant .* (\S+)$", told(), re.MULTILINE)[0]
    token = re.findall(r"a customer's token, good for a day:\n(\S+)", told())[0]
    body = json.loads(re.findall(r"-d '(.*)'", told())[0])
    kind = body["tickets"][0]["ticketTypeId"]
    place = {"VENUE": body["venueId"], "EVENT": body["eventId"], "TYPE": kind}
    return {"TENANT": tenant, "TOKEN": token, **place}


def let_it_fail(page: Reader) -> None:
    page.do("declined")
    let_time_out(page)
    payment = answers(page.do("challenged"))[0].body
    page.do("proved", {"INTENT": intent_of(payment)})
    page.do("timeline", {"PAYMENT": payment["id"]}, until=lambda told: "completed" in told)
    with psycopg.connect(stack(page.shell)["MIGRATION_DATABASE_URL"]) as connection:
        page.seen["taken"] = connection.execute("SELECT sum(taken) FROM stock").fetchone()


def intent_of(payment: dict[str, Any]) -> str:
    """As the tutorial says: the beginning of the secret."""
    secret: str = payment["clientSecret"]
    return secret.partition("_secret")[0]


def stack(shell: Shell) -> dict[str, str]:
    """The settings of what the tutorial started."""
    return running_environment(shell.folder / "data")


def let_time_out(page: Reader) -> None:
    """Not for 30 s: the block is for another API of the same stack, which waits for 1.5 s."""
    shell, port = page.shell, free_port()
    url = f"http://127.0.0.1:{port}"
    changed = {**stack(shell), "PORT": str(port), "PAYMENT_TIMEOUT_MS": "1500"}
    api = shell.start("impatient", "ticketpay serve", url, **changed)
    wait_for("impatient", api.is_ready)
    page.told["timeout"] = shell.run(f"(API={url}\n{page.take()})")
    shell.end("impatient")


@pytest.fixture(scope="module")
def replayed(sold: Reader) -> Reader:
    """The page is followed to its end, with an event and a stream that were given up."""
    page = Reader(REPLAY, sold.shell, {})
    tenant = page.shell.environment()["TENANT"]
    order, event = given_up(page.shell, tenant)
    page.seen |= {"order": order, "event": event}
    page.do("dead")
    page.do("event", {"TENANT": tenant, "EVENT": event})
    page.do("stream", {"TENANT": tenant, "AGGREGATE": order})
    page.do("gone", until=lambda told: order not in told and event not in told)
    wait_for("fulfilled", lambda: '"fulfilled"' in page.shell.run(RECEIPT + order))
    page.told["events"] = page.shell.run("ticketpay inbox list --json")
    for what in (f"inbox replay {event}", f"outbox replay {order}"):
        again = f"ticketpay {what} --tenant {tenant} --yes || echo exit $?"
        page.told[what.split()[0]] = page.shell.run(again)
    return page


def given_up(shell: Shell, tenant: str) -> tuple[str, str]:
    """An order whose stream was parked before it was paid, and the event that has paid it."""
    sale = answers(shell.run("new_key; buy pm_card_authenticationRequired 1"))[0].body
    order, intent = str(sale["orderId"]), intent_of(sale)
    killed: list[str] = []
    owner = stack(shell)["MIGRATION_DATABASE_URL"]
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(PARK, [tenant, order])
        shell.run(f"ticketpay sandbox authenticate {intent} --tenant {tenant} --yes")

        def is_dead() -> bool:
            killed.extend(event for (event,) in connection.execute(KILL, [intent]))
            return bool(killed)

        wait_for("heard of the payment", is_dead)
    return order, killed[0]


@pytest.fixture(scope="module")
def exchanged(sold: Reader, replayed: Reader) -> Reader:
    """The page is followed to its end, with the event of the tutorial."""
    page = Reader(EXCHANGE, replayed.shell, {})
    page.shell.run(f"export EVENT={sold.seen['event']}")
    for name in ("dry", "loaded", "price", "bought", "books"):
        page.do(name)
    return page


@pytest.fixture(scope="module")
def cancelled(sold: Reader, replayed: Reader, exchanged: Reader) -> Reader:
    """The page is followed to its end, with the event that was sold before, in two currencies."""
    del exchanged
    page, tenant = Reader(CANCEL, replayed.shell, {}), replayed.shell.environment()["TENANT"]
    page.do("look", {"TENANT": tenant, "EVENT": str(sold.seen["event"])})
    page.do("cancel")
    page.do("watch", until=lambda told: bool(re.search(r"^left +0$", told, re.MULTILINE)))
    page.do("books")
    return page


@pytest.fixture(scope="module")
def refunded(cancelled: Reader) -> Reader:
    """The page is followed to its end, with a sale of another event."""
    page, shell = Reader(REFUND, cancelled.shell, {}), cancelled.shell
    sale = other_sale(shell, "Night of the Steel Guitars", "pm_card_visa", 3)
    tenant = shell.environment()["TENANT"]
    page.do("support", {"TENANT": tenant, "PAYMENT": str(sale["id"])})
    asked = answers(page.do("buyer"))[0]
    page.seen["asked"] = asked
    page.do("waiting")
    page.do("approved", {"REFUND": str(asked.body["id"])})
    page.do("arrived", until=lambda told: told.count(" completed ") == 2)
    return page


@pytest.fixture(scope="module")
def paid_out(refunded: Reader) -> Reader:
    """The page is followed to its end, for a venue whose event is over."""
    page, shell = Reader(PAY_OUT, refunded.shell, {}), refunded.shell
    other_sale(shell, "Red River Strings", "pm_card_bypassPending", 8)
    tenant, settings = shell.environment()["TENANT"], load_settings(stack(shell))
    # What was charged today is the platform's in days, and refunds have taken of what it has.
    top_up = json.dumps({"topUpCents": 10_000_000}).encode()
    assert status(f"{settings.stripe_api_base}/_sandbox/balance", top_up) == 200
    with closing(build(settings)) as app:
        attrs.evolve(app.venue_money.release, rules=OVER_AT_ONCE)(TenantId(UUID(tenant)))
    venue = read_catalog(CATALOG).venues[1].id
    page.do("connected", {"TENANT": tenant, "VENUE": str(venue), "ACCOUNT": "acct_lone_star"})
    page.do("balance")
    page.do("asked")
    payout = re.findall(r"^payout.request (\S+): asked for", page.told["asked"], re.MULTILINE)[0]
    page.do("sent", {"PAYOUT": payout}, until=lambda told: "verify: OK" in told)
    listed = "ticketpay payouts list $VENUE --tenant $TENANT"
    under_way = re.compile(rf"{payout} +(processing|paid) ")
    wait_for("sent", lambda: bool(under_way.search(shell.run(listed))))
    return page


def other_sale(shell: Shell, event: str, card: str, count: int) -> dict[str, Any]:
    """The buyer of the tutorial buys tickets of another event, once they are issued."""
    shop = read_catalog(CATALOG)
    found = next(one for one in shop.events if one.name == event)
    kind = next(one.type for one in shop.types if one.type.event_id == found.id)
    place = f"VENUE={found.venue_id} EVENT={found.id} TYPE={kind.id}"
    sale = answers(shell.run(f"new_key; ({place}; buy {card} {count})"))[0].body
    order = str(sale["orderId"])
    wait_for("fulfilled", lambda: '"fulfilled"' in shell.run(RECEIPT + order))
    return sale


@pytest.mark.parametrize(
    "page",
    ["installed", "rotated", "sold", "replayed", "exchanged", "cancelled", "refunded", "paid_out"],
)
def test_every_block_is_run(page: str, request: pytest.FixtureRequest) -> None:
    """Each block between fences on these pages is run, in the order of the page."""
    reader: Reader = request.getfixturevalue(page)

    assert reader.done == blocks(reader.page)
    assert fences(reader.page) == 2 * len(reader.done) > 0


@pytest.mark.spec("S02")
def test_the_settings_of_the_page_are_good(installed: Reader) -> None:
    """In production nothing is refused of the settings that the page makes, which nobody else reads."""
    written = installed.shell.folder / "ticketpay.env"

    assert installed.told["settings"] == "settings: OK\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


@pytest.mark.spec("S04")
def test_an_owner_who_is_no_superuser_installs(installed: Reader) -> None:
    """The page's owner, who may make roles and no more, migrates an empty database and loads a catalogue."""
    assert "the database is up to date\nloaded Riverside Tickets" in installed.told["loaded"]


@pytest.mark.spec("S09", "S20")
def test_an_installation_works(installed: Reader) -> None:
    """API and worker log in with their passwords: ready, the trail is chained, the books agree."""
    assert installed.told["ready"].startswith("HTTP/1.1 200 OK")
    assert installed.told["trail"] == "audit verify: OK (1 chained, 0 waiting)\n"
    assert installed.told["books"] == "ledger verify: OK\n"


@pytest.mark.spec("S26")
def test_a_webhook_secret_is_rotated(rotated: Reader) -> None:
    """Between two restarts both secrets are believed; after the second the old one is not."""
    assert rotated.seen["webhooks"] == [200, 200]
    assert rotated.seen["webhooks at last"] == [400, 200]


@pytest.mark.spec("S09")
def test_an_audit_key_is_rotated(rotated: Reader) -> None:
    """What the old key sealed is proven with both keys, and not with the new one alone."""
    assert "audit verify: OK" in rotated.told["seal"]
    assert "sealed with an unknown key" in rotated.told["without the old seal"]


@pytest.mark.spec("S02", "S08")
def test_other_secrets_are_rotated(rotated: Reader) -> None:
    """Nobody is signed out while both token secrets are there; afterwards old tokens are refused."""
    steps = ("provider's key", "two token secrets", "one token secret", "ticket service's secret")
    for step in steps:
        assert rotated.told[step] == "settings: OK\n"
    assert rotated.seen["tokens meanwhile"] == [404, 404]
    assert rotated.seen["tokens"] == [401, 404]


@pytest.mark.spec("S04")
def test_passwords_are_rotated(rotated: Reader) -> None:
    """After ``migrate`` the new passwords log in and the old do not; who is in stays in."""
    assert rotated.seen["logins"] == [False, False, True, True]
    assert rotated.seen["open connection"] == (1,)


def test_the_demo_of_the_tutorial_sells(sold: Reader) -> None:
    """``make demo`` ends with books that agree."""
    assert "ledger verify: OK\neverything as expected" in sold.told["demo"]


@pytest.mark.spec("S18")
def test_the_tutorial_gets_a_price(sold: Reader) -> None:
    """The quote has tickets with their shares, an all-in price and a total in cents."""
    quote = json.loads(sold.told["quote"])

    assert [ticket["priceCents"] for ticket in quote["tickets"]] == [5_000, 5_000]
    assert 10_000 < quote["allInCents"] < quote["totalCents"]


@pytest.mark.spec("S11")
def test_the_tutorial_buys_once(sold: Reader) -> None:
    """201 and completed; the same key has the same answer, and is refused for another quantity."""
    (bought,), (again,), (changed,) = (
        answers(sold.told[name]) for name in ("bought", "again", "changed")
    )

    assert (bought.status, bought.body["status"]) == (201, "completed")
    assert (again.status, again.body) == (201, bought.body)
    assert "idempotent-replayed: true" in again.head
    assert (changed.status, changed.body["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("declined", [(402, "PAYMENT_DECLINED")]),
        ("timeout", [(503, "OUTCOME_UNKNOWN"), (201, "completed")]),
        ("challenged", [(202, "requires_action")]),
    ],
)
def test_the_cards_of_the_tutorial(
    sold: Reader, name: str, expected: list[tuple[int, str]]
) -> None:
    """Each card does what the tutorial's table says of it."""
    found = answers(sold.told[name])

    assert [(one.status, one.body.get("code", one.body["status"])) for one in found] == expected


@pytest.mark.spec("S20", "S31")
def test_the_tutorial_ends_well(sold: Reader) -> None:
    """Issued tickets make an order fulfilled, proof completes a payment, and the books agree."""
    assert json.loads(sold.told["receipt"])["state"] == "fulfilled"
    assert "pending -> completed" in sold.told["timeline"]
    assert sold.seen["taken"] == (2 + 2 + 2,), "bought, timed out, proved; none for the declined"
    assert sold.told["books"] == "ledger verify: OK\n"


@pytest.mark.spec("S28", "S40")
def test_dead_letters_are_replayed(replayed: Reader) -> None:
    """Both leave their lists; the event is read again and known, the order is fulfilled after all."""
    told, event, order = replayed.told, str(replayed.seen["event"]), str(replayed.seen["order"])
    (listed,) = [one for one in json.loads(told["events"]) if one["eventId"] == event]

    assert event in told["dead"]
    assert order in told["dead"]
    assert told["event"] == f"event.replay {event}: dead -> received\n"
    assert told["stream"] == f"stream.replay {order}: parked -> running\n"
    assert told["gone"].endswith("no stream is parked\nledger verify: OK\n")
    assert (listed["status"], listed["note"]) == ("processed", "known")


@pytest.mark.parametrize("queue", ["inbox", "outbox"])
def test_what_is_not_dead_is_not_replayed(replayed: Reader, queue: str) -> None:
    """A second replay is refused with exit 4."""
    assert replayed.told[queue].startswith("ticketpay: CONFLICT: ")
    assert replayed.told[queue].endswith("exit 4\n")


@pytest.mark.spec("S23")
def test_an_event_is_sold_in_euros(exchanged: Reader) -> None:
    """Rates are loaded once, the price is theirs, the sale says so, and each currency balances."""
    told = exchanged.told
    (bought,) = answers(told["bought"])
    rate = bought.body["exchangeRate"]

    assert "dry run: would load it" in told["dry"]
    assert re.search(r"ecb +1 +0.86 +0.7412 +1.2631", told["loaded"])
    assert "1 USD = 0.86 EUR (ecb, " in told["price"]
    assert (bought.status, bought.body["currency"], rate["source"]) == (201, "EUR", "ecb")
    # Two tickets of 43.00, 8.2 %, twice 0.43, 7 %, 2.25 % and 1 %.
    assert bought.body["amountCents"] == 8_600 + 705 + 86 + 602 + 194 + 86
    assert "0.86 EUR = 1 USD" in told["books"]
    assert re.search(r"^EUR +0.00 +86.00", told["books"], re.MULTILINE)
    assert told["books"].endswith("ledger verify: OK\n")


@pytest.mark.spec("S24")
def test_a_cancelled_event_goes_back(cancelled: Reader) -> None:
    """As many cents arrive as the dry run has said, and the books agree afterwards."""
    (would,) = re.findall(r"would refund \d+ orders with (.+);", cancelled.told["look"])
    told = re.findall(r"\d+ cents \((\S+) ([A-Z]{3})\)", would)

    assert {code for _, code in told} == {"EUR", "USD"}
    for cents, code in told:
        assert f"{code} refunded  {cents}\n" in cancelled.told["watch"]
    assert cancelled.told["books"] == "ledger verify: OK\n"


@pytest.mark.spec("S24")
def test_an_order_is_refunded(refunded: Reader) -> None:
    """Support's ticket goes back at once, the buyer's when a second person has agreed; books agree."""
    told, asked = refunded.told, refunded.seen["asked"]

    assert isinstance(asked, Answer)
    assert (asked.status, asked.body["needsApproval"]) == (201, True)
    assert asked.body["id"] in told["waiting"]
    assert "would send the money" in told["approved"]
    assert told["arrived"].endswith("ledger verify: OK\n")


@pytest.mark.spec("S22")
def test_a_venue_is_paid_out(paid_out: Reader) -> None:
    """The account is connected, the dry run says what reaches the bank, and the books agree."""
    assert "without an account -> acct_lone_star" in paid_out.told["connected"]
    assert "would pay 200.00 USD to the bank in 1-2 business days" in paid_out.told["asked"]
    assert "the worker asks the provider" in paid_out.told["sent"]
