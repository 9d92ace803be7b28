"""The store: tables with row locks, whose changes become visible when their transaction commits.

A row is immutable; a change replaces it, for its own transaction at once and for all others at
the commit. Every tenant has its own tables; queues are the platform's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import attrs

from ticketpay.domain.audit import AuditEntry, Checkpoint, Head, Link
from ticketpay.domain.catalog import Cancellation, Event, TicketType, Venue
from ticketpay.domain.inventory import HoldState
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import (
    DisputeId,
    EventId,
    OrderId,
    PaymentId,
    PayoutId,
    QuoteId,
    RefundId,
    TenantId,
    TicketTypeId,
    VenueId,
)
from ticketpay.domain.ledger import Account, Posting
from ticketpay.domain.messaging import (
    Answer,
    InboxStatus,
    KeyScope,
    Message,
    StoredEvent,
    StreamKey,
    TimerKind,
)
from ticketpay.domain.money import Currency, RateTable
from ticketpay.domain.orders import Order
from ticketpay.domain.parties import Tenant
from ticketpay.domain.payments import Payment, Retry
from ticketpay.domain.payouts import Payout, VenueAccount
from ticketpay.domain.pricing import Quote
from ticketpay.domain.refunds import Dispute, Refund
from ticketpay.domain.subscriptions import PaidInvoice, Subscription
from ticketpay.ports.later import Later

__all__ = [
    "EventKey",
    "EventRow",
    "Hold",
    "KeyRow",
    "LoadedRates",
    "Move",
    "PlatformTables",
    "SerializationFailure",
    "StockRow",
    "Store",
    "StreamHead",
    "Table",
    "TenantTables",
    "TimerKey",
    "TimerRow",
    "Transaction",
    "known",
]

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

EventKey = tuple[str, str, str]
TimerKey = tuple[TenantId, TimerKind, UUID]


def known(value: T) -> Later[T]:
    """A ``Later`` whose answer is here already."""
    return lambda: value


class SerializationFailure(Exception):
    """The transaction lost against another one (a deadlock, say) and may be run again."""


_GONE: Final = object()


class Transaction:
    """What one transaction has written, and the rows that it locked, in order.

    Nobody else may write those rows until it ends.
    """

    def __init__(self) -> None:
        self.writes: dict[Table[Any, Any], dict[Any, Any]] = {}
        self.locked: list[tuple[Table[Any, Any], Any]] = []
        self.waits_for: Transaction | None = None


class Table(Generic[K, V]):
    """Committed rows, and the rows that open transactions have locked or written.

    A reader sees the newest commit and its own writes (READ COMMITTED); a writer waits until the
    transaction that holds the row has ended.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[K, V] = {}
        self._owners: dict[K, Transaction] = {}

    def __contains__(self, key: K) -> bool:
        mine = self._mine()
        if mine and key in mine:
            return mine[key] is not _GONE
        return key in self._rows

    def __len__(self) -> int:
        return sum(1 for _ in self.keys())

    def get(self, key: K) -> V | None:
        """The row, or None."""
        mine = self._mine()
        if mine and key in mine:
            row: V | None = None if mine[key] is _GONE else mine[key]
            return row
        return self._rows.get(key)

    def lock(self, key: K) -> V | None:
        """The row as it is once it is ours to write, or None; a row to come can be locked, too."""
        tx = self._store.current
        assert tx is not None, "rows are locked in transactions"
        while (owner := self._owners.get(key)) is not tx:
            if owner is None:
                self._owners[key] = tx
                tx.locked.append((self, key))
            else:
                self._store.wait_for(owner)
        return self.get(key)

    def lock_found(self, key: K) -> V | None:
        """Lock the row if there is one: what SELECT ... FOR UPDATE does."""
        return self.lock(key) if key in self else None

    def is_free(self, key: K) -> bool:
        """Whether no other transaction holds the row: what SKIP LOCKED looks at."""
        return self._owners.get(key) in (None, self._store.current)

    def put(self, key: K, row: V) -> None:
        """Insert or replace a row."""
        self.lock(key)
        self._writes()[key] = row

    def drop(self, key: K) -> None:
        """Delete a row; nothing if there is none."""
        if key in self:
            self.lock(key)
            self._writes()[key] = _GONE

    def keys(self) -> Iterator[K]:
        """All keys as they are now."""
        return (key for key, _ in self.items())

    def values(self) -> Iterator[V]:
        """All rows as they are now."""
        return (row for _, row in self.items())

    def items(self) -> Iterator[tuple[K, V]]:
        """All keys with their rows as they are now, oldest first."""
        mine = self._mine()
        if not mine:
            return iter(tuple(self._rows.items()))
        merged = {**self._rows, **mine}
        return iter([(key, row) for key, row in merged.items() if row is not _GONE])

    def end(self, key: K, tx: Transaction) -> None:
        """Give a locked row back; the store calls it when the transaction ends."""
        if self._owners.get(key) is tx:
            del self._owners[key]

    def apply(self, writes: Mapping[K, Any]) -> None:
        """Make the writes of a transaction visible; the store calls it at the commit."""
        for key, row in writes.items():
            if row is _GONE:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row

    def _mine(self) -> dict[K, Any] | None:
        tx = self._store.current
        return tx.writes.get(self) if tx is not None else None

    def _writes(self) -> dict[K, Any]:
        tx = self._store.current
        assert tx is not None, "rows are written in transactions"
        return tx.writes.setdefault(self, {})


