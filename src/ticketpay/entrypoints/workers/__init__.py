"""The worker process: the loops that carry every sale on after the request is over."""

from __future__ import annotations

from ticketpay.entrypoints.workers.loop import Worker, run_worker

__all__ = ["Worker", "run_worker"]
