"""Messaging: what leaves (outbox), what comes in (inbox), and what is asked twice (idempotency).

Vocabulary: a *stream* is the sequence of messages of one aggregate; a *claim* is the right to
work on something until a moment, fenced by an *epoch*; a *parked* stream waits for a person.

Guarantees: messages of one aggregate are delivered in order, at least once; a poison message
parks only its own aggregate; a paused worker that wakes up after its claim is fenced off.
"""

from __future__ import annotations

from ticketpay.domain.messaging.backoff import backoff_seconds
from ticketpay.domain.messaging.envelope import AggregateType, Message, envelope
from ticketpay.domain.messaging.idempotency import (
    KEPT_SECONDS,
    Answer,
    Claim,
    ClaimStatus,
    IdempotencyKeyReused,
    KeyScope,
    Outcome,
    RequestInProgress,
    request_hash,
)
from ticketpay.domain.messaging.inbox import InboxClaim, InboxStatus, ListedEvent, StoredEvent
from ticketpay.domain.messaging.outbox import ListedStream, StreamClaim, StreamKey
from ticketpay.domain.messaging.routes import (
    EMITTED,
    ROUTES,
    Route,
    UnroutedEvent,
    check_routes,
    is_delivered,
)
from ticketpay.domain.messaging.timers import TimerClaim, TimerKind

__all__ = [
    "EMITTED",
    "KEPT_SECONDS",
    "ROUTES",
    "AggregateType",
    "Answer",
    "Claim",
    "ClaimStatus",
    "IdempotencyKeyReused",
    "InboxClaim",
    "InboxStatus",
    "KeyScope",
    "ListedEvent",
    "ListedStream",
    "Message",
    "Outcome",
    "RequestInProgress",
    "Route",
    "StoredEvent",
    "StreamClaim",
    "StreamKey",
    "TimerClaim",
    "TimerKind",
    "UnroutedEvent",
    "backoff_seconds",
    "check_routes",
    "envelope",
    "is_delivered",
    "request_hash",
]
