"""The real server: what it decides before the application, how it drains, and what a slow provider spares."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import attrs
import httpx
import pytest

from tests.support.scenery import Scenery
from ticketpay.adapters.embedded.process import free_port
from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter
from ticketpay.entrypoints.http import issue_token
from ticketpay.entrypoints.http.protocol import HEADERS_MAX, URL_BYTES_MAX
from ticketpay.entrypoints.stack import DevelopmentStack

pytestmark = pytest.mark.server

HOME = Scenery(capacity=500)
CROWD = 120
PROBES = 30


@pytest.fixture(scope="module")
def stack() -> Iterator[DevelopmentStack]:
    """The database and the sandbox; every test starts an API of its own."""
    with TemporaryDirectory(prefix="ticketpay-server-") as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        with DevelopmentStack.start(data, port=free_port(), api=False, worker=False) as running:
            owner = running.environment["MIGRATION_DATABASE_URL"]
            PostgresCatalogWriter(owner).load(HOME.catalog)
            yield running


@attrs.frozen
class Api:
    """A serving process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    environment: dict[str, str]

    @property
    def headers(self) -> dict[str, str]:
        """What a buyer sends with a purchase."""
        bearer = issue_token(
            self.environment["JWT_SECRET"],
            tenant=HOME.tenant,
            user=uuid4(),
            role="customer",
            lifetime_seconds=900,
            now=datetime.now(UTC),
            issuer="tickettoken",
            audience="tickettoken-platform",
        )
        return {"authorization": f"Bearer {bearer}", "idempotency-key": str(uuid4())}

    def ask(self, path: str) -> int:
        """The status of one GET."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def raw(self, *pieces: bytes) -> bytes:
        """Everything that the server says to these bytes until it closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as wire:
            wire.settimeout(2)
            said = b""
            try:
                for piece in pieces:
                    wire.sendall(piece)
                while part := wire.recv(65536):
                    said += part
            except (TimeoutError, ConnectionError):
                pass
            return said


@contextmanager
def serving(stack: DevelopmentStack, log: Path, **settings: str) -> Iterator[Api]:
    """An API over the stack; killed at the end if it is still there."""
    port = free_port()
    environment = {**stack.environment, "PORT": str(port), **settings}
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ticketpay.entrypoints.cli.main", "serve"],
            env=kept | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    api = Api(process, port, log, environment)
    try:
        await_true(lambda: answers(api, "/health/ready") == 200)
        yield api
    finally:
        process.kill()
        process.wait()


def answers(api: Api, path: str) -> int:
    try:
        return api.ask(path)
    except OSError:
        return 0


