"""Row-level security alone: every statement with its tenant predicate cut off shows nothing foreign.

The statements are read from the ``.sql`` files, their values from the repositories at work for a
tenant B; then each is run for a tenant A. A new statement fails the count until ``sale`` calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import psycopg
import pytest

from tests.contracts.test_disputes import a_dispute
from tests.support.databases import Database
from tests.support.leaks import Probe, Recorded, Recording, named_statements, strip
from tests.support.scenery import (
    START,
    Scenery,
    a_payout,
    a_subscription,
    an_invoice,
    audit_entry,
    chain,
    message,
    ref,
)
from ticketpay.adapters.postgres import catalog as catalog_adapter
from ticketpay.adapters.postgres.session import RoundTrips
from ticketpay.adapters.postgres.uow import PostgresTx
from ticketpay.domain.catalog import Cancellation
from ticketpay.domain.kernel.ids import EventId, QuoteId, RefundId, TenantId, UserId
from ticketpay.domain.ledger import VenueBooks, capture_posting
from ticketpay.domain.messaging import (
    AggregateType,
    Answer,
    Claim,
    ClaimStatus,
    KeyScope,
    Outcome,
    StreamClaim,
    StreamKey,
)
from ticketpay.domain.money import USD
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderState
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    Payment,
    PaymentEvent,
    Retry,
    RetryAction,
)
from ticketpay.domain.payments.sales import NEWEST
from ticketpay.domain.payouts import PAYOUT_MACHINE, PayoutEvent, VenueAccount
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    REFUND_MACHINE,
    DisputeEvent,
    Refund,
    RefundEvent,
)

pytestmark = pytest.mark.server

NOTHING_TO_CUT: Final = {
    "catalog.put_venue": "an insert names its tenant, and only the owner may",
    "catalog.put_event": "an insert names its tenant, and only the owner may",
    "catalog.put_type": "an insert names its tenant, and only the owner may",
    "catalog.put_stock": "an insert names its tenant, and only the owner may",
    "catalog.put_seats": "an insert names its tenant, and only the owner may",
    "cancellations.add": "an insert names its tenant",
    "audit.record": "an insert names its tenant",
    "audit.add_checkpoint": "an insert names its tenant",
    "audit.add_links": "an insert names its tenant",
    "audit.lock_head": "an insert names its tenant",
    "disputes.add": "an insert names its tenant",
    "ledger.post": "an insert names its tenant",
    "messaging.emit": "an insert names its tenant",
    "orders.add_order": "an insert names its tenant",
    "orders.add_tickets": "an insert names its tenant",
    "payments.add": "an insert names its tenant",
    "payouts.add_payout": "an insert names its tenant",
    "payouts.ensure_account": "an insert names its tenant",
    "quotes.add": "an insert names its tenant",
    "refunds.add": "an insert names its tenant",
    "retries.add_retry": "an insert names its tenant",
    "subscriptions.add_invoice": "an insert names its tenant",
    "subscriptions.add_subscription": "an insert names its tenant",
}
"""Statements without a comparison: their rows carry the tenant, and the policy's check refuses another."""

LAST: Final = UUID(int=(1 << 128) - 1)
Op = Callable[[PostgresTx], object]


