"""Alerts as log lines: an error event named ``alert``, and a count of them."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from contextlib import suppress

import structlog

from ticketpay.domain.kernel.frames import frames_of

__all__ = ["LogAlerts"]


class LogAlerts:
    """``Alerts`` that ring in the log; ``counts`` says how often per kind."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._log = structlog.get_logger("ticketpay.alerts")

    def raise_alert(self, kind: str, detail: str, **ids: str) -> None:
        """Ring the bell; never raises, not even when the log is gone.

        While an error is handled, the lines of code that it came through are told with it.
        """
        with self._lock:
            self.counts[kind] += 1
        error = sys.exception()
        where = {"where": frames_of(error)} if error is not None else {}
        with suppress(Exception):
            self._log.error("alert", kind=kind, detail=detail, ids=ids, **where)
