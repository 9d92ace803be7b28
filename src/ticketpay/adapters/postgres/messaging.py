"""Outbox, streams, inbox and timers in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from ticketpay.adapters.postgres.documents import dump
from ticketpay.adapters.postgres.statements import load
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

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresInbox", "PostgresOutbox", "PostgresStreams", "PostgresTimers"]

_SQL: Final = load("messaging")


def _is_true(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether there is a row, and what it says is true, or a count of at least one."""
    return bool(rows and rows[0][0])


def _lease(now: datetime, lease_seconds: int, limit: int) -> dict[str, object]:
    return {"now": now, "until": now + timedelta(seconds=lease_seconds), "limit": limit}


def _stream(key: StreamKey) -> dict[str, object]:
    return {"tenant": key.tenant_id, "kind": key.aggregate_type.value, "id": key.aggregate_id}


@attrs.frozen
class PostgresOutbox:
    """Fulfils ``Outbox``."""

    session: Session

    def emit(self, messages: Sequence[Message]) -> None:
        for message in messages:
            assert message.type in EMITTED, f"{message.type} is not a declared event type"
            journal = ROUTES[message.type] is Route.JOURNAL
            self.session.write(
                _SQL["emit"],
                {
                    "tenant": self.session.tenant_id,
                    "kind": message.aggregate_type.value,
                    "id": message.aggregate_id,
                    "due_at": None if journal else message.occurred_at,
                    "message": message.id,
                    "type": message.type,
                    "payload": dump(dict(message.data)),
                    "at": message.occurred_at,
                },
            )

    def pending(self, claim: StreamClaim, limit: int) -> Later[tuple[tuple[int, Message], ...]]:
        key = claim.key

        def parse(rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[int, Message], ...]:
            return tuple(
                (
                    seq,
                    Message(
                        id=message,
                        type=kind,
                        aggregate_type=key.aggregate_type,
                        aggregate_id=key.aggregate_id,
                        occurred_at=at.astimezone(UTC),
                        data=data,
                    ),
                )
                for seq, message, kind, data, at in rows
            )

        values = _stream(key) | {"after": claim.delivered_seq, "limit": limit}
        return self.session.read(_SQL["pending"], values, parse)


@attrs.frozen
class PostgresStreams:
    """Fulfils ``Streams``."""

    session: Session

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[StreamClaim, ...]]:
        def parse(rows: Sequence[tuple[Any, ...]]) -> tuple[StreamClaim, ...]:
            return tuple(
                StreamClaim(
                    key=StreamKey(tenant, AggregateType(kind), aggregate),
                    epoch=epoch,
                    delivered_seq=seq,
                    attempts=attempts,
                )
                for _, tenant, kind, aggregate, epoch, seq, attempts in sorted(rows)
            )

        return self.session.read(_SQL["claim_streams"], _lease(now, lease_seconds, limit), parse)

    def lock(self, claims: Sequence[StreamClaim]) -> Later[frozenset[StreamKey]]:
        values = {
            "tenants": [c.key.tenant_id for c in claims],
            "kinds": [c.key.aggregate_type.value for c in claims],
            "ids": [c.key.aggregate_id for c in claims],
            "epochs": [c.epoch for c in claims],
        }

        def parse(rows: Sequence[tuple[Any, ...]]) -> frozenset[StreamKey]:
            return frozenset(StreamKey(row[0], AggregateType(row[1]), row[2]) for row in rows)

        return self.session.read(_SQL["lock_streams"], values, parse)

    def delivered(self, key: StreamKey, seq: int, now: datetime) -> None:
        self.session.write(_SQL["delivered"], _stream(key) | {"seq": seq, "now": now})

    def failed(
        self, key: StreamKey, seq: int, error: str, due_at: datetime | None, now: datetime
    ) -> None:
        values = _stream(key) | {"seq": seq, "error": error[:500], "due_at": due_at, "now": now}
        self.session.write(_SQL["failed"], values)

    def replay(self, key: StreamKey, now: datetime) -> Later[bool]:
        return self.session.read(_SQL["replay"], _stream(key) | {"now": now}, _is_true)

    def parked(self) -> Later[tuple[tuple[StreamKey, str], ...]]:
        def parse(rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[StreamKey, str], ...]:
            return tuple(
                (StreamKey(t, AggregateType(kind), i), error) for t, kind, i, error in rows
            )

        return self.session.read(_SQL["parked"], {}, parse)

    def listed(
        self,
        tenant: TenantId,
        after: StreamKey | None,
        limit: int,
        kind: AggregateType | None = None,
    ) -> Later[tuple[ListedStream, ...]]:
        values = {
            "tenant": tenant,
            "only": kind.value if kind else "",
            "kind": after.aggregate_type.value if after else "",
            "id": after.aggregate_id if after else UUID(int=0),
            "limit": limit,
        }
        return self.session.read_named(
            _SQL["list_streams"], values, lambda rows: tuple(map(_listed_stream, rows))
        )

    def get(self, key: StreamKey) -> Later[ListedStream | None]:
        values = {
            "tenant": key.tenant_id,
            "kind": key.aggregate_type.value,
            "id": key.aggregate_id,
        }
        return self.session.read_named(
            _SQL["stream"], values, lambda rows: next(map(_listed_stream, rows), None)
        )


