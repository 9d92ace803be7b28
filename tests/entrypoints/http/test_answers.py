"""What a caller is told: answers, refusals, errors, and the headers around them."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import attrs
import httpx
import pytest

import ticketpay.domain
from tests.entrypoints.http.driving import (
    KEY,
    PAYMENTS,
    THING,
    USER,
    VIEW,
    UseCase,
    World,
    code,
    purchase,
    token,
)
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown, TicketpayError, Unavailable
from ticketpay.domain.messaging import Answer, Outcome, RequestInProgress, request_hash
from ticketpay.domain.payments import (
    FactMismatch,
    PaymentMethod,
    PaymentMethodUnsupported,
    ProviderUnavailable,
    SignatureInvalid,
)
from ticketpay.domain.pricing import PriceChanged, RateUnavailable
from ticketpay.domain.processes.answers import refusal
from ticketpay.entrypoints.http import endpoints
from ticketpay.entrypoints.http.errors import STATUS_OF_CODE, status_of
from ticketpay.entrypoints.http.pools import Pool, Pools

WEBHOOKS = "/api/v1/webhooks/stripe"


@pytest.mark.spec("S12")
def test_a_purchase_becomes_a_command() -> None:
    """A body becomes the command that it describes, without the unknown fields."""
    world = World()
    ticket = {"ticketTypeId": str(THING), "quantity": 1, "priceCents": 500, "seats": ["A1"]}
    body = purchase(
        tickets=[{**ticket, "x": 1}], totalCents=700, metadata={"b": "2", "a": "1"}, unknown=[1]
    )
    response = world.post(PAYMENTS, body)
    assert (response.status_code, response.json()) == (201, VIEW)
    ((command,),) = world.checkout.calls
    assert (command.key.user_id, str(command.key.key)) == (USER, KEY)
    assert command.demand.event_id == THING
    line = command.demand.lines[0]
    assert attrs.astuple(line) == (THING, 1, ("A1",), 500)
    assert (command.quote_id, command.expected_total_cents) == (None, 700)
    assert command.method == PaymentMethod(type="card", token="tok_visa")
    assert command.metadata == (("a", "1"), ("b", "2"))
    assert command.device_fingerprint == "device"


@pytest.mark.spec("S12")
def test_a_quote_stands_for_its_demand() -> None:
    """With a quote the venue, the event and the tickets may be left out."""
    world = World()
    body = purchase(quoteId=str(THING), venueId=None, eventId=None, tickets=None)
    assert world.post(PAYMENTS, body).status_code == 201
    ((command,),) = world.checkout.calls
    assert (command.quote_id, command.demand) == (THING, None)


@pytest.mark.spec("S12")
@pytest.mark.parametrize("kind", ["paypal", "crypto"])
def test_unbuilt_methods_are_refused_by_the_use_case(kind: str) -> None:
    """PayPal and crypto pass the schema and are refused with 422."""
    world = World(checkout=UseCase(refusal(PaymentMethodUnsupported())))
    response = world.post(PAYMENTS, purchase(paymentMethod={"type": kind}))
    assert code(response) == (422, "PAYMENT_METHOD_UNSUPPORTED")
    assert len(world.checkout.calls) == 1


@pytest.mark.spec("S12")
def test_quotes() -> None:
    """A quote is given for the demand and answered with 201, without a key."""
    world = World()
    with mock.patch.object(endpoints, "quote_view", return_value={"id": "q"}):
        sent = f"Bearer {token(role='venue_manager')}"
        body = {"eventId": str(THING), "tickets": purchase()["tickets"], "currency": "usd"}
        response = world.post("/api/v1/quotes", body, authorization=sent, idempotency_key=None)
    assert (response.status_code, response.json()) == (201, {"id": "q"})
    ((_, demand, customer, venue),) = world.give_quote.calls
    assert demand.quantity_of(THING) == 2
    assert (customer, venue) == (None, None)


@pytest.mark.spec("S11")
@pytest.mark.parametrize(("verb", "body"), [("confirm", b""), ("cancel", b'{"why": 1}')])
def test_actions(verb: str, body: bytes) -> None:
    """Confirm and cancel need no body; the hash covers the payment, the verb and the body."""
    world = World()
    media_type = "application/json" if body else None
    response = world.post(f"{PAYMENTS}/{THING}/{verb}", raw=body, content_type=media_type)
    assert (response.status_code, response.json()) == (200, VIEW)
    ((command,),) = (world.confirm if verb == "confirm" else world.cancel).calls
    assert command.payment_id == THING
    members: dict[str, object] = {"why": 1} if body else {}
    assert command.request_hash == request_hash(f"POST {PAYMENTS}/{THING}/{verb}", members)


@pytest.mark.spec("S12", "S37")
def test_a_confirmation_may_name_another_method() -> None:
    """The method of a confirmation is read like that of a purchase, and wrong fields are named."""
    world, path = World(), f"{PAYMENTS}/{THING}/confirm"
    other = {"paymentMethod": {"type": "card", "paymentMethodId": "pm_2"}}
    assert world.post(path, other).status_code == 200
    ((command,),) = world.confirm.calls
    assert command.method == PaymentMethod(type="card", method_id="pm_2")
    wrong = [{"type": "cash"}, {"type": "card"}, {"type": "card", "token": ""}, "card", None]
    for method in wrong:
        response = world.post(path, {"paymentMethod": method})
        assert (response.status_code, response.json()["code"]) == (400, "VALIDATION_ERROR")
        assert response.json()["errors"][0]["field"].startswith("paymentMethod")
    assert len(world.confirm.calls) == 1


@pytest.mark.spec("S11")
def test_accepted_answers_carry_the_secret() -> None:
    """A payment that asks for action is answered 202 with the client secret."""
    view = {"id": "1", "status": "requires_action"}
    world = World(checkout=UseCase(Answer(Outcome.ACCEPTED, view, client_secret="pi_secret")))
    response = world.post(PAYMENTS, purchase())
    assert (response.status_code, response.json()) == (202, view | {"clientSecret": "pi_secret"})
    assert "idempotent-replayed" not in response.headers


@pytest.mark.spec("S11")
@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(Outcome.COMPLETED, VIEW, replayed=True), 201),
        (attrs.evolve(refusal(PriceChanged("it costs more")), replayed=True), 409),
        (Answer(Outcome.DECLINED, VIEW, replayed=True), 402),
    ],
)
def test_replays_are_recognisable(answer: Answer, status: int) -> None:
    """A stored answer is replayed with its status and says that it is a replay."""
    response = World(checkout=UseCase(answer)).post(PAYMENTS, purchase())
    assert response.status_code == status
    assert response.headers["idempotent-replayed"] == "true"


@pytest.mark.spec("S11")
def test_declines_show_the_payment() -> None:
    """A decline is a problem that carries the payment; its status is a number (RFC 9457)."""
    failure = {"code": "card_declined", "declineCode": "lost_card", "message": "Declined."}
    view = {"id": "1", "status": "failed", "failure": failure}
    response = World(checkout=UseCase(Answer(Outcome.DECLINED, view))).post(PAYMENTS, purchase())
    assert response.status_code == 402
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["payment"] == view
    assert response.json()["status"] == 402
    assert response.json()["code"] == "PAYMENT_DECLINED"
    assert response.json()["detail"] == "Declined."


@pytest.mark.spec("S11")
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("NOT_FOUND", 404),
        ("SOLD_OUT", 409),
        ("SEAT_UNAVAILABLE", 409),
        ("PRICE_CHANGED", 409),
        ("QUOTE_EXPIRED", 409),
        ("ORDER_EXPIRED", 409),
        ("PAYMENT_CANCELLED", 409),
        ("INVALID_TRANSITION", 409),
        ("CONFLICT", 409),
        ("EVENT_NOT_ON_SALE", 422),
        ("VENUE_MISMATCH", 422),
        ("TAX_JURISDICTION_UNKNOWN", 422),
        ("AMOUNT_REFUSED", 422),
        ("CURRENCY_MISMATCH", 422),
        ("CURRENCY_UNSUPPORTED", 422),
        ("SOMETHING_NEW", 422),
    ],
)
def test_refusals(name: str, status: int) -> None:
    """A refusal has the status of its code."""
    answer = Answer(Outcome.REFUSED, {"code": name, "title": "No", "detail": "Because"})
    response = World(checkout=UseCase(answer)).post(PAYMENTS, purchase())
    assert code(response) == (status, name)
    assert (response.json()["title"], response.json()["detail"]) == ("No", "Because")


ERRORS: list[tuple[Exception, int, str, str | None]] = [
    (RequestInProgress("busy"), 409, "DUPLICATE_IN_PROGRESS", None),
    (NotFound("gone"), 404, "NOT_FOUND", None),
    (Unavailable("down", retry_after_seconds=7), 503, "UNAVAILABLE", "7"),
    (ProviderUnavailable("down"), 503, "PROVIDER_UNAVAILABLE", "1"),
    (RateUnavailable("old"), 503, "EXCHANGE_RATE_UNAVAILABLE", "300"),
    (OutcomeUnknown("hm"), 503, "OUTCOME_UNKNOWN", "5"),
    (FactMismatch("secret"), 503, "PROVIDER_MISMATCH", "1"),
    (TicketpayError("secret"), 500, "INTERNAL_ERROR", None),
    (ZeroDivisionError("secret"), 500, "INTERNAL_ERROR", None),
]


@pytest.mark.spec("S11")
@pytest.mark.parametrize(("error", "status", "name", "retry"), ERRORS)
def test_errors(error: Exception, status: int, name: str, retry: str | None) -> None:
    """A raised error becomes a problem; what is ours is told to nobody but the log."""
    world = World(checkout=UseCase(error))
    response = world.post(PAYMENTS, purchase())
    assert code(response) == (status, name)
    assert response.headers.get("retry-after") == retry
    assert "secret" not in response.text
    assert "secret" not in str(world.logged)
    failures = [entry["error"] for entry in world.logged if entry["event"] == "request_failed"]
    assert failures == ([type(error).__name__] if status == 500 else [])
    where = [entry["where"] for entry in world.logged if entry["event"] == "request_failed"]
    assert all("ticketpay/entrypoints/http/" in str(frames) for frames in where)


def _tree(cls: type[TicketpayError]) -> Iterator[type[TicketpayError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _tree(child)


@pytest.mark.spec("S11")
def test_every_error_of_the_domain_has_a_status() -> None:
    """No error class of the domain is without a place in the table of statuses."""
    for module in pkgutil.walk_packages(ticketpay.domain.__path__, "ticketpay.domain."):
        importlib.import_module(module.name)
    domain = {cls for cls in _tree(TicketpayError) if cls.__module__.startswith("ticketpay.domain")}
    assert len(domain) > 25
    assert {cls.code for cls in domain} <= STATUS_OF_CODE.keys()
    source = Path(ticketpay.domain.__file__).parent.parent
    given = {
        code
        for path in [*source.glob("domain/**/*.py"), *source.glob("adapters/*/*.py")]
        if "sandbox" not in path.parts
        for code in re.findall(r'\bcode="([A-Z_]+)"', path.read_text("utf-8"))
    }
    assert len(given) > 2
    # What an operator's migration is refused for reaches no client.
    assert given - {"OWNER_REQUIRED"} <= STATUS_OF_CODE.keys()
    for cls in domain:
        error = cls.__new__(cls)
        error.error_code = "UNLISTED"
        assert 400 <= status_of(error) <= 503


@pytest.mark.spec("S08")
@pytest.mark.parametrize("thing", ["payments", "orders"])
def test_shown_things(thing: str) -> None:
    """Payments and orders are shown as the use case shows them, and bad ids are not found."""
    world = World()
    assert world.get(f"/api/v1/{thing}/{THING}").json() == VIEW
    assert code(world.get(f"/api/v1/{thing}/7")) == (404, "NOT_FOUND")
    assert world.calls == 1
    refusing = UseCase(NotFound("no"))
    world = World(show_payment=refusing, show_order=refusing)
    assert code(world.get(f"/api/v1/{thing}/{THING}")) == (404, "NOT_FOUND")


@pytest.mark.spec("S26")
@pytest.mark.parametrize(
    ("fresh", "body"),
    [(True, {"received": True}), (False, {"received": True, "duplicate": True})],
)
def test_webhooks(fresh: bool, body: dict[str, Any]) -> None:  # noqa: FBT001 - a parametrised value
    """A webhook is handed on byte by byte, and a duplicate is said to be one."""
    world = World(webhook=UseCase(fresh))
    headers = {"stripe-signature": "t=1,v1=ab"}
    response = world.send("POST", WEBHOOKS, content=b" {\xff", headers=headers)
    assert (response.status_code, response.json()) == (200, body)
    assert world.webhook.calls == [(b" {\xff", "t=1,v1=ab")]


@pytest.mark.spec("S26")
def test_webhook_signatures() -> None:
    """A missing or wrong signature is answered 400; without one nothing is called."""
    world = World(webhook=UseCase(SignatureInvalid()))
    assert code(world.send("POST", WEBHOOKS, content=b"{}")) == (400, "INVALID_SIGNATURE")
    assert world.calls == 0
    response = world.send("POST", WEBHOOKS, content=b"{}", headers={"stripe-signature": "x"})
    assert code(response) == (400, "INVALID_SIGNATURE")


@pytest.mark.spec("S26")
@pytest.mark.parametrize("error", [Unavailable("down"), RuntimeError("down")])
def test_webhooks_that_are_not_stored(error: Exception) -> None:
    """A webhook that could not be stored is answered 500, so that it is sent again."""
    world = World(webhook=UseCase(error))
    response = world.send("POST", WEBHOOKS, content=b"{}", headers={"stripe-signature": "x"})
    assert code(response) == (500, "INTERNAL_ERROR")


@pytest.mark.spec("S09")
@pytest.mark.parametrize("sent", ["abc-123", "A" * 64])
def test_request_ids_are_echoed(sent: str) -> None:
    """A well-formed request id is echoed and logged."""
    world = World()
    response = world.get(f"{PAYMENTS}/{THING}?email=bob@example.org", **{"x-request-id": sent})
    assert response.headers["x-request-id"] == sent
    (entry,) = world.logged
    assert isinstance(entry.pop("ms"), int)
    assert entry == {
        "event": "request",
        "level": "info",
        "id": sent,
        "method": "GET",
        "path": "/api/v1/payments/{id}",
        "status": 200,
    }


@pytest.mark.spec("S09")
@pytest.mark.parametrize("sent", ["", "a b", "A" * 65, "x;y", "\u00e4"])
def test_other_request_ids_are_replaced(sent: str) -> None:
    """A request id that could do harm in a log is replaced by a new UUID."""
    headers: Any = {b"x-request-id": sent.encode()}
    response = World().send("GET", "/health/live", headers=headers)
    assert len(response.headers["x-request-id"]) == 36


@pytest.mark.spec("S09")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health/live", 200),
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/payments/", 404),
        ("DELETE", "/api/v1/payments", 405),
        ("POST", "/api/v1/payments", 401),
    ],
)
def test_every_response_is_stamped(method: str, path: str, status: int) -> None:
    """Id, duration and the ban on caching stand on every response, errors included."""
    response = World().send(method, path)
    assert response.status_code == status
    assert len(response.headers["x-request-id"]) == 36
    assert response.headers["x-response-time"].removesuffix("ms").isdigit()
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.spec("S09")
def test_routing_errors_are_problems() -> None:
    """An unknown path and a wrong method are problems as well."""
    assert code(World().send("GET", "/nowhere")) == (404, "NOT_FOUND")
    response = World().send("PUT", PAYMENTS)
    assert code(response) == (405, "METHOD_NOT_ALLOWED")
    assert response.headers["allow"] == "POST"


@pytest.mark.spec("S09")
def test_health() -> None:
    """Liveness asks nobody; readiness asks the probe."""
    assert World().send("GET", "/health/live").json() == {"status": "live"}
    assert World().send("GET", "/health/ready").json() == {"status": "ready"}
    response = World(ready=lambda: False).send("GET", "/health/ready")
    assert code(response) == (503, "UNAVAILABLE")


@pytest.mark.spec("S09")
def test_overload_is_answered_at_once() -> None:
    """When the pool is full and enough wait, the next is told to come back; others go on."""
    started, gate = [], anyio.Event

    async def go() -> tuple[list[int], httpx.Response]:
        release = gate()

        def slow(_: object) -> Answer:
            started.append(1)
            anyio.from_thread.run(release.wait)
            return Answer(Outcome.COMPLETED, VIEW)

        pools = Pools(provider=Pool(1, waiting_max=1))
        world = World(checkout=UseCase(slow), pools=pools)
        transport = httpx.ASGITransport(world.asgi())
        headers = {"authorization": f"Bearer {token()}", "idempotency-key": KEY}
        statuses: list[int] = []
        async with httpx.AsyncClient(
            transport=transport, base_url="http://shop", trust_env=False
        ) as client:

            async def pay() -> httpx.Response:
                response = await client.post(PAYMENTS, json=purchase(), headers=headers)
                statuses.append(response.status_code)
                return response

            async with anyio.create_task_group() as group:
                group.start_soon(pay)
                group.start_soon(pay)
                await anyio.sleep(0.05)
                refused = await pay()
                read = await client.get(f"{PAYMENTS}/{THING}", headers=headers)
                assert read.status_code == 200
                release.set()
        return statuses, refused

    statuses, refused = anyio.run(go)
    assert (statuses, len(started)) == ([503, 201, 201], 2)
    assert code(refused) == (503, "OVERLOADED")
    assert refused.headers["retry-after"] == "1"


@pytest.mark.spec("S07")
def test_shutdown_closes_the_application() -> None:
    """When the server shuts down, what the adapters hold is given back."""
    world = World()
    received = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> dict[str, str]:
        return received.pop(0)

    async def send(message: dict[str, str]) -> None:
        sent.append(message["type"])

    async def go() -> None:
        await world.asgi()({"type": "lifespan", "state": {}}, receive, send)

    anyio.run(go)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert len(world.close.calls) == 1
