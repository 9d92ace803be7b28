"""The OpenAPI document: it says what is served, and what is served is what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import attrs
import httpx
import jsonschema_rs
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.test_disputes import a_dispute
from tests.entrypoints.http.driving import World
from tests.entrypoints.http.shop import Shop, addressed
from tests.support.scenery import START, audit_entry
from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.money import USD
from ticketpay.domain.parties import Role
from ticketpay.domain.processes.answers import order_view
from ticketpay.domain.processes.releasing import HoldRules
from ticketpay.entrypoints.cli.main import cli
from ticketpay.entrypoints.http.errors import STATUS_OF_CODE
from ticketpay.entrypoints.http.openapi import document, document_text
from ticketpay.entrypoints.http.operations import OPERATIONS, Operation
from ticketpay.entrypoints.http.wire import (
    ESTIMATE,
    PAYMENT,
    QUOTE,
    read_estimate,
    read_payment,
    read_quote,
)
from ticketpay.ports.transactions import Tx

pytestmark = pytest.mark.spec("S07")

ROWS = {operation.endpoint: operation for operation in OPERATIONS}
REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"
# Not asked for over HTTP, or without an answer of their own: they become INTERNAL_ERROR, or come
# from the workers.
UNSPOKEN = {
    "AMOUNT_NOT_INTEGER",
    "CURRENCY_UNSUPPORTED",
    "EVENT_CANCELLED",
    "EXCHANGE_RATES_CONFLICT",
    "LEDGER_ERROR",
    "METHOD_NOT_ALLOWED",
    "MONEY_ERROR",
    "POSTING_MIXED",
    "POSTING_UNBALANCED",
    "REJECTED",
    "TICKETPAY_ERROR",
    "UNROUTED_EVENT",
    "ZERO_WEIGHTS",
}


def closed(schema: Any) -> Any:
    """The schema in which no object has a member that is not declared."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(one) for name, one in schema.items()}
    if "properties" in schema and schema.get("type") == "object":
        found["additionalProperties"] = False
    return found


WHOLE = document()
COMPONENTS = {"components": closed(WHOLE["components"])}


def check(operation: Operation, response: httpx.Response) -> None:
    """See that an answer is one of those that the document promises for its operation."""
    promised = WHOLE["paths"][operation.path][operation.method.lower()]["responses"]
    assert str(response.status_code) in promised, response.text
    media_type = response.headers["content-type"].partition(";")[0]
    schema = promised[str(response.status_code)]["content"][media_type]["schema"]
    if media_type != "text/html":
        validate({**schema, **COMPONENTS}, response.json())


def validate(schema: Any, value: Any) -> None:
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(value)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return Shop.open()


