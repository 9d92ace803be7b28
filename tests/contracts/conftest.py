"""The backends that fulfil the ports: every contract test runs on each of them.

To add one, write a context manager that gives a ``Backend`` whose catalogues are loaded, and name
it in the fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from tests.support.backend import Backend
from tests.support.contracts import RECORDER
from tests.support.databases import Database
from tests.support.scenery import START, Scenery
from ticketpay.adapters.memory import MemoryCatalog, MemoryUnitOfWork, VirtualClock
from ticketpay.adapters.postgres.catalog import PostgresCatalogWriter
from ticketpay.domain.kernel.ids import TicketTypeId


@contextmanager
def memory() -> Iterator[Backend]:
    """Tables in memory."""
    uow, clock = MemoryUnitOfWork(), VirtualClock(START)
    home, away = Scenery(), Scenery()
    writer = MemoryCatalog(uow)
    writer.load(home.catalog)
    writer.load(away.catalog)

    def stock_counts(type_id: TicketTypeId) -> tuple[int, int]:
        row = uow.store.of(home.tenant).stock.get(type_id)
        assert row is not None
        return row.capacity, row.taken

    now: Callable[[], datetime] = clock.now
    yield Backend(uow=uow, writer=writer, home=home, away=away, now=now, stock_counts=stock_counts)


@contextmanager
def postgres(database: Database) -> Iterator[Backend]:
    """The real server, through a role that has the rights of the app and of the worker."""
    uow, clock = database.unit_of_work(both=True), VirtualClock(START)
    home, away = Scenery(), Scenery()
    writer = PostgresCatalogWriter(database.owner)
    writer.load(home.catalog)
    writer.load(away.catalog)

    def stock_counts(type_id: TicketTypeId) -> tuple[int, int]:
        ((capacity, taken),) = database.rows(
            "SELECT capacity, taken FROM stock WHERE tenant_id = %s AND type_id = %s",
            home.tenant,
            type_id,
        )
        return int(str(capacity)), int(str(taken))

    now: Callable[[], datetime] = clock.now
    try:
        yield Backend(
            uow=uow, writer=writer, home=home, away=away, now=now, stock_counts=stock_counts
        )
    finally:
        uow.close()


@pytest.fixture(scope="module", autouse=True)
def _watched() -> Iterator[None]:
    """Every call of a port's method is noted, for the test of completeness."""
    with RECORDER.watching():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Say which test is running; what fixtures call does not count."""
    RECORDER.test = f"{item.path.stem}::{item.name.partition('[')[0]}"
    try:
        return (yield)
    finally:
        RECORDER.test = ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test of completeness judges all the others."""
    items.sort(key=lambda item: item.path.name == "test_completeness.py")


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.server)])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """One backend after the other."""
    if request.param == "memory":
        with memory() as made:
            yield made
    else:
        with postgres(request.getfixturevalue("database")) as made:
            yield made
