"""The oracles: what must be true after every commit and every answer of the provider, and what
must be true once all is healed. They judge from rows and from the provider's own books; only the
last of them asks ``ledger verify``, which must come to the same end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from tests.simulation.world import VENUE_ACCOUNT, World
from ticketpay.adapters.memory import Transaction
from ticketpay.adapters.memory.store import TenantTables
from ticketpay.domain.inventory import HoldState
from ticketpay.domain.kernel.ids import (
    DisputeId,
    OrderId,
    PaymentId,
    PayoutId,
    RefundId,
    VenueId,
)
from ticketpay.domain.ledger import AccountKind, Bucket, LedgerReport, ProviderTotal, verify_ledger
from ticketpay.domain.messaging import ROUTES, AggregateType, Outcome, Route, StreamKey
from ticketpay.domain.money import USD
from ticketpay.domain.orders import Order, OrderEvent, OrderState
from ticketpay.domain.payments import (
    Payment,
    PaymentEvent,
    PaymentState,
    ProviderFact,
    ProviderStatus,
    RetryAction,
)
from ticketpay.domain.payouts import PayoutState
from ticketpay.domain.refunds import (
    Dispute,
    DisputeState,
    Refund,
    RefundReason,
    RefundState,
)
from ticketpay.domain.subscriptions import SubscriptionEvent, SubscriptionState

__all__ = ["Auditor", "check_healed"]

NEVER_TOLD: Final = (OrderEvent.REFUND_FAIL, PaymentEvent.RETRY)
TOLD_BESIDE: Final = ("order.tickets_", "payment.method_requested")
TRY_SECONDS_MIN: Final = 3_600
TRIES_MAX: Final = 3
REFUNDED: Final = (OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED)
UNDER_WAY: Final = (PaymentState.PENDING, PaymentState.PROCESSING, PaymentState.AUTHORIZED)
PAID: Final = (OrderState.PAID, OrderState.FULFILLED, *REFUNDED)
OVER: Final = (OrderState.CANCELLED, OrderState.EXPIRED)
NEVER_RUNG: Final = ("janitor_refused", "order_refuses_payment")
FORGIVEN: Final = ("OutcomeUnknown", "Unavailable")
"""What a worker may report while the database is in trouble."""

_END_OF: Final = {"won": "won", "lost": "lost", "warning_closed": "closed"}
"""The states of ended disputes in the provider's words."""

_PLAN_OVER: Final = ("canceled", "incomplete_expired")
_PLAN_STATES: Final = {
    "incomplete": "pending",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    **dict.fromkeys(_PLAN_OVER, "cancelled"),
}
_PLAN_TOLD: Final = {
    SubscriptionEvent.START: "subscription.started",
    SubscriptionEvent.RENEW: "subscription.renewed",
    SubscriptionEvent.FAIL: "subscription.past_due",
    SubscriptionEvent.CANCEL: "subscription.cancelled",
}

ORDERS_TOLD: Final = ("paid", "payment_failed", "cancelled", "expired")
PAYOUTS_TOLD: Final = ("cancelled", "paid", "failed")
REFUNDS_TOLD: Final = ("completed", "failed")