@attrs.frozen(kw_only=True)
class StockRow:
    """How many tickets of a type there are and how many are held or sold."""

    capacity: int
    taken: int = 0
    seated: bool = False


@attrs.frozen(kw_only=True)
class Hold:
    """What an order holds of one type."""

    quantity: int
    seats: tuple[str, ...]
    state: HoldState
    returned: int = 0
    returned_seats: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class KeyRow:
    """An idempotency key; free from ``claimed_until`` on, finished with an ``answer``."""

    request_hash: str
    epoch: int
    created_at: datetime
    claimed_until: datetime
    payment_id: PaymentId | None = None
    answer: Answer | None = None
    finished_at: datetime | None = None


@attrs.frozen(kw_only=True)
class EventRow:
    """A provider event in the inbox; ``number`` is the order of its arrival."""

    number: int
    event: StoredEvent
    status: InboxStatus
    due_at: datetime
    claimed_until: datetime | None = None
    epoch: int = 0
    attempts: int = 0
    note: str = ""
    finished_at: datetime | None = None


@attrs.frozen(kw_only=True)
class StreamHead:
    """The head of a stream; it is due when ``due_at`` is set and parked when ``parked`` is."""

    number: int
    next_seq: int = 1
    delivered_seq: int = 0
    due_at: datetime | None = None
    claimed_until: datetime | None = None
    epoch: int = 0
    attempts: int = 0
    parked: bool = False
    error: str = ""


@attrs.frozen(kw_only=True)
class TimerRow:
    """A timer; its epoch comes from the store's counter, so it never comes back after a clear."""

    number: int
    due_at: datetime
    epoch: int
    claimed_until: datetime | None = None
    attempts: int = 0
    error: str = ""


@attrs.frozen
class LoadedRates:
    """What a source has said for a day, and when it was loaded."""

    table: RateTable
    loaded_at: datetime


@attrs.frozen(kw_only=True)
class Move:
    """The record of one step of a state machine."""

    subject: UUID
    step: Step[Any, Any]
    at: datetime


