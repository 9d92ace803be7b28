"""The ASGI application: the routes, inside the shell, over one ``App``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import run_sync
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from ticketpay.entrypoints.bootstrap import App
from ticketpay.entrypoints.http.auth import Guard
from ticketpay.entrypoints.http.endpoints import Endpoints
from ticketpay.entrypoints.http.logs import Logger, request_logger
from ticketpay.entrypoints.http.operations import OPERATIONS
from ticketpay.entrypoints.http.pools import Pools
from ticketpay.entrypoints.http.shell import Shell
from ticketpay.entrypoints.settings import Settings

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
    endpoints = Endpoints(
        app=app, guard=Guard.of(settings), pools=pools or Pools(), ready_probe=ready
    )

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await run_sync(app.close)

    router = Router(_routes(endpoints), redirect_slashes=False, lifespan=lifespan)
    return Shell(router, logger or request_logger(settings.log_level))


def _routes(endpoints: Endpoints) -> list[Route]:
    return [
        Route(row.path, getattr(endpoints, row.endpoint), methods=[row.method])
        for row in OPERATIONS
    ]
