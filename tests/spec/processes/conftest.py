"""One system per test: the use cases over memory, and the sandbox as the provider."""

from __future__ import annotations

import pytest

from tests.support.sandboxed import Sandboxed


@pytest.fixture
def system() -> Sandboxed:
    """A system with five standing tickets and two seats."""
    return Sandboxed(seed=1)