class Auditor:
    """Looks at what each commit has changed; keeps a history of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tables = world.uow.store.of(world.scenery.tenant)
        self._told: dict[UUID, list[str]] = {}
        self._final: dict[UUID, str] = {}
        self._known: set[tuple[int, object]] = set()
        platform = world.uow.store.platform
        in_order = (
            (self._tables.keys, platform.waiting),
            (self._tables.cancellations,),
            (self._tables.events,),
            (self._tables.payments,),
            (self._tables.orders,),
            # Disputes are locked only under their payment, at any time.
            (self._tables.refunds,),
            (self._tables.guards,),
            (self._tables.payouts,),
            (self._tables.holds,),
            (self._tables.stock,),
            (self._tables.seats,),
            (self._tables.subscriptions,),
            (platform.streams,),
            (self._tables.audit_head,),
        )
        self._ranks = {id(t): rank for rank, tables in enumerate(in_order) for t in tables}

    def committed(self, tx: Transaction) -> None:
        """Every promise that the rows of this commit could have broken."""
        tables, changed = self._tables, tx.writes
        checks: list[tuple[tuple[Any, ...], Callable[[Transaction], None]]] = [
            ((tables.stock, tables.holds, tables.seats), self._stock),
            ((tables.postings, tables.tail, tables.checkpoints), self._ledger),
            ((tables.orders,), self._prices),
            ((tables.moves, tables.messages), self._history),
            ((tables.payments,), self._payments),
            ((tables.retries,), self._retries),
            ((tables.payments, self._world.uow.store.platform.timers), self._timers),
        ]
        for causes, check in checks:
            if any(table in changed for table in causes):
                check(tx)
        self._locks(tx)

    def _locks(self, tx: Transaction) -> None:
        """Rows that others can hold are locked in one order (decision 9); stock and seats by key."""
        sorted_ranks = [self._ranks[id(t)] for t in (self._tables.stock, self._tables.seats)]
        last: tuple[int, Any] = (0, None)
        for table, key in tx.locked:
            rank = self._ranks.get(id(table))
            if rank is None or (id(table), key) not in self._known:
                continue
            place = (rank, key if rank in sorted_ranks else None)
            ordered = place[0] > last[0] or (place[0] == last[0] and _in_order(last[1], place[1]))
            assert ordered, f"a lock of rank {rank} was taken after one of rank {last[0]}"
            last = place
        self._known.update((id(table), key) for table, keys in tx.writes.items() for key in keys)

    def provider_moved(self) -> None:
        """No order is charged more than its total, no payment and no request more than once."""
        charged: dict[str, int] = {}
        buyers = Counter[UUID]()
        requests = Counter(r.command.actor.user_id for r in self._world.requests)
        running = [each for each in self._world.plans_there() if each["status"] not in _PLAN_OVER]
        venues = [each["metadata"].get("venue_id") for each in running]
        assert len(set(venues)) == len(venues), "a venue has two subscriptions at the provider"
        for intent in _intents(self._world):
            if intent.amount_received:
                payment = intent.metadata["payment_id"]
                assert payment not in charged, f"payment {payment} is charged twice"
                charged[payment] = intent.amount_received
                stored = self._tables.payments.get(PaymentId(UUID(payment)))
                assert stored is not None, "money was taken for a payment that does not exist"
                assert intent.amount_received <= stored.amount.cents, "more was taken than is due"
                buyers[stored.user_id] += 1
                more = buyers[stored.user_id] > requests[stored.user_id]
                assert not more, "one request is charged in two payments"

    def _stock(self, _tx: Transaction) -> None:
        held: dict[object, int] = {}
        owners: dict[object, object] = {}
        for order_id, holds in self._tables.holds.items():
            for type_id, hold in holds.items():
                if hold.state is HoldState.RELEASED:
                    continue
                held[type_id] = held.get(type_id, 0) + hold.quantity - hold.returned
                for label in set(hold.seats) - set(hold.returned_seats):
                    assert (type_id, label) not in owners, f"seat {label} is in two orders"
                    owners[(type_id, label)] = order_id
        for type_id, row in self._tables.stock.items():
            assert 0 <= row.taken <= row.capacity, f"{row.taken} of {row.capacity} are taken"
            mine = held.get(type_id, 0)
            assert row.taken == mine, f"{row.taken} are taken, {mine} are held"
        taken = {seat: owner for seat, owner in self._tables.seats.items() if owner is not None}
        assert taken == owners, "the seats are not what the holds say"

    def _ledger(self, tx: Transaction) -> None:
        sums: dict[str, int] = {}
        for account, cents in self._tables.checkpoints.items():
            sums[account.currency.code] = sums.get(account.currency.code, 0) + cents
        for posting in self._tables.tail.values():
            for entry in posting.entries:
                code = entry.account.currency.code
                sums[code] = sums.get(code, 0) + entry.cents
        assert not any(sums.values()), f"the ledger does not balance: {sums}"
        for key in tx.writes.get(self._tables.postings, ()):
            self._posting(key.split(":")[1])
            self._one_currency(key)

    def _one_currency(self, key: str) -> None:
        """A posting sums to zero in one currency: its payment's, its payout's, its venue's."""
        posting = self._tables.postings.get(key)
        assert posting is not None, "postings are never deleted"
        assert sum(entry.cents for entry in posting.entries) == 0, f"{key} does not balance"
        codes = {entry.account.currency.code for entry in posting.entries}
        fact, subject, *rest = key.split(":")
        # Plans have their price in one currency, and are known by the provider's invoice.
        owner = USD.code if fact == "plan" else self._owner(UUID(subject), rest)
        assert codes == {owner}, f"{key} is in {sorted(codes)}, its money in {owner}"

    def _owner(self, subject: UUID, rest: list[str]) -> str:
        if VenueId(subject) in self._tables.venues:
            return rest[0]
        payment = self._tables.payments.get(PaymentId(subject))
        if payment is not None:
            return payment.amount.currency.code
        payout = self._tables.payouts.get(PayoutId(subject))
        assert payout is not None, f"a posting is about nothing: {subject}"
        return payout.amount.currency.code

    def _prices(self, tx: Transaction) -> None:
        """A ticket's price is the event's, by the rate that was stored with the order."""
        for order_id in tx.writes[self._tables.orders]:
            order = self._tables.orders.get(order_id)
            assert order is not None, "orders are never deleted"
            event = self._tables.events.get(order.event_id)
            assert event is not None, "events are never deleted"
            up, down = self._rate(order, event.currency.code)
            for ticket in order.tickets:
                kind = self._tables.types.get(ticket.type_id)
                assert kind is not None, "types are never deleted"
                expected = (2 * kind.price.cents * up + down) // (2 * down)
                assert ticket.price_cents == expected, (
                    f"a ticket of {kind.price} costs {ticket.price_cents} {order.currency},"
                    f" {expected} by {order.exchange}"
                )

    def _rate(self, order: Order, base: str) -> tuple[int, int]:
        """What the source has said for the pair of an order; one to one in the event's currency."""
        rate = order.exchange
        if rate is None:
            assert order.currency.code == base, f"an order is in {order.currency} without a rate"
            return 1, 1
        assert (rate.base.code, rate.target) == (base, order.currency), "the rate of another pair"
        assert rate.base is not rate.target, "a rate where none is needed"
        loaded = self._world.uow.store.platform.rates.get((rate.source, rate.day))
        assert loaded is not None, f"nobody has loaded {rate}"
        units = loaded.table.units
        assert (rate.numerator, rate.denominator) == (units[rate.target], units[rate.base])
        return rate.numerator, rate.denominator

    def _posting(self, payment: str) -> None:
        """Never is money booked that the provider does not have."""
        booked = _booked(self._tables, payment)
        if payment.startswith("in_"):
            paid = _paid_invoices(self._world).get(payment, 0)
            assert booked == paid, f"{booked} cents are booked of a plan, {paid} were paid"
            return
        if _is_payout(self._tables, payment):
            sent = _sent_out(self._world, payment)
            assert -sent <= booked <= 0, (
                f"{-booked} cents left in the books, {sent} at the provider"
            )
            return
        received, back = _at_provider(self._world, payment)
        assert received - back <= booked <= received, (
            f"{booked} cents are booked, {received} received, {back} refunded and withdrawn"
        )

    def _history(self, tx: Transaction) -> None:
        """What the outbox tells is what happened, in order, without a gap."""
        moved: dict[UUID, list[str]] = {}
        for number in sorted(tx.writes.get(self._tables.moves, ())):
            move = self._tables.moves.get(number)
            assert move is not None, "moves are never deleted"
            # That a refund came back makes an order paid again, and is told of the refund.
            if isinstance(move.step.event, SubscriptionEvent):
                never_was = move.step.before is SubscriptionState.PENDING
                if not (never_was and move.step.event is SubscriptionEvent.CANCEL):
                    moved.setdefault(move.subject, []).append(_PLAN_TOLD[move.step.event])
            # What came of a payment that was tried again is told, not that it was tried.
            elif move.step.moves and move.step.event not in NEVER_TOLD:
                moved.setdefault(move.subject, []).append(str(move.step.after))
        for subject, states in moved.items():
            self._told.setdefault(subject, []).extend(self._tells(subject, states))
        touched = {key.aggregate_id for key, _ in tx.writes.get(self._tables.messages, ())}
        for subject in {*moved, *touched}:
            expected = [*self._begins(subject), *self._told.get(subject, [])]
            told = [k for k in self._stream(subject) if not k.startswith(TOLD_BESIDE)]
            assert told == expected, f"the outbox tells {told}, what happened is {expected}"

    def _tells(self, subject: UUID, states: list[str]) -> list[str]:
        """The messages that a walk through these states must leave."""
        if PaymentId(subject) in self._tables.payments:
            return [f"payment.{state}" for state in states]
        if OrderId(subject) in self._tables.orders:
            return [f"order.{state}" for state in states[-1:] if state in ORDERS_TOLD]
        if PayoutId(subject) in self._tables.payouts:
            return [f"payout.{state}" for state in states if state in PAYOUTS_TOLD]
        if states[0] in _PLAN_TOLD.values():
            return states
        if DisputeId(subject) in self._tables.disputes:
            told = {"open": "opened", "won": "won", "lost": "lost"}
            return [f"dispute.{told[state]}" for state in states if state in told]
        return [f"refund.{state}" for state in states if state in REFUNDS_TOLD]

    def _begins(self, subject: UUID) -> list[str]:
        if PaymentId(subject) in self._tables.payments:
            return ["payment.created"]
        if PayoutId(subject) in self._tables.payouts:
            return ["payout.requested"]
        return ["refund.initiated"] if RefundId(subject) in self._tables.refunds else []

    def _stream(self, subject: UUID) -> list[str]:
        other = "dispute" if DisputeId(subject) in self._tables.disputes else "order"
        if OrderId(subject) not in self._tables.orders and other == "order":
            other = "subscription"
        kind = (self._begins(subject) or [other])[0].partition(".")[0]
        key = StreamKey(self._world.scenery.tenant, AggregateType(kind), subject)
        told: list[str] = []
        while (message := self._tables.messages.get((key, len(told) + 1))) is not None:
            told.append(message.type)
        return told

    def _payments(self, tx: Transaction) -> None:
        for payment_id in tx.writes[self._tables.payments]:
            payment = self._tables.payments.get(payment_id)
            assert payment is not None, "payments are never deleted"
            known = (id(self._tables.payments), payment_id) in self._known
            cancelled = self._tables.cancellations.get(payment.event_id)
            assert known or cancelled is None, "a sale has begun of an event that was cancelled"
            end = self._final.get(payment_id)
            assert end in (None, payment.state), f"a payment went from {end} to {payment.state}"
            if payment.state in (PaymentState.COMPLETED, PaymentState.CANCELLED):
                if end is None and payment.state is PaymentState.COMPLETED:
                    self._bought_once(payment)
                self._final[payment_id] = payment.state

    def _bought_once(self, payment: Payment) -> None:
        """Who was declined, and has bought again since, is not sold the first order, too."""
        if payment.last_try_at is None:
            return
        for other in self._tables.payments.values():
            if other.order_id != payment.order_id and other.user_id == payment.user_id:
                since = other.confirmed_at is not None and other.confirmed_at >= payment.created_at
                both = since or other.state in UNDER_WAY
                assert not both, f"sold after a decline, but {other.id} is {other.state}"

    def _retries(self, tx: Transaction) -> None:
        """At most three tries, an hour apart, each written down once; the buyer is asked once."""
        for payment_id in tx.writes[self._tables.retries]:
            made = self._tables.retries.get(payment_id) or ()
            assert len(made) <= TRIES_MAX, f"payment {payment_id} was tried {len(made)} times"
            assert [one.number for one in made] == list(range(1, len(made) + 1))
            for soon, late in pairwise(made):
                apart = (late.at - soon.at).total_seconds()
                assert apart >= TRY_SECONDS_MIN, f"two tries are {apart} s apart"
            asked = [one.action for one in made].count(RetryAction.ASK_BUYER)
            told = self._stream(payment_id).count("payment.method_requested")
            assert told == asked <= 1, f"a buyer was asked {asked} times, and told {told} times"
            for one in made:
                # What was tried before the buyer was asked is known by its outcome.
                blind = one.action is RetryAction.WAIT and one.outcome == "requires_payment_method"
                before = [r.action for r in made if r.number < one.number]
                assert not blind or RetryAction.ASK_BUYER in before, "the buyer was not asked"

    def _timers(self, _tx: Transaction) -> None:
        timers = {key[2] for key in self._world.uow.store.platform.timers.keys()}  # noqa: SIM118 - a table is not a mapping
        for payment in self._tables.payments.values():
            if payment.id not in self._final:
                assert payment.id in timers, f"nobody will look at the {payment.state} payment"


