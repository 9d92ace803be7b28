"""The API in this process: uvicorn on uvloop and httptools."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog
import uvicorn

from ticketpay.entrypoints import bootstrap
from ticketpay.entrypoints.http import create_app
from ticketpay.entrypoints.http.protocol import BoundedProtocol

if TYPE_CHECKING:
    from types import FrameType

    from ticketpay.entrypoints.settings import Settings

__all__ = ["DrainingServer", "serve_settings"]

_GRACE_SECONDS: Final = 10


class DrainingServer(uvicorn.Server):
    """Tells the load balancer first, then stops listening, then lets running requests finish.

    After a signal ``draining`` is true at once; it listens ``drain_seconds`` more, and then
    requests under way have 10 seconds. A second signal ends the waiting.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: int) -> None:
        super().__init__(config)
        self.draining = False
        self._drain_seconds = drain_seconds
        self._stop_at = 0.0
        self._signal = 0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        if self.draining or self._drain_seconds == 0:
            self.draining = True
            super().handle_exit(sig, frame)
            return
        self.draining, self._signal = True, sig
        self._stop_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop."""
        if self.draining and not self.should_exit and time.monotonic() >= self._stop_at:
            super().handle_exit(self._signal, None)
        return await super().on_tick(counter)


def serve_settings(settings: Settings, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; see ``DrainingServer``."""
    bootstrap.configure_logging(settings)
    app = bootstrap.build(settings)
    if settings.enable_rate_limiting and not settings.redis_url:
        structlog.get_logger("ticketpay.redis").warning(
            "rate_limits_in_this_process", why="REDIS_URL is not set"
        )
    config = uvicorn.Config(
        create_app(app, settings, ready=lambda: not server.draining and app.ready()),
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        # Else anybody on this machine names his own address, and is not counted as himself.
        proxy_headers=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        backlog=1024,
        # Longer than a load balancer keeps an idle connection, so that it is never we who cut one.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = DrainingServer(config, settings.drain_seconds)
    with (
        suppress(KeyboardInterrupt),
        bootstrap.scraped(app, settings.metrics_host, settings.metrics_port),
    ):
        server.run()
