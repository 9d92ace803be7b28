"""Limits in this process: the twin of Redis's, and what counts when Redis is down or absent."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from ticketpay.domain.admission import SUBJECT_LENGTH_MAX, Decision, Limit, Turn, admit

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId, UserId
    from ticketpay.ports.system import Clock

__all__ = ["MemoryPurchaseTurns", "MemoryRateLimiter"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SUBJECTS_MAX: Final = 65_536
_KNOWN: Final = timedelta(hours=1)


@attrs.frozen(eq=False)
class MemoryRateLimiter:
    """``RateLimiter`` for the threads of one process; at most 65,536 subjects are remembered."""

    clock: Clock
    subjects_max: int = _SUBJECTS_MAX
    _arrivals: dict[tuple[str, str], int] = attrs.field(factory=dict, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def check(self, limit: Limit, subject: str) -> Decision:
        if not 1 <= len(subject) <= SUBJECT_LENGTH_MAX:
            raise ValueError(f"a subject has 1 to {SUBJECT_LENGTH_MAX} characters")
        key = (limit.name, subject)
        with self._lock:
            now_us = (self.clock.now() - _EPOCH) // _MICROSECOND
            arrival, decision = admit(limit, self._arrivals.get(key), now_us)
            if arrival is not None:
                # Put at the end: whoever is first has been quiet for longest.
                self._arrivals.pop(key, None)
                self._arrivals[key] = arrival
                self._forget(now_us)
        return decision

    def _forget(self, now_us: int) -> None:
        """Drop what is over at the front, and the quietest when there are too many."""
        while self._arrivals:
            quietest = next(iter(self._arrivals))
            if self._arrivals[quietest] > now_us and len(self._arrivals) <= self.subjects_max:
                return
            del self._arrivals[quietest]


@attrs.frozen(eq=False)
class MemoryPurchaseTurns:
    """``PurchaseTurns`` for the threads of one process; a turn lasts ``ttl_seconds`` at most."""

    clock: Clock
    ttl_seconds: int = attrs.field(default=40, validator=attrs.validators.ge(1))
    _held: dict[tuple[TenantId, UserId], tuple[UUID, datetime]] = attrs.field(
        factory=dict, init=False, repr=False
    )
    _known: dict[tuple[TenantId, UserId, UUID], datetime] = attrs.field(
        factory=dict, init=False, repr=False
    )
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def take(self, tenant_id: TenantId, user_id: UserId, key: UUID, owner: UUID) -> Turn:
        with self._lock:
            now = self.clock.now()
            self._forget(now)
            if (tenant_id, user_id, key) in self._known:
                return Turn.KNOWN
            if (tenant_id, user_id) in self._held:
                return Turn.REFUSED
            self._held[tenant_id, user_id] = (owner, now + timedelta(seconds=self.ttl_seconds))
            self._known[tenant_id, user_id, key] = now + _KNOWN
            return Turn.TAKEN

    def release(self, tenant_id: TenantId, user_id: UserId, owner: UUID) -> None:
        with self._lock:
            held = self._held.get((tenant_id, user_id))
            if held is not None and held[0] == owner:
                del self._held[tenant_id, user_id]

    def _forget(self, now: datetime) -> None:
        """Drop what is over; both fill up in the order in which they are over."""
        while self._held and next(iter(self._held.values()))[1] <= now:
            del self._held[next(iter(self._held))]
        while self._known and next(iter(self._known.values())) <= now:
            del self._known[next(iter(self._known))]
