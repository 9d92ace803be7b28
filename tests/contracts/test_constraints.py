"""What the stores refuse by themselves: every constraint is a domain error, the same everywhere.

The constraints are read from PostgreSQL's catalogue, the expectations of compare-and-set from the
SQL. Each is provoked through its port on every backend, or it is named with the reason why no
caller of a port can reach it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from importlib.resources import files
from typing import Final
from uuid import uuid4

import attrs
import pytest

from tests.contracts.test_disputes import a_dispute
from tests.contracts.test_retries import a_retry
from tests.support.backend import Backend
from tests.support.databases import Database
from tests.support.scenery import (
    Scenery,
    a_payout,
    a_subscription,
    an_invoice,
    audit_entry,
    chain,
    ref,
)
from ticketpay.adapters.postgres.errors import CONSTRAINTS
from ticketpay.domain.catalog import Cancellation, EventCancelled
from ticketpay.domain.inventory import SeatUnavailable, SoldOut
from ticketpay.domain.kernel.errors import Conflict, TicketpayError
from ticketpay.domain.kernel.ids import (
    DisputeId,
    EventId,
    OrderId,
    PaymentId,
    RefundId,
    TicketTypeId,
    UserId,
    VenueId,
)
from ticketpay.domain.ledger import PostingMixed, suspense_posting
from ticketpay.domain.messaging import Answer, KeyScope, Outcome
from ticketpay.domain.money import EUR, USD
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent
from ticketpay.domain.payments import PAYMENT_MACHINE, PaymentEvent, RetryAction
from ticketpay.domain.payouts import PAYOUT_MACHINE, PayoutEvent
from ticketpay.domain.pricing import Demand, DemandLine
from ticketpay.domain.refunds import (
    DISPUTE_MACHINE,
    REFUND_MACHINE,
    DisputeEvent,
    Refund,
    RefundEvent,
)
from ticketpay.ports.transactions import Tx

Act = Callable[[Tx], object]
Scenario = Callable[[Backend], Act | Callable[[], object]]


def twice(prepared: Callable[[Backend], Act]) -> Scenario:
    """The same act a second time."""

    def scenario(backend: Backend) -> Act:
        act = prepared(backend)
        backend.run(act)
        return act

    return scenario


def add_order(backend: Backend) -> Act:
    order = backend.home.order(backend.now())
    return lambda tx: tx.orders.add(order)


def add_quote(backend: Backend) -> Act:
    quote = backend.home.quote(backend.home.demand(), backend.now())
    return lambda tx: tx.quotes.add(quote)


def a_refund(backend: Backend, payment_id: PaymentId) -> Refund:
    amount = backend.home.order(backend.now()).total
    return Refund(
        id=RefundId(uuid4()),
        payment_id=payment_id,
        ref=ref(),
        amount=amount,
        reason="late_success",
        state=REFUND_MACHINE.initial,
        created_at=backend.now(),
    )


def add_refund(backend: Backend) -> Act:
    refund = a_refund(backend, backend.stored_payment().id)
    return lambda tx: tx.refunds.add(refund)


def post(backend: Backend) -> Act:
    posting = suspense_posting(
        payment_id=PaymentId(uuid4()),
        provider_account="",
        amount=backend.home.order(backend.now()).total,
        posted_at=backend.now(),
    )
    return lambda tx: tx.ledger.post(posting)


def hold(backend: Backend, order: Order, demand: Demand | None = None) -> Act:
    """Hold without having looked."""
    wanted = demand or backend.home.demand()

    def act(tx: Tx) -> None:
        tx.stock.lock(wanted)()
        tx.stock.hold(order.id, wanted)

    return act


def payment_of_a_stranger(backend: Backend) -> Act:
    payment, other = backend.stored_payment(), backend.stored_order()
    return lambda tx: tx.payments.add(attrs.evolve(payment, order_id=other.id))


def second_open_payment(backend: Backend) -> Act:
    order = backend.stored_order()
    backend.stored_payment(order)
    return lambda tx: tx.payments.add(backend.home.payment(order, backend.now()))


def payment_without_order(backend: Backend) -> Act:
    payment = backend.home.payment(backend.home.order(backend.now()), backend.now())
    return lambda tx: tx.payments.add(payment)


def taken_seat(backend: Backend) -> Act:
    demand = backend.home.demand(0, "A1")
    backend.run(hold(backend, backend.stored_order(), demand))
    return hold(backend, backend.stored_order(), demand)


def unknown_type(backend: Backend) -> Act:
    line = DemandLine(TicketTypeId(uuid4()), 1)
    return hold(backend, backend.stored_order(), Demand(backend.home.event_id, (line,)))


def moved_order(backend: Backend) -> Act:
    order = backend.stored_order()
    step = ORDER_MACHINE.step(order.state, OrderEvent.CANCEL)
    return lambda tx: tx.orders.move(order, [step], backend.now())


def saved_payment(backend: Backend) -> Act:
    payment = backend.stored_payment()
    step = PAYMENT_MACHINE.step(payment.state, PaymentEvent.FAIL)
    failed = attrs.evolve(payment, state=step.after)
    return lambda tx: tx.payments.save(failed, step, backend.now())


def moved_refund(backend: Backend) -> Act:
    refund = a_refund(backend, backend.stored_payment().id)
    backend.run(lambda tx: tx.refunds.add(refund))
    step = REFUND_MACHINE.step(refund.state, RefundEvent.COMPLETE)
    done = attrs.evolve(refund, state=step.after)
    return lambda tx: tx.refunds.move(done, step, backend.now())


def refund_of_another(backend: Backend) -> Act:
    known = attrs.evolve(
        a_refund(backend, backend.stored_payment().id), provider_refund_id=f"re_{uuid4().hex}"
    )
    backend.run(lambda tx: tx.refunds.add(known))
    return lambda tx: tx.refunds.add(attrs.evolve(known, id=RefundId(uuid4())))


def add_payout(backend: Backend) -> Act:
    payout = a_payout(backend.home.venue_id, backend.now())
    return lambda tx: tx.payouts.add(payout)


def payout_without_venue(backend: Backend) -> Act:
    payout = a_payout(VenueId(uuid4()), backend.now())
    return lambda tx: tx.payouts.add(payout)


def guard_without_venue(_backend: Backend) -> Act:
    return lambda tx: tx.venue_accounts.lock(VenueId(uuid4()), USD)()


def moved_payout(backend: Backend) -> Act:
    payout = a_payout(backend.home.venue_id, backend.now())
    backend.run(lambda tx: tx.payouts.add(payout))
    step = PAYOUT_MACHINE.step(payout.state, PayoutEvent.CANCEL)
    done = attrs.evolve(payout, state=step.after)
    return lambda tx: tx.payouts.move(done, step, backend.now())


def add_dispute(backend: Backend) -> Act:
    dispute = a_dispute(backend.stored_payment(), backend.now())
    return lambda tx: tx.disputes.add(dispute)


def dispute_of_another(backend: Backend) -> Act:
    known = a_dispute(backend.stored_payment(), backend.now())
    backend.run(lambda tx: tx.disputes.add(known))
    return lambda tx: tx.disputes.add(attrs.evolve(known, id=DisputeId(uuid4())))


def dispute_without_payment(backend: Backend) -> Act:
    payment = backend.home.payment(backend.home.order(backend.now()), backend.now())
    return lambda tx: tx.disputes.add(a_dispute(payment, backend.now()))


def moved_dispute(backend: Backend) -> Act:
    dispute = a_dispute(backend.stored_payment(), backend.now())
    backend.run(lambda tx: tx.disputes.add(dispute))
    step = DISPUTE_MACHINE.step(dispute.state, DisputeEvent.WITHDRAW)
    return lambda tx: tx.disputes.move(dispute, step, backend.now())


def try_without_payment(backend: Backend) -> Act:
    return lambda tx: tx.retries.add(a_retry(backend, PaymentId(uuid4())))


def asked_twice(backend: Backend) -> Act:
    payment = backend.stored_payment()
    asked = a_retry(backend, payment.id, action=RetryAction.ASK_BUYER)
    backend.run(lambda tx: tx.retries.add(asked))
    return lambda tx: tx.retries.add(attrs.evolve(asked, number=2))


def add_subscription(backend: Backend) -> Act:
    held = a_subscription(backend.home.venue_id, backend.now())
    return lambda tx: tx.subscriptions.add(held)


def subscription_without_venue(backend: Backend) -> Act:
    held = a_subscription(VenueId(uuid4()), backend.now())
    return lambda tx: tx.subscriptions.add(held)


def saved_subscription(backend: Backend) -> Act:
    held = a_subscription(backend.home.venue_id, backend.now())
    backend.run(lambda tx: tx.subscriptions.add(held))
    return lambda tx: tx.subscriptions.save(held)


def invoice_without_subscription(backend: Backend) -> Act:
    return lambda tx: tx.plan_invoices.add(VenueId(uuid4()), an_invoice(backend.now()))


def add_invoice(backend: Backend) -> Act:
    held = a_subscription(backend.home.venue_id, backend.now())
    backend.run(lambda tx: tx.subscriptions.add(held))
    return lambda tx: tx.plan_invoices.add(held.venue_id, an_invoice(backend.now()))


def mixed_posting(backend: Backend) -> Act:
    """What wrong code would have to bring: the domain makes no such posting."""
    payment = backend.stored_payment()
    fine = suspense_posting(
        payment_id=payment.id, provider_account="", amount=payment.amount, posted_at=backend.now()
    )
    one, other = fine.entries
    foreign = attrs.evolve(other, account=attrs.evolve(other.account, currency=EUR))
    with attrs.validators.disabled():
        mixed = attrs.evolve(fine, entries=(one, foreign))
    return lambda tx: tx.ledger.post(mixed)


def unsold_ticket(backend: Backend) -> Act:
    order = backend.stored_order()
    return lambda tx: tx.stock.give_back(order.id, order.tickets)


def sold_ticket(backend: Backend) -> Act:
    order = backend.stored_order()
    backend.run(hold(backend, order))
    backend.run(lambda tx: tx.stock.confirm(order.id))
    return lambda tx: tx.stock.give_back(order.id, order.tickets)


def intent_of_another(backend: Backend) -> Act:
    intent = ref()
    one, two = (attrs.evolve(backend.stored_payment(), ref=intent) for _ in range(2))
    backend.run(lambda tx: tx.payments.save(one, None, backend.now()))
    return lambda tx: tx.payments.save(two, None, backend.now())


def key_taken_over(backend: Backend) -> Act:
    key, now = KeyScope(UserId(uuid4()), uuid4()), backend.now()
    mine = backend.run(lambda tx: tx.idempotency.claim(key, "a" * 64, now)())
    later = now + timedelta(seconds=91)
    backend.run(lambda tx: tx.idempotency.claim(key, "a" * 64, later)())
    return lambda tx: tx.idempotency.finish(mine, Answer(Outcome.COMPLETED, {}), later)


def recorded(backend: Backend) -> Act:
    entry = audit_entry(backend.now())
    return lambda tx: tx.audit.record(entry)


def moved_head(backend: Backend) -> Act:
    entry = audit_entry(backend.now())
    backend.run(lambda tx: tx.audit.record(entry))
    return lambda tx: chain(tx, attrs.evolve(tx.audit.lock_head()(), seq=7), entry)


def chained_unrecorded(backend: Backend) -> Act:
    entry = audit_entry(backend.now())
    return lambda tx: chain(tx, tx.audit.lock_head()(), entry)


def cancelled(backend: Backend, event_id: EventId | None = None) -> Act:
    """Cancel an event, that of the home tenant or another."""
    cancellation = Cancellation(
        event_id=event_id or backend.home.event_id,
        reason="rain",
        requested_by="kim",
        started_at=backend.now(),
    )
    return lambda tx: tx.cancellations.start(cancellation)


def event_without_venue(backend: Backend) -> Callable[[], object]:
    catalog = attrs.evolve(Scenery().catalog, tenant=backend.catalog.tenant, venues=(), types=())
    return lambda: backend.writer.load(catalog)


def type_without_event(backend: Backend) -> Callable[[], object]:
    catalog = attrs.evolve(Scenery().catalog, tenant=backend.catalog.tenant, venues=(), events=())
    return lambda: backend.writer.load(catalog)


@attrs.frozen
class Refusal:
    """Something that a store refuses, and how."""

    error: type[TicketpayError]
    scenario: Scenario


REFUSALS: Final[dict[str, Refusal]] = {
    "orders_pkey": Refusal(Conflict, twice(add_order)),
    "quotes_pkey": Refusal(Conflict, twice(add_quote)),
    "refunds_pkey": Refusal(Conflict, twice(add_refund)),
    "ledger_postings_pkey": Refusal(Conflict, twice(post)),
    "ledger_entries_account_currency": Refusal(PostingMixed, mixed_posting),
    "payments_pkey": Refusal(Conflict, payment_of_a_stranger),
    "payments_one_open": Refusal(Conflict, second_open_payment),
    "payments_tenant_id_order_id_fkey": Refusal(Conflict, payment_without_order),
    "refunds_tenant_id_payment_id_fkey": Refusal(
        Conflict,
        lambda backend: lambda tx: tx.refunds.add(a_refund(backend, PaymentId(OrderId(uuid4())))),
    ),
    "stock_holds_pkey": Refusal(
        Conflict, twice(lambda backend: hold(backend, backend.stored_order()))
    ),
    "stock_holds_tenant_id_order_id_fkey": Refusal(
        Conflict, lambda backend: hold(backend, backend.home.order(backend.now()))
    ),
    "stock_not_oversold": Refusal(
        SoldOut,
        lambda backend: hold(backend, backend.stored_order(), backend.home.demand(6)),
    ),
    "event_cancellations_pkey": Refusal(EventCancelled, twice(cancelled)),
    "event_cancellations_tenant_id_event_id_fkey": Refusal(
        Conflict, lambda backend: cancelled(backend, EventId(uuid4()))
    ),
    "events_tenant_id_venue_id_fkey": Refusal(Conflict, event_without_venue),
    "ticket_types_tenant_id_event_id_fkey": Refusal(Conflict, type_without_event),
    "stock_held": Refusal(SoldOut, unknown_type),
    "seats_taken": Refusal(SeatUnavailable, taken_seat),
    "order_version": Refusal(Conflict, twice(moved_order)),
    "payment_version": Refusal(Conflict, twice(saved_payment)),
    "refund_version": Refusal(Conflict, twice(moved_refund)),
    "payouts_pkey": Refusal(Conflict, twice(add_payout)),
    "payout_version": Refusal(Conflict, twice(moved_payout)),
    "payouts_tenant_id_venue_id_fkey": Refusal(Conflict, payout_without_venue),
    "venue_accounts_tenant_id_venue_id_fkey": Refusal(Conflict, guard_without_venue),
    "venue_subscriptions_pkey": Refusal(Conflict, twice(add_subscription)),
    "venue_subscriptions_tenant_id_venue_id_fkey": Refusal(Conflict, subscription_without_venue),
    "plan_invoices_pkey": Refusal(Conflict, twice(add_invoice)),
    "plan_invoices_venue": Refusal(Conflict, invoice_without_subscription),
    "subscription_version": Refusal(Conflict, twice(saved_subscription)),
    "refunds_provider": Refusal(Conflict, refund_of_another),
    "payment_retries_tenant_id_payment_id_fkey": Refusal(Conflict, try_without_payment),
    "payment_retries_asked_once": Refusal(Conflict, asked_twice),
    "disputes_pkey": Refusal(Conflict, twice(add_dispute)),
    "disputes_provider": Refusal(Conflict, dispute_of_another),
    "disputes_tenant_id_payment_id_fkey": Refusal(Conflict, dispute_without_payment),
    "dispute_version": Refusal(Conflict, twice(moved_dispute)),
    "stock_returned": Refusal(Conflict, twice(sold_ticket)),
    "stock_sold": Refusal(Conflict, unsold_ticket),
    "provider_ref_owner": Refusal(Conflict, intent_of_another),
    "idempotency_epoch": Refusal(Conflict, key_taken_over),
    "audit_entries_pkey": Refusal(Conflict, twice(recorded)),
    "audit_head": Refusal(Conflict, moved_head),
    "audit_waiting": Refusal(Conflict, chained_unrecorded),
}
"""Every named constraint and expectation that a caller of a port can run into."""

OUT_OF_REACH: Final[dict[str, tuple[str, ...]]] = {
    "the statement that inserts says what happens on a conflict": (
        "events_pkey",
        "exchange_rates_pkey",
        "idempotency_keys_pkey",
        "ledger_accounts_pkey",
        "ledger_accounts_tenant_id_kind_party_subject_currency_bucke_key",
        "ledger_accounts_currency",
        "ledger_checkpoints_pkey",
        "outbox_streams_pkey",
        "payment_retries_pkey",
        "provider_refs_pkey",
        "seats_pkey",
        "stock_pkey",
        "tenants_pkey",
        "ticket_types_pkey",
        "timers_pkey",
        "venue_accounts_pkey",
        "venues_pkey",
        "webhook_inbox_pkey",
        "audit_heads_pkey",
    ),
    "the statement inserts or has locked the parent row itself": (
        "audit_chain_pkey",
        "audit_chain_tenant_id_entry_id_fkey",
        "audit_chain_tenant_id_entry_id_key",
        "audit_checkpoints_pkey",
        "audit_waiting_pkey",
        "ledger_entries_pkey",
        "ledger_entries_posting",
        "ledger_postings_currency",
        "ledger_unrolled_pkey",
        "order_tickets_pkey",
        "order_tickets_tenant_id_order_id_fkey",
        "outbox_pkey",
        "payment_attempts_pkey",
        "payment_attempts_tenant_id_key_key",
        "payment_attempts_tenant_id_payment_id_fkey",
        "seats_tenant_id_type_id_fkey",
        "state_moves_pkey",
        "stock_tenant_id_type_id_fkey",
        "venues_tenant_id_fkey",
    ),
    "the domain's types and machines refuse it before; the database is the last line": (
        "audit_chain_seq_check",
        "audit_checkpoints_number_check",
        "disputes_amount_cents_check",
        "disputes_fee_cents_check",
        "disputes_split",
        "exchange_rates_source_check",
        "exchange_rates_units_check",
        "ledger_entries_cents_check",
        "order_tickets_price_cents_check",
        "orders_exchange",
        "orders_fees_cents_check",
        "orders_taxes_cents_check",
        "orders_ticket_count_check",
        "orders_tickets_cents_check",
        "outbox_streams_check",
        "payment_retries_action_check",
        "payment_retries_number_check",
        "payments_amount_cents_check",
        "payments_check",
        "payouts_amount_cents_check",
        "payouts_check",
        "payouts_speed_check",
        "refunds_amount_cents_check",
        "refunds_split",
        "state_moves_machine_from_state_event_to_state_fkey",
        "stock_holds_quantity_check",
        "stock_holds_state_check",
        "ticket_types_price_cents_check",
        "plan_invoices_amount_cents_check",
        "venue_subscriptions_provider",
        "venue_subscriptions_state_check",
        "venue_subscriptions_wish",
        "venue_subscriptions_wish_state_check",
        "webhook_inbox_status_check",
    ),
    "only migrations write there": (
        "machine_moves_pkey",
        "schema_migrations_pkey",
        "shards_check",
        "shards_one_check",
        "shards_pkey",
        "shards_place_check",
    ),
    "memory keeps tenants apart and cannot see two slugs; tested on the real server alone": (
        "tenants_slug_key",
    ),
}

# One statement writes all three rows; which of them is refused first is the server's choice.
ALIKE: Final = {
    "ledger_postings_pkey": (
        "ledger_postings_pkey",
        "ledger_postings_currency",
        "ledger_entries_pkey",
        "ledger_unrolled_pkey",
    ),
    "audit_entries_pkey": ("audit_entries_pkey", "audit_waiting_pkey"),
}

CONSTRAINT_NAMES: Final = """
SELECT k.conname FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE n.nspname = 'public' AND k.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_namespace n ON n.oid = i.relnamespace
WHERE n.nspname = 'public' AND x.indisunique
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid)
"""


def _attempt(backend: Backend, name: str) -> Callable[[], object]:
    """Everything before the act that is refused, and the act."""
    act = REFUSALS[name].scenario(backend)
    if name in ("events_tenant_id_venue_id_fkey", "ticket_types_tenant_id_event_id_fkey"):
        return act  # type: ignore[return-value] # the writer has a transaction of its own
    return lambda: backend.run(act)  # type: ignore[arg-type] # all others are acts in one


@pytest.mark.spec("S04", "S36")
@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_a_domain_error_and_leaves_nothing(
    backend: Backend, request: pytest.FixtureRequest, name: str
) -> None:
    """What a store refuses by itself is the same domain error everywhere, and nothing is written."""
    attempt = _attempt(backend, name)
    before = backend.everything()
    with pytest.raises(TicketpayError) as refused:
        attempt()
    assert type(refused.value) is REFUSALS[name].error
    assert backend.everything() == before
    if "postgres" in request.node.name:
        assert refused.value.detail.rpartition(": ")[2] in ALIKE.get(name, (name,))


@pytest.mark.server
@pytest.mark.spec("S04")
def test_no_constraint_is_forgotten(database: Database) -> None:
    """Every constraint of the schema is provoked above or has a reason why it cannot be."""
    named = [str(name) for (name,) in database.rows(CONSTRAINT_NAMES)]
    reasons = [name for names in OUT_OF_REACH.values() for name in names]
    assert len(reasons) == len(set(reasons))
    assert set(reasons).isdisjoint(REFUSALS)
    assert sorted(named) == sorted((set(REFUSALS) - _expectations()) | set(reasons))


@pytest.mark.spec("S36")
def test_no_expectation_is_forgotten() -> None:
    """Every compare-and-set of the SQL, and every line of the table of errors, is provoked above."""
    assert _expectations() <= set(REFUSALS)
    assert set(CONSTRAINTS) <= set(REFUSALS)


def _expectations() -> set[str]:
    folder = files("ticketpay.adapters.postgres.sql")
    sql = "".join(f.read_text() for f in folder.iterdir() if f.name.endswith(".sql"))
    found = re.findall(r"tp_expect\(.*?'(\w+)'\)", sql, re.DOTALL)
    assert len(found) == sql.count("tp_expect(")
    return set(found)


@pytest.mark.server
@pytest.mark.spec("S04")
def test_two_tenants_have_two_slugs(database: Database) -> None:
    """A catalogue whose slug belongs to another tenant is a conflict, and nothing of it is loaded."""
    one, two = Scenery().catalog, Scenery().catalog
    database.load(one)
    before = database.counts()
    with pytest.raises(Conflict):
        database.load(attrs.evolve(two, tenant=attrs.evolve(two.tenant, slug=one.tenant.slug)))
    assert database.counts() == before
