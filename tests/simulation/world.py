"""The world: processes of the production application, one database, one provider, and chance.

Every process has its own clock, which differs from the true time by some seconds. Every call of a
port pauses its actor and may meet a fault.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol
from uuid import UUID

import attrs

from tests.simulation.faults import FaultPlan
from tests.simulation.scheduler import NEVER, Dead, Scheduler
from tests.support.direct import DirectGateway
from tests.support.sandboxed import HEARD, PROVIDER_SECONDS, SECRET, provider_facts
from tests.support.scenery import START, Scenery
from tests.support.watched import WatchedUnitOfWork
from ticketpay.adapters.memory import (
    MemoryCatalog,
    MemoryRateLoader,
    MemoryTaxRates,
    MemoryUnitOfWork,
    RecordingAlerts,
    RecordingTickets,
    SeededIds,
    SeededRandom,
    SerializationFailure,
    Transaction,
    VirtualClock,
)
from ticketpay.adapters.memory.limits import MemoryPurchaseTurns
from ticketpay.adapters.memory.store import EventRow, StreamHead, TimerRow
from ticketpay.adapters.sandbox import Delivery, Response, SandboxModel
from ticketpay.adapters.stripe import StripeGateway, StripeWebhooks
from ticketpay.adapters.stripe.billing import StripeBilling
from ticketpay.adapters.stripe.payouts import StripePayouts
from ticketpay.domain.admission import Turn
from ticketpay.domain.catalog import Cancellation
from ticketpay.domain.kernel.errors import OutcomeUnknown, TicketpayError, Unavailable
from ticketpay.domain.kernel.ids import TenantId, UserId
from ticketpay.domain.messaging import Answer, Message, TimerKind
from ticketpay.domain.money import EUR, USD, Currency, RateTable
from ticketpay.domain.payments import Payment, PaymentState, ProviderFact
from ticketpay.domain.payouts import Payout, PayoutRules, VenueAccount
from ticketpay.domain.pricing import Address, TaxPart, TaxQuestion
from ticketpay.domain.processes.checkout import PlaceOrder
from ticketpay.domain.processes.subscribing import SubscribeOrder
from ticketpay.domain.refunds import Dispute, DisputeState, Refund
from ticketpay.domain.subscriptions import Subscription
from ticketpay.entrypoints.wiring import App, Parts, assemble
from ticketpay.ports.messaging import TicketDelivery
from ticketpay.ports.payments import PaymentGateway

__all__ = ["NOTICE_SECONDS_MAX", "Process", "Request", "World"]

SKEW_SECONDS_MAX: Final = 20
STALL_SECONDS: Final = (1, 20, 70, 100, 200, 1000)
NOTICE_SECONDS_MAX: Final = 15
"""How long the database takes to see that a client is gone."""

LATE_SECONDS: Final = (5, 40, 1000, 2000)
"""How long a request may be on its way; whoever sent it has given up after 30 seconds."""

SDK_EVERY: Final = 16
"""Every so many seeds speak through the official SDK instead of the quick gateway."""

TAX_SECONDS: Final = 3
"""How long a price waits for the tax calculator."""

TAX_SILENT_SHARE: Final = 0.4

TAXED_EVERY: Final = 4
"""In every so manieth world the venue is in Texas, and buyers say where they live."""

UNBILLED_EVERY: Final = 6
"""In every so manieth world nobody pays for plans."""

CANCELLED_EVERY: Final = 5
"""In every so manieth world the event may be cancelled, after its first sale."""

ABROAD_EVERY: Final = 8
"""In every so manieth world the event is sold in all currencies, by rates that change."""

HOME: Final = Address(street="1 Elm St", city="Austin", state="TX", zip="78701")

FLOAT_CENTS: Final = 100_000_000
VENUE_ACCOUNT: Final = "acct_venue"
"""Where the venue's money goes."""

OUTSIDE: Final = ("provider.before", "tickets.before", "tax.before")
"""Calls that nobody makes while a transaction is open: it could be lost after the effect."""

SILENCE: Final = Response(status=0, headers={}, body=b"", hang=True)