def check_healed(world: World) -> None:
    """Every sale is over, all parties agree about its end, and no oracle has said no before."""
    if world.scheduler.failure is not None:
        raise world.scheduler.failure
    tables = world.uow.store.of(world.scenery.tenant)
    facts = world.provider_facts()
    for payment in tables.payments.values():
        mine = [fact for fact in facts if fact.payment_id == str(payment.id)]
        _check_payment(tables, payment, mine)
    report = _report(world, facts)
    assert report.ok, f"the ledger and the provider differ: {report.differences}"
    timers = {key for key, _ in world.uow.store.platform.timers.items()}
    assert timers == world.asked_about(), "a timer was left, or is missing"
    assert len(world.uow.store.platform.waiting) == 0, "an event was left"
    assert not world.uow.open, "a transaction was left open"
    _check_refunds(world, tables)
    _check_payouts(world, tables)
    for made in tables.retries.values():
        assert all(one.outcome for one in made), f"nobody knows what came of {made[-1]}"
    _check_plans(world, tables)
    _check_cancellations(tables)
    _check_disputes(world, tables)
    _check_deliveries(world, tables)
    _check_answers(world, tables)
    _check_currencies(tables)
    _check_quotes(world, tables)
    _check_audit(world, tables)
    rung = [
        f"{alert.kind}: {alert.detail}"
        for alert in world.alerts.raised
        if alert.kind in NEVER_RUNG
        or (alert.kind == "relay_failed" and alert.detail not in FORGIVEN)
    ]
    assert not rung, f"alerts rang: {rung}"
    assert world.uow.store.deadlocks == 0, "two transactions waited for each other"


