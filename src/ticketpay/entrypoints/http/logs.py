"""Logs: one JSON line per request, with nothing in it that could identify a buyer (S09)."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import structlog

__all__ = ["Logger", "request_logger"]

Logger = structlog.typing.FilteringBoundLogger

_PROCESSORS: Final[list[Any]] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.JSONRenderer(),
]


def request_logger(level: str) -> Logger:
    """A logger that writes JSON lines to standard output from ``level`` upwards."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    logger: Logger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stdout),
        processors=_PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(number),
    )
    return logger.bind()
