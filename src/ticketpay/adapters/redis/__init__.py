"""Redis or Valkey: counters and flags that may be lost at any moment (S05, S10, S16).

One client from ``REDIS_URL`` alone; every check-and-set is one script, every key carries a version
and a time to live of a second or more.
"""

from __future__ import annotations

from ticketpay.adapters.redis.client import RedisClient
from ticketpay.adapters.redis.limits import RedisPurchaseTurns, RedisRateLimiter

__all__ = ["RedisClient", "RedisPurchaseTurns", "RedisRateLimiter"]
