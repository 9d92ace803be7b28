"""Canaries: secrets that can be recognised are put wherever there are secrets, and found nowhere."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any
from unittest import mock

import attrs
import pytest
import structlog

from tests.entrypoints.http.driving import SETTINGS, UseCase, World, token
from tests.entrypoints.http.shop import CLIENT_SECRET, WEBHOOK_SECRET, Shop
from tests.support.scenery import START
from ticketpay.adapters.sandbox.delivery import sign
from ticketpay.adapters.stripe.webhook import StripeWebhooks
from ticketpay.adapters.system.logging import configure_logging
from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.entrypoints.http.auth import Guard
from ticketpay.entrypoints.http.paging import Cursors
from ticketpay.entrypoints.settings import Secret, Settings, declarations, load_settings

pytestmark = pytest.mark.spec("S02", "S09")

CANARY = "canary"
CARD = "tok_canary_4242"
JWT_CANARY = "jwt-canary-secret-of-more-than-thirty-two"


def secret_of(name: str) -> str:
    """A value of a secret setting in which a canary sings."""
    if name.endswith("DATABASE_URL"):
        return f"postgresql://ticketpay:canary-{name.lower()}@127.0.0.1:1/none"
    if name == "REDIS_URL":
        return "redis://:canary-redis@127.0.0.1:1/0"
    return f"canary-{name.lower()}-of-more-than-thirty-two-characters"


ENVIRONMENT = {one.name: secret_of(one.name) for _, one in declarations() if one.secret}


def sings(text: str, *more: str) -> list[str]:
    """The secrets that occur in a text."""
    return [secret for secret in (CANARY, CLIENT_SECRET, *more) if secret in text]


def told(error: BaseException) -> str:
    """Everything that an error and its causes say of themselves; without the lines of the code."""
    found: list[str] = []
    current: BaseException | None = error
    while current is not None:
        found += [str(current), repr(current)]
        current = current.__cause__ or current.__context__
    return "\n".join(found)


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything that is logged, from debug on, in the form of production."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with mock.patch("sys.stderr", stream):
        configure_logging("debug")
        yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_settings_never_show_their_secrets() -> None:
    """Neither the settings nor what is made of them shows a secret in its str or repr."""
    settings = load_settings(ENVIRONMENT)
    assert len(ENVIRONMENT) >= 6
    for thing in (settings, Guard.of(settings), Cursors.of(settings.jwt_secrets[0].value)):
        assert sings(str(thing) + repr(thing)) == []
    for name in attrs.fields_dict(Settings):
        assert sings(f"{getattr(settings, name)}{getattr(settings, name)!r}") == []
    assert sings(repr(StripeWebhooks((secret_of("WEBHOOK"),)))) == []


@pytest.mark.parametrize("name", sorted(ENVIRONMENT))
def test_a_refused_setting_is_not_repeated(name: str) -> None:
    """A secret that production refuses is named, and not told."""
    wrong = {**ENVIRONMENT, "APP_ENV": "production", "PORT": "x", name: f"{CANARY} x"}
    with pytest.raises(TicketpayError) as caught:
        load_settings(wrong)
    shown = "".join(traceback.format_exception_only(caught.value))
    assert sings(told(caught.value) + shown) == []


def requests(shop: Shop) -> Iterator[Any]:
    """Answers to requests that succeed, are refused, fail and crash."""
    bearer = shop.token(secret=JWT_CANARY)
    paths = ("/api/v1/payments", "/api/v1/quotes", "/api/v1/payments/canary", "/canary")
    for card in (
        "tok_visa",
        "tok_action",
        "tok_declined",
        "tok_down",
        "tok_unclear",
        "tok_canary_bug",
        CARD,
    ):
        yield shop.send("POST", paths[0], bearer, body=shop.purchase(card))
    method = {"type": "card", "token": CARD}
    for wrong in ({"totalCents": 0}, {"paymentMethod": {**method, "paymentMethodId": CARD}}):
        yield shop.send("POST", paths[0], bearer, body=shop.purchase(CARD, **wrong))
    yield shop.send("POST", paths[0], bearer, body={"paymentMethod": {"token": [CARD]}})
    raw = json.dumps(shop.purchase(CARD)).encode()[:-1] + b"\xff"
    as_json = {"content-type": "application/json"}
    yield shop.send("POST", paths[0], bearer, content=raw, headers=as_json)
    for path in paths:
        yield shop.send("GET", path, f"{CANARY}.{CANARY}.{CANARY}")
        yield shop.send("POST", path, bearer[:-3] + "abc", headers={"idempotency-key": CANARY})
        yield shop.send("POST", path, bearer, content=b"{}", headers={"x-request-id": "c~canary"})
    event = json.dumps({"id": "evt_canary", "type": CANARY}).encode()
    yield shop.tell(event)
    yield shop.tell(event, "whsec_other")
    yield shop.send("POST", "/api/v1/webhooks/stripe", headers={"stripe-signature": f"v1={CANARY}"})


def test_no_request_makes_a_secret_sing(
    logs: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    """Tokens, cards and signatures are in no answer and no log; the client secret in its answer."""
    settings = attrs.evolve(SETTINGS, jwt_secrets=(Secret(JWT_CANARY),))
    statuses = set()
    for answer in requests(Shop.open(settings, log_level="debug")):
        statuses.add(answer.status_code)
        text = answer.text
        if answer.status_code == 202:
            text = text.replace(f'"clientSecret":"{CLIENT_SECRET}"', "")
        assert sings(text) == []
        assert sings(str(answer.headers)) == []
    assert {201, 202, 400, 401, 402, 404, 500, 503} <= statuses
    captured = capfd.readouterr()
    said = logs.getvalue() + captured.out + captured.err
    assert "request_failed" in said
    assert sings(said, WEBHOOK_SECRET, CARD, "eyJ", "Bearer") == []


BUGS = [
    RuntimeError(f"a bug near {CANARY}"),
    KeyError(CANARY),
    TicketpayError(CANARY),
    ExceptionGroup(CANARY, [ValueError(CANARY)]),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: type(bug).__name__)
def test_a_bug_does_not_sing(bug: Exception, logs: io.StringIO) -> None:
    """An unforeseen error that carries a secret is answered and logged by its type alone."""
    world = World(show_payment=UseCase(bug), webhook=UseCase(bug))
    headers = {"stripe-signature": sign(CANARY, int(START.timestamp()), b"{}")}
    answers = [
        world.get(f"/api/v1/payments/{SETTINGS.port:08d}-0000-4000-8000-000000000000"),
        world.send("POST", "/api/v1/webhooks/stripe", content=b"{}", headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 500
        assert answer.json()["detail"] == "Internal server error"
        assert sings(answer.text) == []
    assert sings(json.dumps(world.logged) + logs.getvalue()) == []
    assert [entry["error"] for entry in world.logged if "error" in entry] != []


def test_an_unbelievable_token_is_not_in_the_error() -> None:
    """The error of a token that cannot be believed does not repeat it, nor do its causes."""
    from starlette.requests import Request

    guard = Guard.of(attrs.evolve(SETTINGS, jwt_secrets=(Secret(JWT_CANARY),)))
    bad = token(secret=JWT_CANARY, issuer="somebody", audience="canary-audience")
    for sent in (bad, f"{CANARY}.{CANARY}.{CANARY}"):
        headers = [(b"authorization", f"Bearer {sent}".encode())]
        with pytest.raises(TicketpayError) as caught:
            guard.actor(Request({"type": "http", "headers": headers}))
        assert sings(told(caught.value), sent, JWT_CANARY) == []
