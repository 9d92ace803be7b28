"""The stack beneath the crash tests: its database, sandbox and ticket service are shared."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.crash.fleet import Fleet
from ticketpay.entrypoints.stack import DevelopmentStack


@pytest.fixture(scope="session")
def stack() -> Iterator[DevelopmentStack]:
    """Database, sandbox and ticket service; every test starts its own APIs and workers."""
    folder = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path("/var/tmp")  # noqa: S108 - a scratch folder with a random name
    data = folder / f"ticketpay-crash-{uuid4().hex[:8]}"
    # The market's buyers share one user, and buy as fast as they can.
    limits = {"ENABLE_RATE_LIMITING": "false", "ONE_PURCHASE_AT_A_TIME": "false"}
    extra = {"IDEMPOTENCY_TAKEOVER_SECONDS": "1", **limits}
    try:
        with DevelopmentStack.start(data, port=3906, api=False, worker=False, extra=extra) as stack:
            yield stack
    finally:
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture
def fleet(stack: DevelopmentStack) -> Iterator[Fleet]:
    """No process yet; whatever the test starts is killed after it."""
    with Fleet(stack) as fleet:
        yield fleet