def _check_plans(world: World, tables: TenantTables) -> None:
    """The venue's plan is what the provider says it is, and each period that was paid is booked once."""
    held = world.plan()
    paid = _paid_invoices(world)
    keys = [posting.key for posting in tables.postings.values() if posting.key.startswith("plan:")]
    assert sorted(keys) == sorted(f"plan:{ident}" for ident in paid), "not every period is booked"
    if held is None:
        assert not world.plans_there(), "a plan is billed that we do not know"
        return
    assert held.pending_wish is None, "a wish was left undecided"
    others = [p["status"] for p in world.plans_there() if p.id != held.provider_id]
    assert set(others) <= set(_PLAN_OVER), f"other subscriptions are {others}"
    if not held.provider_id:
        return
    there = {each.id: each for each in world.plans_there()}[held.provider_id]
    state, plan = _PLAN_STATES[there["status"]], there["items"]["data"][0]["price"]["metadata"]
    assert held.state == state, f"the plan is {held.state} here, {there['status']} there"
    assert held.plan_id == plan["plan"], f"the plan is {held.plan_id} here, {plan['plan']} there"
    ends = there["cancel_at"] if there["cancel_at_period_end"] else there["ended_at"]
    told = None if held.cancels_at is None else held.cancels_at.timestamp()
    assert told == ends or held.is_over, f"it ends at {told} here, at {ends} there"
    period = there["items"]["data"][0]["current_period_end"]
    if held.is_active and there["latest_invoice"] in paid:
        assert held.current_period_end.timestamp() == period, "a renewal was not heard of"


