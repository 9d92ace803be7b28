"""The backends that fulfil the ports: every contract test runs on each of them.

PostgreSQL is there twice: behind a pooler, and as four databases with prepared statements.

To add one, write a context manager that gives a ``Backend`` whose catalogues are loaded, and name
it in the fixture.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from tests.support.backend import Backend, memory, postgres
from tests.support.contracts import RECORDER


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


DATABASES = {
    "postgres_pooler": "pooled_database",
    "postgres_four": "four_databases",
}


@pytest.fixture(params=["memory", *(pytest.param(n, marks=pytest.mark.server) for n in DATABASES)])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """One backend after the other."""
    if request.param == "memory":
        with memory() as made:
            yield made
    else:
        with postgres(request.getfixturevalue(DATABASES[request.param])) as made:
            yield made