def answers(shop: Shop) -> Iterator[tuple[str, httpx.Response]]:
    """Real answers of every kind, with the endpoints that gave them."""

    def ask(endpoint: str, thing: object = "", role: Role = Role.CUSTOMER, **wanted: Any) -> Any:
        row = ROWS[endpoint]
        return endpoint, shop.send(
            row.method, addressed(row, thing), shop.token(role=role), **wanted
        )

    paid, waiting = shop.buy(), shop.buy("tok_action")
    line = {"ticketTypeId": str(shop.scenery.standing), "quantity": 1}
    seat = {"ticketTypeId": str(shop.scenery.seated), "quantity": 1, "seats": ["A1"]}
    wish = {"eventId": str(shop.scenery.event_id), "tickets": [line, seat]}
    for card in ("tok_visa", "tok_action", "tok_processing", "tok_declined", "tok_down"):
        yield ask("pay", body=shop.purchase(card))
    yield ask("pay", body=shop.purchase("tok_unclear"))
    yield ask("pay", body=shop.purchase("tok_bug"))
    yield ask("pay", body=shop.purchase(tickets=[seat]))
    yield ask("pay", body=shop.purchase(tickets=[seat]))
    yield ask("pay", body=shop.purchase(totalCents=1))
    yield ask("pay", body=shop.purchase(paymentMethod={"type": "crypto"}))
    yield ask("pay", body={})
    yield ask("pay", body=[], headers={"content-type": "text/plain"})
    yield ask("pay", content=b"{", headers={"content-type": "application/json"})
    yield ask("pay", body=shop.purchase(), headers={"idempotency-key": "1"})
    yield ask("pay", content=b" " * 600_000, headers={"content-type": "application/json"})
    yield ask("quote", body=wish)
    yield ask("quote", body={**wish, "eventId": str(uuid4())})
    yield ask("quote", body={}, role=Role.COMPLIANCE)
    for endpoint in ("show_payment", "confirm", "cancel"):
        yield ask(endpoint, paid["id"])
        yield ask(endpoint, waiting["id"])
        yield ask(endpoint, uuid4())
        yield ask(endpoint, "1")
    yield ask("show_order", paid["orderId"])
    yield ask("show_order", uuid4())
    yield from refund_answers(shop, ask, paid["id"])
    yield from venue_answers(shop, ask)
    estimate = {"venueId": str(shop.scenery.venue_id), "amountCents": 12_345, "ticketCount": 2}
    yield ask("calculate_fees", body=estimate)
    yield ask("calculate_fees", body={**estimate, "venueId": str(uuid4())})
    yield ask("exchange_rates")
    for code in ("EUR", "gbp"):
        yield ask("pay", body=shop.purchase(currency=code))
        yield ask("quote", body={**wish, "currency": code})
    yield ask("transactions", params={"limit": "1"})
    yield ask("transactions", params={"limit": "0", "cursor": "x"})
    yield ask("transactions", params={"venueId": str(uuid4())})
    yield ask("stats", role=Role.ADMIN)
    yield ask("stats")
    for row in OPERATIONS:
        yield row.endpoint, shop.send(row.method, addressed(row, paid["id"]))
    yield "webhook", shop.tell(json.dumps({"id": "evt_1", "type": "ping"}).encode())


def refund_answers(shop: Shop, ask: Any, payment: str) -> Iterator[tuple[str, httpx.Response]]:
    """Of refunds: asked for, decided, shown, and refused in every way."""
    wish: dict[str, Any] = {"paymentId": payment, "amountCents": 5}
    for changes in ({}, {"reason": "other"}, {"amountCents": 10**7}, {"tickets": [1]}):
        yield ask("refund", body={**wish, **changes}, role=Role.SUPPORT)
    yield ask("refund", body={"paymentId": payment, "tickets": [1]}, role=Role.SUPPORT)
    yield ask("refund", body={"paymentId": payment, "tickets": [1]}, role=Role.SUPPORT)
    yield ask("refund", body={"tickets": [1, 1]})
    yield ask("refund_sale", payment, body={"amountCents": 1}, role=Role.SUPPORT)
    waiting = shop.buy("tok_action")["id"]
    yield ask("refund_sale", waiting, body={}, role=Role.SUPPORT)
    requested = asked_by_its_buyer(shop)
    for endpoint in ("show_refund", "approve_refund", "approve_refund", "reject_refund"):
        yield ask(endpoint, requested, role=Role.SUPPORT)
    yield ask("reject_refund", asked_by_its_buyer(shop), role=Role.SUPPORT)
    yield ask("payment_refunds", payment, role=Role.SUPPORT)

    def dispute(tx: Tx) -> None:
        paid = tx.payments.get(PaymentId(UUID(payment)))()
        assert paid is not None
        tx.disputes.add(a_dispute(paid, START))

    shop.app.parts.uow.run(shop.scenery.tenant, dispute)
    for sale in (payment, uuid4()):
        yield ask("payment_disputes", sale, role=Role.SUPPORT)