def sale(home: Scenery) -> Iterator[Op]:
    """Every method of every repository, in an order in which each finds what it works on."""
    yield from sale_reads(home)
    yield from keys(home)
    yield from trail()
    quote = home.quote(home.demand(2, "A1"), START)
    order = estimated(home.order(START, home.demand(2, "A1")))
    payment = home.payment(order, START)
    yield lambda tx: tx.quotes.add(quote)
    yield lambda tx: tx.quotes.get(quote.id)()
    yield lambda tx: tx.catalog.offer_of_quote(quote.id)()
    yield lambda tx: tx.stock.lock(home.demand(2, "A1"))().seats
    yield lambda tx: tx.stock.lock_quoted(quote.id)().seats
    yield lambda tx: tx.orders.add(order)
    yield lambda tx: tx.stock.hold(order.id, home.demand(2, "A1"))
    yield lambda tx: tx.payments.add(payment)
    yield lambda tx: tx.payments.get(payment.id)()
    yield lambda tx: tx.payments.lock(payment.id)()
    yield lambda tx: tx.payments.of_order(order.id)()
    yield lambda tx: tx.payments.sent_again(payment.id, START)
    yield lambda tx: tx.orders.get(order.id)()
    yield lambda tx: tx.orders.lock(order.id)()
    yield lambda tx: tx.orders.lock_of_payment(payment.id)()
    yield lambda tx: tx.stock.release(order.id)
    yield lambda tx: tx.stock.hold_again(order.id)()
    yield lambda tx: tx.stock.confirm(order.id)
    path = ORDER_MACHINE.path(order.state, OrderState.FULFILLED)
    assert path is not None
    yield lambda tx: tx.orders.move(order, path, START)
    step = PAYMENT_MACHINE.step(payment.state, PaymentEvent.COMPLETE)
    paid = attrs.evolve(
        payment,
        state=step.after,
        received_cents=payment.amount.cents,
        ref=ref(),
        confirmed_at=START,
    )
    yield lambda tx: tx.payments.save(paid, step, START)
    yield lambda tx: tx.catalog.volume(home.venue_id, START - timedelta(days=30))()
    yield lambda tx: tx.stock.give_back(order.id, order.tickets)
    yield from books(home, paid.amount, order, paid)
    yield from after_the_sale(paid)
    yield from venue_money(home)
    yield from cancelled(home.event_id)
    yield from plans(home, quote.id)


def sale_reads(home: Scenery) -> Iterator[Op]:
    yield lambda tx: tx.catalog.offer(home.event_id)()
    yield lambda tx: tx.catalog.place(home.venue_id)()


def estimated(order: Order) -> Order:
    """An order whose tax is to be calculated again, or the list of those would be empty."""
    charges = tuple(attrs.evolve(charge, estimated=charge.kind.is_tax) for charge in order.charges)
    return attrs.evolve(order, charges=charges)


def keys(home: Scenery) -> Iterator[Op]:
    scope = KeyScope(UserId(home.venue_id), home.event_id)
    mine = Claim(scope=scope, status=ClaimStatus.NEW, epoch=1)
    answer = Answer(Outcome.COMPLETED, {"id": "x"})
    for _ in range(2):
        yield lambda tx: tx.idempotency.claim(scope, home.tenant.hex, START)()
    yield lambda tx: tx.idempotency.lock(mine)()
    yield lambda tx: tx.idempotency.advance(mine, home.payment(home.order(START), START).id)
    yield lambda tx: tx.idempotency.release(mine, START)
    yield lambda tx: tx.idempotency.finish(mine, answer, START)
    yield lambda tx: tx.idempotency.purge(START + timedelta(days=9), 99)()


def trail() -> Iterator[Op]:
    entry = audit_entry(START)
    yield lambda tx: tx.audit.record(entry)
    yield lambda tx: tx.audit.get(entry.id)()
    yield lambda tx: tx.audit.latest(9)()
    yield lambda tx: tx.audit.waiting(9)()
    yield lambda tx: tx.audit.findings()()
    yield lambda tx: tx.audit.lock_head()()
    yield lambda tx: chain(tx, tx.audit.lock_head()(), entry)
    yield lambda tx: tx.audit.head()()
    yield lambda tx: tx.audit.linked(0, 9)()
    yield lambda tx: tx.audit.checkpoints()()


