"""Ports for messages, idempotency keys and timers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import PaymentId, TenantId
from ticketpay.domain.messaging import (
    AggregateType,
    Answer,
    Claim,
    InboxClaim,
    InboxStatus,
    KeyScope,
    ListedEvent,
    ListedStream,
    Message,
    StoredEvent,
    StreamClaim,
    StreamKey,
    TimerClaim,
    TimerKind,
)
from ticketpay.ports.later import Later

__all__ = [
    "IdempotencyKeys",
    "Inbox",
    "Outbox",
    "Streams",
    "TicketDelivery",
    "TicketService",
    "Timers",
]


class IdempotencyKeys(Protocol):
    """**Protocol:** the idempotency keys of one tenant."""

    def claim(self, scope: KeyScope, request_hash: str, now: datetime) -> Later[Claim]:
        """Claim a key for 90 seconds, take it over, or learn why not."""
        ...

    def lock(self, claim: Claim) -> Later[bool]:
        """Lock the key; whether its epoch is still ours.

        Keys are locked before payments, so that the first owner of a key and the one who took it
        over never wait for each other in a circle.
        """
        ...

    def advance(self, claim: Claim, payment_id: PaymentId) -> Claim:
        """Set the recovery point: the payment that this key made."""
        ...

    def finish(self, claim: Claim, answer: Answer, now: datetime) -> None:
        """Store the answer for good. Raises ``Conflict`` when the claim was taken over."""
        ...

    def release(self, claim: Claim, now: datetime) -> None:
        """Give the claim back and keep the recovery point; nothing if it was taken over."""
        ...

    def purge(self, before: datetime, limit: int) -> Later[int]:
        """Delete keys that nobody has used since then, the oldest first and so many at most; how many.

        One that has an answer was used when it got it, any other one as long as it was claimed.
        """
        ...


class Outbox(Protocol):
    """**Protocol:** the outgoing messages of one tenant."""

    def emit(self, messages: Sequence[Message]) -> None:
        """Append messages to their streams, in commit order per stream."""
        ...

    def pending(self, claim: StreamClaim, limit: int) -> Later[tuple[tuple[int, Message], ...]]:
        """The undelivered messages of a stream with their sequence numbers, in order."""
        ...


class Streams(Protocol):
    """**Protocol:** the heads of all streams, across tenants."""

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[StreamClaim, ...]]:
        """Claim due streams, oldest first; skips what others hold; parked streams stay."""
        ...

    def lock(self, claims: Sequence[StreamClaim]) -> Later[frozenset[StreamKey]]:
        """Lock the claimed heads and return those whose epoch is still ours."""
        ...

    def delivered(self, key: StreamKey, seq: int, now: datetime) -> None:
        """Everything up to ``seq`` is delivered; the claim ends. The head must be locked.

        Failures so far are forgotten only if something was delivered.
        """
        ...

    def failed(
        self, key: StreamKey, seq: int, error: str, due_at: datetime | None, now: datetime
    ) -> None:
        """Up to ``seq`` is delivered and the next failed: due again at ``due_at``, None parks it."""
        ...

    def replay(self, key: StreamKey, now: datetime) -> Later[bool]:
        """Let a parked stream run again from its head; False if it is not parked."""
        ...

    def parked(self) -> Later[tuple[tuple[StreamKey, str], ...]]:
        """All parked streams with their last error."""
        ...

    def get(self, key: StreamKey) -> Later[ListedStream | None]:
        """The stream; None before its first message."""
        ...

    def listed(
        self,
        tenant: TenantId,
        after: StreamKey | None,
        limit: int,
        kind: AggregateType | None = None,
    ) -> Later[tuple[ListedStream, ...]]:
        """The streams of a tenant after ``after``, by type and id; of one ``kind`` if it is given."""
        ...


class Inbox(Protocol):
    """**Protocol:** the provider events that came in, across tenants."""

    def store(self, event: StoredEvent) -> Later[bool]:
        """Store an event once; False if the same event id is there already."""
        ...

    def owner(self, event: StoredEvent) -> Later[tuple[str, str] | None]:
        """The tenant and the payment that the event's object is known to belong to."""
        ...

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[InboxClaim, ...]]:
        """Claim due events, oldest first; counts the attempt; skips what others hold."""
        ...

    def lock(self, claim: InboxClaim) -> Later[bool]:
        """Lock the event; whether its epoch is still ours."""
        ...

    def finish(self, claim: InboxClaim, status: InboxStatus, note: str, now: datetime) -> None:
        """The event is done; it must be locked, or fenced by the epoch."""
        ...

    def retry(self, claim: InboxClaim, error: str, due_at: datetime) -> None:
        """The event waits until ``due_at``."""
        ...

    def listed(
        self, status: InboxStatus | None, before: ListedEvent | None, limit: int
    ) -> Later[tuple[ListedEvent, ...]]:
        """The events of this status, or all, newest first; those older than ``before``."""
        ...

    def get(self, event_id: str) -> Later[ListedEvent | None]:
        """The event with this id, of the first account that has one."""
        ...

    def about(self, payment_id: PaymentId, object_id: str) -> Later[tuple[ListedEvent, ...]]:
        """The events that name the payment, or its object at the provider unless that is empty."""
        ...

    def replay(self, event_id: str, tenant: TenantId, now: datetime) -> Later[bool]:
        """Let a dead event of ``tenant``, or of nobody, run again; False if there is none."""
        ...


class Timers(Protocol):
    """**Protocol:** what must be looked at again, across tenants."""

    def set(self, tenant: UUID, kind: TimerKind, subject: UUID, due_at: datetime) -> None:
        """Set or move a timer; ends a claim on it."""
        ...

    def clear(self, tenant: UUID, kind: TimerKind, subject: UUID) -> None:
        """Remove a timer; nothing if there is none."""
        ...

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[TimerClaim, ...]]:
        """Claim due timers, oldest first; skips what others hold."""
        ...

    def lock(self, claim: TimerClaim) -> Later[bool]:
        """Lock the timer; whether its epoch is still ours."""
        ...

    def postpone(self, claim: TimerClaim, due_at: datetime, error: str) -> None:
        """Count a try and look again at ``due_at``; the timer must be locked."""
        ...


@attrs.frozen(kw_only=True)
class TicketDelivery:
    """What the ticket service answered: whether the tickets are issued."""

    issued: bool
    detail: Mapping[str, object] = attrs.field(factory=dict)


class TicketService(Protocol):
    """**Protocol:** the service that owns the tickets (S41)."""

    def deliver(self, message: Message) -> TicketDelivery:
        """Deliver what is routed to it (``ROUTES``), at least once.

        Raises ``Unavailable`` when it may be tried again, ``Rejected`` when it never will be
        accepted.
        """
        ...
