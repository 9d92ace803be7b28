"""SIGKILL and SIGSTOP on the real processes: nothing acknowledged is lost, nobody charged twice."""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.crash.books import Books
from tests.crash.campaign import APIS, WORKERS, Campaign
from tests.crash.fleet import Fleet
from tests.crash.market import Market
from tests.support.databases import make_shop

CYCLES = int(os.environ.get("CYCLES", "6"))
pytestmark = [pytest.mark.server, pytest.mark.timeout(240 + 10 * CYCLES)]


@pytest.mark.spec("S11", "S16", "S28", "S40")
def test_no_strike_loses_a_sale(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is killed or paused, every acknowledged sale is charged, booked and fulfilled once."""
    shop = make_shop(capacity=100_000)
    fleet.database.load(shop.catalog)
    for name in APIS:
        fleet.start_api(name)
    for name in WORKERS:
        fleet.start_worker(name)
    fleet.await_ready()
    market = Market(fleet.stack, shop, tuple(fleet.urls.values()), seed=7)
    tally = Campaign(fleet, market, Random(7)).run(CYCLES)  # noqa: S311 - a schedule, not a secret
    with capsys.disabled():
        print(f"\n{tally}")  # noqa: T201 - the figures of the campaign are what it is run for
    books = Books(fleet, market)
    books.settle()
    assert list(books.complaints()) == []
