"""SIGKILL on the real processes: nothing acknowledged is lost, nobody is charged twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from subprocess import Popen
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from tests.support.databases import Shop, make_shop
from ticketpay.adapters.embedded.process import spawn
from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter
from ticketpay.entrypoints.http import issue_token
from ticketpay.entrypoints.stack import DevelopmentStack

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
CYCLES = 10


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevelopmentStack]:
    """Database, sandbox and ticket service; API and worker are started and killed by the test."""
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/var/tmp")  # noqa: S108 - a scratch folder with a random name
    data = folder / f"ticketpay-crash-{uuid4().hex[:8]}"
    extra = {"IDEMPOTENCY_TAKEOVER_SECONDS": "1"}
    try:
        with DevelopmentStack.start(data, port=3906, api=False, worker=False, extra=extra) as stack:
            yield stack
    finally:
        subprocess.run(["rm", "-rf", str(data)], check=False)  # noqa: S607 - our own folder


def start(stack: DevelopmentStack, command: str) -> Popen[bytes]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    with (stack.data_folder / "logs" / f"{command}.log").open("ab") as log:
        return spawn(
            [sys.executable, "-m", "ticketpay.entrypoints.cli.main", command],
            env={**kept, **stack.environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def until_answered(stack: DevelopmentStack, shop: Shop, token: str, key: UUID) -> str:
    """Repeat one purchase with its key until it is answered for good; returns the order."""
    body = {
        "venueId": str(shop.event.venue_id),
        "eventId": str(shop.event.id),
        "tickets": [{"ticketTypeId": str(shop.standing.id), "quantity": 1}],
        "paymentMethod": {"type": "card", "paymentMethodId": "pm_card_visa"},
        "deviceFingerprint": "crash",
    }
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(key)}
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(
                f"{stack.api_url}/api/v1/payments", json=body, headers=headers, timeout=10
            )
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code == 201:
            return str(answer.json()["orderId"])
        assert answer.status_code in (409, 503), answer.text
        time.sleep(0.2)
    raise AssertionError(f"key {key} was never answered")


@pytest.mark.spec("S11", "S16", "S28", "S40")
def test_ten_sigkills_lose_nothing(stack: DevelopmentStack) -> None:
    """Buyers repeat their keys while API and worker are killed ten times: one charge, one order each."""
    shop, rng = make_shop(capacity=10_000), Random(7)  # noqa: S311 - a schedule, not a secret
    PostgresCatalogWriter(stack.environment["MIGRATION_DATABASE_URL"]).load(shop.catalog)
    token = _token(stack, shop)
    alive = {name: start(stack, name) for name in ("serve", "worker")}
    keys = [uuid4() for _ in range(60)]
    with ThreadPoolExecutor(6) as pool:
        sales = [pool.submit(until_answered, stack, shop, token, key) for key in keys]
        for cycle in range(CYCLES):
            time.sleep(rng.uniform(0.4, 1.6))
            name = ("serve", "worker")[cycle % 2]
            alive[name].send_signal(signal.SIGKILL)
            alive[name].wait()
            alive[name] = start(stack, name)
        orders = [sale.result() for sale in sales]
    assert len(set(orders)) == len(keys)
    _wait_until_fulfilled(stack, shop, len(keys))
    intents = httpx.get(
        f"{stack.sandbox_url}/v1/payment_intents?limit=100",
        headers={"Authorization": f"Bearer {stack.environment['STRIPE_SECRET_KEY']}"},
        timeout=10,
    ).json()["data"]
    captured = [i["metadata"]["order_id"] for i in intents if i["status"] == "succeeded"]
    assert sorted(captured) == sorted(orders)
    verified = _verify(stack, shop)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    for process in alive.values():
        process.send_signal(signal.SIGKILL)
        process.wait()


def _token(stack: DevelopmentStack, shop: Shop) -> str:
    return issue_token(
        stack.environment["JWT_SECRET"],
        tenant=shop.tenant.id,
        user=uuid4(),
        role="customer",
        lifetime_seconds=3_600,
        now=datetime.now(UTC),
        issuer="tickettoken",
        audience="tickettoken-platform",
    )


def _wait_until_fulfilled(stack: DevelopmentStack, shop: Shop, wanted: int) -> None:
    deadline = time.monotonic() + 60
    states: list[tuple[object, ...]] = []
    while time.monotonic() < deadline:
        with psycopg.connect(stack.environment["MIGRATION_DATABASE_URL"]) as connection:
            states = connection.execute(
                "SELECT state, count(*) FROM orders WHERE tenant_id = %s GROUP BY 1",
                [shop.tenant.id],
            ).fetchall()
        if states == [("fulfilled", wanted)]:
            return
        time.sleep(0.3)
    raise AssertionError(f"not all orders are fulfilled: {states}")


def _verify(stack: DevelopmentStack, shop: Shop) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "ticketpay.entrypoints.cli.main",
            "ledger",
            "verify",
            "--tenant",
            str(shop.tenant.id),
        ],
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        check=False,
    )
