"""Cursors: where a page of sales ended, sealed for one tenant and one list.

A cursor is 42 bytes in base64url: the time in microseconds, the payment, and a seal over both, the
tenant, the list and its filter. So a forged, cut or borrowed cursor is refused, whoever sends it.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from ticketpay.domain.payments.sales import SaleKey

__all__ = ["Cursors"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TEXT: Final = re.compile(r"[A-Za-z0-9_-]{56}")
_SEAL_BYTES: Final = 18
_REFUSAL: Final = "is not a cursor of this list"


@attrs.frozen
class Cursors:
    """Writes cursors with the first of the secret ``keys``, and reads those of all of them."""

    keys: tuple[bytes, ...] = attrs.field(repr=False)

    @classmethod
    def of(cls, *secrets: str) -> Cursors:
        """Cursors whose keys are derived from other secrets."""
        return cls(tuple(hmac.digest(s.encode(), b"ticketpay cursor 1", "sha256") for s in secrets))

    def write(self, place: SaleKey, bound_to: str) -> str:
        """The cursor of a place in the list that ``bound_to`` describes."""
        micros = (place.created_at - _EPOCH) // _MICROSECOND
        body = micros.to_bytes(8, "big") + place.payment_id.bytes
        return urlsafe_b64encode(body + _seal(self.keys[0], body, bound_to)).decode()

    def read(self, text: str, bound_to: str) -> SaleKey:
        """The place; raises ``ValueError`` unless this list of this tenant gave the cursor."""
        if _TEXT.fullmatch(text) is None:
            raise ValueError(_REFUSAL)
        raw = urlsafe_b64decode(text)
        body, seal = raw[:-_SEAL_BYTES], raw[-_SEAL_BYTES:]
        ours = [hmac.compare_digest(seal, _seal(key, body, bound_to)) for key in self.keys]
        if not any(ours):
            raise ValueError(_REFUSAL)
        micros = int.from_bytes(body[:8], "big")
        return SaleKey(_EPOCH + micros * _MICROSECOND, UUID(bytes=body[8:]))


def _seal(key: bytes, body: bytes, bound_to: str) -> bytes:
    return hmac.digest(key, body + bound_to.encode(), "sha256")[:_SEAL_BYTES]
