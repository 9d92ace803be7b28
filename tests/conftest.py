"""Fixtures of the whole suite: Hypothesis profiles and the one embedded PostgreSQL."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.databases import (
    Database,
    PooledDatabase,
    Spread,
    copy_template,
    make_template,
    spread,
)
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.embedded.valkey import EmbeddedValkey

settings.register_profile(
    "ci", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The server, with a migrated template database."""
    with tempfile.TemporaryDirectory(prefix="ticketpay-tests-", dir=_quick_disk()) as folder:
        data = Path(folder)
        data.chmod(0o755)
        with EmbeddedPostgres.start(data / "data") as server:
            make_template(server)
            yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[EmbeddedValkey]:
    """One Valkey; tests keep apart by their own keys."""
    with tempfile.TemporaryDirectory(prefix="ticketpay-tests-", dir=_quick_disk()) as folder:
        Path(folder).chmod(0o755)
        with EmbeddedValkey.start(Path(folder)) as server:
            yield server


@pytest.fixture(scope="module")
def database(postgres: EmbeddedPostgres) -> Database:
    """A database per test module; tests keep apart by their own tenants."""
    return copy_template(postgres)


@pytest.fixture(scope="session")
def pooled_database(postgres: EmbeddedPostgres) -> PooledDatabase:
    """A database behind a pooler; tests keep apart by their own tenants."""
    return PooledDatabase(postgres, copy_template(postgres).name)


@pytest.fixture(scope="session")
def four_databases(postgres: EmbeddedPostgres) -> Spread:
    """Four databases behind one tenant map; tests keep apart by their own tenants."""
    return spread(postgres, 4)


@pytest.fixture
def fresh_database(postgres: EmbeddedPostgres) -> Database:
    """A database of its own, for tests that change what others rely on."""
    return copy_template(postgres)


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """The address of one sandbox server; tests keep apart by tenant or account."""
    command = [sys.executable, "-m", "ticketpay.adapters.sandbox.server", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().split()[-1]
    process.terminate()
    process.wait(10)
    process.stdout.close()


def _quick_disk() -> str | None:
    """Shared memory if there is plenty: creating a database is creating hundreds of files."""
    shared = Path("/dev/shm")  # noqa: S108 - a scratch folder with a random name is made inside
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > 1 << 30 else None
