"""The API in this process: uvicorn on uvloop and httptools."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import uvicorn

from ticketpay.entrypoints import bootstrap
from ticketpay.entrypoints.http import create_app

if TYPE_CHECKING:
    from ticketpay.entrypoints.settings import Settings

__all__ = ["serve_settings"]

_GRACE_SECONDS: Final = 10


def serve_settings(settings: Settings, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests under way may finish within 10 seconds."""
    bootstrap.configure_logging(settings)
    app = bootstrap.build(settings)
    config = uvicorn.Config(
        create_app(app, settings, ready=app.ready),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        backlog=1024,
        # Longer than a load balancer keeps an idle connection, so that it is never we who cut one.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    with (
        suppress(KeyboardInterrupt),
        bootstrap.scraped(app, settings.metrics_host, settings.metrics_port),
    ):
        uvicorn.Server(config).run()
