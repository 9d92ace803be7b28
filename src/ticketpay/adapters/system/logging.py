"""Logging: one JSON object per line on stderr, with UTC times and no surprises in it.

JSON escapes control characters, so a text from outside cannot forge a line. Tracebacks carry no
local variables, because those hold secrets.
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
    # The SDK logs whole requests, tokens included, below this level.
    logging.getLogger("stripe").setLevel(logging.WARNING)
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


def _to_stderr(*_: object) -> structlog.WriteLogger:
    """A logger onto today's stderr, whoever may have replaced it."""
    return structlog.WriteLogger(sys.stderr)
