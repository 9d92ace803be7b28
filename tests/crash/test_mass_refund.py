"""A cancelled event's money goes back although the workers die again and again (S24)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.crash.books import Books, all_objects, verify
from tests.crash.campaign import WORKERS
from tests.crash.fleet import Fleet, wait_for
from tests.crash.held import HeldService
from tests.crash.market import BUYERS, Market
from tests.support.databases import Shop, make_shop
from ticketpay.entrypoints.stack import DevelopmentStack

STRIKES: Final = max(3, int(os.environ.get("CYCLES", "6")) // 2)
# What passes before a strike; eight more may be under way in each.
SOME: Final = 10
ORDERS: Final = 20 * STRIKES
REFUNDS: Final = "/v1/refunds"
pytestmark = [pytest.mark.server, pytest.mark.timeout(240 + 20 * STRIKES)]

_SENT: Final = "SELECT count(*) FROM refunds WHERE tenant_id = %s AND state = 'completed'"
_FINISHED: Final = "SELECT finished_at FROM event_cancellations WHERE tenant_id = %s"
_REFUNDED: Final = "SELECT count(*) FROM orders WHERE tenant_id = %s AND state = 'refunded'"
_OURS: Final = "SELECT reason, state, count(*) FROM refunds WHERE tenant_id = %s GROUP BY 1, 2"
_LEFT: Final = """
SELECT coalesce(sum(e.cents), 0)
FROM ledger_entries e JOIN ledger_accounts a ON a.tenant_id = e.tenant_id AND a.id = e.account_id
WHERE e.tenant_id = %s AND a.kind IN ('provider', 'venue_payable', 'refund_clearing')
GROUP BY a.id HAVING sum(e.cents) <> 0
"""


@pytest.mark.spec("S24", "S39")
def test_no_strike_refunds_twice(fleet: Fleet, provider: HeldService) -> None:
    """Both workers are killed whenever some more has gone back: in the end all has, once.

    The provider's service holds the next refunds, some before and some after they are made there:
    that is where the workers die.
    """
    shop, rows = make_shop(capacity=10 * ORDERS), fleet.database.rows
    fleet.database.load(shop.catalog)
    fleet.start_api("api-1")
    _start_workers(fleet, provider)
    market = Market(fleet.stack, shop, tuple(fleet.urls.values()), seed=11)
    with ThreadPoolExecutor(BUYERS) as pool:
        list(pool.map(market.probe, [None] * ORDERS))
    Books(fleet, market).settle()
    for strike in range(STRIKES):
        with provider.holding("POST", REFUNDS, answered=strike % 2 == 0, passing=SOME) as held:
            if strike:
                _start_workers(fleet, provider)
            else:
                _cancel(fleet, shop)
            held.await_arrival()
            for name in WORKERS:
                fleet.members[name].kill()
        assert _count(fleet, _SENT, shop) < ORDERS, "it came before the end"
        fleet.lapse()
    _start_workers(fleet, provider)

    def is_finished() -> bool:
        fleet.hasten()
        return rows(_FINISHED, shop.tenant.id) != [(None,)]

    wait_for("finished", is_finished, every=0.2)
    _check(fleet, shop)


@pytest.fixture
def provider(stack: DevelopmentStack) -> Iterator[HeldService]:
    """The service between the workers and the provider."""
    with HeldService(stack.sandbox_url) as service:
        yield service


def _start_workers(fleet: Fleet, provider: HeldService) -> None:
    for name in WORKERS:
        fleet.start_worker(name, STRIPE_API_BASE=provider.url)
    fleet.await_ready()


def _cancel(fleet: Fleet, shop: Shop) -> None:
    words = ["events", "cancel", str(shop.event.id), "--tenant", str(shop.tenant.id)]
    words += ["--yes", "--reason", "rain", "--as", "crash"]
    command = [sys.executable, "-m", "ticketpay.entrypoints.cli.main", *words]
    environment = {**os.environ, **fleet.stack.environment}
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _check(fleet: Fleet, shop: Shop) -> None:
    """Each charge has one refund of all of it; every order says so, and the books agree."""
    mine = [
        intent
        for intent in all_objects(fleet.stack, "payment_intents")
        if intent["metadata"].get("tenant_id") == str(shop.tenant.id)
    ]
    charged = {intent["id"]: intent["amount_received"] for intent in mine}
    back: Counter[str] = Counter()
    many: Counter[str] = Counter()
    for refund in all_objects(fleet.stack, "refunds"):
        if refund["payment_intent"] in charged:
            back[refund["payment_intent"]] += refund["amount"]
            many[refund["payment_intent"]] += 1
    assert dict(back) == charged
    assert set(many.values()) == {1}
    assert len(charged) == ORDERS
    wait_for("orders refunded", lambda: _count(fleet, _REFUNDED, shop) == ORDERS)
    assert fleet.database.rows(_OURS, shop.tenant.id) == [("event_cancelled", "completed", ORDERS)]
    assert fleet.database.rows(_LEFT, shop.tenant.id) == []
    verified = verify(fleet.stack, shop.tenant.id)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def _count(fleet: Fleet, statement: str, shop: Shop) -> int:
    [(count,)] = fleet.database.rows(statement, shop.tenant.id)
    assert isinstance(count, int)
    return count