_Queued = EventRow | TimerRow | StreamHead
_Sent = tuple[str, str, Mapping[str, str], bytes]


@attrs.define
class SkewedClock:
    """``Clock`` of one machine: the true time plus its error in seconds."""

    true: VirtualClock
    skew: float

    def now(self) -> datetime:
        return self.true.now() + timedelta(seconds=self.skew)


@attrs.define(eq=False)
class Process:
    """A running copy of the application."""

    name: str
    clock: SkewedClock
    app: App


@attrs.define
class Request:
    """What a buyer asked for, and the final answer if there was one."""

    command: PlaceOrder
    final: Answer | None = None


class Faults(Protocol):
    """**Protocol:** decides what goes wrong."""

    @property
    def on(self) -> bool: ...
    def strikes(self, step: str) -> str: ...
    def stop(self) -> None: ...


class Watcher(Protocol):
    """**Protocol:** is told what has happened, and raises ``AssertionError`` if it must not."""

    def committed(self, tx: Transaction) -> None: ...
    def provider_moved(self) -> None: ...


class WatchedTickets:
    """``TicketService`` whose calls are heard before and after they take effect."""

    def __init__(self, inner: RecordingTickets, hear: Callable[[str], None]) -> None:
        self._inner, self._hear = inner, hear

    def deliver(self, message: Message) -> TicketDelivery:
        self._hear("tickets.before")
        answer = self._inner.deliver(message)
        self._hear("tickets.after")
        return answer


class WatchedTaxRates:
    """``TaxRates`` whose calls are heard; while faults are on, some time out or fail at once."""

    def __init__(self, world: World) -> None:
        self._world, self._inner = world, MemoryTaxRates()

    def ask(self, question: TaxQuestion) -> tuple[TaxPart, ...]:
        world = self._world
        world._hear("tax.before")
        if world.tax_fails():
            raise Unavailable("the tax calculator does not answer")
        answer = self._inner.ask(question)
        world._hear("tax.after")
        return answer