def venue_answers(shop: Shop, ask: Any) -> Iterator[tuple[str, httpx.Response]]:
    """Of venue money: shown, too little of it, and paid out."""
    venue, scenery = shop.scenery.venue_id, shop.scenery
    for amount in ({}, {"amountCents": 50}, {"amountCents": 50, "currency": "XXX"}):
        yield ask("pay_out", venue, body=amount, role=Role.ADMIN)
    entry = audit_entry(START)
    shop.app.venue_money.connect(scenery.tenant, venue, USD, "acct_venue", entry)
    far = shop.app.venue_money.release
    rules = HoldRules(event_hours=-24 * 365, hold_days=0)
    attrs.evolve(far, rules=rules)(scenery.tenant)
    for speed in ("standard", "instant"):
        wish = {"amountCents": 10_000, "type": speed}
        yield ask("pay_out", venue, body=wish, role=Role.ADMIN)
    yield ask("venue_balance", venue, role=Role.SUPPORT)
    yield ask("venue_balance", uuid4(), role=Role.SUPPORT)
    yield ask("venue_payouts", venue, role=Role.SUPPORT)
    yield ask("plans", role=Role.SUPPORT)
    yield ask("venue_subscription", venue, role=Role.SUPPORT)
    for plan in ({}, {"plan": "gold"}, {"plan": "enterprise"}):
        yield ask("subscribe", venue, body=plan, role=Role.ADMIN)
    yield ask("venue_subscription", venue, role=Role.SUPPORT)
    yield ask("unsubscribe", venue, role=Role.ADMIN)
    yield ask("unsubscribe", uuid4(), role=Role.ADMIN)
    yield ask("venue_subscription", venue, role=Role.SUPPORT)


def asked_by_its_buyer(shop: Shop) -> str:
    user = uuid4()
    sale = shop.buy(user=user)
    body = {"paymentId": sale["id"]}
    refund = shop.send("POST", "/api/v1/refunds", shop.token(user=user), body=body)
    ident: str = refund.json()["id"]
    return ident


def test_real_answers_are_the_documented_ones(shop: Shop) -> None:
    """Every member of every answer is declared, and every status and code of its operation."""
    seen: dict[str, set[int]] = {}
    for endpoint, response in answers(shop):
        check(ROWS[endpoint], response)
        seen.setdefault(endpoint, set()).add(response.status_code)
    silent = [e for e, row in ROWS.items() if not seen[e] & row.answers.keys()]
    assert silent in ([], ["webhook"])


@pytest.mark.parametrize("endpoint", ["health", "database", "ready"])
def test_ill_health_is_documented(endpoint: str) -> None:
    """Also what is told while the database is away."""
    response = World(ready=lambda: False).get(ROWS[endpoint].path)
    assert response.status_code == 503
    check(ROWS[endpoint], response)


def test_the_document_is_served_and_kept(shop: Shop) -> None:
    """`GET /openapi.json` is the copy in the reference: write it with `make docs-generated`."""
    response = shop.send("GET", "/openapi.json")
    assert response.headers["content-type"] == "application/json"
    assert response.text == document_text() == REFERENCE.read_text()


def test_the_command_prints_the_document() -> None:
    """`ticketpay openapi` prints what is served, without a database or a setting."""
    result = CliRunner(env={"DATABASE_URL": ""}).invoke(cli, ["openapi"])
    assert (result.exit_code, result.output) == (0, document_text())


def test_every_operation_is_documented() -> None:
    """Every row has its method, its roles, its key, its query and its body in the document."""
    for row in OPERATIONS:
        said = WHOLE["paths"][row.path][row.method.lower()]
        names = {(one["in"], one["name"]) for one in said["parameters"]}
        assert (("header", "Idempotency-Key") in names) == row.idempotent
        assert {name for place, name in names if place == "query"} == row.query.keys()
        assert (("path", "id") in names) == ("{id}" in row.path)
        assert said["security"] == ([{"bearer": []}] if row.roles else [])
        assert said.get("x-roles", []) == list(map(str, row.roles))
        assert ("requestBody" in said) == (row.method == "POST")


def test_every_code_is_documented() -> None:
    """The catalogue of errors is that of the operations, but for what nobody is told."""
    told = {code for row in OPERATIONS for code in row.codes}
    assert STATUS_OF_CODE.keys() - told == UNSPOKEN


@pytest.mark.spec("S10")
def test_the_limits_are_documented() -> None:
    """Whatever is counted says so in every answer; a refusal for now says when to come again."""
    for row in OPERATIONS:
        free = row.path.startswith(("/health", "/api/v1/webhooks"))
        for status, answer in WHOLE["paths"][row.path][row.method.lower()]["responses"].items():
            counted = set() if free else {"RateLimit-Policy", "RateLimit"}
            again = {"Retry-After"} if status in ("429", "503") else set()
            assert set(answer.get("headers", ())) == counted | again, (row.endpoint, status)


