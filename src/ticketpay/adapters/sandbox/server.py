"""The sandbox server: `python -m ticketpay.adapters.sandbox.server --port 0 --seed 1`.

It binds the loopback address only, prints one ready line and dies with its parent (Linux).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence

import uvicorn

from ticketpay.adapters.sandbox.app import SandboxApp
from ticketpay.adapters.sandbox.delivery import DEFAULT_RETRY_DELAYS
from ticketpay.adapters.sandbox.model import SandboxModel

__all__ = ["main"]

_LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1


class _Server(uvicorn.Server):
    """Says that it is ready once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and sockets:
            port = sockets[0].getsockname()[1]
            sys.stdout.write(f"sandbox ready on http://{_LOOPBACK}:{port}\n")
            sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped; returns the exit status."""
    options = _parse(argv)
    if not options.outlive_parent:
        _die_with_parent(os.getppid())
    gc.set_threshold(100_000, 50, 100)  # what the model keeps has no cycles
    listener = socket.create_server((_LOOPBACK, options.port), backlog=1024)
    config = uvicorn.Config(
        SandboxApp(_model(options), hang_seconds=options.hang_seconds),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="critical",
        server_header=False,
        timeout_keep_alive=300,
        timeout_graceful_shutdown=1,
    )
    _Server(config).run([listener])
    return 0


def _model(options: argparse.Namespace) -> SandboxModel:
    delays = options.retry_delays or DEFAULT_RETRY_DELAYS
    model = SandboxModel(options.seed, time.time, retry_delays=delays)
    events = tuple(options.webhook_events.split(","))
    for url, secret in zip(options.webhook_url, options.webhook_secret, strict=True):
        model.add_endpoint(url, secret, events)
    return model


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description="A Stripe-compatible sandbox.")
    parser.add_argument("--host", default=_LOOPBACK, help="only 127.0.0.1 is accepted")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--webhook-url", action="append", default=[])
    parser.add_argument("--webhook-secret", action="append", default=[])
    parser.add_argument("--webhook-events", default="*", help="event types, comma separated")
    parser.add_argument("--retry-delays", type=_delays, help="seconds, comma separated")
    parser.add_argument("--hang-seconds", type=float, default=120.0)
    parser.add_argument("--outlive-parent", action="store_true")
    options = parser.parse_args(argv)
    if options.host not in (_LOOPBACK, "localhost"):
        parser.error("the sandbox listens on 127.0.0.1 only")
    if len(options.webhook_url) != len(options.webhook_secret):
        parser.error("each --webhook-url needs its --webhook-secret")
    return options


def _delays(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(",") if part)


def _die_with_parent(parent: int) -> None:
    """Be killed when the starting thread ends (Linux); elsewhere do nothing."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    raise SystemExit(main())