def await_true(wanted: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def purchase(**metadata: str) -> dict[str, Any]:
    """A body that buys one standing ticket."""
    return {
        "venueId": str(HOME.venue_id),
        "eventId": str(HOME.event_id),
        "tickets": [{"ticketTypeId": str(HOME.standing), "quantity": 1}],
        "paymentMethod": {"type": "card", "token": "tok_visa"},
        "deviceFingerprint": "device",
        "metadata": metadata,
    }


def head(*lines: bytes, target: bytes = b"/health/live", method: bytes = b"GET") -> bytes:
    start = method + b" " + target + b" HTTP/1.1"
    return b"\r\n".join([start, b"Host: shop", *lines, b"", b""])


LONG = 10_000
CASES: dict[str, tuple[bytes, bytes]] = {
    "10,000 headers": (head(*[b"x-h%d: v" % n for n in range(LONG)]), b"431"),
    "one header too many": (head(*[b"x-h%d: v" % n for n in range(HEADERS_MAX)]), b"431"),
    "as many as allowed": (head(*[b"x-h%d: v" % n for n in range(HEADERS_MAX - 2)]), b"200"),
    "a header of 1 MB": (head(b"x-big: " + b"v" * 1_000_000), b"431"),
    "a long URL": (head(target=b"/" + b"a" * (URL_BYTES_MAX + 1)), b"414"),
    "raw bytes in the path": (head(target=b"/health/\xff\xfe"), b"400"),
    "escaped bytes in the path": (head(target=b"/health/%ff%fe"), b"404"),
    "raw bytes in a header": (head(b"x-request-id: \xff\xfe"), b"200"),
    "a NUL in a header": (head(b"x-a: a\x00b"), b"400"),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
    "two lengths": (
        head(b"Content-Length: 3", b"Content-Length: 4", method=b"POST") + b"abcd",
        b"400",
    ),
    "a length and chunks": (
        head(b"Content-Length: 3", b"Transfer-Encoding: chunked", method=b"POST") + b"0\r\n\r\n",
        b"400",
    ),
    "a negative length": (head(b"Content-Length: -1", method=b"POST"), b"400"),
    "a wrong chunk": (
        head(b"Transfer-Encoding: chunked", method=b"POST", target=b"/api/v1/webhooks/stripe")
        + b"zz\r\n",
        b"400",
    ),
    "chunks without end": (
        head(b"Transfer-Encoding: chunked", method=b"POST", target=b"/api/v1/webhooks/stripe")
        + b"10000\r\n"
        + b"x" * 65536
        + b"\r\n"
        + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 8,
        b"413",
    ),
    "too long, as announced": (
        head(b"Content-Length: 524289", method=b"POST", target=b"/api/v1/webhooks/stripe"),
        b"413",
    ),
    "an unknown method": (head(method=b"BREW"), b"400"),
    "trace": (head(method=b"TRACE"), b"405"),
}


@pytest.mark.spec("S12", "S09")
def test_the_server_bounds_and_refuses_what_it_reads(
    stack: DevelopmentStack, tmp_path: Path
) -> None:
    """Too many or too long headers, raw bytes, lying lengths, endless chunks: a problem, no traceback."""
    with serving(stack, tmp_path / "api.log") as api:
        for name, (sent, status) in CASES.items():
            said = api.raw(
                sent if status != b"200" else sent.replace(b"Host", b"Connection: close\r\nHost")
            )
            assert said.startswith(b"HTTP/1.1 " + status), (name, said[:200])
            if status != b"200":
                assert b"application/problem+json" in said, name
            assert b"\r\nserver:" not in said.lower(), name
        drip = [b"GET / HTTP/1.1\r\n", *[b"x-%d: " % n + b"v" * 999 + b"\r\n" for n in range(90)]]
        assert api.raw(*drip).startswith(b"HTTP/1.1 431")
        assert (
            api.raw(b"GET /health/live HTTP/1.1\r\nx: ", *[b"v" * 9_000] * 90)[:12]
            == b"HTTP/1.1 431"
        )
        assert b"Traceback" not in api.log.read_bytes()
        assert api.ask("/health/live") == 200


@pytest.mark.spec("S07 D8", "S07 D4")
def test_a_signal_drains(stack: DevelopmentStack, tmp_path: Path) -> None:
    """After SIGTERM it is not ready at once, still serves, finishes what runs, and ends by itself."""
    with serving(stack, tmp_path / "api.log", DRAIN_SECONDS="2") as api:
        with httpx.Client(base_url=f"http://127.0.0.1:{api.port}", trust_env=False) as client:

            async def go() -> tuple[httpx.Response, int, int]:
                async with httpx.AsyncClient(
                    base_url=client.base_url, timeout=30, trust_env=False
                ) as buyer:
                    body = purchase(sandbox_fault="slow")
                    paying = asyncio.create_task(
                        buyer.post("/api/v1/payments", json=body, headers=api.headers)
                    )
                    await asyncio.sleep(0.7)
                    api.process.send_signal(signal.SIGTERM)
                    await asyncio.sleep(0.3)
                    ready = (await buyer.get("/health/ready")).status_code
                    live = (await buyer.get("/health/live")).status_code
                    return await paying, ready, live

            paid, ready, live = asyncio.run(go())
        assert (ready, live) == (503, 200)
        assert (paid.status_code, paid.json()["status"]) == (201, "completed")
        assert paid.elapsed.total_seconds() > 2.5, "it was still running when the listening ended"
        api.process.wait(10)
        assert answers(api, "/health/live") == 0
        assert b"Traceback" not in api.log.read_bytes()


def signed(api: Api) -> tuple[bytes, dict[str, str]]:
    """A genuine event that is about nothing of ours."""
    intent = {"id": f"pi_{uuid4().hex}", "object": "payment_intent", "metadata": {}}
    event = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": intent},
    }
    raw, at = json.dumps(event).encode(), int(time.time())
    secret = api.environment["STRIPE_WEBHOOK_SECRET"].encode()
    mac = hmac.new(secret, b"%d." % at + raw, hashlib.sha256).hexdigest()
    return raw, {"stripe-signature": f"t={at},v1={mac}"}


def latencies(api: Api) -> list[float]:
    """How long each of some questions and webhooks took, in seconds, sorted; all are answered 200."""
    with closing(HTTPConnection("127.0.0.1", api.port, timeout=20)) as connection:
        return sorted(probed(api, connection))


def probed(api: Api, connection: HTTPConnection) -> list[float]:
    took = []
    for _ in range(PROBES):
        raw, headers = signed(api)
        for method, path, body in (
            ("GET", "/health/live", None),
            ("POST", "/api/v1/webhooks/stripe", raw),
        ):
            began = time.perf_counter()
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            assert answer.read()
            took.append(time.perf_counter() - began)
            assert answer.status == 200
    return took


@pytest.mark.spec("3.10", "S16")
def test_a_hanging_provider_spares_webhooks_and_health(
    stack: DevelopmentStack, tmp_path: Path
) -> None:
    """While 120 purchases wait 3 s for the provider, others are answered in 100 ms, the surplus with 503.

    On a busy machine the bound is ten times what the same questions took before.
    """

    async def crowd(api: Api) -> tuple[list[float], list[httpx.Response]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{api.port}", timeout=30, limits=limits, trust_env=False
        ) as buyer:
            body = purchase(sandbox_fault="slow")
            tasks = [
                asyncio.create_task(buyer.post("/api/v1/payments", json=body, headers=api.headers))
                for _ in range(CROWD)
            ]
            done: set[Any] = set()
            deadline = time.monotonic() + 10
            while len(done) < CROWD - 80 and time.monotonic() < deadline:
                done, _ = await asyncio.wait(tasks, timeout=0.1)
            busy = await asyncio.to_thread(latencies, api)
            early = [task.result() for task in done]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return busy, early

    with serving(stack, tmp_path / "api.log", DB_POOL_MAX="8") as api:
        idle = latencies(api)
        busy, early = asyncio.run(crowd(api))
    refused = [answer for answer in early if answer.status_code == 503]
    assert len(refused) == CROWD - 80
    assert {(r.json()["code"], r.headers["retry-after"]) for r in refused} == {("OVERLOADED", "1")}
    p95 = int(len(idle) * 0.95)
    print(f"idle p95 {idle[p95]:.4f} s, busy p95 {busy[p95]:.4f} s, busy max {busy[-1]:.4f} s")  # noqa: T201 - a measured figure
    assert busy[p95] < max(0.1, 10 * idle[p95])
