"""UUIDs of version 7: 48 bits of Unix milliseconds, then chance (RFC 9562, 5.7)."""

from __future__ import annotations

import os
import time
from uuid import UUID

__all__ = ["Uuid7"]


class Uuid7:
    """``Ids`` that sort by millisecond; within one millisecond their order means nothing."""

    def new(self) -> UUID:
        """A UUID (version 7) that nobody else has."""
        chance = int.from_bytes(os.urandom(10))
        milliseconds = time.time_ns() // 1_000_000
        value = (milliseconds & (1 << 48) - 1) << 80 | chance
        value = value & ~(0xF << 76) | 0x7 << 76
        return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
