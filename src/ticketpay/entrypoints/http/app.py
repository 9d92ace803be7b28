"""The ASGI application: the routes, inside the shell, over one ``App``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
from anyio.to_thread import run_sync
from starlette.routing import Router
from starlette.types import ASGIApp

from ticketpay.entrypoints.http.auth import Guard
from ticketpay.entrypoints.http.endpoints import Endpoints
from ticketpay.entrypoints.http.health import Health
from ticketpay.entrypoints.http.limits import RateLimits
from ticketpay.entrypoints.http.logs import Logger, request_logger
from ticketpay.entrypoints.http.openapi import Documents
from ticketpay.entrypoints.http.operations import OPERATIONS
from ticketpay.entrypoints.http.paging import Cursors
from ticketpay.entrypoints.http.plans import PlanEndpoints
from ticketpay.entrypoints.http.pools import Pools
from ticketpay.entrypoints.http.refunds import RefundEndpoints
from ticketpay.entrypoints.http.routing import routes
from ticketpay.entrypoints.http.shell import Manners, Shell
from ticketpay.entrypoints.http.venues import VenueEndpoints
from ticketpay.entrypoints.settings import Settings
from ticketpay.entrypoints.wiring import App

__all__ = ["create_app"]


def create_app(
    app: App,
    settings: Settings,
    *,
    ready: Callable[[], bool],
    pools: Pools | None = None,
    logger: Logger | None = None,
) -> ASGIApp:
    """Serve ``app``; closes it when the server shuts down.

    Raises ``InvalidInput`` when the JWT secret has fewer than 32 characters.
    """
    guard, pools, metrics = Guard.of(settings), pools or Pools(), app.metrics
    if metrics is not None:
        metrics.watch_pools(attrs.asdict(pools, recurse=False))
    endpoints = Endpoints(app=app, pools=pools, cursors=Cursors.of(*guard.secrets))
    health = Health(
        ready_probe=ready,
        redis_state=app.redis_state,
        processor="sandbox" if settings.stripe_api_base else "stripe",
        features=lambda: _features(app, settings),
    )

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_sync(app.close)

    refunds = RefundEndpoints(app=app, pools=pools)
    venues = VenueEndpoints(app=app, pools=pools)
    plans = PlanEndpoints(app=app, pools=pools)
    servants = (endpoints, refunds, venues, plans, health, Documents())
    served = routes(OPERATIONS, servants, guard)
    router: ASGIApp = Router(served, redirect_slashes=False, lifespan=lifespan)
    if app.admit is not None:
        router = RateLimits.of(router, app.admit, guard, settings)
    manners = Manners(
        slow_ms=settings.slow_request_ms,
        cors_origins=settings.cors_origins,
        cors_methods=tuple(sorted({operation.method for operation in OPERATIONS})),
        hsts=settings.app_env == "production",
    )
    return Shell(router, logger or request_logger(settings.log_level), manners, metrics)


def _features(app: App, settings: Settings) -> dict[str, object]:
    """What of S07's list is switched on in this process."""
    return {
        "stripe": bool(settings.stripe_secret_key),
        "livemode": settings.livemode,
        "webhooks": bool(settings.stripe_webhook_secrets),
        "redis": app.redis_state() != "off",
    }
