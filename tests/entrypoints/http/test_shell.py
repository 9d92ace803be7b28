"""The shell: what stands on every answer, who may ask from a browser, and what was slow (S07, S09)."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import attrs
import httpx
import pytest
import structlog
import uvicorn

from tests.entrypoints.http.driving import (
    KEY,
    PAYMENTS,
    SETTINGS,
    UseCase,
    World,
    code,
    purchase,
    token,
)
from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.messaging import Answer, Outcome
from ticketpay.entrypoints.http import protocol
from ticketpay.entrypoints.http.operations import OPERATIONS, Operation
from ticketpay.entrypoints.http.shell import checkpoint

SHOP = "https://shop.example"
ASKED = {
    "origin": SHOP,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,idempotency-key",
}


def shop(**changes: Any) -> World:
    """An application that lets one shop in."""
    return World(settings=attrs.evolve(SETTINGS, cors_origins=(SHOP,), **changes))


@pytest.mark.spec("S09")
@pytest.mark.parametrize("path", ["/health/live", "/nowhere", f"{PAYMENTS}/x"])
def test_every_answer_has_the_safe_headers(path: str) -> None:
    """Good or bad, an answer may not be sniffed, framed, cached or traced, and names no server."""
    headers = World().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "strict-transport-security" not in headers
    assert "server" not in headers


@pytest.mark.spec("S09")
def test_production_insists_on_tls() -> None:
    """In production every answer says that only TLS will do."""
    some = World(settings=attrs.evolve(SETTINGS, app_env="production"))
    assert "max-age=31536000" in some.get("/health/live").headers["strict-transport-security"]


@pytest.mark.spec("S07 D3")
def test_a_listed_origin_is_let_in() -> None:
    """A shop on the list passes its preflight and reads answers and problems, without credentials."""
    preflight = shop().send("OPTIONS", PAYMENTS, headers=ASKED)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == SHOP
    assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    failing = shop(app_env="development")
    failing.show_payment = UseCase(NotFound("no"))
    for path in ("/health/live", "/nowhere", f"{PAYMENTS}/123e4567-e89b-12d3-a456-426614174000"):
        answer = failing.get(path, origin=SHOP)
        assert answer.headers["access-control-allow-origin"] == SHOP
        assert "Retry-After" in answer.headers["access-control-expose-headers"]
        assert answer.headers["vary"] == "Origin"


@pytest.mark.spec("S07 D3")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.method} {one.path}")
def test_a_listed_origin_may_do_all_that_there_is(operation: Operation) -> None:
    """The preflight of every operation passes, those that end something included."""
    asked = ASKED | {"access-control-request-method": operation.method}
    assert shop().send("OPTIONS", operation.path, headers=asked).status_code == 200


@pytest.mark.spec("S07 D3")
@pytest.mark.parametrize(
    "origin", ["https://shop.example.evil", "http://shop.example", "null", "*"]
)
def test_another_origin_is_not(origin: str) -> None:
    """Another scheme, a longer name, null: the preflight fails and no answer is shown to the page."""
    preflight = shop().send("OPTIONS", PAYMENTS, headers=ASKED | {"origin": origin})
    assert preflight.status_code == 400
    for answer in (preflight, shop().get("/health/live", origin=origin)):
        assert "access-control-allow-origin" not in answer.headers
    assert "access-control-allow-origin" not in World().get("/health/live", origin=SHOP).headers


@pytest.mark.spec("S09")
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PUT", "DELETE"])
def test_other_methods_are_refused(method: str) -> None:
    """A method that a path does not have is 405 and says which it has; HEAD has no body."""
    answer = World().send(method, PAYMENTS)
    assert code(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "POST"
    head = World().send("HEAD", "/health/live")
    assert head.status_code == 200


@pytest.mark.spec("S12")
@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "application/json; charset=latin-1"},
        {"content_type": "application/json; charset=utf-16"},
        {"content_type": "application/json; version=2"},
        {"content_encoding": "gzip"},
        {"content_encoding": "br, gzip"},
    ],
)
def test_a_foreign_coding_is_refused(headers: dict[str, Any]) -> None:
    """Another charset, an unknown parameter or a compressed body is 415 and claims nothing."""
    some = World()
    refused = some.post(PAYMENTS, purchase(), **headers)
    assert code(refused) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert some.calls == 0
    for good in ("application/json; charset=utf-8", 'application/json;charset="UTF-8"'):
        assert World().post(PAYMENTS, purchase(), content_type=good).status_code == 201
    assert World().post(PAYMENTS, purchase(), content_encoding="identity").status_code == 201


@pytest.mark.spec("S12")
@pytest.mark.parametrize(
    "pairs",
    [
        [("content-type", "application/json"), ("content-type", "text/plain")],
        [
            ("content-type", "application/json"),
            ("content-encoding", "identity"),
            ("content-encoding", "gzip"),
        ],
    ],
)
def test_no_second_header_hides_a_coding(pairs: list[tuple[str, str]]) -> None:
    """Two headers of one name are read as one: the second is not overlooked."""
    headers = [("authorization", f"Bearer {token()}"), ("idempotency-key", KEY), *pairs]
    answer = World().send("POST", PAYMENTS, content=b"{}", headers=headers)
    assert code(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.spec("S09")
def test_a_slow_request_tells_its_checkpoints() -> None:
    """Beyond the bound it warns with id, path template, total and checkpoints in order; else not."""

    def slowly(*_: Any) -> Answer:
        time.sleep(0.03)
        checkpoint("asked")
        return Answer(Outcome.COMPLETED, {"id": "x"})

    slow = World(settings=attrs.evolve(SETTINGS, slow_request_ms=20), checkout=UseCase(slowly))
    slow.post(PAYMENTS, purchase(), x_request_id="abc-1")
    (told,) = [entry for entry in slow.logged if entry["event"] == "slow_request"]
    assert (told["id"], told["path"], told["level"]) == ("abc-1", PAYMENTS, "warning")
    marks = told["checkpoints"]
    assert list(marks) == ["body", "caller", "order", "asked", "sale"]
    assert sorted(marks.values()) == list(marks.values())
    assert told["ms"] >= marks["asked"] >= 30 > marks["order"] - 30
    quick = World(checkout=UseCase(slowly))
    quick.post(PAYMENTS, purchase())
    assert [entry["event"] for entry in quick.logged] == ["request"]


@pytest.mark.spec("S09 D3")
def test_the_request_id_is_known_in_the_use_case() -> None:
    """What a use case logs, in its thread, carries the id of its request and of no other."""
    seen: list[Any] = []

    def note(*_: Any) -> Answer:
        seen.append(structlog.contextvars.get_contextvars().get("request_id"))
        return Answer(Outcome.COMPLETED, {"id": "x"})

    for name in ("first", "second"):
        World(checkout=UseCase(note)).post(PAYMENTS, purchase(), x_request_id=name)
    assert seen == ["first", "second"]


@pytest.mark.spec("S07", "S07 D2", "3.10")
@pytest.mark.parametrize(
    ("ready", "redis", "status", "said"),
    [
        (True, "off", 200, "healthy"),
        (True, "healthy", 200, "healthy"),
        (True, "degraded", 200, "degraded"),
        (True, "unhealthy", 200, "degraded"),
        (True, "ConnectionError at 10.0.0.1", 200, "degraded"),
        (False, "healthy", 503, "unhealthy"),
    ],
)
def test_health_is_the_database_and_redis_shades_it(
    ready: bool,  # noqa: FBT001 - a parameter
    redis: str,
    status: int,
    said: str,
) -> None:
    """Without the database 503; without Redis 200 and degraded; ready is the database alone."""
    some = World(ready=lambda: ready, redis_state=lambda: redis)
    answer = some.get("/health")
    assert (answer.status_code, answer.json()["status"]) == (status, said)
    parts = answer.json()["components"]
    assert parts["database"] == ("healthy" if ready else "unhealthy")
    assert parts["redis"] in ("off", "healthy", "unhealthy")
    assert parts["processor"] == "stripe"
    assert some.get("/health/ready").status_code == (200 if ready else 503)
    assert some.get("/health/db").status_code == (200 if ready else 503)


@pytest.mark.spec("S07 D6")
def test_a_probe_that_fails_tells_nothing() -> None:
    """What a probe raised is said in no answer."""

    def broken() -> Any:
        raise OSError("password of 10.0.0.1")

    some = World(ready=broken, redis_state=broken)
    for path in ("/health", "/health/db"):
        answer = some.get(path)
        assert answer.status_code == 503
        assert "10.0.0.1" not in answer.text
        assert "OSError" not in answer.text


@pytest.mark.spec("S07 D5")
def test_info_tells_what_is_switched_on() -> None:
    """Features are the state of this process: Redis is on only when it is there."""
    off, on = World().get("/info").json(), World(redis_state=lambda: "healthy").get("/info").json()
    assert (off["service"], off["status"]) == ("ticketpay", "running")
    assert (off["features"]["redis"], on["features"]["redis"]) == (False, True)
    assert off["features"]["stripe"] is False


@pytest.mark.spec("S07")
@pytest.mark.parametrize("path", ["/info", "/health", "/health/db", "/health/ready"])
def test_probes_leave_the_event_loop_alone(path: str) -> None:
    """Whatever may wait for the database or Redis is asked in a thread, never on the event loop."""
    asked_on: list[bool] = []

    def on_loop() -> bool:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return False
        return True

    def redis() -> str:
        asked_on.append(on_loop())
        return "healthy"

    def ready() -> bool:
        asked_on.append(on_loop())
        return True

    assert World(ready=ready, redis_state=redis).get(path).status_code == 200
    assert asked_on
    assert not any(asked_on)


@pytest.mark.spec("S18", "S12")
def test_an_estimate_names_what_is_wrong() -> None:
    """A body without integers in cents is refused with every wrong field; the use case is not asked."""
    some = World()
    refused = some.post("/api/v1/fees/calculate", {"venueId": "x", "amountCents": 1.5})
    assert code(refused) == (400, "VALIDATION_ERROR")
    assert {error["field"] for error in refused.json()["errors"]} == {
        "venueId",
        "amountCents",
        "ticketCount",
    }
    assert some.estimate_fees.calls == []


@pytest.mark.spec("S07")
@pytest.mark.parametrize("path", ["/health", "/health/db", "/health/ready", "/info"])
def test_many_who_ask_share_a_probe(path: str) -> None:
    """A hundred and fifty who ask at once are all answered, by a handful of probes."""
    probes: list[str] = []

    def slow() -> Any:
        probes.append(path)
        time.sleep(0.05)
        return "healthy" if path == "/info" else True

    world = World(ready=slow, redis_state=slow if path == "/info" else lambda: "healthy")

    async def crowd() -> list[int]:
        transport = httpx.ASGITransport(world.asgi())
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return [
                a.status_code for a in await asyncio.gather(*(client.get(path) for _ in range(150)))
            ]

    assert set(asyncio.run(crowd())) == {200}
    assert 1 <= len(probes) <= 20


WHOLE = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
HALF = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\n{"


@pytest.mark.spec("S12")
@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"", [b"408"]),
        (b"GET / HTTP/1.1\r\nHost: shop\r\nX-Slow: ", [b"408"]),
        (HALF, [b"408"]),
        (WHOLE, [b"204"]),
        (WHOLE + HALF, [b"204", b"408"]),
        (WHOLE + b"GET / HT", [b"204", b"408"]),
        (WHOLE + b"nonsense\r\n\r\n", []),
    ],
)
def test_who_sends_nothing_keeps_no_connection(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, statuses: list[bytes]
) -> None:
    """A request that does not arrive in time is answered with 408, and the connection is closed;
    one that has arrived may take as long as it takes, and never hears what is meant for the next."""
    monkeypatch.setattr(protocol, "ARRIVAL_SECONDS_MAX", 0.3)

    async def slow(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(0.7)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def talk() -> bytes:
        config = uvicorn.Config(
            slow, port=0, http=protocol.BoundedProtocol, lifespan="off", log_config=None
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        said = b""
        while said.count(b"HTTP/1.1 ") < len(statuses) or not statuses:
            piece = await asyncio.wait_for(reader.read(4096), 5)
            said += piece
            if not piece:
                break
        writer.close()
        server.should_exit = True
        await serving
        return said

    assert re.findall(rb"HTTP/1\.1 (\d+)", asyncio.run(talk())) == statuses
