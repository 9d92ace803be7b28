"""The delivery schedule says which event goes to which endpoint when; it sends nothing itself."""

from __future__ import annotations

import hashlib
import heapq
import hmac
from collections import deque
from collections.abc import Iterable
from typing import Final

import attrs

from ticketpay.adapters.sandbox.events import Event
from ticketpay.adapters.sandbox.ids import seeded
from ticketpay.adapters.sandbox.objects import Endpoint
from ticketpay.adapters.sandbox.response import Json

__all__ = ["DEFAULT_RETRY_DELAYS", "Delivery", "DeliveryPolicy", "Schedule", "sign"]

DEFAULT_RETRY_DELAYS: Final = (1.0, 5.0, 25.0, 120.0, 600.0, 3600.0, 3600.0)

_LATE_SECONDS: Final = 2.0
_REORDER_SECONDS: Final = 0.25
_STAGGER_SECONDS: Final = 0.05
_MILLION: Final = 1_000_000


@attrs.frozen(kw_only=True)
class Delivery:
    """One HTTP POST to make; its result is told to the model under `id`."""

    id: str
    url: str
    headers: dict[str, str]
    body: bytes
    attempt: int


@attrs.frozen(kw_only=True)
class DeliveryPolicy:
    """What happens to every delivery: shares in parts per million, delay in seconds."""

    duplicate_ppm: int = 0
    delay_seconds_max: float = 0.0
    reorder: bool = False
    drop_ppm: int = 0


_PLAIN: Final = DeliveryPolicy()


@attrs.define(kw_only=True, eq=False)
class _Job:
    id: str
    event: Event
    endpoint: Endpoint
    attempt: int = 0
    state: str = "pending"
    status: int | None = None


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The `Stripe-Signature` header of a body sent at a Unix second."""
    payload = b"%d." % timestamp + body
    digest = hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Schedule:
    """Pending deliveries by due time; draws of the policy come from the seed."""

    def __init__(self, seed: int, retry_delays: tuple[float, ...], prefix: str = "dlv") -> None:
        self.policy = _PLAIN
        self._retry_delays = retry_delays
        self._random = seeded(seed, "deliveries")
        self._prefix = prefix
        self._count = 0
        self._heap: list[tuple[float, float, int, _Job]] = []
        self._sent: dict[str, _Job] = {}
        self._held: dict[str, list[_Job]] = {}
        self._recent: deque[_Job] = deque(maxlen=1000)
        self._removed: set[str] = set()

    def plan(
        self,
        event: Event,
        endpoints: Iterable[Endpoint],
        now: float,
        *,
        subject: str,
        hints: frozenset[str],
    ) -> None:
        """Schedule an event of the intent `subject`; hints: twice, late, reversed, none."""
        if "none" in hints:
            return
        for endpoint in endpoints:
            if endpoint.hears(event.type):
                for _ in range(self._copies(hints)):
                    self._plan_one(event, endpoint, now, subject, hints)

    def release(self, subject: str, now: float) -> None:
        """Send the held events of a settled intent, newest first."""
        jobs = self._held.pop(subject, None)
        for place, job in enumerate(reversed(jobs or ())):
            self._push(now + place * _STAGGER_SECONDS, job)

    def due(self, now: float, limit: int | None = None) -> list[Delivery]:
        """Take at most `limit` deliveries that are due; each awaits its `result`."""
        found: list[Delivery] = []
        while self._heap and self._heap[0][0] <= now and len(found) != limit:
            job = heapq.heappop(self._heap)[3]
            if job.endpoint.id in self._removed:
                self._finish(job, "removed")
            else:
                found.append(self._send(job, now))
        return found

    def result(self, delivery_id: str, status: int | None, now: float) -> None:
        """Record an answer (None: there was none); anything but 2xx is tried again later."""
        job = self._sent.pop(delivery_id, None)
        if job is None:
            return
        job.status = status
        if status is not None and 200 <= status < 300:
            self._finish(job, "delivered")
        elif job.attempt > len(self._retry_delays):
            self._finish(job, "failed")
        else:
            job.state = "pending"
            self._push(now + self._retry_delays[job.attempt - 1], job)

    def next_at(self) -> float | None:
        """When the next delivery is due, in Unix seconds of the sandbox."""
        return self._heap[0][0] if self._heap else None

    def remove(self, endpoint_id: str) -> None:
        """Send nothing more to a deleted endpoint."""
        self._removed.add(endpoint_id)

    def recent(self) -> list[Json]:
        """The last 1000 deliveries planned, newest first."""
        return [_shown(job) for job in reversed(self._recent)]

    def _copies(self, hints: frozenset[str]) -> int:
        copies = 2 if "twice" in hints else 1
        if self.policy is not _PLAIN and self._drawn(self.policy.duplicate_ppm):
            copies += 1
        return copies

    def _plan_one(
        self, event: Event, endpoint: Endpoint, now: float, subject: str, hints: frozenset[str]
    ) -> None:
        self._count += 1
        job = _Job(id=f"{self._prefix}_{self._count}", event=event, endpoint=endpoint)
        self._recent.append(job)
        if self.policy is not _PLAIN and self._drawn(self.policy.drop_ppm):
            job.state = "dropped"
            return
        event.pending += 1
        if "reversed" in hints:
            self._held.setdefault(subject, []).append(job)
        else:
            late = _LATE_SECONDS if "late" in hints else 0.0
            self._push(now + late + self._delay(), job)

    def _drawn(self, ppm: int) -> bool:
        return ppm > 0 and self._random.randrange(_MILLION) < ppm

    def _delay(self) -> float:
        delay = 0.0
        if self.policy.delay_seconds_max > 0:
            delay += self._random.random() * self.policy.delay_seconds_max
        if self.policy.reorder:
            delay += self._random.random() * _REORDER_SECONDS
        return delay

    def _push(self, due: float, job: _Job) -> None:
        order = self._random.random() if self.policy.reorder else 0.0
        self._count += 1
        heapq.heappush(self._heap, (due, order, self._count, job))

    def _send(self, job: _Job, now: float) -> Delivery:
        job.attempt += 1
        job.state = "sent"
        self._sent[job.id] = job
        body = job.event.body()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": sign(job.endpoint.secret, int(now), body),
            "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        url, attempt = job.endpoint.url, job.attempt
        return Delivery(id=job.id, url=url, headers=headers, body=body, attempt=attempt)

    def _finish(self, job: _Job, state: str) -> None:
        job.state = state
        job.event.settled()


def _shown(job: _Job) -> Json:
    return {
        "id": job.id,
        "event": job.event.id,
        "type": job.event.type,
        "endpoint": job.endpoint.id,
        "url": job.endpoint.url,
        "attempts": job.attempt,
        "state": job.state,
        "status": job.status,
    }
