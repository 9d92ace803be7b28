"""Health: whether the parts answer, in words that help nobody who should not know (S07 D6).

The checks have threads of their own: a service that is busy is not ill.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeVar, cast

import attrs
from starlette.requests import Request
from starlette.responses import Response

from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.entrypoints.http.errors import json_response
from ticketpay.entrypoints.http.pools import Pool

__all__ = ["Health"]

_SERVICE: Final = "ticketpay"
T = TypeVar("T")


def _version() -> str:
    try:
        return version(_SERVICE)
    except PackageNotFoundError:
        return "unknown"


@attrs.frozen(kw_only=True)
class Health:
    """The endpoints that operators and load balancers ask."""

    ready_probe: Callable[[], bool]
    redis_state: Callable[[], str]
    processor: str
    features: Callable[[], dict[str, object]]
    pool: Pool = attrs.field(factory=lambda: Pool(2))
    _under_way: dict[Callable[[], object], asyncio.Future[Any]] = attrs.field(
        factory=dict, init=False
    )

    async def live(self, _: Request) -> Response:
        """``GET /health/live``: the event loop turns."""
        return json_response({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """``GET /health/ready``: requests can be served; 503 while the database is away."""
        if not await self._shared(self.ready_probe):
            raise Unavailable("The service is not ready")
        return json_response({"status": "ready"})

    async def health(self, _: Request) -> Response:
        """``GET /health``: 503 without the database, degraded without Redis."""
        database, redis = await self._shared(self._both)
        status = "healthy" if redis != "unhealthy" else "degraded"
        body = {
            "status": status if database else "unhealthy",
            "service": _SERVICE,
            "timestamp": rfc3339(datetime.now(UTC)),
            "components": {
                "database": "healthy" if database else "unhealthy",
                "redis": redis,
                "processor": self.processor,
            },
        }
        return json_response(body, 200 if database else 503)

    async def database(self, _: Request) -> Response:
        """``GET /health/db``."""
        connected = await self._shared(self._database)
        body = {
            "status": "ok" if connected else "error",
            "database": "connected" if connected else "disconnected",
            "service": _SERVICE,
        }
        return json_response(body, 200 if connected else 503)

    async def info(self, _: Request) -> Response:
        """``GET /info``: what runs here, as it is and not as it was planned (S07 D5)."""
        body = {
            "service": _SERVICE,
            "version": _version(),
            "processor": self.processor,
            # In a thread: whether Redis is there may take a moment to find out.
            "features": await self._shared(self.features),
            "status": "running",
        }
        return json_response(body)

    async def _shared(self, probe: Callable[[], T]) -> T:
        """What the probe finds; whoever asks while it runs waits for the same answer.

        Else strangers who ask often would keep the load balancer from its own.
        """
        future = self._under_way.get(probe)
        if future is None:
            future = asyncio.ensure_future(self.pool.run(probe))
            self._under_way[probe] = future
            future.add_done_callback(lambda _: self._under_way.pop(probe, None))
        return cast("T", await asyncio.shield(future))

    def _both(self) -> tuple[bool, str]:
        return self._database(), self._redis()

    def _database(self) -> bool:
        try:
            return self.ready_probe()
        except Exception:  # noqa: BLE001 - whatever the probe met, the database did not answer
            return False

    def _redis(self) -> str:
        """``off``, ``healthy`` or ``unhealthy``; whatever the probe says that is neither is ill."""
        try:
            state = self.redis_state()
        except Exception:  # noqa: BLE001 - as above
            return "unhealthy"
        return state if state in ("off", "healthy") else "unhealthy"