def _paid_invoices(world: World) -> dict[str, int]:
    """Cents of each paid invoice, from the provider's own books."""
    invoices = world.model._world.account("").of("invoice").all()
    return {each.id: each["amount_paid"] for each in invoices if each["status"] == "paid"}


def _check_currencies(tables: TenantTables) -> None:
    """Order, payment, refunds and disputes have one currency."""
    for payment in tables.payments.values():
        order = tables.orders.get(payment.order_id)
        assert order is not None, "a payment cannot exist without its order"
        found = {payment.amount.currency}
        found |= {refund.amount.currency for refund in _refunds_of(tables, payment)}
        found |= {dispute.amount.currency for dispute in _disputes_of(tables, payment)}
        assert found == {order.currency}, f"the money of {order.id} is in {found}"


def _check_quotes(world: World, tables: TenantTables) -> None:
    """Whoever has bought by a quote has paid what it said, by its rate."""
    for request in world.requests:
        quote_id, final = request.command.quote_id, request.final
        if quote_id is None or final is None or final.outcome is not Outcome.COMPLETED:
            continue
        quote = tables.quotes.get(quote_id)
        payment = tables.payments.get(PaymentId(UUID(str(final.body["id"]))))
        assert quote is not None
        assert payment is not None
        order = tables.orders.get(payment.order_id)
        assert order is not None
        assert order.exchange == quote.exchange, f"quoted by {quote.exchange}, not {order.exchange}"
        assert payment.amount == quote.total, f"{payment.amount} paid, {quote.total} quoted"


def _check_refunds(world: World, tables: TenantTables) -> None:
    """Every refund has its end, or waits for a person; what the provider says of it is what we say."""
    theirs = world.model._world.account("").refunds._items
    for refund in tables.refunds.values():
        if refund.needs_approval:
            assert refund.state in (RefundState.PENDING, RefundState.FAILED)
            assert not refund.provider_refund_id, "what nobody agreed to was sent"
            continue
        assert refund.state in (RefundState.COMPLETED, RefundState.FAILED), f"left {refund.state}"
        if refund.provider_refund_id:
            status = theirs[refund.provider_refund_id]["status"]
            done = refund.state is RefundState.COMPLETED
            assert done == (status == "succeeded"), f"{refund.state} here, {status} there"
    known = {refund.provider_refund_id for refund in tables.refunds.values()}
    assert set(theirs) <= known, "the provider knows of a refund that we do not"
    voided = [n for o in tables.orders.values() for n in _voided(world, o)]
    assert len(set(voided)) == len(voided), "a ticket was voided twice"


def _check_payouts(world: World, tables: TenantTables) -> None:
    """Every payout has its end; what has left is what was paid, once, and the venue has the rest."""
    theirs = world.model._world.account(VENUE_ACCOUNT).of("payout")._items
    for payout in tables.payouts.values():
        assert payout.state.is_undone or payout.state is PayoutState.PAID, f"left {payout.state}"
        paid = payout.state is PayoutState.PAID
        sent = _sent_out(world, str(payout.id))
        # A provider may keep what the speed of a payout costs.
        expected = (payout.amount.cents,) if paid else (0, payout.fee.cents)
        assert sent in expected, f"{payout.state}, {sent} have left"
        mine = [p for p in theirs.values() if p["metadata"].get("payout_id") == str(payout.id)]
        assert len(mine) <= 1, "a payout was made twice"
        assert all((p["status"] == "paid") == paid for p in mine), "the bank says otherwise"
    travelling = [
        b
        for b in world.uow.run(world.scenery.tenant, lambda tx: tx.ledger.balances()())
        if b.account.kind in (AccountKind.PAYOUT_CLEARING, AccountKind.PAYOUT_OUT)
        or b.account.bucket is Bucket.IN_TRANSIT
    ]
    assert not any(b.cents for b in travelling), "money is still on its way to the venue"


