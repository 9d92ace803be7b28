"""Outbox, streams, inbox and timers in memory.

A queue row has a due time, a lease (``claimed_until``) and an epoch that fences its claims.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar
from uuid import UUID

import attrs

from ticketpay.adapters.memory.store import (
    EventKey,
    EventRow,
    PlatformTables,
    Store,
    StreamHead,
    Table,
    TenantTables,
    TimerKey,
    TimerRow,
    known,
)
from ticketpay.domain.kernel.ids import PaymentId, TenantId
from ticketpay.domain.messaging import (
    EMITTED,
    ROUTES,
    AggregateType,
    InboxClaim,
    InboxStatus,
    ListedEvent,
    ListedStream,
    Message,
    Route,
    StoredEvent,
    StreamClaim,
    StreamKey,
    TimerClaim,
    TimerKind,
)
from ticketpay.ports.later import Later

__all__ = ["MemoryInbox", "MemoryOutbox", "MemoryStreams", "MemoryTimers"]


class _Queued(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def claimed_until(self) -> datetime | None: ...


K = TypeVar("K")
Q = TypeVar("Q", bound=_Queued)


def _due(
    rows: Iterable[tuple[K, Q]], table: Table[K, Q], now: datetime, limit: int
) -> list[tuple[K, Q]]:
    """The rows of ``table`` that are due and neither claimed nor locked, oldest first."""
    found = [
        (row.due_at, row.number, key, row)
        for key, row in rows
        if row.due_at is not None
        and row.due_at <= now
        and (row.claimed_until is None or row.claimed_until <= now)
        and table.is_free(key)
    ]
    found.sort(key=lambda entry: entry[:2])
    return [(key, row) for _, _, key, row in found[:limit]]


@attrs.frozen
class MemoryOutbox:
    """``Outbox`` of one tenant."""

    tenant_id: TenantId
    store: Store
    tables: TenantTables

    def emit(self, messages: Sequence[Message]) -> None:
        for message in messages:
            assert message.type in EMITTED, f"{message.type} is not declared in EMITTED"
            self._append(message)

    def pending(self, claim: StreamClaim, limit: int) -> Later[tuple[tuple[int, Message], ...]]:
        head = self.store.platform.streams.get(claim.key)
        end = head.next_seq if head else 0
        first = claim.delivered_seq + 1
        found = []
        for seq in range(first, min(end, first + limit)):
            message = self.tables.messages.get((claim.key, seq))
            assert message is not None, "a stream has no gaps"
            found.append((seq, message))
        return known(tuple(found))

    def _append(self, message: Message) -> None:
        streams = self.store.platform
        key = StreamKey(self.tenant_id, message.aggregate_type, message.aggregate_id)
        head = streams.streams.lock(key) or StreamHead(number=self.store.number())
        self.tables.messages.put((key, head.next_seq), message)
        due_at = head.due_at
        if ROUTES[message.type] is not Route.JOURNAL and due_at is None and not head.parked:
            due_at = message.occurred_at
            streams.due_streams.put(key, None)
        streams.streams.put(key, attrs.evolve(head, next_seq=head.next_seq + 1, due_at=due_at))


@attrs.frozen
class MemoryStreams:
    """``Streams`` across tenants."""

    store: Store

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[StreamClaim, ...]]:
        heads = ((key, self._head(key)) for key in self._tables.due_streams.keys())  # noqa: SIM118 - a store is not a mapping
        claims = []
        for key, head in _due(heads, self._tables.streams, now, limit):
            until = now + timedelta(seconds=lease_seconds)
            held = attrs.evolve(head, epoch=head.epoch + 1, claimed_until=until)
            self._tables.streams.put(key, held)
            claims.append(
                StreamClaim(
                    key=key,
                    epoch=held.epoch,
                    delivered_seq=held.delivered_seq,
                    attempts=held.attempts,
                )
            )
        return known(tuple(claims))

    def lock(self, claims: Sequence[StreamClaim]) -> Later[frozenset[StreamKey]]:
        in_order = sorted(claims, key=lambda claim: _place(claim.key))
        ours = [c.key for c in in_order if self._locked(c.key).epoch == c.epoch]
        return known(frozenset(ours))

    def delivered(self, key: StreamKey, seq: int, now: datetime) -> None:
        progressed = seq > self._locked(key).delivered_seq
        head = self._end_claim(key, seq)
        due_at = now if self._has_deliverable(key, head) else None
        attempts = 0 if progressed else head.attempts
        self._put(key, attrs.evolve(head, due_at=due_at, attempts=attempts, error=""))

    def failed(
        self,
        key: StreamKey,
        seq: int,
        error: str,
        due_at: datetime | None,
        now: datetime,  # noqa: ARG002 - the database records it
    ) -> None:
        progressed = seq > self._locked(key).delivered_seq
        head = self._end_claim(key, seq)
        attempts = 1 if progressed else head.attempts + 1
        self._put(
            key,
            attrs.evolve(
                head, due_at=due_at, attempts=attempts, error=error, parked=due_at is None
            ),
        )

    def replay(self, key: StreamKey, now: datetime) -> Later[bool]:
        head = self._tables.streams.lock_found(key)
        if head is None or not head.parked:
            return known(value=False)
        fresh = attrs.evolve(head, due_at=now, attempts=0, error="", parked=False)
        self._put(key, attrs.evolve(fresh, epoch=head.epoch + 1))
        return known(value=True)

    def parked(self) -> Later[tuple[tuple[StreamKey, str], ...]]:
        rows = self._tables.streams.items()
        return known(tuple((key, head.error) for key, head in rows if head.parked))

    def get(self, key: StreamKey) -> Later[ListedStream | None]:
        head = self._tables.streams.get(key)
        return known(None if head is None else _listed_stream(key, head))

    def listed(
        self,
        tenant: TenantId,
        after: StreamKey | None,
        limit: int,
        kind: AggregateType | None = None,
    ) -> Later[tuple[ListedStream, ...]]:
        rows = [
            (key, head)
            for key, head in self._tables.streams.items()
            if key.tenant_id == tenant
            and kind in (None, key.aggregate_type)
            and (after is None or _place(key) > _place(after))
        ]
        rows.sort(key=lambda row: _place(row[0]))
        return known(tuple(_listed_stream(key, head) for key, head in rows[:limit]))

    @property
    def _tables(self) -> PlatformTables:
        return self.store.platform

    def _head(self, key: StreamKey) -> StreamHead:
        head = self._tables.streams.get(key)
        assert head is not None, "a claimed stream exists"
        return head

    def _locked(self, key: StreamKey) -> StreamHead:
        head = self._tables.streams.lock_found(key)
        assert head is not None, "a claimed stream exists"
        return head

    def _end_claim(self, key: StreamKey, seq: int) -> StreamHead:
        head = self._head(key)
        assert head.delivered_seq <= seq < head.next_seq, "a stream is delivered in order"
        return attrs.evolve(head, delivered_seq=seq, claimed_until=None)

    def _has_deliverable(self, key: StreamKey, head: StreamHead) -> bool:
        messages = self.store.of(key.tenant_id).messages
        rest = (messages.get((key, s)) for s in range(head.delivered_seq + 1, head.next_seq))
        return any(m is not None and ROUTES[m.type] is not Route.JOURNAL for m in rest)

    def _put(self, key: StreamKey, head: StreamHead) -> None:
        self._tables.streams.put(key, head)
        if head.due_at is None:
            self._tables.due_streams.drop(key)
        else:
            self._tables.due_streams.put(key, None)


def _listed_stream(key: StreamKey, head: StreamHead) -> ListedStream:
    return ListedStream(
        key=key,
        messages=head.next_seq - 1,
        delivered=head.delivered_seq,
        attempts=head.attempts,
        parked=head.parked,
        error=head.error,
    )


def _place(key: StreamKey) -> tuple[UUID, str, UUID]:
    return (key.tenant_id, key.aggregate_type, key.aggregate_id)


@attrs.frozen
class MemoryInbox:
    """``Inbox`` across tenants."""

    database: Store

    def store(self, event: StoredEvent) -> Later[bool]:
        key = (event.provider, event.account, event.event_id)
        self._tables.waiting.lock(key)
        if key in self._tables.waiting or key in self._tables.settled:
            return known(value=False)
        row = EventRow(
            number=self.database.number(),
            event=event,
            status=event.status,
            due_at=event.received_at,
        )
        waits = event.status is InboxStatus.RECEIVED
        (self._tables.waiting if waits else self._tables.settled).put(key, row)
        return known(value=True)

    def owner(self, event: StoredEvent) -> Later[tuple[str, str] | None]:
        known_as = self._tables.directory.get((event.provider, event.account, event.object_id))
        return known((str(known_as[0]), str(known_as[1])) if known_as else None)

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[InboxClaim, ...]]:
        claims = []
        for key, row in _due(self._tables.waiting.items(), self._tables.waiting, now, limit):
            held = attrs.evolve(
                row,
                epoch=row.epoch + 1,
                attempts=row.attempts + 1,
                claimed_until=now + timedelta(seconds=lease_seconds),
            )
            self._tables.waiting.put(key, held)
            claims.append(self._claim(held))
        return known(tuple(claims))

    def lock(self, claim: InboxClaim) -> Later[bool]:
        return known(self._owned(claim) is not None)

    def finish(self, claim: InboxClaim, status: InboxStatus, note: str, now: datetime) -> None:
        row = self._owned(claim)
        if row is None:
            return
        key = _key_of(claim)
        done = attrs.evolve(row, status=status, note=note, finished_at=now, claimed_until=None)
        self._tables.waiting.drop(key)
        self._tables.settled.put(key, done)

    def retry(self, claim: InboxClaim, error: str, due_at: datetime) -> None:
        row = self._owned(claim)
        if row is not None:
            waiting = attrs.evolve(row, note=error, due_at=due_at, claimed_until=None)
            self._tables.waiting.put(_key_of(claim), waiting)

    def listed(
        self, status: InboxStatus | None, before: ListedEvent | None, limit: int
    ) -> Later[tuple[ListedEvent, ...]]:
        rows = [
            row
            for row in self._rows()
            if status in (None, row.status) and (before is None or _age(row.event) < _age(before))
        ]
        rows.sort(key=lambda row: _age(row.event), reverse=True)
        return known(tuple(map(_listed_event, rows[:limit])))

    def get(self, event_id: str) -> Later[ListedEvent | None]:
        rows = [row for row in self._rows() if row.event.event_id == event_id]
        rows.sort(key=lambda row: (row.event.provider, row.event.account))
        return known(_listed_event(rows[0]) if rows else None)

    def about(self, payment_id: PaymentId, object_id: str) -> Later[tuple[ListedEvent, ...]]:
        rows = [
            row
            for row in self._rows()
            if row.event.payment_id == str(payment_id)
            or (object_id and row.event.object_id == object_id)
        ]
        rows.sort(key=lambda row: (row.event.received_at, row.event.event_id))
        return known(tuple(map(_listed_event, rows)))

    def replay(self, event_id: str, tenant: TenantId, now: datetime) -> Later[bool]:
        settled = self._tables.settled
        for key, row in list(settled.items()):
            owned = row.event.tenant_id in ("", str(tenant))
            if key[2] == event_id and row.status is InboxStatus.DEAD and owned:
                settled.drop(key)
                again = EventRow(
                    number=row.number,
                    event=row.event,
                    status=InboxStatus.RECEIVED,
                    due_at=now,
                    epoch=row.epoch + 1,
                )
                self._tables.waiting.put(key, again)
                return known(value=True)
        return known(value=False)

    def _rows(self) -> list[EventRow]:
        return [*self._tables.waiting.values(), *self._tables.settled.values()]

    @property
    def _tables(self) -> PlatformTables:
        return self.database.platform

    def _claim(self, row: EventRow) -> InboxClaim:
        event = row.event
        tenant, payment = self.owner(event)() or (event.tenant_id, event.payment_id)
        return InboxClaim(
            event=event,
            epoch=row.epoch,
            attempts=row.attempts,
            tenant_id=tenant or None,
            payment_id=payment or None,
        )

    def _owned(self, claim: InboxClaim) -> EventRow | None:
        row = self._tables.waiting.lock_found(_key_of(claim))
        return row if row is not None and row.epoch == claim.epoch else None


def _age(event: StoredEvent | ListedEvent) -> tuple[datetime, str, str, str]:
    return event.received_at, event.provider, event.account, event.event_id


def _listed_event(row: EventRow) -> ListedEvent:
    event = row.event
    return ListedEvent(
        provider=event.provider,
        account=event.account,
        event_id=event.event_id,
        event_type=event.event_type,
        object_id=event.object_id,
        tenant_id=event.tenant_id,
        payment_id=event.payment_id,
        status=row.status,
        attempts=row.attempts,
        note=row.note,
        received_at=event.received_at,
        processed_at=row.finished_at,
    )


def _key_of(claim: InboxClaim) -> EventKey:
    return (claim.event.provider, claim.event.account, claim.event.event_id)


@attrs.frozen
class MemoryTimers:
    """``Timers`` across tenants."""

    store: Store

    def set(self, tenant: UUID, kind: TimerKind, subject: UUID, due_at: datetime) -> None:
        number = self.store.number()
        row = TimerRow(number=number, due_at=due_at, epoch=number)
        self.store.platform.timers.put((TenantId(tenant), kind, subject), row)

    def clear(self, tenant: UUID, kind: TimerKind, subject: UUID) -> None:
        self.store.platform.timers.drop((TenantId(tenant), kind, subject))

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[TimerClaim, ...]]:
        timers = self.store.platform.timers
        claims = []
        for key, row in _due(timers.items(), timers, now, limit):
            until = now + timedelta(seconds=lease_seconds)
            held = attrs.evolve(row, epoch=self.store.number(), claimed_until=until)
            timers.put(key, held)
            claims.append(
                TimerClaim(
                    tenant_id=key[0],
                    kind=key[1],
                    subject_id=key[2],
                    epoch=held.epoch,
                    attempts=held.attempts,
                )
            )
        return known(tuple(claims))

    def lock(self, claim: TimerClaim) -> Later[bool]:
        return known(self._owned(claim) is not None)

    def postpone(self, claim: TimerClaim, due_at: datetime, error: str) -> None:
        row = self._owned(claim)
        if row is not None:
            later = attrs.evolve(
                row, due_at=due_at, claimed_until=None, attempts=row.attempts + 1, error=error
            )
            self.store.platform.timers.put(_timer_key(claim), later)

    def _owned(self, claim: TimerClaim) -> TimerRow | None:
        row = self.store.platform.timers.lock_found(_timer_key(claim))
        return row if row is not None and row.epoch == claim.epoch else None


def _timer_key(claim: TimerClaim) -> TimerKey:
    return (claim.tenant_id, claim.kind, claim.subject_id)
