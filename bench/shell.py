"""The CPU time of the whole shell per request, over bare Starlette: ``python -m bench.shell``.

Both answer the same JSON from a route in this process, over ASGI and without sockets, in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import statistics
import time
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from ticketpay.entrypoints.http.logs import _PROCESSORS
from ticketpay.entrypoints.http.shell import Manners, Shell
from ticketpay.entrypoints.metrics import Metrics

GATE_MICROSECONDS = 400
REQUESTS = 2_000
ROUNDS = 15
ORIGIN = "https://shop.example"
HEADERS = [
    (b"host", b"shop"),
    (b"user-agent", b"bench"),
    (b"accept", b"*/*"),
    (b"origin", ORIGIN.encode()),
    (b"x-request-id", b"123e4567-e89b-12d3-a456-426614174000"),
]


async def _answer(_: Request) -> Response:
    return JSONResponse({"status": "live"})


class _Nowhere:
    """A sink that takes rendered lines, so that the logger works and no disk does."""

    def info(self, _: str) -> None:
        """Take a line."""

    warning = error = info


def bare() -> ASGIApp:
    """Starlette as it comes, with one route."""
    return Starlette(routes=[Route("/health/live", _answer)])


def shelled() -> ASGIApp:
    """The same route inside the shell, with origins, safe headers, metrics and a log entry per request."""
    logger: Any = structlog.wrap_logger(
        _Nowhere(),
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(20),
    )
    manners = Manners(cors_origins=(ORIGIN,), hsts=True)
    router = Router([Route("/health/live", _answer)], redirect_slashes=False)
    return Shell(router, logger.bind(), manners, Metrics())


async def _serve(app: ASGIApp, count: int) -> float:
    """The CPU seconds of ``count`` requests, each in a task of its own as in a server."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        pass

    began = time.process_time()
    for _ in range(count):
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/health/live",
            "root_path": "",
            "query_string": b"",
            "headers": list(HEADERS),
            "state": {},
        }
        await asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type] # it is a coroutine
    return time.process_time() - began


def microseconds(app: ASGIApp, count: int = REQUESTS) -> float:
    """CPU microseconds per request."""
    return asyncio.run(_serve(app, count)) / count * 1_000_000


def main() -> None:
    """Print the medians; exit 1 beyond the gate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", action="store_true", help="say where the time goes")
    wanted = parser.parse_args()
    ours, theirs = shelled(), bare()
    if wanted.profile:
        with cProfile.Profile() as profile:
            microseconds(ours, 5 * REQUESTS)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        return
    pairs = [(microseconds(ours), microseconds(theirs)) for _ in range(ROUNDS)]
    over = statistics.median(a - b for a, b in pairs)
    print(f"shell     {statistics.median(a for a, _ in pairs):7.1f} us/request")
    print(f"starlette {statistics.median(b for _, b in pairs):7.1f} us/request")
    print(f"over      {over:7.1f} us/request (gate {GATE_MICROSECONDS})")
    raise SystemExit(over > GATE_MICROSECONDS)


if __name__ == "__main__":
    main()
