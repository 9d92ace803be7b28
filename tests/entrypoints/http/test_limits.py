"""Limits in front of the routes, on fake use cases and a clock under control."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import anyio
import attrs
import httpx
import pytest

from tests.entrypoints.http.driving import (
    KEY,
    PAYMENTS,
    SETTINGS,
    TENANT,
    THING,
    USER,
    World,
    code,
    purchase,
    token,
)
from ticketpay.adapters.memory import (
    MemoryPurchaseTurns,
    MemoryRateLimiter,
    SeededIds,
    VirtualClock,
)
from ticketpay.domain.admission import Decision, Limit, PurchaseInProgress
from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.kernel.ids import TenantId, UserId
from ticketpay.domain.processes.admission import AdmitRequest, OneAtATime
from ticketpay.entrypoints.http.client_ip import client_ip, subject_of

FEW = attrs.evolve(SETTINGS, rate_limit_max_requests=3)
QUESTION = f"{PAYMENTS}/{THING}"


@attrs.define
class Down:
    """A counter that cannot be asked."""

    asked: int = 0

    def check(self, limit: Limit, subject: str) -> Decision:
        self.asked += 1
        raise Unavailable("down")


@attrs.define(kw_only=True)
class Limited(World):
    """The application behind its limits."""

    clock: VirtualClock = attrs.field(
        factory=lambda: VirtualClock(datetime(2026, 3, 1, tzinfo=UTC))
    )
    shared: Any = None

    def __attrs_post_init__(self) -> None:
        self.admit = AdmitRequest(local=MemoryRateLimiter(self.clock), shared=self.shared)


def buy(world: World, authorization: str | None = None) -> httpx.Response:
    known = authorization or f"Bearer {token()}"
    return world.post(PAYMENTS, purchase(), authorization=known)


@pytest.mark.spec("S10")
def test_the_eleventh_payment_of_a_user_is_refused() -> None:
    """Ten are served and told what is left; the next is a 429 that reached no use case."""
    world = Limited()
    answers = [buy(world) for _ in range(11)]
    assert [a.status_code for a in answers] == [201] * 10 + [429]
    assert {a.headers["ratelimit-policy"] for a in answers} == {'"payments";q=10;w=60'}
    assert [a.headers["ratelimit"] for a in answers[:2]] == [
        '"payments";r=9;t=6',
        '"payments";r=8;t=6',
    ]
    last = answers[-1]
    assert code(last) == (429, "RATE_LIMITED")
    assert last.json()["detail"] == "Too many payments requests: try again in 6 s"
    assert (last.headers["retry-after"], last.headers["ratelimit"]) == ("6", '"payments";r=0;t=6')
    assert last.headers["x-request-id"]
    assert len(world.checkout.calls) == 10
    assert buy(world, authorization=f"Bearer {token(user=uuid4())}").status_code == 201
    world.clock.advance(6)
    assert buy(world).status_code == 201


@pytest.mark.spec("S10")
def test_addresses_are_counted_for_everything_else() -> None:
    """Questions and strangers count by address; payments, webhooks and health do not."""
    world = Limited(settings=FEW)
    assert [world.get(QUESTION).status_code for _ in range(2)] == [200, 200]
    assert code(buy(world, authorization="Bearer x")) == (401, "AUTH_REQUIRED")
    assert code(world.get(QUESTION)) == (429, "RATE_LIMITED")
    assert world.get("/nowhere").json()["detail"] == "Too many requests: try again in 20 s"
    assert code(buy(world, authorization="Bearer x")) == (429, "RATE_LIMITED")
    assert buy(world).status_code == 201
    for _ in range(5):
        live = world.get("/health/live")
        hook = world.post("/api/v1/webhooks/stripe", {}, stripe_signature="t")
        assert (live.status_code, hook.status_code) == (200, 200)
        assert "ratelimit" not in live.headers
    assert code(world.get("/healthy"))[0] == 429


@pytest.mark.spec("S10", "S09")
def test_the_log_names_the_limit_that_refused() -> None:
    """A 429 is logged by its limit, whatever was asked for; what is served by its route."""
    world = Limited(settings=FEW)
    for _ in range(3):
        world.get(QUESTION)
    for n in range(3):
        assert world.get(f"/nowhere/{n}").status_code == 429
    for _ in range(11):
        buy(world)
    paths = [entry["path"] for entry in world.logged if entry["event"] == "request"]
    limited = ["limited:default"] * 3
    assert paths == [f"{PAYMENTS}/{{id}}"] * 3 + limited + [PAYMENTS] * 10 + ["limited:payments"]


@pytest.mark.spec("S10")
def test_refunds_have_a_limit_of_their_own() -> None:
    """Five refunds a minute, whichever way they are asked for; payments are not touched."""
    world, bearer = Limited(), f"Bearer {token()}"
    sale = f"/api/v1/transactions/{THING}/refund"
    paths = ("/api/v1/refunds", sale, f"/api/v1/refunds/{THING}/approve")
    found = [world.post(paths[n % 3], [], authorization=bearer) for n in range(6)]
    assert [a.status_code for a in found] == [400, 400, 403, 400, 400, 429]
    assert found[-1].headers["ratelimit-policy"] == '"refunds";q=5;w=60'
    assert buy(world).headers["ratelimit"] == '"payments";r=9;t=6'


@pytest.mark.spec("S10")
def test_a_dead_counter_lets_through_but_payments_are_counted_here() -> None:
    """Without Redis questions pass uncounted; the eleventh payment is refused all the same."""
    down = Down()
    world = Limited(settings=FEW, shared=down)
    asked = [world.get(QUESTION) for _ in range(5)]
    assert [a.status_code for a in asked] == [200] * 5
    assert "ratelimit" not in asked[0].headers
    assert asked[0].headers["ratelimit-policy"] == '"default";q=3;w=60'
    assert [buy(world).status_code for _ in range(11)] == [201] * 10 + [429]
    assert down.asked == 16


@pytest.mark.spec("S10")
def test_a_slow_counter_does_not_hold_up_the_event_loop() -> None:
    """The shared counter is asked in a thread: while it hangs, health answers."""
    began, release = threading.Event(), threading.Event()

    class Slow:
        def check(self, limit: Limit, subject: str) -> Decision:
            began.set()
            release.wait(20)
            raise Unavailable("slow")

    async def go() -> tuple[int, int]:
        transport = httpx.ASGITransport(Limited(shared=Slow()).asgi())
        found: list[int] = []
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:

            async def ask() -> None:
                headers = {"authorization": f"Bearer {token()}"}
                found.append((await client.get(QUESTION, headers=headers)).status_code)

            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                with anyio.fail_after(10):
                    while not began.is_set():
                        await anyio.sleep(0.01)
                    live = (await client.get("/health/live")).status_code
                release.set()
        return live, found[0]

    assert anyio.run(go) == (200, 200)


def early(world: World, key: str = KEY) -> Any:
    return world.post(PAYMENTS, purchase(), idempotency_key=key)


@pytest.mark.spec("S16")
def test_a_second_purchase_is_refused_early_and_a_repetition_is_not() -> None:
    """While one is under way another key gets a 409 before the use case; the same key goes on."""
    turns = MemoryPurchaseTurns(VirtualClock(datetime(2026, 3, 1, tzinfo=UTC)))
    world = World()
    inner = world.checkout
    world.checkout = OneAtATime(checkout=inner, turns=turns, ids=SeededIds(1))  # type: ignore[arg-type, assignment] # both are called alike
    under_way = UUID("123e4567-e89b-12d3-a456-4266141740aa")
    turns.take(TenantId(TENANT), UserId(USER), under_way, uuid4())
    refused = early(world)
    assert code(refused) == (409, PurchaseInProgress.code)
    assert refused.headers["retry-after"] == "1"
    assert inner.calls == []
    assert early(world, str(under_way)).status_code == 201
    assert len(inner.calls) == 1


@pytest.mark.spec("S16")
def test_a_purchase_gives_its_turn_back_however_it_ends() -> None:
    """After an answer and after an error the next purchase has its turn."""
    world = World()
    turns = MemoryPurchaseTurns(VirtualClock(datetime(2026, 3, 1, tzinfo=UTC)))
    inner = world.checkout
    world.checkout = OneAtATime(checkout=inner, turns=turns, ids=SeededIds(1))  # type: ignore[arg-type, assignment] # both are called alike
    good, inner.result = inner.result, Unavailable("x")
    assert early(world).status_code == 503
    inner.result = good
    for last in "bcd":
        assert early(world, KEY[:-1] + last).status_code == 201


@pytest.mark.spec("S16")
def test_without_redis_nothing_is_refused_early() -> None:
    """When the turn cannot be asked for, the purchase goes to the database, which is the truth."""

    class Gone:
        def take(self, *_: object) -> Any:
            raise Unavailable("down")

        release = take

    world = World()
    inner = world.checkout
    world.checkout = OneAtATime(checkout=inner, turns=Gone(), ids=SeededIds(1))  # type: ignore[arg-type, assignment] # both are called alike
    assert early(world).status_code == 201
    assert len(inner.calls) == 1


TRUSTED = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))


@pytest.mark.spec("S10")
@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["1.2.3.4"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.9.9.9"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4,10.9.9.9"], "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, nonsense, 10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [","], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4:5678"], "1.2.3.4"),
        ("10.0.0.1", ["[2001:470::1]:443"], "2001:470::1"),
        ("2001:db8::1", ["2001:470::1, 10.1.1.1"], "2001:470::1"),
        ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", ["::ffff:1.2.3.4"], "1.2.3.4"),
        ("10.0.0.1", [", ".join(["10.0.0.2"] * 50)], "10.0.0.2"),
        (None, ["1.2.3.4"], "None"),
        ("testclient", ["1.2.3.4"], "None"),
    ],
)
def test_the_client_is_the_last_whom_no_trusted_proxy_is(
    peer: str | None, forwarded: list[str], found: str
) -> None:
    """The list is believed from the right, as long as a trusted proxy speaks (D5)."""
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    scope = {"client": (peer, 1) if peer else None, "headers": headers}
    assert str(client_ip(scope, TRUSTED)) == found


def test_an_ipv6_customer_is_counted_once() -> None:
    """All addresses of a /64 are one subject."""
    one, two = ({"client": (a, 1), "headers": []} for a in ("2001:470::1", "2001:470::ff:2"))
    assert subject_of(client_ip(one, ())) == subject_of(client_ip(two, ())) == "2001:470::/64"
    assert subject_of(None) == "unknown"