def test_the_schemas_are_schemas() -> None:
    """Everything in the document that calls itself a schema is one."""
    for name in WHOLE["components"]["schemas"]:
        jsonschema_rs.Draft202012Validator({"$ref": f"#/components/schemas/{name}", **COMPONENTS})
    for record in (PAYMENT, QUOTE, ESTIMATE):
        jsonschema_rs.meta.validate(record.schema)


def test_an_estimated_tax_is_promised(shop: Shop) -> None:
    """A receipt whose tax has yet to be settled says so, as the document does."""
    order = shop.scenery.order(START)
    first, *rest = order.tickets
    taxes = tuple(attrs.evolve(charge, estimated=True) for charge in first.charges)
    guessed = attrs.evolve(order, tickets=(attrs.evolve(first, charges=taxes), *rest))
    validate({"$ref": "#/components/schemas/Order", **COMPONENTS}, order_view(guessed, ()))


IDS = st.uuids().map(str)
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, 1.5, "", "x", [], {}, "\0", "a" * 300, 10**8, -1]
)
LABELS = st.lists(st.sampled_from(["A1", "A2", "", "x" * 33]), max_size=3)
LINES = st.fixed_dictionaries(
    {"ticketTypeId": IDS | ODD, "quantity": st.integers(-1, 12) | ODD},
    optional={"priceCents": st.integers(0, 10**8) | ODD, "seats": LABELS | ODD},
)
CARDS = st.fixed_dictionaries(
    {"type": st.sampled_from(["card", "ach", "paypal", "crypto", "cash"]) | ODD},
    optional={"token": st.just("tok") | ODD, "paymentMethodId": st.just("pm") | ODD},
)
TEXTS = st.dictionaries(st.sampled_from(["a", "", "k" * 41, "\0"]), st.just("t") | ODD)
MEMBERS: dict[str, st.SearchStrategy[Any]] = {
    "quoteId": IDS | ODD,
    "venueId": IDS | ODD,
    "eventId": IDS | ODD,
    "tickets": st.lists(LINES, max_size=2) | st.lists(LINES, min_size=21, max_size=21) | ODD,
    "paymentMethod": CARDS | ODD,
    "deviceFingerprint": st.just("device") | ODD,
    "metadata": TEXTS | ODD,
    "totalCents": st.integers(0, 10**8) | ODD,
    "currency": st.sampled_from(["usd", "Eur", "GBP", "XXX", "u\u017fd"]) | ODD,
    "amountCents": st.integers(0, 10**8) | ODD,
    "ticketCount": st.integers(0, 201) | ODD,
}
CHANGES = st.sampled_from(sorted(MEMBERS)).flatmap(lambda n: MEMBERS[n].map(lambda v: (n, v)))
ONE = "018f0000-0000-7000-8000-000000000003"
GOOD: dict[str, Any] = {
    "venueId": ONE,
    "eventId": ONE,
    "tickets": [{"ticketTypeId": ONE, "quantity": 1, "seats": ["A1"]}],
    "paymentMethod": {"type": "card", "token": "tok"},
    "deviceFingerprint": "device",
    "amountCents": 1,
    "ticketCount": 1,
}


def changed(changes: list[tuple[str, Any]], without: list[str]) -> dict[str, Any]:
    """A good body with changed members, and some left out."""
    body = {**GOOD, **dict(changes)}
    return {name: value for name, value in body.items() if name not in without}


LEFT_OUT = st.lists(st.sampled_from(sorted(MEMBERS)), max_size=2) | st.just(
    ["venueId", "eventId", "tickets"]
)
BODIES = st.builds(changed, st.lists(CHANGES, max_size=2), LEFT_OUT) | ODD
READERS = ((PAYMENT, read_payment), (QUOTE, read_quote), (ESTIMATE, read_estimate))


@given(BODIES, st.sampled_from(READERS))
def test_the_schema_and_the_reader_agree(body: Any, of: tuple[Any, Any]) -> None:
    """A body is read if and only if its schema allows it (but for a seat per ticket)."""
    record, read = of
    try:
        read(body)
        wrong: set[str] = set()
    except InvalidInput as error:
        wrong = {one.message for one in error.errors} - {"must name one seat per ticket"}
    validator = jsonschema_rs.Draft202012Validator(record.schema, validate_formats=True)
    assert validator.is_valid(body) == (not wrong)