def _is_payout(tables: TenantTables, subject: str) -> bool:
    return any(str(payout_id) == subject for payout_id in tables.payouts.keys())  # noqa: SIM118 - a table is not a mapping


def _sent_out(world: World, payout: str) -> int:
    """Cents transferred for a payout and not reversed, from the provider's own books."""
    transfers = world.model._world.account("").of("transfer")._items.values()
    return sum(
        transfer["amount"] - transfer["amount_reversed"]
        for transfer in transfers
        if transfer["metadata"].get("payout_id") == payout
    )


def _check_cancellations(tables: TenantTables) -> None:
    """Of a cancelled event all money went back, once, but what the provider has refused to refund."""
    for cancellation in tables.cancellations.values():
        event = tables.events.get(cancellation.event_id)
        assert event is not None, "events are never deleted"
        assert not event.on_sale, "a cancelled event is on sale"
        assert cancellation.finished_at is not None, "a cancellation was left unfinished"
        for payment in tables.payments.values():
            if payment.state is PaymentState.COMPLETED:
                _check_nothing_kept(tables, payment)


def _check_nothing_kept(tables: TenantTables, payment: Payment) -> None:
    refunds = [r for r in _refunds_of(tables, payment) if not r.needs_approval]
    back = sum(r.amount.cents for r in refunds if r.counts)
    failed = [r for r in refunds if not r.counts]
    disputes = _disputes_of(tables, payment)
    held = sum(d.amount.cents for d in disputes if d.counts)
    assert back + held >= payment.received_cents or failed, f"{back} cents of {payment.id} go back"
    if not failed and not held:
        waiting = [r for r in _refunds_of(tables, payment) if r.needs_approval and r.counts]
        assert not waiting, f"somebody may still agree to a refund of {payment.id}"
        gone = {n for r in refunds for n in r.tickets}
        assert len(gone) in (0, payment.ticket_count), f"only {gone} of {payment.id} are void"
    whole = [r for r in refunds if r.reason == RefundReason.EVENT_CANCELLED and r.counts]
    # What a bank gave back goes to the buyer in another refund.
    assert len(whole) <= 1 + len(disputes), f"{payment.id} was refunded {len(whole)} times"


def _check_disputes(world: World, tables: TenantTables) -> None:
    """Every dispute is where the bank says it is, its money in suspense while it is open, its fee
    booked once; tickets are frozen while a dispute is open, and void when all the money is lost.
    """
    theirs = world.model._world.account("").of("dispute")._items
    ours = {dispute.provider_dispute_id: dispute for dispute in tables.disputes.values()}
    assert set(ours) == set(theirs), "not every dispute has been heard of"
    for ident, there in theirs.items():
        taken = there["balance_transactions"]
        state = _END_OF.get(there["status"], "open" if taken else "inquiry")
        assert ours[ident].state == state, f"{ours[ident].state} here, {there['status']} there"
        assert ours[ident].fee_cents == sum(moved["fee"] for moved in taken)
    for payment in tables.payments.values():
        mine = _disputes_of(tables, payment)
        open_cents = sum(d.amount.cents for d in mine if d.state is DisputeState.OPEN)
        kind = AccountKind.DISPUTE_SUSPENSE
        assert _booked(tables, str(payment.id), kind) == open_cents, "suspense is not what is open"
        fees = _booked(tables, str(payment.id), AccountKind.PROCESSOR_FEES)
        assert fees == sum(d.fee_cents for d in mine), "a fee was booked twice, or not at all"
        if mine and payment.state is PaymentState.COMPLETED:
            _check_entitlement(world, tables, payment, mine)


def _check_entitlement(
    world: World, tables: TenantTables, payment: Payment, mine: list[Dispute]
) -> None:
    """What the ticket service has heard in the end: frozen, good, or void."""
    order = tables.orders.get(payment.order_id)
    assert order is not None, "a payment cannot exist without its order"
    if len(_voided(world, order)) == len(order.tickets):
        return
    told = {m.id: m for m in world.tickets.delivered if m.aggregate_id == order.id}
    words = [m.type.removeprefix("order.tickets_") for m in told.values()]
    holds = [word for word in words if word in ("frozen", "thawed")]
    frozen = any(d.state is DisputeState.OPEN for d in mine)
    assert frozen == (holds[-1:] == ["frozen"]), f"a dispute is open: {frozen}, told: {words}"
    lost = sum(d.amount.cents for d in mine if d.state is DisputeState.LOST)
    assert lost < payment.amount.cents, "the bank has all the money, and a ticket is good"


def _voided(world: World, order: Order) -> list[tuple[object, int]]:
    told = {m.id: m for m in world.tickets.delivered if m.type == "order.tickets_voided"}
    mine = [m for m in told.values() if m.aggregate_id == order.id]
    return [(order.id, number) for m in mine for number in m.data["tickets"]]  # type: ignore[attr-defined] # a list of numbers


