"""The desk of an operator, with a tenant of its own per test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.entrypoints.cli.desk import Desk
from tests.support.databases import Database


@pytest.fixture
def desk(database: Database, sandbox_url: str) -> Iterator[Desk]:
    """A tenant of its own, and the program."""
    made = Desk.open(database, sandbox_url)
    yield made
    made.app.close()