class ForgetfulTurns:
    """``PurchaseTurns`` in a Redis that may be away, and forgets everything when it comes back."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.away, self.flushes = clock, False, 0
        self.turns = MemoryPurchaseTurns(clock)

    def flush(self, *, away: bool) -> None:
        """All that it knew is gone."""
        self.turns, self.away = MemoryPurchaseTurns(self.clock), away
        self.flushes += 1

    def take(self, tenant_id: TenantId, user_id: UserId, key: UUID, owner: UUID) -> Turn:
        self._reach()
        return self.turns.take(tenant_id, user_id, key, owner)

    def release(self, tenant_id: TenantId, user_id: UserId, owner: UUID) -> None:
        self._reach()
        self.turns.release(tenant_id, user_id, owner)

    def _reach(self) -> None:
        if self.away:
            raise Unavailable("Redis is away")


class World:
    """Everything that a history is made of.

    ``taxed`` ones ask a calculator for the tax, ``abroad`` ones sell in all currencies.
    """

    def __init__(self, seed: int, *, taxed: bool | None = None, abroad: bool | None = None) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.taxed = seed % TAXED_EVERY == TAXED_EVERY - 1 if taxed is None else taxed
        self.home = HOME if self.taxed else None
        self.abroad = seed % ABROAD_EVERY == ABROAD_EVERY - 2 if abroad is None else abroad
        self.may_cancel = seed % CANCELLED_EVERY == CANCELLED_EVERY - 1
        self.billed = seed % UNBILLED_EVERY != UNBILLED_EVERY - 1
        self.tax_failures = 0
        place: dict[str, Any] = {"city": "Dallas", "state": "TX"} if self.taxed else {}
        if self.abroad:
            place |= {"currency": EUR, "currencies": frozenset(Currency) - {EUR}}
        self.scenery = Scenery.seeded(seed, capacity=6, **place)
        self.clock = VirtualClock(START)
        self.alerts, self.tickets = RecordingAlerts(), RecordingTickets()
        self.model = SandboxModel(seed, self.clock.unix)
        self.model.add_endpoint("http://ticketpay/webhooks/stripe", SECRET, HEARD)
        self.watcher: Watcher | None = None
        self.uow = MemoryUnitOfWork(
            on_step=self._hear, on_wait=self._wait, on_commit=self._committed
        )
        self.redis = ForgetfulTurns(self.clock)
        self.scheduler = Scheduler(self.rng, self.clock, self.uow.open)
        self.faults: Faults = FaultPlan(self.rng, self.rng.choice((0, 8, 15, 30, 60)))
        self.webhooks_lost = self.rng.random() < 0.2
        self.requests: list[Request] = []
        self.plan_orders: list[tuple[SubscribeOrder, list[Answer]]] = []
        self.cancelled: list[UUID] = []
        self.errors: list[TicketpayError] = []
        self.said = ""
        self.in_transit: list[Delivery] = []
        self.unanswered: dict[str, None] = {}
        self.on_the_way: list[tuple[float, _Sent]] = []
        self.story: list[str] = []
        self.crashes = self.struck = self.started = 0
        self.kinds = set[str]()
        self._lost_seconds = 0.0
        self._orphans: list[tuple[float, Transaction]] = []
        MemoryCatalog(self.uow).load(self.scenery.catalog)
        self._connect_venue()
        self.rate_tables = 0
        if self.abroad:
            self.load_rates()
        ids, chance = SeededIds(seed), SeededRandom(seed)
        self.processes = [
            self._process(name, seed, ids, chance)
            for name in ("api-1", "api-2", "worker-1", "worker-2")
        ]

    def _process(self, name: str, seed: int, ids: SeededIds, chance: SeededRandom) -> Process:
        clock = SkewedClock(self.clock, self._some_skew())
        gateway: PaymentGateway = DirectGateway(self._transport, now=clock.now)
        if seed % SDK_EVERY == 0:
            gateway = StripeGateway.create(
                "sk_test_simulated", transport=self._transport, now=clock.now
            )
        app = assemble(
            Parts(
                uow=WatchedUnitOfWork(self.uow, self._hear),
                gateway=gateway,
                reader=StripeWebhooks((SECRET,)),
                tickets=WatchedTickets(self.tickets, self._hear),
                clock=clock,
                ids=ids,
                random=chance,
                alerts=self.alerts,
                turns=self.redis,
                tax_rates=WatchedTaxRates(self),
                payout_rules=PayoutRules(minimum_cents=500, instant_fee_min_cents=50),
                payouts=StripePayouts.create(
                    "sk_test_simulated", transport=self._transport, now=clock.now
                ),
                billing=StripeBilling.create(
                    "sk_test_simulated", transport=self._transport, now=clock.now
                )
                if self.billed
                else None,
            )
        )
        return Process(name, clock, app)

    def _connect_venue(self) -> None:
        for currency in Currency if self.abroad else (USD,):
            venue = VenueAccount(
                venue_id=self.scenery.venue_id, currency=currency, provider_account=VENUE_ACCOUNT
            )
            self.uow.run(self.scenery.tenant, lambda tx, one=venue: tx.venue_accounts.save(one))  # type: ignore[misc] # a default binds the loop variable
            # What is charged is available to the platform days later; it has some money of its own.
            ledger = self.model._world.account("").ledger
            ledger._available[currency.code.lower()] = FLOAT_CENTS

    def load_rates(self) -> RateTable:
        """An operator loads what another source says for today."""
        self.rate_tables += 1
        table = RateTable(
            units={currency: self.rng.randint(5_000, 20_000) for currency in Currency},
            source=f"bank-{self.rate_tables}",
            day=self.clock.now().date(),
        )
        MemoryRateLoader(self.uow).load(table, self.clock.now())
        return table

    def some_currency(self) -> Currency | None:
        """What a buyer or a venue asks for where there is a choice."""
        return self.rng.choice((*Currency, None)) if self.abroad else None

    def tax_fails(self) -> bool:
        """Whether the calculator gives no answer now, at once or after its time-out."""
        if not self.tax_failures:
            if not self.faults.on or self.rng.random() >= TAX_SILENT_SHARE:
                return False
            self.tax_failures = 1
        self.tax_failures -= 1
        if self.rng.random() < 0.5:
            self.scheduler.sleep(TAX_SECONDS)
        return True

    def tell(self, line: str) -> None:
        """Add a line to the story."""
        self.story.append(f"{self.clock.unix() - START.timestamp():8.0f} s  {line}")

    def uuid(self) -> UUID:
        """An id from the seed."""
        return UUID(int=self.rng.getrandbits(128))

    def payments(self) -> list[Payment]:
        """Every payment that is committed."""
        return list(self.uow.store.of(self.scenery.tenant).payments.values())

    def refunds(self) -> list[Refund]:
        """Every refund that is committed."""
        return list(self.uow.store.of(self.scenery.tenant).refunds.values())

    def payouts(self) -> list[Payout]:
        """Every payout that is committed."""
        return list(self.uow.store.of(self.scenery.tenant).payouts.values())

    def cancellations(self) -> list[Cancellation]:
        """The cancellation of the event, once it is committed."""
        return list(self.uow.store.of(self.scenery.tenant).cancellations.values())

    def disputes(self) -> list[Dispute]:
        """Every dispute that is committed."""
        return list(self.uow.store.of(self.scenery.tenant).disputes.values())

    def declined(self) -> list[Payment]:
        """Every payment that has failed and has an intent."""
        return [p for p in self.payments() if p.state is PaymentState.FAILED and p.ref]

    def plan(self) -> Subscription | None:
        """The venue's subscription, once it is committed."""
        return self.uow.store.of(self.scenery.tenant).subscriptions.get(self.scenery.venue_id)

    def has_billed_plan(self) -> bool:
        """Whether the provider bills the venue."""
        plan = self.plan()
        return plan is not None and plan.provider_id != "" and not plan.is_over

    def plans_there(self) -> list[Any]:
        """Every subscription at the provider, from its own books."""
        return list(self.model._world.account("").of("subscription").all())

    def plan_intents(self) -> list[str]:
        """What waits for the answer of the bank of the venue's card."""
        intents = self.model._world.account("").intents.all()
        return [i.id for i in intents if i.customer and i.status == "requires_action"]

    def ask_about_plan(self) -> None:
        """An operator wants to know how the plan is; whatever was lost is made good."""
        venue, now = self.scenery.venue_id, self.clock.now()
        if self.plan() is not None:
            self.uow.run(
                self.scenery.tenant,
                lambda tx: tx.timers.set(tx.tenant_id, TimerKind.SUBSCRIPTION, venue, now),
            )

    def disputed(self) -> list[str]:
        """The intents that a bank has asked about."""
        account = self.model._world.account("")  # the provider's own books
        return sorted({d["payment_intent"] for d in account.of("dispute")._items.values()})

    def is_unheard(self, refund: Refund) -> bool:
        """Whether the provider has taken a refund back, and no event of it will ever come."""
        account = self.model._world.account("")
        theirs = account.refunds._items.get(refund.provider_refund_id)
        if theirs is None or theirs["status"] != "failed":
            return False
        return not self.hears_of(theirs["payment_intent"])

    def hears_of(self, intent_id: str) -> bool:
        """Whether events about an intent arrive at all."""
        intent = self.model._world.account("").intents._items[intent_id]
        return not self.webhooks_lost and intent.metadata.get("sandbox_delivery") != "none"

    def has_paid(self) -> bool:
        """Whether there is a sale to refund."""
        return any(payment.state is PaymentState.COMPLETED for payment in self.payments())

    def some_payment(self) -> Payment | None:
        """Any payment, if there is one."""
        payments = self.payments()
        return self.rng.choice(payments) if payments else None

    def stop_faults(self) -> None:
        """The world is healed: clocks agree, nobody sleeps, nothing fails."""
        self.faults.stop()
        self.scheduler.wake()
        for process in self.processes:
            process.clock.skew = 0.0

    def answered(self, delivery: Delivery, status: int) -> None:
        """The provider hears what became of a delivery."""
        self.unanswered.pop(delivery.id, None)
        self.model.delivery_result(delivery.id, status)

    def give_up_waiting(self) -> None:
        """The provider waits no longer for those who died with a delivery in their hands."""
        for delivery_id in self.unanswered:
            self.model.delivery_result(delivery_id, None)
        self.unanswered.clear()

    def has_deliveries(self) -> bool:
        """Whether the provider has something to send."""
        due = self.model.next_delivery_at()
        return due is not None and due <= self.clock.unix()

    def is_due(self, queue: str) -> bool:
        """Whether a worker would find something in ``waiting``, ``timers`` or ``streams``."""
        now = self.clock.now()
        return any(_due_at(row) <= now for row in self._rows(queue))

    def next_due(self) -> float:
        """When (Unix seconds) something is due next: at the provider, in a queue, or by itself."""
        delivery = self.model.next_delivery_at()
        return min(self.next_of_ours(), NEVER if delivery is None else delivery)

    def next_of_ours(self) -> float:
        """The same without what the provider and the banks will do."""
        queues = ("waiting", "streams")
        times = [_due_at(row).timestamp() for queue in queues for row in self._rows(queue)]
        timers = self.uow.store.platform.timers.items()
        asking = self.asked_about()
        times += [
            _due_at(row).timestamp()
            for key, row in timers
            if key not in asking or _due_at(row) <= self.clock.now()
        ]
        return min([*times, self.next_at()])

    def asked_about(self) -> set[tuple[UUID, TimerKind, UUID]]:
        """The timers that ring for as long as something lasts, to be sure that nothing was lost.

        Those of payments whose banks have not decided, and that of a plan which the provider bills.
        """
        tables, home = self.uow.store.of(self.scenery.tenant), self.scenery.tenant
        open_ended = (DisputeState.INQUIRY, DisputeState.OPEN)
        disputes = [d for d in tables.disputes.values() if d.state in open_ended]
        asked: set[tuple[UUID, TimerKind, UUID]] = {
            (home, TimerKind.PAYMENT, dispute.payment_id) for dispute in disputes
        }
        plan = self.plan()
        settled = plan is not None and not plan.pending_wish and not plan.is_over
        if plan is not None and settled and (plan.provider_id or plan.cancels_at):
            asked.add((home, TimerKind.SUBSCRIPTION, plan.venue_id))
        return asked

    def _rows(self, queue: str) -> Iterator[_Queued]:
        rows: Iterator[_Queued] = getattr(self.uow.store.platform, queue).values()
        return (row for row in rows if row.due_at is not None)

    @property
    def pending(self) -> bool:
        """Whether something will happen by itself."""
        return bool(self._orphans or self.on_the_way)

    def advance(self, seconds: float) -> None:
        """Time passes; what happens by itself happens at its time."""
        until = self.clock.unix() + seconds
        while (due := self._next_by_itself()) <= until:
            self.clock.advance(max(due - self.clock.unix(), 0))
            self.settle(due)
        self.clock.advance(max(until - self.clock.unix(), 0))
        self.model.tick()

    def _next_by_itself(self) -> float:
        waits = [due for due, _ in self._orphans] + [due for due, _ in self.on_the_way]
        return min(waits, default=NEVER)

    def settle(self, now: float) -> None:
        """What happens by itself: the database ends the transactions whose clients are gone for
        some time, and requests that were long on their way reach the provider.
        """
        for due, tx in [entry for entry in self._orphans if entry[0] <= now]:
            self._orphans.remove((due, tx))
            self.uow.abort(tx)
        for due, request in [entry for entry in self.on_the_way if entry[0] <= now]:
            self.on_the_way.remove((due, request))
            self._heard(*request)

    def next_at(self) -> float:
        """When (Unix seconds) the next sleeper wakes or the next orphan is ended."""
        return min(self.scheduler.next_wake(), self._next_by_itself())

    def provider_facts(self) -> list[ProviderFact]:
        """Every intent as the provider tells it, past our gateway; received less refunded."""
        return provider_facts(self.model, self.clock.now())

    def _some_skew(self) -> float:
        return self.rng.uniform(-SKEW_SECONDS_MAX, SKEW_SECONDS_MAX)

    def _transport(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        fault = self._pause("provider.before")
        if self._lost_seconds:
            arrives, self._lost_seconds = self.clock.unix() + self._lost_seconds, 0.0
            self.on_the_way.append((arrives, (method, path, headers, body)))
            return SILENCE
        if fault:
            if fault == "provider hears late":
                heard_at = self.clock.unix() + self.rng.choice(LATE_SECONDS)
                self.on_the_way.append((heard_at, (method, path, headers, body)))
            self.scheduler.sleep(PROVIDER_SECONDS)
            return SILENCE
        response = self._heard(method, path, headers, body)
        self.model.hold(response)
        try:
            if response.hang:
                self.scheduler.sleep(PROVIDER_SECONDS)
            elif response.delay_seconds:
                self.scheduler.sleep(response.delay_seconds)
        finally:
            self.model.release(response)
        if self._pause("provider.after") == "provider silent after":
            self.scheduler.sleep(PROVIDER_SECONDS)
            return SILENCE
        return response

    def _heard(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        response = self.model.request(method, path, headers, body)
        self.provider_moved()
        return response

    def lose_next_request(self, seconds: float) -> None:
        """The next request to the provider is that long on its way."""
        self._lost_seconds = seconds

    def provider_moved(self) -> None:
        """Something may have happened at the provider."""
        if self.watcher is not None:
            self._ask(self.watcher.provider_moved)

    def _committed(self, tx: Transaction) -> None:
        if self.watcher is not None:
            self._ask(partial(self.watcher.committed, tx))

    def _ask(self, oracle: Callable[[], None]) -> None:
        """What an oracle says is kept: raised here, the code under test could swallow it."""
        try:
            oracle()
        except AssertionError as error:
            self.scheduler.failure = self.scheduler.failure or error

    def _hear(self, step: str) -> None:
        self._pause(step)

    def _wait(self, owner: Transaction) -> None:
        store = self.uow.store
        mine, store.current = store.current, None
        try:
            self.scheduler.wait(owner)
        finally:
            store.current = mine

    def _pause(self, step: str) -> str:
        """Others may move; then the fault that strikes here does its work, if there is one."""
        actor, store = self.scheduler.running, self.uow.store
        if actor is None:
            return ""
        mine, store.current = store.current, None
        if step in OUTSIDE and mine is not None:
            self.scheduler.failure = AssertionError(f"{step} inside a transaction")
        try:
            self.scheduler.pause(step)
            fault = self.faults.strikes(step)
            if fault:
                self.struck += 1
                self.kinds.add(fault)
                self.tell(f"! {fault} at {step} of {actor.name}")
                self._strike(fault, step, actor.process)
        except Dead:
            if step == "tx.rollback" and mine is not None:
                self._leave_behind(mine)
            raise
        finally:
            store.current = mine
        return fault

    def _leave_behind(self, tx: Transaction) -> None:
        """A dead client rolls nothing back: the database does, once it has noticed."""
        notice = self.clock.unix() + self.rng.uniform(0, NOTICE_SECONDS_MAX)
        self._orphans.append((notice, tx))

    def _strike(self, fault: str, step: str, process: str) -> None:
        match fault:
            case "crash":
                self.crashes += 1
                self.scheduler.crash(process)
                raise Dead(step)
            case "stall":
                self.scheduler.sleep(self.rng.choice(STALL_SECONDS))
            case "clock step":
                hit = next(p for p in self.processes if p.name == process)
                hit.clock.skew = self._some_skew()
            case "serialisation failure":
                raise SerializationFailure("could not serialize access")
            case "commit lost" | "commit unknown":
                raise OutcomeUnknown("the connection was lost at the commit")
            case "database refuses":
                raise Unavailable("no database connection is free", code="DATABASE_UNAVAILABLE")
            case "tickets fail before" | "tickets fail after":
                raise Unavailable("the ticket service does not answer")


def _due_at(row: _Queued) -> datetime:
    """When a worker can have the row: it is due, and nobody's claim is on it."""
    return max(at for at in (row.due_at, row.claimed_until) if at is not None)
