"""Rate limits and turns of purchases as Lua scripts: one round trip and no race in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Final, cast
from uuid import UUID

import attrs

from ticketpay.adapters.redis.client import RedisClient, Script
from ticketpay.domain.admission import SUBJECT_LENGTH_MAX, Decision, Limit, Turn, decide

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId, UserId
    from ticketpay.ports.system import Clock

__all__ = ["RATE_LIMIT", "RedisPurchaseTurns", "RedisRateLimiter"]


def _script(name: str) -> Script:
    return Script(files(__package__).joinpath("lua", name).read_text("utf-8"))


RATE_LIMIT: Final = _script("rate_limit.lua")
"""One key, three arguments: burst, interval and instant in microseconds ('' is the server's)."""

_TAKE: Final = _script("take_turn.lua")
_RELEASE: Final = _script("release_turn.lua")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_KNOWN_SECONDS: Final = 3600
_TURNS: Final = (Turn.REFUSED, Turn.TAKEN, Turn.KNOWN)


@attrs.frozen(eq=False)
class RedisRateLimiter:
    """``RateLimiter`` whose counters all processes share.

    The time is the server's, which all of them share too; with a ``clock`` it is that one's.
    """

    client: RedisClient
    clock: Clock | None = None

    def check(self, limit: Limit, subject: str) -> Decision:
        if not 1 <= len(subject) <= SUBJECT_LENGTH_MAX:
            raise ValueError(f"a subject has 1 to {SUBJECT_LENGTH_MAX} characters")
        now = "" if self.clock is None else (self.clock.now() - _EPOCH) // _MICROSECOND
        key = f"rl:v1:{limit.name}:{subject}"
        found = self.client.run(RATE_LIMIT, (key,), limit.burst, limit.interval_us, now)
        allowed, ahead_us = cast("list[int]", found)
        return decide(limit, ahead_us, allowed=allowed == 1)


@attrs.frozen(eq=False)
class RedisPurchaseTurns:
    """``PurchaseTurns`` of all processes; a turn lasts ``ttl_seconds`` at most (>= 1, S05 D3)."""

    client: RedisClient
    ttl_seconds: int = attrs.field(default=40, validator=attrs.validators.ge(1))

    def take(self, tenant_id: TenantId, user_id: UserId, key: UUID, owner: UUID) -> Turn:
        turn = _turn_key(tenant_id, user_id)
        keys = (turn, f"{turn}:{key}")
        found = self.client.run(_TAKE, keys, str(owner), self.ttl_seconds, _KNOWN_SECONDS)
        return _TURNS[cast("int", found)]

    def release(self, tenant_id: TenantId, user_id: UserId, owner: UUID) -> None:
        self.client.run(_RELEASE, (_turn_key(tenant_id, user_id),), str(owner))


def _turn_key(tenant_id: TenantId, user_id: UserId) -> str:
    """The braces keep both keys of a buyer in one slot of a cluster."""
    return f"buy:v1:{{{tenant_id}:{user_id}}}"