def _listed_stream(row: Any) -> ListedStream:
    return ListedStream(
        key=StreamKey(row.tenant_id, AggregateType(row.aggregate_type), row.aggregate_id),
        messages=row.messages,
        delivered=row.delivered_seq,
        attempts=row.attempts,
        parked=row.parked,
        error=row.last_error,
    )


def _listed_events(rows: Sequence[Any]) -> tuple[ListedEvent, ...]:
    return tuple(
        ListedEvent(
            provider=row.provider,
            account=row.account,
            event_id=row.event_id,
            event_type=row.event_type,
            object_id=row.object_id,
            tenant_id=row.tenant_id,
            payment_id=row.payment_id,
            status=InboxStatus(row.status),
            attempts=row.attempts,
            note=row.note,
            received_at=row.received_at.astimezone(UTC),
            processed_at=row.processed_at and row.processed_at.astimezone(UTC),
        )
        for row in rows
    )


def _inbox_claim(row: tuple[Any, ...]) -> InboxClaim:
    event = StoredEvent(
        provider=row[0],
        account=row[1],
        event_id=row[2],
        event_type=row[3],
        object_id=row[4],
        tenant_id=row[5],
        payment_id=row[6],
        payload=bytes(row[7]),
        signature=row[8],
        status=InboxStatus(row[9]),
        received_at=row[10].astimezone(UTC),
    )
    return InboxClaim(
        event=event, epoch=row[11], attempts=row[12], tenant_id=row[13], payment_id=row[14]
    )


