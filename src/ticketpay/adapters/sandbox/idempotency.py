"""An idempotency key names one request: its first answer is kept and given again for a day."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import attrs

from ticketpay.adapters.sandbox.errors import idempotency

__all__ = ["Entry", "KeyStore", "checked_key"]

_KEPT_SECONDS: Final = 86_400
_LONGEST_KEY: Final = 255


@attrs.define(eq=False)
class Entry:
    """What is known of one key; `status` is None while there is no answer to give again."""

    fingerprint: bytes
    created: float
    status: int | None = None
    body: bytes = b""
    request_id: str = ""
    faulted: bool = False
    in_flight: bool = False

    def store(self, status: int, body: bytes, request_id: str) -> None:
        """Keep the answer."""
        self.status, self.body, self.request_id = status, body, request_id


class KeyStore:
    """The keys of one account, oldest first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def claim(self, key: str, fingerprint: bytes, now: float) -> Entry:
        """The entry of a key, new or known.

        Raises SandboxError: 400 when the key named another request, 409 while it is in flight.
        """
        self._prune(now)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry(fingerprint, now)
        elif entry.fingerprint != fingerprint:
            raise idempotency(400, _MISMATCH)
        elif entry.in_flight:
            raise idempotency(409, _IN_USE, "idempotency_key_in_use")
        return entry

    def forget(self, key: str, entry: Entry) -> None:
        """Give a key back whose request was refused before it began."""
        if entry.status is None and not entry.faulted:
            self._entries.pop(key, None)

    def mark(self, key: str, *, in_flight: bool) -> None:
        """Say whether the request of a key is still unanswered."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.in_flight = in_flight

    def _prune(self, now: float) -> None:
        while self._entries:
            key = next(iter(self._entries))
            if self._entries[key].created + _KEPT_SECONDS > now:
                return
            del self._entries[key]


def checked_key(key: str) -> str:
    """The key; raises SandboxError (400) when it has more than 255 characters."""
    if len(key) > _LONGEST_KEY:
        raise idempotency(400, "Idempotency keys have at most 255 characters.")
    return key


_MISMATCH: Final = (
    "Keys for idempotent requests can only be used with the same parameters they were first used"
    " with. Try using a key other than this one if you meant to execute a different request."
)
_IN_USE: Final = (
    "There is currently another in-progress request using this Idempotency Key. Please try again"
    " later."
)
