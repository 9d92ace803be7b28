"""Thread pools: how many requests of a kind may work at once, and how many may wait.

The use cases block, so each runs in a thread. Each kind has its own bound, so that a slow
provider cannot keep webhooks or reads from being served.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import anyio
import attrs
from anyio.to_thread import run_sync

from ticketpay.entrypoints.http.errors import Overloaded

__all__ = ["WAITING_MAX", "Pool", "Pools"]

WAITING_MAX: Final = 64

T = TypeVar("T")


class Pool:
    """At most ``threads`` calls at once and ``WAITING_MAX`` more that wait."""

    def __init__(self, threads: int, waiting_max: int = WAITING_MAX) -> None:
        self._limiter = anyio.CapacityLimiter(threads)
        self._room = self._size = threads + waiting_max

    @property
    def in_use(self) -> int:
        """How many threads work."""
        return self._limiter.borrowed_tokens

    @property
    def waiting(self) -> int:
        """How many calls wait for a thread."""
        return max(self._size - self._room - self.in_use, 0)

    async def run(self, call: Callable[[], T]) -> T:
        """The result of ``call`` in a thread; raises ``Overloaded`` when too many wait."""
        if self._room <= 0:
            raise Overloaded("Too many requests are waiting; try again in a second")
        self._room -= 1
        try:
            return await run_sync(call, limiter=self._limiter)
        finally:
            self._room += 1


@attrs.frozen(kw_only=True)
class Pools:
    """The pools by kind: calls that wait for the provider, webhooks, and everything that reads."""

    provider: Pool = attrs.field(factory=lambda: Pool(16))
    webhooks: Pool = attrs.field(factory=lambda: Pool(4))
    reads: Pool = attrs.field(factory=lambda: Pool(8))
