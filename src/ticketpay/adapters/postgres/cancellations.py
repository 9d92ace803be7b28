"""Cancelled events in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.catalog import Cancellation, CancellationProgress, MoneyBack
from ticketpay.domain.kernel.ids import EventId, PaymentId
from ticketpay.domain.money import Currency

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresCancellations"]

_SQL: Final = load("cancellations")
_BEFORE_ALL: Final = UUID(int=0)


def _one(rows: Sequence[tuple[Any, ...]]) -> Cancellation | None:
    for event_id, reason, requested_by, started_at, finished_at, cursor, again in rows:
        return Cancellation(
            event_id=event_id,
            reason=reason,
            requested_by=requested_by,
            started_at=started_at.astimezone(UTC),
            finished_at=None if finished_at is None else finished_at.astimezone(UTC),
            cursor=cursor,
            again=again,
        )
    return None


def _progress(rows: Sequence[tuple[Any, ...]]) -> CancellationProgress:
    money = tuple(
        MoneyBack(currency=Currency(currency), cents=cents, begun_cents=begun, refunded_cents=done)
        for currency, orders, cents, _, begun, _, done, *_ in rows
        if orders
    )
    orders, _, begun, _, refunded, _, failed, unfinished = (
        sum(row[place] for row in rows) for place in range(1, 9)
    )
    return CancellationProgress(
        orders=orders,
        begun=begun,
        refunded=refunded,
        failed=failed,
        unfinished=unfinished,
        money=money,
    )


@attrs.frozen
class PostgresCancellations:
    """Fulfils ``Cancellations``."""

    session: Session

    def start(self, cancellation: Cancellation) -> None:
        values = {
            "tenant": self.session.tenant_id,
            "event": cancellation.event_id,
            "reason": cancellation.reason,
            "requested_by": cancellation.requested_by,
            "started_at": cancellation.started_at,
        }
        for name in ("add", "take_off_sale", "lock_types"):
            self.session.write(_SQL[name], values)

    def get(self, event_id: EventId) -> Later[Cancellation | None]:
        values = {"tenant": self.session.tenant_id, "event": event_id}
        return self.session.read(_SQL["cancellation"], values, _one)

    def lock(self, event_id: EventId) -> Later[Cancellation | None]:
        values = {"tenant": self.session.tenant_id, "event": event_id}
        return self.session.read(_SQL["lock_cancellation"], values, _one)

    def save(self, cancellation: Cancellation) -> None:
        self.session.write(
            _SQL["save"],
            {
                "tenant": self.session.tenant_id,
                "event": cancellation.event_id,
                "finished_at": cancellation.finished_at,
                "cursor": cancellation.cursor,
                "again": cancellation.again,
            },
        )

    def to_look_at(
        self, event_id: EventId, after: PaymentId | None, limit: int
    ) -> Later[tuple[PaymentId, ...]]:
        values = {
            "tenant": self.session.tenant_id,
            "event": event_id,
            "after": after or _BEFORE_ALL,
            "limit": limit,
        }
        return self.session.read(
            _SQL["to_look_at"], values, lambda rows: tuple(PaymentId(row[0]) for row in rows)
        )

    def progress(self, event_id: EventId) -> Later[CancellationProgress]:
        values = {"tenant": self.session.tenant_id, "event": event_id}
        return self.session.read(_SQL["progress"], values, _progress)
