"""Where an error came from, without what it says: a message or a variable may hold secrets."""

from __future__ import annotations

import traceback
from typing import Final

__all__ = ["FRAMES_MAX", "frames_of"]

FRAMES_MAX: Final = 20
_SOURCES: Final = ("/site-packages/", "/src/", "/lib/")


def frames_of(error: BaseException) -> list[str]:
    """Where an error came from: ``ticketpay/domain/x.py:12 f``, the innermost frame last, 20 at most."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _short(path: str) -> str:
    for root in _SOURCES:
        _, found, rest = path.rpartition(root)
        if found:
            return rest
    return path
