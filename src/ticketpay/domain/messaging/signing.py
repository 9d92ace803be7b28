"""Signatures of internal calls: HMAC-SHA256 over ``<timestamp ms>.<nonce>.<body>`` (S41)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from uuid import UUID

__all__ = ["compact_json", "sign"]


def compact_json(body: Mapping[str, object]) -> bytes:
    """JSON without blanks, keys in the given order, UTF-8 unescaped: the exact bytes to sign."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def sign(secret: str, timestamp_ms: int, nonce: UUID, body: bytes) -> str:
    """The hex signature of ``body`` (the bytes that are sent, S41 D2)."""
    text = f"{timestamp_ms}.{nonce}.".encode() + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
