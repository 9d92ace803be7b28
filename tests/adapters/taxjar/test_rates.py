"""TaxJar through its own client, over real HTTP against a server that speaks its shapes (S58)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.taxjar_server import TaxJarServer, answer, tax_document
from ticketpay.adapters.taxjar import TaxJarRates, rates
from ticketpay.adapters.taxjar.client import TaxJarClient
from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing import Address, ChargeKind, TaxPart, TaxQuestion

KEY = "hush-hush"
HOME = Address(street="1 Elm St", city="Austin", state="TX", zip="78701")
QUESTION = TaxQuestion(amount_cents=10_000, venue_city="Dallas", venue_state="TX", customer=HOME)


@pytest.fixture
def server() -> Iterator[TaxJarServer]:
    with TaxJarServer.running() as running:
        yield running


@pytest.fixture
def taxes(server: TaxJarServer) -> TaxJarRates:
    return TaxJarRates.create(KEY, api_base=server.url, timeout_seconds=0.3)


@pytest.mark.spec("S58", "S58 D1", "S58 D2")
def test_an_answer_becomes_parts(taxes: TaxJarRates, server: TaxJarServer) -> None:
    """State, local (county and city) and special parts come from TaxJar's fields and add up."""
    assert taxes.ask(QUESTION) == (
        TaxPart(kind=ChargeKind.STATE_TAX, name="TX Sales Tax", rate=Rate(62_500), cents=625),
        TaxPart(kind=ChargeKind.LOCAL_TAX, name="Local Tax", rate=Rate(20_000), cents=200),
        TaxPart(
            kind=ChargeKind.SPECIAL_TAX, name="Special District Tax", rate=Rate(2_500), cents=25
        ),
    )
    assert server.paths == ["/v2/taxes"]
    assert server.tokens == [f"Bearer {KEY}"]


@pytest.mark.spec("S58")
def test_what_is_asked(taxes: TaxJarRates, server: TaxJarServer) -> None:
    """One line, id 1, quantity 1, tax code 20410, no shipping; from the venue to the buyer."""
    taxes.ask(attrs.evolve(QUESTION, amount_cents=12_345))
    assert server.orders == [
        {
            "from_country": "US",
            "from_state": "TX",
            "from_city": "Dallas",
            "to_country": "US",
            "to_state": "TX",
            "to_city": "Austin",
            "to_zip": "78701",
            "to_street": "1 Elm St",
            "amount": 123.45,
            "shipping": 0,
            "line_items": [
                {"id": "1", "quantity": 1, "product_tax_code": "20410", "unit_price": 123.45}
            ],
        }
    ]


@pytest.mark.spec("S58", "S01")
@given(st.integers(1, 99_999_999 * 200))
def test_cents_are_written_as_exact_dollars(cents: int) -> None:
    """What goes over the wire is the amount to the cent, for every amount there can be."""
    order = rates._order(attrs.evolve(QUESTION, amount_cents=cents))
    wire = json.loads(json.dumps(order), parse_float=Decimal)
    assert wire["amount"] * 100 == cents


def _malformed() -> dict[str, tuple[int, bytes]]:
    def changed(**changes: object) -> tuple[int, bytes]:
        return 200, json.dumps(tax_document(100.0, **changes)).encode()

    missing: Any = tax_document(100.0)
    del missing["tax"]["breakdown"]["county_tax_collectable"]
    return {
        "status 400": (400, b'{"status": 400, "error": "Bad Request", "detail": "no zip"}'),
        "status 401": (401, b"{}"),
        "status 429": (429, b""),
        "status 500": (500, b"oops"),
        "status 503 with a good body": (503, answer({"amount": 100.0})[1]),
        "status 202": (202, answer({"amount": 100.0})[1]),
        "no JSON": (200, b"<html>"),
        "nothing": (200, b""),
        "not UTF-8": (200, b"\xff\xfe"),
        "a list": (200, b"[]"),
        "no tax": (200, b"{}"),
        "tax is null": (200, b'{"tax": null}'),
        "deep": (200, b"[" * 60_000),
        "too long": (200, b" " * 70_000 + answer({"amount": 100.0})[1]),
        "no breakdown": changed(breakdown=None),
        "a part is missing": (200, json.dumps(missing).encode()),
        "NaN": changed(state_tax_collectable=float("nan")),
        "infinite": changed(state_tax_collectable=float("inf")),
        "negative": changed(state_tax_collectable=-6.25, amount_to_collect=-3.75),
        "negative total": changed(amount_to_collect=-1),
        "a text": changed(state_tax_collectable="6.25"),
        "a bool": changed(state_tax_collectable=True),
        "null": changed(state_tax_collectable=None),
        "does not add up": changed(amount_to_collect=8.51),
        "more than the amount": changed(state_tax_collectable=101.0, amount_to_collect=103.25),
        "a rate above one": changed(state_tax_rate=6.25),
        "a rate that is NaN": changed(state_tax_rate=float("nan")),
        "beyond all exponents": (200, b'{"tax": 1e99999999999999999999}'),
        "collects without nexus": (
            200,
            b'{"tax": {"has_nexus": false, "amount_to_collect": 1.0, "rate": 0.0}}',
        ),
        "no parts with nexus": (
            200,
            b'{"tax": {"has_nexus": true, "amount_to_collect": 0.0, "rate": 0.0}}',
        ),
        "beyond all numbers": (
            200,
            answer({"amount": 100.0})[1].replace(b'collectable": 6.25', b'collectable": 1e400'),
        ),
    }


