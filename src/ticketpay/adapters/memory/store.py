"""The store: tables that remember how to undo what a transaction did to them.

A value in a table is immutable; a change replaces it and notes the old one in the journal. A
rollback plays the journal backwards. Every tenant has its own tables; queues are the platform's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import attrs

from ticketpay.domain.catalog import Event, TicketType, Venue
from ticketpay.domain.inventory import HoldState
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import (
    EventId,
    OrderId,
    PaymentId,
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
from ticketpay.domain.orders import Order
from ticketpay.domain.parties import Tenant
from ticketpay.domain.payments import Payment
from ticketpay.domain.pricing import Quote
from ticketpay.domain.refunds import Refund
from ticketpay.ports.later import Later

__all__ = [
    "EventKey",
    "EventRow",
    "Hold",
    "Journal",
    "KeyRow",
    "Move",
    "PlatformTables",
    "StockRow",
    "Store",
    "StreamHead",
    "Table",
    "TenantTables",
    "TimerKey",
    "TimerRow",
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


class Journal:
    """What the running transaction has to undo if it fails."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def note(self, undo: Callable[[], None]) -> None:
        """Remember one step back."""
        self._undo.append(undo)

    def commit(self) -> None:
        """Everything stays."""
        self._undo.clear()

    def rollback(self) -> None:
        """Nothing stays."""
        while self._undo:
            self._undo.pop()()


class Table(Generic[K, V]):
    """A mapping whose changes can be undone."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._rows: dict[K, V] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: K) -> V | None:
        """The row, or None."""
        return self._rows.get(key)

    def put(self, key: K, row: V) -> None:
        """Insert or replace a row."""
        self._note(key)
        self._rows[key] = row

    def drop(self, key: K) -> None:
        """Delete a row; nothing if there is none."""
        if key in self._rows:
            self._note(key)
            del self._rows[key]

    def keys(self) -> Iterator[K]:
        """All keys as they are now."""
        return iter(tuple(self._rows))

    def values(self) -> Iterator[V]:
        """All rows as they are now."""
        return iter(tuple(self._rows.values()))

    def items(self) -> Iterator[tuple[K, V]]:
        """All keys with their rows as they are now."""
        return iter(tuple(self._rows.items()))

    def _note(self, key: K) -> None:
        rows = self._rows
        if key in rows:
            old = rows[key]
            self._journal.note(lambda: rows.__setitem__(key, old))
        else:
            self._journal.note(lambda: rows.__delitem__(key))


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


@attrs.frozen(kw_only=True)
class KeyRow:
    """An idempotency key; free when ``claimed_until`` is None, finished with an ``answer``."""

    request_hash: str
    epoch: int
    created_at: datetime
    claimed_until: datetime | None
    payment_id: PaymentId | None = None
    answer: Answer | None = None


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


@attrs.frozen(kw_only=True)
class Move:
    """The record of one step of a state machine."""

    subject: UUID
    step: Step[Any, Any]
    at: datetime


class TenantTables:
    """Everything of one tenant."""

    def __init__(self, journal: Journal) -> None:
        self.tenants: Table[TenantId, Tenant] = Table(journal)
        self.venues: Table[VenueId, Venue] = Table(journal)
        self.events: Table[EventId, Event] = Table(journal)
        self.types: Table[TicketTypeId, TicketType] = Table(journal)
        self.types_of: Table[EventId, tuple[TicketTypeId, ...]] = Table(journal)
        self.stock: Table[TicketTypeId, StockRow] = Table(journal)
        self.seats: Table[tuple[TicketTypeId, str], OrderId | None] = Table(journal)
        self.holds: Table[OrderId, dict[TicketTypeId, Hold]] = Table(journal)
        self.quotes: Table[QuoteId, Quote] = Table(journal)
        self.orders: Table[OrderId, Order] = Table(journal)
        self.payments: Table[PaymentId, Payment] = Table(journal)
        self.payments_of: Table[OrderId, tuple[PaymentId, ...]] = Table(journal)
        self.refunds: Table[RefundId, Refund] = Table(journal)
        self.moves: Table[int, Move] = Table(journal)
        self.keys: Table[KeyScope, KeyRow] = Table(journal)
        self.messages: Table[tuple[StreamKey, int], Message] = Table(journal)
        self.postings: Table[str, Posting] = Table(journal)
        self.tail: Table[int, Posting] = Table(journal)
        self.checkpoints: Table[Account, int] = Table(journal)


class PlatformTables:
    """The queues and the directory, across tenants."""

    def __init__(self, journal: Journal) -> None:
        self.waiting: Table[EventKey, EventRow] = Table(journal)
        self.settled: Table[EventKey, EventRow] = Table(journal)
        self.directory: Table[EventKey, tuple[TenantId, PaymentId]] = Table(journal)
        self.streams: Table[StreamKey, StreamHead] = Table(journal)
        self.due_streams: Table[StreamKey, None] = Table(journal)
        self.timers: Table[TimerKey, TimerRow] = Table(journal)


class Store:
    """All tables, one journal and one counter."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.platform = PlatformTables(self.journal)
        self._tenants: dict[TenantId, TenantTables] = {}
        self._count = 0

    def of(self, tenant: TenantId) -> TenantTables:
        """The tables of one tenant."""
        tables = self._tenants.get(tenant)
        if tables is None:
            tables = self._tenants[tenant] = TenantTables(self.journal)
        return tables

    def number(self) -> int:
        """A number that is higher than all before; gaps are possible, as in a sequence."""
        self._count += 1
        return self._count