def books(home: Scenery, total: Any, order: Any, payment: Any) -> Iterator[Op]:
    posting = capture_posting(
        payment_id=payment.id,
        venue_id=home.venue_id,
        event_id=home.event_id,
        provider_account="",
        tax_jurisdiction=order.tax_jurisdiction,
        total=total,
        fees_cents=order.fees_cents,
        taxes_cents=order.taxes_cents,
        posted_at=START,
    )
    yield lambda tx: tx.orders.with_estimated_tax(9)()
    yield lambda tx: tx.orders.was_issued(order.id)()
    yield lambda tx: tx.ledger.post(posting)
    yield lambda tx: tx.ledger.balances()()
    yield lambda tx: tx.ledger.booked_by_payment()()
    yield lambda tx: tx.ledger.venue_balances(home.venue_id)()
    yield lambda tx: tx.ledger.roll_up(10)()


def disputed(payment: Any) -> Iterator[Op]:
    dispute = a_dispute(payment, START)
    step = DISPUTE_MACHINE.step(dispute.state, DisputeEvent.WITHDRAW)
    yield lambda tx: tx.disputes.add(dispute)
    yield lambda tx: tx.disputes.of_payment(payment.id)()
    yield lambda tx: tx.disputes.undecided(9)()
    yield lambda tx: tx.disputes.lock(dispute.id)()
    yield lambda tx: tx.disputes.move(dispute, step, START)


def after_the_sale(payment: Any) -> Iterator[Op]:
    refund = Refund(
        id=RefundId(uuid4()),
        payment_id=payment.id,
        ref=payment.ref,
        # Something is left, so that a cancellation still looks at it.
        amount=attrs.evolve(payment.amount, cents=payment.amount.cents - 1),
        reason="late_success",
        state=REFUND_MACHINE.initial,
        created_at=START,
        needs_approval=True,
    )
    step = REFUND_MACHINE.step(refund.state, RefundEvent.COMPLETE)
    done = attrs.evolve(refund, state=step.after, provider_refund_id="re_1")
    yield lambda tx: tx.refunds.add(refund)
    yield lambda tx: tx.refunds.get(refund.id)()
    yield lambda tx: tx.refunds.of_payment(payment.id)()
    yield lambda tx: tx.refunds.waiting(9)()
    yield lambda tx: tx.refunds.lock(refund.id)()
    yield lambda tx: tx.refunds.approve(refund, payment.user_id, START)
    yield lambda tx: tx.refunds.move(attrs.evolve(done, version=2), step, START)
    yield from disputed(payment)
    yield from tried(payment)
    yield lambda tx: tx.sales.of_user(payment.user_id, NEWEST, 9)()
    yield lambda tx: tx.sales.of_venue(payment.venue_id, NEWEST, 9)()
    yield lambda tx: tx.sales.counts(START)()
    yield lambda tx: tx.listings.orders(LAST, 9)()
    yield lambda tx: tx.listings.payments(LAST, 9)()
    yield lambda tx: tx.listings.postings("", 9)()
    yield lambda tx: tx.listings.history(payment.id, payment.order_id)()
    yield lambda tx: tx.outbox.emit([message("order.paid", payment.order_id, START)])
    yield lambda tx: tx.outbox.pending(
        StreamClaim(
            key=StreamKey(tx.tenant_id, AggregateType.ORDER, payment.order_id),
            epoch=1,
            delivered_seq=0,
            attempts=0,
        ),
        9,
    )()


