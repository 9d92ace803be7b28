"""Logging: one JSON object per line on stderr, with UTC times and no surprises in it.

JSON escapes control characters, so a text from outside cannot forge a line. Of an error it tells the
type and the lines of code that it came through, never its message or a variable: those hold secrets.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import structlog
from structlog.typing import Processor

__all__ = ["configure_logging"]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


def configure_logging(level: str, *, extra: Sequence[Processor] = ()) -> None:
    """Log from ``level`` on (debug, info, warning, error, critical).

    ``extra`` processors run last before rendering and see every field: the place for an
    allow-list. Raises ``ValueError`` for another level.
    """
    if level.lower() not in _LEVELS:
        raise ValueError(f"LOG_LEVEL must be one of {', '.join(_LEVELS)}")
    _route_standard_logging(_LEVELS[level.lower()])
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            *extra,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level.lower()]),
        logger_factory=_to_stderr,
        cache_logger_on_first_use=False,
    )


def _route_standard_logging(level: int) -> None:
    """Libraries that log the standard way end in the same lines of JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # Below this level these log whole requests, addresses and tokens included.
    for name in ("stripe", "httpx", "httpcore", "urllib3"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _to_stderr(*_: object) -> structlog.WriteLogger:
    """A logger onto today's stderr, whoever may have replaced it."""
    return structlog.WriteLogger(sys.stderr)
