"""A Redis that dies: told once, asked once a second, and used again when it is back."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from ticketpay.adapters.embedded.process import free_port
from ticketpay.adapters.embedded.valkey import EmbeddedValkey
from ticketpay.adapters.memory import MemoryRateLimiter, RecordingAlerts
from ticketpay.adapters.redis import RedisClient, RedisRateLimiter
from ticketpay.adapters.system import SystemClock
from ticketpay.domain.admission import Limit
from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.processes.admission import AdmitRequest

pytestmark = pytest.mark.server
TWO = Limit(name="two", burst=2, period_us=3_600_000_000)


@pytest.fixture
def server() -> Iterator[EmbeddedValkey]:
    with tempfile.TemporaryDirectory(prefix="ticketpay-tests-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedValkey.start(Path(folder)) as started:
            yield started


@pytest.mark.spec("S10", "S05")
def test_redis_is_killed_and_comes_back(server: EmbeddedValkey) -> None:
    """Requests pass while it is dead, those that pay are counted here; one alert; then as before."""
    alerts = RecordingAlerts()
    client = RedisClient.create(server.url, alerts, pause_seconds=0.2)
    admit = AdmitRequest(local=MemoryRateLimiter(SystemClock()), shared=RedisRateLimiter(client))
    subject = str(uuid4())

    def allowed() -> list[bool | None]:
        found = [admit(TWO, subject), *(admit(TWO, subject, pays=True) for _ in range(3))]
        return [None if d is None else d.allowed for d in found]

    assert allowed() == [True, True, False, False]
    assert client.state() == "healthy"
    server.kill()
    assert allowed() == [None, True, True, False]
    assert client.state() == "degraded"
    for _ in range(2):
        time.sleep(0.25)
        assert admit(TWO, subject) is None
    assert alerts.kinds() == ["redis_down"]
    server.restart()
    time.sleep(0.25)
    assert allowed() == [True, True, False, False]
    assert client.state() == "healthy"
    server.kill()
    assert admit(TWO, subject) is None
    assert alerts.kinds() == ["redis_down"] * 2
    client.close()


@pytest.mark.spec("S10")
def test_a_hanging_redis_costs_one_time_out_in_a_pause(server: EmbeddedValkey) -> None:
    """While it hangs, one request waits for the time-out and all others fail at once."""
    client = RedisClient.create(
        server.url, RecordingAlerts(), timeout_seconds=0.3, pause_seconds=30
    )
    limiter = RedisRateLimiter(client)
    with redis.Redis.from_url(server.url) as raw:
        raw.client_pause(1500)
    began = time.monotonic()
    for _ in range(200):
        with pytest.raises(Unavailable):
            limiter.check(TWO, "x")
    assert 0.3 <= time.monotonic() - began < 1.2
    client.close()


def test_an_outage_is_tried_by_one_thread_at_a_time() -> None:
    """When the pause is over, one of eight threads asks and the others are refused at once."""
    client = RedisClient.create(
        f"redis://127.0.0.1:{free_port()}/0", RecordingAlerts(), pause_seconds=0.2
    )
    with pytest.raises(Unavailable, match="does not answer"):
        RedisRateLimiter(client).check(TWO, "x")
    time.sleep(0.25)
    said: list[str] = []
    gate = threading.Barrier(8)

    def ask() -> None:
        gate.wait()
        try:
            RedisRateLimiter(client).check(TWO, "x")
        except Unavailable as error:
            said.append(error.detail)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == ["Redis did not answer a moment ago"] * 7 + ["Redis does not answer"]
    client.close()


def test_a_forgotten_script_is_told_again(server: EmbeddedValkey) -> None:
    """A server that has lost its scripts is given them anew, and that is no outage."""
    alerts = RecordingAlerts()
    client = RedisClient.create(server.url, alerts, timeout_seconds=5)
    limiter = RedisRateLimiter(client)
    with redis.Redis.from_url(server.url) as raw:
        for remaining in (1, 0):
            raw.script_flush()
            assert limiter.check(TWO, "x").remaining == remaining
    assert alerts.kinds() == []
    client.close()


def test_the_time_is_the_server_s(server: EmbeddedValkey) -> None:
    """Without a clock of ours, what is kept is the server's time plus an interval."""
    client = RedisClient.create(server.url, RecordingAlerts(), timeout_seconds=5)
    with redis.Redis.from_url(server.url) as raw:
        before = raw.time()
        RedisRateLimiter(client).check(TWO, "x")
        after, kept = raw.time(), int(raw.get("rl:v1:two:x"))
    first, last = (seconds * 1_000_000 + micro for seconds, micro in (before, after))
    assert first <= kept - TWO.interval_us <= last
    client.close()