class TenantTables:
    """Everything of one tenant."""

    def __init__(self, store: Store) -> None:
        self.tenants: Table[TenantId, Tenant] = Table(store)
        self.venues: Table[VenueId, Venue] = Table(store)
        self.events: Table[EventId, Event] = Table(store)
        self.types: Table[TicketTypeId, TicketType] = Table(store)
        self.types_of: Table[EventId, tuple[TicketTypeId, ...]] = Table(store)
        self.stock: Table[TicketTypeId, StockRow] = Table(store)
        self.seats: Table[tuple[TicketTypeId, str], OrderId | None] = Table(store)
        self.holds: Table[OrderId, dict[TicketTypeId, Hold]] = Table(store)
        self.quotes: Table[QuoteId, Quote] = Table(store)
        self.orders: Table[OrderId, Order] = Table(store)
        self.payments: Table[PaymentId, Payment] = Table(store)
        self.payments_of: Table[OrderId, tuple[PaymentId, ...]] = Table(store)
        self.sent_again: Table[PaymentId, tuple[datetime, ...]] = Table(store)
        self.retries: Table[PaymentId, tuple[Retry, ...]] = Table(store)
        self.refunds: Table[RefundId, Refund] = Table(store)
        self.guards: Table[tuple[VenueId, Currency], VenueAccount] = Table(store)
        self.payouts: Table[PayoutId, Payout] = Table(store)
        self.cancellations: Table[EventId, Cancellation] = Table(store)
        self.disputes: Table[DisputeId, Dispute] = Table(store)
        self.subscriptions: Table[VenueId, Subscription] = Table(store)
        self.invoices: Table[str, tuple[VenueId, PaidInvoice]] = Table(store)
        self.moves: Table[int, Move] = Table(store)
        self.keys: Table[KeyScope, KeyRow] = Table(store)
        self.messages: Table[tuple[StreamKey, int], Message] = Table(store)
        self.postings: Table[str, Posting] = Table(store)
        self.tail: Table[int, Posting] = Table(store)
        self.checkpoints: Table[Account, int] = Table(store)
        self.audit_entries: Table[UUID, AuditEntry] = Table(store)
        self.audit_waiting: Table[UUID, None] = Table(store)
        self.audit_chain: Table[int, Link] = Table(store)
        self.audit_checkpoints: Table[int, Checkpoint] = Table(store)
        self.audit_head: Table[None, Head] = Table(store)


class PlatformTables:
    """The queues and the directory, across tenants."""

    def __init__(self, store: Store) -> None:
        self.waiting: Table[EventKey, EventRow] = Table(store)
        self.settled: Table[EventKey, EventRow] = Table(store)
        self.directory: Table[EventKey, tuple[TenantId, PaymentId]] = Table(store)
        self.streams: Table[StreamKey, StreamHead] = Table(store)
        self.due_streams: Table[StreamKey, None] = Table(store)
        self.timers: Table[TimerKey, TimerRow] = Table(store)
        self.rates: Table[tuple[str, date], LoadedRates] = Table(store)


class Store:
    """All tables, one counter, and the transaction that runs at this moment.

    ``on_wait`` is called, again and again, while a transaction waits for another one. Whoever lets
    another transaction run meanwhile gives ``current`` back to this one afterwards. By default
    transactions run one after the other and nobody ever waits.
    """

    def __init__(self, on_wait: Callable[[Transaction], None] | None = None) -> None:
        self.current: Transaction | None = None
        self.platform = PlatformTables(self)
        self.deadlocks = 0
        self._on_wait = on_wait or _never
        self._tenants: dict[TenantId, TenantTables] = {}
        self._count = 0

    def of(self, tenant: TenantId) -> TenantTables:
        """The tables of one tenant."""
        tables = self._tenants.get(tenant)
        if tables is None:
            tables = self._tenants[tenant] = TenantTables(self)
        return tables

    def tenants(self) -> tuple[TenantTables, ...]:
        """The tables of all tenants."""
        return tuple(self._tenants.values())

    def number(self) -> int:
        """A number that is higher than all before; gaps are possible, as in a sequence."""
        self._count += 1
        return self._count

    def commit(self, tx: Transaction) -> None:
        """Everything that ``tx`` wrote is there, at once."""
        for table, writes in tx.writes.items():
            table.apply(writes)
        self.rollback(tx)

    def rollback(self, tx: Transaction) -> None:
        """Nothing stays of ``tx``, and its rows are free."""
        for table, key in tx.locked:
            table.end(key, tx)

    def wait_for(self, owner: Transaction) -> None:
        """Wait a while; raises ``SerializationFailure`` when the two would wait for each other."""
        tx = self.current
        assert tx is not None, "only a transaction waits"
        tx.waits_for = owner
        after: Transaction | None = owner
        while after is not None:
            if after is tx:
                tx.waits_for = None
                self.deadlocks += 1
                raise SerializationFailure("deadlock detected")
            after = after.waits_for
        try:
            self._on_wait(owner)
        finally:
            tx.waits_for = None


def _never(owner: Transaction) -> None:
    raise AssertionError(f"{owner} is open, although transactions run one after the other")
