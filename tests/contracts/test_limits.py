"""What the ports of admission promise, in memory and on a real Valkey."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

import attrs
import pytest
import redis

from tests.spec.admission.traces import NOW_US, draw, verdict
from ticketpay.adapters.embedded.valkey import EmbeddedValkey
from ticketpay.adapters.memory import (
    MemoryPurchaseTurns,
    MemoryRateLimiter,
    RecordingAlerts,
    VirtualClock,
)
from ticketpay.adapters.redis import RedisClient, RedisPurchaseTurns, RedisRateLimiter
from ticketpay.domain.admission import Limit, Turn
from ticketpay.domain.kernel.ids import TenantId, UserId
from ticketpay.ports.limits import PurchaseTurns, RateLimiter

START: Final = datetime.fromtimestamp(NOW_US // 1_000_000, UTC)
THREADS: Final = 8
THREE: Final = Limit(name="three", burst=3, period_us=3_000_000)
OTHER: Final = attrs.evolve(THREE, name="other")


@attrs.frozen
class Limits:
    """The adapters of one kind, on a clock under control."""

    limiter: RateLimiter
    turns: PurchaseTurns
    clock: VirtualClock
    wait: Callable[[float], None]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.server)])
def limits(request: pytest.FixtureRequest) -> Iterator[Limits]:
    """In memory, and on Valkey with the test's clock; turns of one second."""
    clock = VirtualClock(START)
    if request.param == "memory":
        turns = MemoryPurchaseTurns(clock, ttl_seconds=1)
        yield Limits(MemoryRateLimiter(clock), turns, clock, clock.advance)
        return
    server: EmbeddedValkey = request.getfixturevalue("valkey")
    client = RedisClient.create(server.url, RecordingAlerts(), timeout_seconds=5)
    yield Limits(RedisRateLimiter(client, clock), RedisPurchaseTurns(client, 1), clock, time.sleep)
    client.close()


@attrs.frozen
class Buyer:
    """Somebody new, so that tests keep apart."""

    tenant: TenantId = attrs.field(factory=lambda: TenantId(uuid4()))
    user: UserId = attrs.field(factory=lambda: UserId(uuid4()))

    def take(self, turns: PurchaseTurns, key: UUID, owner: UUID | None = None) -> Turn:
        return turns.take(self.tenant, self.user, key, owner or uuid4())


@pytest.mark.spec("S10")
def test_a_burst_is_allowed_and_then_one_at_a_time(limits: Limits) -> None:
    """Three at once, the fourth a second later; refused requests cost nothing."""
    subject = str(uuid4())
    said = [limits.limiter.check(THREE, subject) for _ in range(5)]
    assert [(d.allowed, d.remaining) for d in said] == [
        (True, 2),
        (True, 1),
        (True, 0),
        (False, 0),
        (False, 0),
    ]
    assert {d.next_us for d in said} == {1_000_000}
    limits.clock.advance(0.999999)
    assert limits.limiter.check(THREE, subject).next_us == 1
    limits.clock.advance(0.000001)
    assert limits.limiter.check(THREE, subject).allowed
    assert not limits.limiter.check(THREE, subject).allowed


@pytest.mark.spec("S10")
def test_limits_and_subjects_do_not_share_counters(limits: Limits) -> None:
    """Neither another limit of the subject nor another subject of the limit is touched (D1)."""
    subject = f"{uuid4()}: a\u00fc\x00"
    for _ in range(4):
        limits.limiter.check(THREE, subject)
    assert limits.limiter.check(OTHER, subject).remaining == 2
    assert limits.limiter.check(THREE, subject + "x").remaining == 2
    assert not limits.limiter.check(THREE, subject).allowed


@pytest.mark.spec("S10")
def test_every_answer_is_the_reference_s(limits: Limits) -> None:
    """Drawn traces get the references' answers, to the microsecond."""
    for seed in range(60):
        trace = draw(random.Random(seed))  # noqa: S311 - repeatable, not secret
        subject, said = str(uuid4()), []
        for now in trace.instants:
            limits.clock._now = START + (now - NOW_US) * (
                datetime.resolution
            )  # a clock that can be set back
            decision = limits.limiter.check(trace.limit, subject)
            said.append((decision.allowed, decision.remaining, decision.next_us))
        assert verdict(trace, said) == ""


def test_threads_share_one_counter(limits: Limits) -> None:
    """Eight threads ask a hundred times at one instant: exactly a burst is allowed."""
    limit, subject = Limit(name="fifty", burst=50, period_us=60_000_000), str(uuid4())
    with ThreadPoolExecutor(THREADS) as threads:
        said = list(threads.map(lambda _: limits.limiter.check(limit, subject), range(100)))
    assert sorted(d.remaining for d in said if d.allowed) == list(range(50))