def venue_money(home: Scenery) -> Iterator[Op]:
    venue, long_after = home.venue_id, START + timedelta(days=400)
    payout = a_payout(venue, START)
    step = PAYOUT_MACHINE.step(payout.state, PayoutEvent.PROCESS)
    for _ in range(2):
        yield lambda tx: tx.venue_accounts.lock(venue, USD)()
    yield lambda tx: tx.venue_accounts.save(
        VenueAccount(venue_id=venue, currency=USD, provider_account="acct_1", postings=1)
    )
    yield lambda tx: tx.venue_accounts.get(venue, USD)()
    yield lambda tx: tx.venue_accounts.due(long_after, venue, USD, 9)()
    yield lambda tx: tx.venue_accounts.due_cents(long_after, venue, USD)()
    too_much = VenueBooks(venue_id=venue, currency=USD).released(home.event_id, 10**7, 1, START)
    yield lambda tx: tx.ledger.post(too_much)
    yield lambda tx: tx.venue_accounts.debts(venue)()
    yield lambda tx: tx.venue_accounts.waiting(long_after, long_after, None, 9)()
    yield lambda tx: tx.venue_accounts.history(venue, START, long_after)()
    reserved = VenueBooks(venue_id=venue, currency=USD).reserved(700, payout.id, START)
    yield lambda tx: tx.ledger.post(reserved)
    yield lambda tx: tx.venue_accounts.reserved_since(venue, USD, START)()
    yield lambda tx: tx.payouts.add(payout)
    yield lambda tx: tx.payouts.get(payout.id)()
    yield lambda tx: tx.payouts.lock(payout.id)()
    yield lambda tx: tx.payouts.of_venue(venue, START, 9)()
    yield lambda tx: tx.payouts.day_cents(venue, USD, START)()
    yield lambda tx: tx.payouts.move(payout, step, START)


def cancelled(event_id: EventId) -> Iterator[Op]:
    cancellation = Cancellation(
        event_id=event_id, reason="rain", requested_by="kim", started_at=START
    )
    yield lambda tx: tx.cancellations.start(cancellation)
    yield lambda tx: tx.cancellations.get(event_id)()
    yield lambda tx: tx.cancellations.lock(event_id)()
    yield lambda tx: tx.cancellations.save(attrs.evolve(cancellation, finished_at=START))
    yield lambda tx: tx.cancellations.to_look_at(event_id, None, 9)()
    yield lambda tx: tx.cancellations.progress(event_id)()


def tried(payment: Payment) -> Iterator[Op]:
    retry = Retry(payment_id=payment.id, number=1, action=RetryAction.CONFIRM, at=START)
    yield lambda tx: tx.retries.add(retry)
    yield lambda tx: tx.retries.end(payment.id, "succeeded")
    yield lambda tx: tx.retries.of_payment(payment.id)()
    yield lambda tx: tx.retries.around(payment)()
    yield lambda tx: tx.stock.lock_event(payment.order_id, payment.event_id)


def plans(home: Scenery, quote_id: QuoteId) -> Iterator[Op]:
    held = a_subscription(home.venue_id, START)
    yield lambda tx: tx.subscriptions.add(held)
    yield lambda tx: tx.subscriptions.get(home.venue_id)()
    yield lambda tx: tx.subscriptions.of_event(home.event_id)()
    yield lambda tx: tx.subscriptions.of_quote(quote_id)()
    yield lambda tx: tx.subscriptions.lock(home.venue_id)()
    yield lambda tx: tx.subscriptions.tickets_sold(home.venue_id, START)()
    yield lambda tx: tx.subscriptions.save(held)
    yield lambda tx: tx.plan_invoices.add(home.venue_id, an_invoice(START))
    yield lambda tx: tx.plan_invoices.of_venue(home.venue_id)()
    yield lambda tx: tx.plan_invoices.of_tenant()()


@attrs.define
class Loading:
    """A connection that only notes what the catalogue writer executes."""

    noted: list[Recorded] = attrs.field(factory=list)

    def execute(self, statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        self.noted.append(Recorded(statement, values))
        return []


@attrs.frozen
class Stage:
    """Two tenants on one database; ``theirs`` sells, and ``mine`` has sold before."""

    database: Database
    mine: Scenery
    theirs: Scenery
    tables: tuple[str, ...]

    @property
    def statements(self) -> dict[str, str]:
        """Every named statement of a tenant table, by name."""
        return named_statements((*self.tables, "ledger_balances", "venue_balances"))

    def recordings(self) -> Iterator[Recorded]:
        """Every statement for ``theirs``, each before its transaction is committed."""
        loading = Loading()
        news = Scenery(tenant=self.theirs.tenant)
        catalog_adapter._load(loading, news.catalog)  # type: ignore[arg-type] # it only executes
        with psycopg.connect(self.database.both, autocommit=True) as connection:
            for op in sale(self.theirs):
                yield from transact(connection, self.theirs.tenant, op, commit=False)
                transact(connection, self.theirs.tenant, op, commit=True)
        # Afterwards, because the loader looks for events that are cancelled.
        yield from loading.noted


def transact(
    connection: psycopg.Connection[Any], tenant: TenantId, op: Op, *, commit: bool
) -> list[Recorded]:
    session = Recording(connection, tenant, RoundTrips())
    with connection.transaction(force_rollback=not commit):
        connection.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant)])
        op(PostgresTx(session, 90))
    return session.noted


