"""Orders of a cancelled event refunded per second by one worker, against pgbench's six inserts.

``python -m bench.mass_refund 10000`` is the issue's figure; 2,000 orders are the default. Worker and
database share the machine; the provider answers in process and at once, so this is what our side
costs, or after so many milliseconds: ``python -m bench.mass_refund 2000 100``. The worker is a process
of its own, which begins when everything is sold: its memory is that of the refunds alone.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import attrs
import psutil

from bench.baseline import pgbench_rate
from tests.support.databases import Database, Shop, copy_template, make_shop, make_template
from tests.support.sandboxed import place_order
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.adapters.memory import RecordingTickets, SeededRandom
from ticketpay.adapters.postgres.uow import PostgresUnitOfWork, TenantMap, open_pool
from ticketpay.adapters.stripe import StripeWebhooks
from ticketpay.adapters.system.alerts import LogAlerts
from ticketpay.adapters.system.ids import Uuid7
from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.ids import EventId, TenantId, UserId
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import ChargeRequest, ProviderFact, ProviderRef, ProviderStatus
from ticketpay.domain.pricing import Demand, DemandLine
from ticketpay.domain.refunds import Refund, RefundState
from ticketpay.entrypoints.wiring import App, Parts, assemble
from ticketpay.entrypoints.workers.loop import JANITOR_BATCH, JANITORS
from ticketpay.ports.payments import RefundFact

ORDERS = 2_000
SELLERS = 4
WARM_UP = 200
"""Orders refunded before the memory is looked at for the first time."""

GROWTH_MAX = 16 << 20
"""Bytes by which the worker may grow between then and its end."""

GATE = 0.01


@attrs.frozen
class Quick:
    """A provider that takes money at once, returns it after ``seconds``, and remembers nothing."""

    seconds: float = 0.0

    def charge(self, request: ChargeRequest) -> ProviderFact:
        """The card works."""
        return ProviderFact(
            ref=ProviderRef("stripe", "", livemode=False, object_id=f"pi_{request.payment_id.hex}"),
            status=ProviderStatus.SUCCEEDED,
            amount=request.amount,
            received=request.amount,
            occurred_at=datetime.now(UTC).replace(microsecond=0),
            tenant_id=str(request.tenant_id),
            payment_id=str(request.payment_id),
        )

    def refund(self, refund: Refund) -> RefundFact:
        """The money is back."""
        time.sleep(self.seconds)
        return RefundFact(provider_refund_id=f"re_{refund.id.hex}", state=RefundState.COMPLETED)


@attrs.define
class Hurried:
    """``Clock`` that can be moved on."""

    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def application(
    dsn: str, clock: Hurried, *, connections: int, provider: Quick = Quick()
) -> tuple[App, PostgresUnitOfWork]:
    """The production use cases over PostgreSQL and the quick provider."""
    uow = PostgresUnitOfWork(TenantMap((open_pool(dsn, size_max=connections, name="bench"),)))
    parts = Parts(
        uow=uow,
        gateway=cast("Any", provider),
        reader=StripeWebhooks(("whsec_bench",)),
        tickets=RecordingTickets(),
        clock=clock,
        ids=Uuid7(),
        random=SeededRandom(1),
        alerts=LogAlerts(),
    )
    return assemble(parts), uow


def sell(database: Database, shop: Shop, orders: int) -> None:
    """So many paid orders of two tickets, one buyer each."""
    app, uow = application(database.app, Hurried(), connections=SELLERS)
    demand = Demand(shop.event.id, (DemandLine(shop.standing.id, 2),))

    def buy(_: int) -> None:
        buyer = Actor(tenant_id=shop.tenant.id, user_id=UserId(uuid4()), role=Role.CUSTOMER)
        app.checkout(place_order(buyer, uuid4(), demand))

    with ThreadPoolExecutor(SELLERS) as pool:
        list(pool.map(buy, range(orders)))
    uow.close()


def cancel(database: Database, shop: Shop) -> None:
    """What the operator does."""
    app, uow = application(database.app, Hurried(), connections=1)
    entry = AuditEntry(
        id=uuid4(),
        at=datetime.now(UTC),
        actor_kind=ActorKind.OPERATOR,
        actor_id="bench",
        action="event.cancel",
        subject_type="event",
        subject_id=str(shop.event.id),
        reason="bench",
    )
    app.cancel_event(shop.tenant.id, shop.event.id, entry)
    uow.close()


@attrs.frozen
class Found:
    """What the worker says: seconds, and bytes that it occupied after the warm-up and at most."""

    seconds: float
    orders: int
    first: int
    peak: int


def most_memory() -> int:
    """The most bytes that this process has occupied; ``ru_maxrss`` would begin with its parent's."""
    status = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) << 10


def work(
    dsn: str, tenant: UUID, event: UUID, seconds: float, told: multiprocessing.Queue[Found]
) -> None:
    """A worker's janitors, until the cancellation is finished."""
    clock, pool = Hurried(), ThreadPoolExecutor(JANITORS)
    app, uow = application(dsn, clock, connections=JANITORS, provider=Quick(seconds))
    home, ident = TenantId(tenant), EventId(event)
    begun, first, spent, last = time.perf_counter(), 0, 0.0, 0
    while True:
        claimed = sum(pool.map(app.janitor, [JANITOR_BATCH] * JANITORS))
        spent = time.perf_counter() - begun
        progress = app.cancel_event.status(home, ident)
        # Looking is no part of the work.
        begun += time.perf_counter() - begun - spent
        if not first and progress.progress.refunded >= WARM_UP:
            first = psutil.Process(os.getpid()).memory_info().rss
        last = progress.progress.refunded
        if progress.cancellation is not None and progress.cancellation.finished_at is not None:
            break
        if not claimed:
            clock.ahead += timedelta(minutes=5)
    peak = most_memory()
    told.put(Found(spent, last, first or peak, peak))
    uow.close()


def refund(database: Database, shop: Shop, seconds: float) -> Found:
    """The refunds in a process of their own."""
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[Found] = context.Queue()
    words = (database.worker, shop.tenant.id, shop.event.id, seconds, told)
    process = context.Process(target=work, args=words)
    process.start()
    found = told.get()
    process.join()
    return found


def main() -> int:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    milliseconds = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory(prefix="ticketpay-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres.start(Path(folder) / "data") as server:
            make_template(server)
            database, shop = copy_template(server), make_shop(capacity=2 * orders)
            database.load(shop.catalog)
            base = pgbench_rate(server, database.name)
            begun = time.perf_counter()
            sell(database, shop, orders)
            sold = time.perf_counter() - begun
            cancel(database, shop)
            found = refund(database, shop, milliseconds / 1_000)
    rate, growth = found.orders / found.seconds, found.peak - found.first
    assert found.orders == orders, f"{found.orders} of {orders} were refunded"
    print(f"pgbench six inserts {base:.0f}/s; {orders} orders sold in {sold:.0f} s")
    print(
        f"{orders} orders refunded in {found.seconds:.1f} s by one worker,"
        f" the provider answering after {milliseconds} ms:"
        f" {rate:.0f}/s: {rate / base:.4f} (gate {GATE})"
    )
    print(
        f"memory of the worker: {found.first >> 20} MiB after {WARM_UP} orders,"
        f" at most {found.peak >> 20} MiB (gate: {GROWTH_MAX >> 20} MiB more)"
    )
    return int(rate / base < GATE or growth > GROWTH_MAX)


if __name__ == "__main__":
    sys.exit(main())
