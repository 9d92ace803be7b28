"""Metrics: what is told moves as it should, parses, and names nobody."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.databases import Database
from tests.support.scenery import START, message, ref
from ticketpay.adapters.embedded.process import free_port
from ticketpay.adapters.postgres.backlog import backlog
from ticketpay.domain.kernel.errors import OutcomeUnknown, Rejected
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.messaging import Answer, Outcome
from ticketpay.domain.payments import PaymentDeclined, ProviderUnavailable
from ticketpay.entrypoints.metrics import BACKLOG, MeteredGateway, Metrics
from tools import gen_metrics

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def told(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Every sample: its name and the values of its labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (s.name.removeprefix("ticketpay_"), *s.labels.values()): s.value
        for family in families
        for s in family.samples
        if "le" not in s.labels and not s.name.endswith(("_created", "_sum"))
    }


@pytest.mark.spec("S07")
def test_sales_are_counted_once_by_outcome_and_currency() -> None:
    """Count and cents move with each answer; a replay moves nothing."""
    metrics = Metrics()
    sold = {"amountCents": 5_350, "currency": "USD"}
    metrics.sale(Answer(Outcome.COMPLETED, sold))
    metrics.sale(Answer(Outcome.COMPLETED, sold))
    metrics.sale(Answer(Outcome.COMPLETED, sold, replayed=True))
    metrics.sale(Answer(Outcome.REFUSED, {"code": "SOLD_OUT"}))
    found = told(metrics)
    assert found["sales_total", "USD", "completed"] == 2.0
    assert found["sales_cents_total", "USD", "completed"] == 10_700.0
    assert found["sales_total", "", "refused"] == 1.0


@pytest.mark.spec("S07")
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (OutcomeUnknown("time-out"), "unknown"),
        (ProviderUnavailable("refused connection"), "unavailable"),
        (Rejected("no"), "refused"),
        (None, "ok"),
    ],
)
def test_provider_calls_are_measured_by_what_came_of_them(
    error: Exception | None, outcome: str
) -> None:
    """A time-out is unknown, not failed; whatever it is, it is counted once and passed on."""

    def call(*_: object) -> object:
        if error is not None:
            raise error
        return "fact"

    names = (
        "charge",
        "retrieve",
        "confirm",
        "cancel",
        "find",
        "refund",
        "refunds_of",
        "disputes_of",
    )
    metrics = Metrics()
    gateway: Any = MeteredGateway(
        cast("Any", SimpleNamespace(**dict.fromkeys(names, call))), metrics
    )
    calls: dict[str, Callable[[], object]] = {
        "charge": lambda: gateway.charge(None),
        "retrieve": lambda: gateway.retrieve(ref()),
        "confirm": lambda: gateway.confirm(ref(), "key"),
        "cancel": lambda: gateway.cancel(ref(), "key"),
        "find": lambda: gateway.find(uuid4(), uuid4(), NOW),
        "refund": lambda: gateway.refund(None),
        "refunds_of": lambda: gateway.refunds_of(ref()),
        "disputes_of": lambda: gateway.disputes_of(ref()),
    }
    for name, call_it in calls.items():
        if error is None:
            assert call_it() == "fact"
        else:
            with pytest.raises(type(error)):
                call_it()
        assert told(metrics)["provider_call_seconds_count", name, outcome] == 1.0
    assert sum(n[0] == "provider_call_seconds_count" for n in told(metrics)) == len(names)


@pytest.mark.spec("S07")
def test_requests_have_bounded_labels() -> None:
    """Path templates and known methods only."""
    metrics = Metrics()
    metrics.request("GET", "/api/v1/orders/{id}", 200, 0.01)
    metrics.request("BREW", "unknown", 404, 0.01)
    found = {name for name in told(metrics) if name[0] == "http_request_seconds_count"}
    assert found == {
        ("http_request_seconds_count", "GET", "/api/v1/orders/{id}", "200"),
        ("http_request_seconds_count", "other", "unknown", "404"),
    }


@pytest.mark.spec("S07")
def test_steps_checks_and_pools_are_told() -> None:
    """When a step last ended, how often it failed, the last check, who works and who waits."""
    metrics = Metrics()
    metrics.step("inbox", NOW, failed=False)
    metrics.step("janitor", NOW, failed=True)
    metrics.ledger_checked(NOW, ok=False)
    metrics.watch_pools({"reads": cast("Any", SimpleNamespace(in_use=8, waiting=3))})
    found = told(metrics)
    assert found["worker_last_run_timestamp", "inbox"] == NOW.timestamp()
    assert found["worker_failures_total", "janitor"] == 1.0
    assert ("worker_last_run_timestamp", "janitor") not in found
    assert (found["ledger_check_ok",], found["ledger_check_timestamp",]) == (0.0, NOW.timestamp())
    assert (found["pool_threads_in_use", "reads"], found["pool_waiting", "reads"]) == (8.0, 3.0)


@pytest.mark.spec("S07")
def test_the_database_is_asked_at_scrapes_and_seldom() -> None:
    """Nothing is asked before a scrape, once for several, and a silent database is told as down."""
    asked: list[int] = []

    def read() -> dict[str, float]:
        asked.append(1)
        return dict.fromkeys(BACKLOG, 4.0)

    def fail() -> dict[str, float]:
        raise OutcomeUnknown("away")

    up, down = Metrics(), Metrics()
    up.watch_database(read)
    down.watch_database(fail)
    assert asked == []
    assert told(up) == told(up)
    assert asked == [1]
    assert (told(up)["outbox_parked_streams",], told(up)["database_up",]) == (4.0, 1.0)
    assert told(down)["database_up",] == 0.0
    assert ("outbox_parked_streams",) not in told(down)


@pytest.mark.spec("S07")
def test_metrics_have_a_port_of_their_own() -> None:
    """While it is served, a scrape gets the text; a taken port is a warning, not an end."""
    metrics, port = Metrics(), free_port()
    metrics.step("inbox", NOW, failed=False)
    scraped = f"http://127.0.0.1:{port}/metrics"
    with (
        metrics.served("127.0.0.1", port),
        Metrics().served("127.0.0.1", port),
        urllib.request.urlopen(scraped, timeout=5) as answer,
    ):
        text = answer.read().decode()
    assert "ticketpay_worker_last_run_timestamp" in text


def test_the_metrics_page_is_current() -> None:
    """The page lists what the registry holds, and nothing else."""
    assert gen_metrics.PAGE.read_text("utf-8") == gen_metrics.rendered(), (
        "run python tools/gen_metrics.py"
    )


@pytest.mark.server
@pytest.mark.spec("S07")
def test_the_backlog_is_what_waits(fresh_database: Database) -> None:
    """Nothing waits in an empty database; a message that is due is as old as it is; a parked one counts."""
    uow = fresh_database.unit_of_work(worker=True)
    assert backlog(uow, START) == dict.fromkeys(BACKLOG, 0.0)
    tenant = TenantId(uuid4())
    uow.run(tenant, lambda tx: tx.outbox.emit([message("order.paid", uuid4(), START)]))
    later = START.replace(minute=7)
    assert backlog(uow, later) == dict.fromkeys(BACKLOG, 0.0) | {"outbox_oldest_due_seconds": 420.0}
    (claim,) = uow.platform(lambda tx: tx.streams.claim_due(later, 60, 9)())
    uow.platform(lambda tx: tx.streams.failed(claim.key, 0, "no", None, later))
    assert backlog(uow, later) == dict.fromkeys(BACKLOG, 0.0) | {"outbox_parked_streams": 1.0}
    uow.close()


def test_a_decline_is_an_outcome_of_its_own() -> None:
    """A charge that the provider refused is declined."""
    metrics = Metrics()
    with pytest.raises(PaymentDeclined), metrics.provider_call("charge"):
        raise PaymentDeclined.__new__(PaymentDeclined)
    assert told(metrics)["provider_call_seconds_count", "charge", "declined"] == 1.0