@pytest.mark.spec("S58", "S58 D1")
@pytest.mark.parametrize("wrong", sorted(_malformed()))
def test_an_answer_that_cannot_be_believed_is_none(
    taxes: TaxJarRates, server: TaxJarServer, wrong: str
) -> None:
    """A refusal, a failure, or anything that is no tax that adds up: Unavailable, never a figure."""
    server.reply = lambda _: _malformed()[wrong]
    with pytest.raises(Unavailable) as caught:
        taxes.ask(QUESTION)
    told = str(caught.value)
    assert not [secret for secret in (KEY, "Elm", "78701") if secret in told]
    server.reply = answer
    assert taxes.ask(QUESTION), "a failure is not remembered"


@pytest.mark.spec("S58 D4", "3.10")
def test_silence_is_waited_for_no_longer_than_said(
    taxes: TaxJarRates, server: TaxJarServer
) -> None:
    """A server that says nothing, or one byte after the other, is given up at the time-out."""
    for hang, drip in ((30.0, 0.0), (0.0, 0.02)):
        server.hang, server.drip = hang, drip
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            taxes.ask(QUESTION)
        assert time.monotonic() - begun < 2


@pytest.mark.spec("S58 D4")
def test_nobody_there() -> None:
    """A server that is not there is Unavailable too."""
    with TaxJarServer.running() as gone:
        url = gone.url
    with pytest.raises(Unavailable, match="does not answer"):
        TaxJarRates.create(KEY, api_base=url).ask(QUESTION)


@pytest.mark.spec("S58", "R13")
def test_a_redirect_takes_nothing_elsewhere(taxes: TaxJarRates, server: TaxJarServer) -> None:
    """Key and address go to TaxJar alone: a redirect is not followed."""
    server.reply, server.location = lambda _: (307, b"{}"), f"{server.url}/elsewhere"
    with pytest.raises(Unavailable):
        taxes.ask(QUESTION)
    assert server.paths == ["/v2/taxes"]


@pytest.mark.spec("S58", "R13")
def test_nothing_of_it_is_printed(taxes: TaxJarRates) -> None:
    """Neither key nor address is in what an object prints of itself."""
    told = f"{taxes!r} {QUESTION!r} {HOME!r}"
    assert not [secret for secret in (KEY, "Elm", "78701", "Austin") if secret in told]


@pytest.mark.spec("S58 D4")
def test_answers_are_remembered_for_ten_minutes(server: TaxJarServer) -> None:
    """The same address and amount are asked once in ten minutes; another one is another question."""
    now = [0.0]
    taxes = TaxJarRates(TaxJarClient(KEY, server.url, 3.0), lambda: now[0])
    first = taxes.ask(QUESTION)
    now[0] = 599.9
    assert taxes.ask(QUESTION) == first
    taxes.ask(attrs.evolve(QUESTION, customer=attrs.evolve(HOME, zip="75201")))
    taxes.ask(attrs.evolve(QUESTION, amount_cents=10_001))
    assert len(server.orders) == 3
    now[0] = 600.0
    taxes.ask(QUESTION)
    assert len(server.orders) == 4


@pytest.mark.spec("S58 D4")
def test_memory_is_bounded(server: TaxJarServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest answer is forgotten."""
    monkeypatch.setattr(rates, "_CACHED_MAX", 2)
    taxes = TaxJarRates.create(KEY, api_base=server.url)
    questions = [attrs.evolve(QUESTION, amount_cents=cents) for cents in (100, 200, 300)]
    for question in (*questions, questions[2], questions[1], questions[0]):
        taxes.ask(question)
    assert [order["amount"] for order in server.orders] == [1.0, 2.0, 3.0, 1.0]


@pytest.mark.spec("S58")
def test_a_rate_that_is_not_named_is_what_the_part_comes_to(
    taxes: TaxJarRates, server: TaxJarServer
) -> None:
    """Part 0.4 promises amounts only: without a rate the share itself is shown."""

    def bare(order: dict[str, Any]) -> tuple[int, bytes]:
        document: Any = tax_document(order["amount"])
        rates_of = document["tax"]["breakdown"]
        for name in [name for name in rates_of if name.endswith("_rate")]:
            del rates_of[name]
        return 200, json.dumps(document).encode()

    server.reply = bare
    assert [part.rate for part in taxes.ask(QUESTION)] == [Rate(62_500), Rate(20_000), Rate(2_500)]


@pytest.mark.spec("S58")
def test_without_nexus_nothing_is_collected(taxes: TaxJarRates, server: TaxJarServer) -> None:
    """TaxJar names no parts where it says that there is no nexus: the tax is nothing, not unknown."""
    body = {"tax": {"has_nexus": False, "amount_to_collect": 0.0, "rate": 0.0, "jurisdictions": {}}}
    server.reply = lambda _: (200, json.dumps(body).encode())
    assert taxes.ask(QUESTION) == (
        TaxPart(kind=ChargeKind.STATE_TAX, name="TX Sales Tax", rate=Rate(0), cents=0),
    )
