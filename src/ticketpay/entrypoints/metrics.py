"""Metrics for Prometheus: one registry per process, no tenant and no person in any label.

Counters and histograms are written where things happen; gauges of the database and the pools are
read when somebody scrapes, the database's at most every five seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import attrs
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ticketpay.domain.kernel.errors import OutcomeUnknown, Unavailable
from ticketpay.domain.payments import PaymentDeclined

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import PaymentId, TenantId
    from ticketpay.domain.messaging import Answer
    from ticketpay.domain.payments import ChargeRequest, ProviderFact, ProviderRef
    from ticketpay.domain.refunds import Refund
    from ticketpay.ports.payments import DisputeNotice, PaymentGateway, RefundFact, RefundNotice

__all__ = ["BACKLOG", "Backlog", "MeteredGateway", "Metrics"]

CACHE_SECONDS: Final = 5.0
_UP: Final = "Whether every database answered the last time."
_LOG: Final = logging.getLogger("ticketpay.metrics")
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_HTTP_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_PROVIDER_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0)

BACKLOG: Final = {
    "outbox_oldest_due_seconds": "How long the oldest due stream of the outbox has been due.",
    "outbox_parked_streams": "Streams that wait for a person, at most 1,000 per database.",
    "inbox_oldest_seconds": "How long ago the oldest unprocessed provider event came.",
    "inbox_dead_events": "Provider events that were given up, at most 1,000 per database.",
    "timers_oldest_due_seconds": "How long the oldest due timer has been due.",
}
"""The gauges of the database, by name."""

Backlog = Mapping[str, float]
"""A value for each name of ``BACKLOG``."""


class Pool(Protocol):
    """**Protocol:** something with threads."""

    @property
    def in_use(self) -> int: ...
    @property
    def waiting(self) -> int: ...


class _Backlog(Collector):
    """Asks the database at a scrape, unless it was asked a moment ago."""

    def __init__(self, read: Callable[[], Backlog]) -> None:
        self._read, self._lock = read, threading.Lock()
        self._until, self._found = 0.0, dict[str, float]()

    def describe(self) -> Iterable[GaugeMetricFamily]:
        named = {**BACKLOG, "database_up": _UP}
        return [GaugeMetricFamily(f"ticketpay_{name}", text) for name, text in named.items()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        found = self._current()
        for name, text in BACKLOG.items():
            family = GaugeMetricFamily(f"ticketpay_{name}", text)
            if name in found:
                family.add_metric([], found[name])
            yield family
        up = GaugeMetricFamily("ticketpay_database_up", _UP)
        up.add_metric([], float(bool(found)))
        yield up

    def _current(self) -> dict[str, float]:
        with self._lock:
            if time.monotonic() >= self._until:
                try:
                    self._found = dict(self._read())
                except Exception:  # noqa: BLE001 - a scrape tells what it can
                    self._found = {}
                self._until = time.monotonic() + CACHE_SECONDS
            return self._found


class Metrics:
    """The registry of one process and everything that is counted in it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._described: list[tuple[str, str, tuple[str, ...], str]] = []
        self._lazy: list[_Backlog] = []
        self._sales = self._counter("sales", "Answers to sales.", "outcome", "currency")
        self._cents = self._counter("sales_cents", "Their totals, cents.", "outcome", "currency")
        self._http = self._histogram(
            "http_request_seconds", "Requests.", _HTTP_SECONDS, "method", "path", "status"
        )
        self._answered: dict[tuple[str, str, int], Histogram] = {}
        self._provider = self._histogram(
            "provider_call_seconds", "Provider calls.", _PROVIDER_SECONDS, "operation", "outcome"
        )
        self._in_use = self._gauge("pool_threads_in_use", "Threads that work.", "pool")
        self._queued = self._gauge("pool_waiting", "Requests that wait for a thread.", "pool")
        self._ran = self._gauge("worker_last_run_timestamp", "When a step last ended.", "step")
        self._failed = self._counter("worker_failures", "Steps that failed.", "step")
        self._check_ok = self._gauge("ledger_check_ok", "1 if the last check found nothing.")
        self._checked = self._gauge("ledger_check_timestamp", "When the ledger was last checked.")

    def sale(self, answer: Answer) -> None:
        """A sale was answered; what was answered before is not counted again."""
        if answer.replayed:
            return
        currency = str(answer.body.get("currency", ""))
        self._sales.labels(str(answer.outcome), currency).inc()
        cents = answer.body.get("amountCents")
        if isinstance(cents, int):
            self._cents.labels(str(answer.outcome), currency).inc(cents)

    def request(self, method: str, path: str, status: int, seconds: float) -> None:
        """A request was answered; ``path`` is the route's template."""
        verb = method if method in _METHODS else "other"
        series = self._answered.get((verb, path, status))
        if series is None:
            # Looking a series up by its labels costs more than counting in it.
            series = self._http.labels(verb, path, str(status))
            self._answered[verb, path, status] = series
        series.observe(seconds)

    def step(self, name: str, now: datetime, *, failed: bool) -> None:
        """A worker's step has ended."""
        if failed:
            self._failed.labels(name).inc()
        else:
            self._ran.labels(name).set(now.timestamp())

    def ledger_checked(self, now: datetime, *, ok: bool) -> None:
        """The ledgers of all tenants were checked."""
        self._check_ok.set(ok)
        self._checked.set(now.timestamp())

    @contextmanager
    def provider_call(self, operation: str) -> Iterator[None]:
        """Measure a call: ok, declined, unknown (a time-out, say), unavailable or refused."""
        began, outcome = time.perf_counter(), "ok"
        try:
            yield
        except BaseException as error:
            outcome = _outcome(error)
            raise
        finally:
            self._provider.labels(operation, outcome).observe(time.perf_counter() - began)

    def watch_database(self, read: Callable[[], Backlog]) -> None:
        """Ask ``read`` at scrapes."""
        self._lazy.append(_Backlog(read))
        self.registry.register(self._lazy[-1])

    def watch_pools(self, pools: Mapping[str, Pool]) -> None:
        """Ask how busy the pools are at scrapes."""
        for name, pool in pools.items():
            self._in_use.labels(name).set_function(partial(getattr, pool, "in_use"))
            self._queued.labels(name).set_function(partial(getattr, pool, "waiting"))

    @contextmanager
    def served(self, host: str, port: int) -> Iterator[None]:
        """Answer scrapes on a port of their own; without it, with a warning, if it is taken."""
        try:
            server, thread = start_http_server(port, host, self.registry)
        except OSError as error:
            _LOG.warning("metrics are not served on port %s: %s", port, type(error).__name__)
            yield
            return
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def exposition(self) -> bytes:
        """Everything in the text format."""
        return generate_latest(self.registry)

    def described(self) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
        """Name, type, labels and meaning of everything that is told."""
        yield from self._described
        for collector in self._lazy:
            for family in collector.describe():
                yield family.name, family.type, (), family.documentation

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        self._described.append((f"ticketpay_{name}_total", "counter", labels, text))
        return Counter(f"ticketpay_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        self._described.append((f"ticketpay_{name}", "gauge", labels, text))
        return Gauge(f"ticketpay_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(f"ticketpay_{name}", text, labels, buckets=buckets, registry=self.registry)


def _outcome(error: BaseException) -> str:
    if isinstance(error, PaymentDeclined):
        return "declined"
    if isinstance(error, OutcomeUnknown):
        return "unknown"
    return "unavailable" if isinstance(error, Unavailable) else "refused"


@attrs.frozen
class MeteredGateway:
    """``PaymentGateway`` whose calls are measured."""

    inner: PaymentGateway
    metrics: Metrics

    def charge(self, request: ChargeRequest) -> ProviderFact:
        with self.metrics.provider_call("charge"):
            return self.inner.charge(request)

    def retrieve(self, ref: ProviderRef) -> ProviderFact:
        with self.metrics.provider_call("retrieve"):
            return self.inner.retrieve(ref)

    def confirm(self, ref: ProviderRef, key: str) -> ProviderFact:
        with self.metrics.provider_call("confirm"):
            return self.inner.confirm(ref, key)

    def cancel(self, ref: ProviderRef, key: str) -> ProviderFact:
        with self.metrics.provider_call("cancel"):
            return self.inner.cancel(ref, key)

    def find(
        self, tenant_id: TenantId, payment_id: PaymentId, since: datetime
    ) -> ProviderFact | None:
        with self.metrics.provider_call("find"):
            return self.inner.find(tenant_id, payment_id, since)

    def list_intents(self, tenant_id: TenantId) -> Iterator[ProviderFact]:
        return self.inner.list_intents(tenant_id)

    def refund(self, refund: Refund) -> RefundFact:
        with self.metrics.provider_call("refund"):
            return self.inner.refund(refund)

    def refunds_of(self, ref: ProviderRef) -> tuple[RefundNotice, ...]:
        with self.metrics.provider_call("refunds_of"):
            return self.inner.refunds_of(ref)

    def disputes_of(self, ref: ProviderRef) -> tuple[DisputeNotice, ...]:
        with self.metrics.provider_call("disputes_of"):
            return self.inner.disputes_of(ref)