@pytest.fixture(scope="module")
def stage(database: Database) -> Stage:
    """Both catalogues are loaded; A has made one sale and claimed the key that B will use."""
    mine, theirs = Scenery(), Scenery()
    for scenery in (mine, theirs):
        database.load(scenery.catalog)
    with psycopg.connect(database.both, autocommit=True) as connection:
        for op in sale(mine):
            transact(connection, mine.tenant, op, commit=True)
        key = KeyScope(UserId(theirs.venue_id), theirs.event_id)
        claim: Op = lambda tx: tx.idempotency.claim(key, "mine", START)()  # noqa: E731 - an op
        transact(connection, mine.tenant, claim, commit=True)
    walled = database.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relrowsecurity ORDER BY 1"
    )
    return Stage(database, mine, theirs, tuple(str(name) for (name,) in walled))


@attrs.define
class Findings:
    """Names of statements: tried, leaking through a role of ours, leaking when nobody stops them."""

    tried: set[str] = attrs.field(factory=set)
    leaks: set[str] = attrs.field(factory=set)
    bites: set[str] = attrs.field(factory=set)


def try_all(stage: Stage) -> Findings:
    """Probe every statement as the app, or as the worker too where the app has no right to it."""
    names = {text: name for name, text in stage.statements.items()}
    found, database = Findings(), stage.database
    a, b, tables = stage.mine.tenant, stage.theirs.tenant, stage.tables
    with (
        Probe.open(database.app, a, b, tables) as app,
        Probe.open(database.both, a, b, tables) as both,
        Probe.open(database.owner, a, b, tables, past_keys=True) as owner,
    ):
        for recorded in stage.recordings():
            name = names.get(recorded.statement, "")
            if name in stage.statements:
                found.tried.add(name)
                ours = both if app.refused(recorded) else app
                if ours.stripped_leaks(recorded) or ours.foreign_leaks(recorded):
                    found.leaks.add(name)
                if name not in found.bites and (
                    owner.foreign_leaks(recorded)
                    if name in NOTHING_TO_CUT
                    else owner.stripped_leaks(recorded)
                ):
                    found.bites.add(name)
    return found


@pytest.mark.spec("S04", "S04 D2")
def test_a_statement_without_its_predicate_leaks_nothing(stage: Stage) -> None:
    """For each statement of a tenant table: cut off, or given B's tenant, it serves A nothing of B's.

    The same probe as a superuser, whom no policy stops, finds a leak in each of them.
    """
    found, wanted = try_all(stage), set(stage.statements)
    assert found.leaks == set()
    assert found.tried == wanted, "call the new statement in sale()"
    assert found.bites == wanted, "the probe would not have seen a leak here"
    assert len(wanted) >= 48
    print(f"{len(wanted)} statements of tenant tables, {len(wanted) - len(NOTHING_TO_CUT)} cut")  # noqa: T201 - the count is asked for


@pytest.mark.spec("S04")
def test_every_predicate_is_cut(stage: Stage) -> None:
    """Cutting changes every statement but those on the list, and leaves no comparison behind."""
    wanted = stage.statements
    assert {name for name, text in wanted.items() if strip(text) == text} == set(NOTHING_TO_CUT)
    left = {n for n, text in wanted.items() if "tenant_id = " in strip(text)}
    assert left == {"payments.save"}  # the directory's own comparison with excluded
