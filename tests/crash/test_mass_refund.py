"""A cancelled event's money goes back although the workers die again and again (S24)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from tests.crash.books import Books, all_objects, verify
from tests.crash.campaign import WORKERS
from tests.crash.fleet import Fleet, wait_for
from tests.crash.market import BUYERS, Market
from tests.support.databases import Shop, make_shop

STRIKES: Final = max(3, int(os.environ.get("CYCLES", "6")) // 2)
ORDERS: Final = 15 * STRIKES
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
def test_no_strike_refunds_twice(fleet: Fleet) -> None:
    """Both workers are killed whenever some more has gone back: in the end all has, once."""
    shop, rows = make_shop(capacity=10 * ORDERS), fleet.database.rows
    fleet.database.load(shop.catalog)
    fleet.start_api("api-1")
    for name in WORKERS:
        fleet.start_worker(name)
    fleet.await_ready()
    market = Market(fleet.stack, shop, tuple(fleet.urls.values()), seed=11)
    with ThreadPoolExecutor(BUYERS) as pool:
        list(pool.map(market.probe, [None] * ORDERS))
    Books(fleet, market).settle()
    _cancel(fleet, shop)
    cut_short = 0
    for strike in range(1, STRIKES + 1):
        some = ORDERS * strike // (STRIKES + 1)
        _await_sent(fleet, shop, some)
        for name in WORKERS:
            fleet.members[name].kill()
        cut_short += _count(fleet, _SENT, shop) < ORDERS
        fleet.lapse()
        for name in WORKERS:
            fleet.start_worker(name)
        fleet.await_ready()
    assert cut_short == STRIKES, "every strike came before the end"

    def is_finished() -> bool:
        fleet.hasten()
        return rows(_FINISHED, shop.tenant.id) != [(None,)]

    wait_for("finished", is_finished, every=0.2)
    _check(fleet, shop)


def _cancel(fleet: Fleet, shop: Shop) -> None:
    words = ["events", "cancel", str(shop.event.id), "--tenant", str(shop.tenant.id)]
    words += ["--yes", "--reason", "rain", "--as", "crash"]
    command = [sys.executable, "-m", "ticketpay.entrypoints.cli.main", *words]
    environment = {**os.environ, **fleet.stack.environment}
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _await_sent(fleet: Fleet, shop: Shop, some: int) -> None:
    wait_for(f"{some} refunds", lambda: _count(fleet, _SENT, shop) >= some, every=0.01)


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