def _in_order(before: Any, after: Any) -> bool:
    return before is None or after is None or bool(before < after)


def _booked(tables: TenantTables, payment: str, kind: AccountKind = AccountKind.PROVIDER) -> int:
    """Cents that the postings of a payment say are on accounts of a kind, at first the provider's."""
    return sum(
        entry.cents
        for posting in tables.postings.values()
        if posting.key.split(":")[1] == payment
        for entry in posting.entries
        if entry.account.kind is kind
    )


def _intents(world: World) -> Iterator[Any]:
    account = world.model._world.account("")  # the provider's own books
    # What pays for a plan has a customer, a buyer has none.
    return (intent for intent in account.intents._items.values() if not intent.customer)


def _at_provider(world: World, payment: str) -> tuple[int, int]:
    """Cents received and cents that went back of a payment, from the provider's own books.

    What a bank gave back later counts, too: we may not have heard of it yet.
    """
    account = world.model._world.account("")
    received = sum(
        intent.amount_received
        for intent in _intents(world)
        if intent.metadata["payment_id"] == payment
    )
    mine = {i.id for i in _intents(world) if i.metadata["payment_id"] == payment}
    refunded = sum(
        refund["amount"]
        for refund in account.refunds._items.values()
        if refund["payment_intent"] in mine
    )
    withdrawn = sum(
        dispute["amount"]
        for dispute in account.of("dispute")._items.values()
        if dispute["payment_intent"] in mine and dispute["balance_transactions"]
    )
    return received, refunded + withdrawn


def _report(world: World, facts: list[ProviderFact]) -> LedgerReport:
    totals = [
        ProviderTotal(
            payment_id=fact.payment_id,
            account=fact.ref.account,
            currency=fact.received.currency.code,
            cents=fact.received.cents,
        )
        for fact in facts
        if fact.received.cents
    ]
    totals += [
        ProviderTotal(
            payment_id=str(p.id), account="", currency=p.amount.currency.code, cents=-sent
        )
        for p in world.payouts()
        if (sent := _sent_out(world, str(p.id)))
    ]
    totals += [
        ProviderTotal(payment_id=ident, account="", currency="USD", cents=cents)
        for ident, cents in _paid_invoices(world).items()
    ]
    balances, booked = world.uow.run(
        world.scenery.tenant,
        lambda tx: (tx.ledger.balances()(), tx.ledger.booked_by_payment()()),
    )
    return verify_ledger(balances, booked, totals)


def _check_payment(tables: TenantTables, payment: Payment, facts: list[ProviderFact]) -> None:
    order = tables.orders.get(payment.order_id)
    holds = tables.holds.get(payment.order_id) or {}
    states = {hold.state for hold in holds.values()}
    assert order is not None, "a payment cannot exist without its order"
    succeeded = [fact for fact in facts if fact.status is ProviderStatus.SUCCEEDED]
    assert len(succeeded) <= 1, f"payment {payment.id} was charged {len(succeeded)} times"
    received = sum(fact.received.cents for fact in facts)
    booked = _booked(tables, str(payment.id))
    assert booked == received, f"{booked} cents are booked, {received} are at the provider"
    if payment.state is PaymentState.COMPLETED:
        assert order.state in PAID, f"paid, but the order is {order.state}"
        assert states == {HoldState.CONFIRMED}, f"paid, but its tickets are {states}"
        back = _sent_back(tables, payment) + _charged_back(tables, payment)
        assert received == order.total.cents - back, f"{received} are left, {back} went back"
        _check_shares(tables, payment, order)
    else:
        assert payment.state is PaymentState.CANCELLED, f"a payment is left {payment.state}"
        assert order.state in OVER, f"cancelled, but the order is {order.state}"
        assert states == {HoldState.RELEASED}, f"cancelled, but its tickets are {states}"
        kept = payment.received_cents - _sent_back(tables, payment)
        kept -= _charged_back(tables, payment)
        failed = any(r.state is RefundState.FAILED for r in _refunds_of(tables, payment))
        assert received == kept, f"cancelled, but {received} cents are kept"
        assert kept == 0 or failed, f"{kept} cents of a cancelled sale were not sent back"
        assert not any(fact.status.is_open for fact in facts), "an intent can still be paid"


def _check_shares(tables: TenantTables, payment: Payment, order: Order) -> None:
    """The venue has the tickets' price, the platform its fees, the taxman the taxes."""
    shares = {
        AccountKind.VENUE_PAYABLE: sum(ticket.price_cents for ticket in order.tickets),
        AccountKind.PLATFORM_REVENUE: sum(c.cents for c in order.charges if not c.kind.is_tax),
        AccountKind.TAX_PAYABLE: sum(c.cents for c in order.charges if c.kind.is_tax),
    }
    counted = [r for r in _refunds_of(tables, payment) if r.counts and not r.needs_approval]
    lost = [d for d in _disputes_of(tables, payment) if d.state is DisputeState.LOST]
    left = 0
    for kind, due in shares.items():
        booked = -_booked(tables, str(payment.id), kind)
        assert 0 <= booked <= due, f"{booked} cents are booked on {kind}, {due} are due"
        whole = counted or lost or booked == due
        assert whole, f"{booked} cents are booked on {kind}, {due} are due"
        left += booked
    back = sum(r.amount.cents for r in counted) + sum(d.amount.cents for d in lost)
    assert left == order.total.cents - back, f"{left} cents are owed, {back} go back"


