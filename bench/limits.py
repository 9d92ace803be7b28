"""A rate-limit check against one INCR of the same client, taken in turns in the same run."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import redis

from ticketpay.adapters.embedded.valkey import EmbeddedValkey
from ticketpay.adapters.redis import RedisClient, RedisRateLimiter
from ticketpay.adapters.system.alerts import LogAlerts
from ticketpay.domain.admission import Limit

ROUNDS = 5_000
LIMIT = Limit(name="bench", burst=1_000_000, period_us=60_000_000)


def timed(call: Callable[[], object]) -> int:
    """Nanoseconds."""
    began = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - began


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ticketpay-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedValkey.start(Path(folder)) as server:
            client = RedisClient.create(server.url, LogAlerts(), timeout_seconds=5)
            raw: redis.Redis = client._redis  # noqa: SLF001 - the same client is the point
            limiter = RedisRateLimiter(client)
            checks, plain = [], []
            for _ in range(ROUNDS):
                plain.append(timed(lambda: raw.incr("bench")))
                checks.append(timed(lambda: limiter.check(LIMIT, "user")))
            client.close()
    check, incr = statistics.median(checks) / 1000, statistics.median(plain) / 1000
    ratio = check / incr
    print(f"rate-limit check p50 {check:.0f} us, INCR p50 {incr:.0f} us: {ratio:.2f} (aim 1.3)")
    return int(ratio > 1.6)


if __name__ == "__main__":
    sys.exit(main())