@pytest.mark.parametrize("subject", ["", "x" * 201])
def test_a_subject_has_a_length(limits: Limits, subject: str) -> None:
    """Nothing and more than 200 characters are not counted."""
    with pytest.raises(ValueError, match="1 to 200"):
        limits.limiter.check(THREE, subject)


@pytest.mark.spec("S16")
def test_a_buyer_has_one_purchase_under_way(limits: Limits) -> None:
    """A second key is refused until the first's owner gives the turn back; others go on."""
    buyer, other, owner = Buyer(), Buyer(), uuid4()
    assert buyer.take(limits.turns, uuid4(), owner) is Turn.TAKEN
    assert buyer.take(limits.turns, uuid4()) is Turn.REFUSED
    assert other.take(limits.turns, uuid4()) is Turn.TAKEN
    assert Buyer(other.tenant, buyer.user).take(limits.turns, uuid4()) is Turn.TAKEN
    limits.turns.release(buyer.tenant, buyer.user, uuid4())
    assert buyer.take(limits.turns, uuid4()) is Turn.REFUSED
    limits.turns.release(buyer.tenant, buyer.user, owner)
    assert buyer.take(limits.turns, uuid4()) is Turn.TAKEN


@pytest.mark.spec("S16")
def test_a_repetition_is_never_refused(limits: Limits) -> None:
    """The key under way is known, and so is one that was answered while another is under way."""
    buyer, first, second, owner = Buyer(), uuid4(), uuid4(), uuid4()
    assert buyer.take(limits.turns, first, owner) is Turn.TAKEN
    assert buyer.take(limits.turns, first) is Turn.KNOWN
    assert buyer.take(limits.turns, second) is Turn.REFUSED
    limits.turns.release(buyer.tenant, buyer.user, owner)
    assert buyer.take(limits.turns, second) is Turn.TAKEN
    assert buyer.take(limits.turns, first) is Turn.KNOWN


@pytest.mark.spec("S16", "S05")
def test_a_turn_ends_by_itself_and_its_late_owner_takes_nothing(limits: Limits) -> None:
    """After its time somebody else has the turn, and the first owner cannot give that one back."""
    buyer, late = Buyer(), uuid4()
    assert buyer.take(limits.turns, uuid4(), late) is Turn.TAKEN
    limits.wait(1.1)
    assert buyer.take(limits.turns, uuid4()) is Turn.TAKEN
    limits.turns.release(buyer.tenant, buyer.user, late)
    assert buyer.take(limits.turns, uuid4()) is Turn.REFUSED


def test_threads_share_one_turn(limits: Limits) -> None:
    """Of eight purchases at once exactly one has the turn."""
    buyer = Buyer()
    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(lambda _: buyer.take(limits.turns, uuid4()), range(THREADS)))
    assert sorted(found) == [Turn.REFUSED] * (THREADS - 1) + [Turn.TAKEN]


@pytest.mark.spec("S05")
@pytest.mark.parametrize("ttl", [0, -1])
def test_a_turn_has_a_time_to_live(ttl: int) -> None:
    """A time to live below a second is an error, not for ever (D3)."""
    client = RedisClient.create("redis://127.0.0.1:1/0", RecordingAlerts())
    with pytest.raises(ValueError, match="ttl_seconds"):
        RedisPurchaseTurns(client, ttl)
    with pytest.raises(ValueError, match="ttl_seconds"):
        MemoryPurchaseTurns(VirtualClock(START), ttl)


@pytest.mark.server
@pytest.mark.spec("S05", "S10")
def test_every_key_has_a_version_and_a_time_to_live(valkey: EmbeddedValkey) -> None:
    """Whatever is written begins with its kind and version and ends by itself (D2, D3, R10)."""
    client = RedisClient.create(valkey.url, RecordingAlerts(), timeout_seconds=5)
    limiter, turns, buyer = RedisRateLimiter(client), RedisPurchaseTurns(client), Buyer()
    for _ in range(4):
        limiter.check(THREE, f"ttl-{buyer.user}")
        limiter.check(Limit(name="quick", burst=1, period_us=1), f"ttl-{buyer.user}")
    buyer.take(turns, uuid4())
    with redis.Redis.from_url(valkey.url, decode_responses=True) as raw:
        keys = [key for key in raw.scan_iter(count=1000) if str(buyer.user) in key]
        left = {key: raw.ttl(key) for key in keys}
    assert {
        key.split(":", 2)[0:2] == ["rl", "v1"] or key.startswith("buy:v1:{") for key in keys
    } == {True}
    assert len(left) == 4
    assert all(1 <= seconds <= 3600 for seconds in left.values())
    client.close()