def _refunds_of(tables: TenantTables, payment: Payment) -> list[Refund]:
    return [r for r in tables.refunds.values() if r.payment_id == payment.id]


def _disputes_of(tables: TenantTables, payment: Payment) -> list[Dispute]:
    return [d for d in tables.disputes.values() if d.payment_id == payment.id]


def _charged_back(tables: TenantTables, payment: Payment) -> int:
    away = (DisputeState.OPEN, DisputeState.LOST)
    return sum(d.amount.cents for d in _disputes_of(tables, payment) if d.state in away)


def _sent_back(tables: TenantTables, payment: Payment) -> int:
    done = (r for r in _refunds_of(tables, payment) if r.state is RefundState.COMPLETED)
    return sum(r.amount.cents for r in done)


def _check_taxes(world: World, tables: TenantTables) -> None:
    """In Texas an order has the calculator's tax, or the state's alone, which is flagged and listed."""
    if not world.taxed:
        return
    listed = world.uow.run(world.scenery.tenant, lambda tx: tx.orders.with_estimated_tax(1_000)())
    told = world.alerts.kinds().count("tax_estimated")
    assert len(listed) <= told, f"{len(listed)} taxes are estimated, {told} were told"
    for order in tables.orders.values():
        state = (order.tickets_cents * 625 + 5_000) // 10_000
        local = (order.tickets_cents * 2 + 50) // 100
        found = [(c.cents, c.estimated) for c in order.charges if c.kind.is_tax]
        expected = [(state, True)] if order.id in listed else [(state, False), (local, False)]
        assert found == expected, f"the taxes of order {order.id} are {found}, not {expected}"


def _check_order_of_deliveries(world: World, tables: TenantTables) -> None:
    """Of each stream the first delivery of a message comes after that of the one before it."""
    streams = {
        message.id: (key, seq)
        for (key, seq), message in tables.messages.items()
        if ROUTES[message.type] is not Route.JOURNAL
    }
    reached: dict[StreamKey, int] = {}
    for message in world.tickets.delivered:
        key, seq = streams[message.id]
        last = reached.get(key, 0)
        skipped = [s for k, s in streams.values() if k == key and last < s < seq]
        assert not skipped, f"message {seq} of {key} was delivered before {skipped}"
        reached[key] = max(last, seq)


def _check_deliveries(world: World, tables: TenantTables) -> None:
    _check_taxes(world, tables)
    _check_order_of_deliveries(world, tables)
    paid = {order.id for order in tables.orders.values() if order.state in PAID}
    sent = [m for m in world.tickets.delivered if m.type == "order.paid"]
    assert {message.aggregate_id for message in sent} == paid, "order.paid went astray"
    ids = {message.id for message in sent}
    assert len(ids) == len(paid), "order.paid was told under two ids"
    issued = {order.state for order in tables.orders.values() if order.id in paid}
    assert issued <= {OrderState.FULFILLED, *REFUNDED}, (
        "tickets are issued, but the order is not fulfilled"
    )


def _check_audit(world: World, tables: TenantTables) -> None:
    """Every act of a buyer who cancelled is in the chain once, and the chain is whole."""
    report = world.processes[0].app.audit.verify(world.scenery.tenant)
    assert report.ok, f"the audit trail is not whole: {report.differences}"
    assert report.waiting == 0, f"{report.waiting} audit entries were never chained"
    links = sorted(tables.audit_chain.items())
    assert [seq for seq, _ in links] == list(range(1, len(tables.audit_entries) + 1))
    told = {entry.subject_id for entry in tables.audit_entries.values()}
    missing = {str(payment_id) for payment_id in world.cancelled} - told
    assert not missing, f"nothing tells who cancelled {missing}"


def _check_answers(world: World, tables: TenantTables) -> None:
    for request in world.requests:
        if request.final is not None and request.final.outcome is Outcome.COMPLETED:
            told = request.final.body["id"]
            states = [p.state for p in tables.payments.values() if str(p.id) == told]
            assert states == [PaymentState.COMPLETED], f"{told} was acknowledged and is {states}"
    for payment_id in world.cancelled:
        states = [p.state for p in tables.payments.values() if p.id == payment_id]
        assert states == [PaymentState.CANCELLED], f"the cancelled {payment_id} is {states}"