@attrs.frozen
class PostgresInbox:
    """Fulfils ``Inbox``."""

    session: Session

    def store(self, event: StoredEvent) -> Later[bool]:
        values = {
            "provider": event.provider,
            "account": event.account,
            "event_id": event.event_id,
            "event_type": event.event_type,
            "object_id": event.object_id,
            "tenant_text": event.tenant_id,
            "payment_text": event.payment_id,
            "payload": event.payload,
            "signature": event.signature,
            "status": event.status.value,
            "received_at": event.received_at,
        }
        return self.session.read(_SQL["store_event"], values, _is_true)

    def owner(self, event: StoredEvent) -> Later[tuple[str, str] | None]:
        values = {"provider": event.provider, "account": event.account, "object": event.object_id}
        return self.session.read(
            _SQL["owner"], values, lambda rows: (rows[0][0], rows[0][1]) if rows else None
        )

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[InboxClaim, ...]]:
        return self.session.read(
            _SQL["claim_events"],
            _lease(now, lease_seconds, limit),
            lambda rows: tuple(sorted(map(_inbox_claim, rows), key=lambda c: c.event.received_at)),
        )

    def lock(self, claim: InboxClaim) -> Later[bool]:
        return self.session.read(_SQL["lock_event"], self._event(claim), _is_true)

    def finish(self, claim: InboxClaim, status: InboxStatus, note: str, now: datetime) -> None:
        values = {"status": status.value, "note": note[:500], "now": now}
        self.session.write(_SQL["finish_event"], self._event(claim) | values)

    def retry(self, claim: InboxClaim, error: str, due_at: datetime) -> None:
        values = {"error": error[:500], "due_at": due_at}
        self.session.write(_SQL["retry_event"], self._event(claim) | values)

    def listed(
        self, status: InboxStatus | None, before: ListedEvent | None, limit: int
    ) -> Later[tuple[ListedEvent, ...]]:
        values = {
            "status": status.value if status else "",
            "received_at": before.received_at if before else "infinity",
            "provider": before.provider if before else "",
            "account": before.account if before else "",
            "event_id": before.event_id if before else "",
            "limit": limit,
        }
        return self.session.read_named(_SQL["list_events"], values, _listed_events)

    def get(self, event_id: str) -> Later[ListedEvent | None]:
        return self.session.read_named(
            _SQL["event"],
            {"event_id": event_id},
            lambda rows: next(iter(_listed_events(rows)), None),
        )

    def about(self, payment_id: PaymentId, object_id: str) -> Later[tuple[ListedEvent, ...]]:
        values = {"payment": str(payment_id), "object": object_id}
        return self.session.read_named(_SQL["events_about"], values, _listed_events)

    def replay(self, event_id: str, tenant: TenantId, now: datetime) -> Later[bool]:
        values = {"event_id": event_id, "tenant_text": str(tenant), "now": now}
        return self.session.read(_SQL["replay_event"], values, _is_true)

    def _event(self, claim: InboxClaim) -> dict[str, object]:
        event = claim.event
        return {
            "provider": event.provider,
            "account": event.account,
            "event_id": event.event_id,
            "epoch": claim.epoch,
        }


@attrs.frozen
class PostgresTimers:
    """Fulfils ``Timers``."""

    session: Session

    def set(self, tenant: UUID, kind: TimerKind, subject: UUID, due_at: datetime) -> None:
        values = {"tenant": tenant, "kind": kind.value, "subject": subject, "due_at": due_at}
        self.session.write(_SQL["set_timer"], values)

    def clear(self, tenant: UUID, kind: TimerKind, subject: UUID) -> None:
        values = {"tenant": tenant, "kind": kind.value, "subject": subject}
        self.session.write(_SQL["clear_timer"], values)

    def claim_due(
        self, now: datetime, lease_seconds: int, limit: int
    ) -> Later[tuple[TimerClaim, ...]]:
        def parse(rows: Sequence[tuple[Any, ...]]) -> tuple[TimerClaim, ...]:
            return tuple(
                TimerClaim(
                    tenant_id=tenant,
                    kind=TimerKind(kind),
                    subject_id=subject,
                    epoch=epoch,
                    attempts=attempts,
                )
                for _, tenant, kind, subject, epoch, attempts in sorted(rows)
            )

        return self.session.read(_SQL["claim_timers"], _lease(now, lease_seconds, limit), parse)

    def lock(self, claim: TimerClaim) -> Later[bool]:
        return self.session.read(_SQL["lock_timer"], self._timer(claim), _is_true)

    def postpone(self, claim: TimerClaim, due_at: datetime, error: str) -> None:
        values = self._timer(claim) | {"due_at": due_at, "error": error[:500]}
        self.session.write(_SQL["postpone_timer"], values)

    def _timer(self, claim: TimerClaim) -> dict[str, object]:
        return {
            "tenant": claim.tenant_id,
            "kind": claim.kind.value,
            "subject": claim.subject_id,
            "epoch": claim.epoch,
        }
