"""Refunds per second, asked for and sent, against pgbench's six inserts.

They are asked for by several threads: all for one event, as when it is cancelled, and for many. The
worker's janitor sends them one after the other, here to the sandbox in the same process, which
answers at once: a real provider adds its own time to every one.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from bench.baseline import pgbench_rate
from bench.town import THREADS, Town, catalog_of, open_town, rate
from tests.support.databases import copy_template, make_template
from ticketpay.adapters.embedded.postgres import EmbeddedPostgres
from ticketpay.domain.catalog import TicketType
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.messaging import KeyScope, Outcome
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import PaymentMethod
from ticketpay.domain.pricing import Demand, DemandLine
from ticketpay.domain.processes.checkout import PlaceOrder
from ticketpay.domain.processes.refund_commands import RefundRequest

EVENTS = 50
REFUNDS = 500
WARM_UP = 50


def sold(town: Town, kind: TicketType) -> PaymentId:
    """A sale of two tickets that is paid."""
    buyer = town.actor(Role.CUSTOMER)
    answer = town.api.checkout(
        PlaceOrder(
            actor=buyer,
            key=KeyScope(buyer.user_id, uuid4()),
            request_hash="s",
            demand=Demand(kind.event_id, (DemandLine(kind.id, 2),)),
            quote_id=None,
            method=PaymentMethod(type="card", method_id="pm_card_visa"),
            device_fingerprint="device",
        )
    )
    assert answer.outcome is Outcome.COMPLETED, answer
    return PaymentId(UUID(str(answer.body["id"])))


def refund(town: Town, admin: Actor, payment: PaymentId) -> None:
    """All of a payment, so that its tickets are for sale again."""
    request = RefundRequest(
        actor=admin, key=KeyScope(admin.user_id, uuid4()), request_hash="r", payment_id=payment
    )
    assert town.api.refunding.ask(request).outcome is Outcome.COMPLETED


def asked(town: Town, events: int, count: int) -> float:
    """Refunds asked for a second, by all threads together, of sales of so many events."""
    kinds = [stocked.type for stocked in town.catalog.types[:events]]
    payments: list[PaymentId] = []
    rate(lambda number: payments.append(sold(town, kinds[number % events])), range(count))
    town.settle()
    admin = town.actor(Role.ADMIN)
    with town.rolled_up():
        return rate(lambda payment: refund(town, admin, payment), payments)


def sent(town: Town, count: int) -> float:
    """Refunds sent a second by one worker."""
    begun, done = time.perf_counter(), 0
    with town.rolled_up():
        while found := town.worker.janitor():
            done += found
        spent = time.perf_counter() - begun
    assert done == count, f"{done} timers were due for {count} refunds"
    states = town.database.rows("SELECT DISTINCT state FROM refunds")
    assert states == [("completed",)], states
    return count / spent


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="ticketpay-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres.start(Path(folder) / "data") as server:
            make_template(server)
            database = copy_template(server)
            base = pgbench_rate(server, database.name)
            with open_town(database, catalog_of(EVENTS, timedelta(days=30))) as town:
                asked(town, EVENTS, WARM_UP)
                sent(town, WARM_UP)
                one = asked(town, 1, REFUNDS)
                many = asked(town, EVENTS, REFUNDS)
                town.settle()
                drained = sent(town, 2 * REFUNDS)
    print(f"pgbench six inserts {base:.0f}/s; {THREADS} threads in one process")
    print(f"refunds of {EVENTS} events asked for {many:.0f}/s: {many / base:.4f}")
    print(f"refunds of one event asked for {one:.0f}/s: {one / base:.4f}, {one / many:.2f} of many")
    print(f"refunds sent by one worker {drained:.0f}/s: {drained / base:.4f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
