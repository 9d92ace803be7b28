"""Subscriptions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import EventId, QuoteId, VenueId
from ticketpay.domain.subscriptions import Subscription, SubscriptionState

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresSubscriptions"]

_SQL: Final = load("subscriptions")


def _one(rows: Sequence[tuple[Any, ...]]) -> Subscription | None:
    if not rows:
        return None
    row = rows[0]
    return Subscription(
        id=row[0],
        venue_id=row[1],
        plan_id=row[2],
        provider_id=row[3],
        state=SubscriptionState(row[4]),
        current_period_end=row[5].astimezone(UTC),
        version=row[6],
    )


@attrs.frozen
class PostgresSubscriptions:
    """Fulfils ``Subscriptions``."""

    session: Session

    def get(self, venue_id: VenueId) -> Later[Subscription | None]:
        return self.session.read(_SQL["of_venue"], self._of(venue_id), _one)

    def of_event(self, event_id: EventId) -> Later[Subscription | None]:
        values = {"tenant": self.session.tenant_id, "event": event_id}
        return self.session.read(_SQL["of_event"], values, _one)

    def of_quote(self, quote_id: QuoteId) -> Later[Subscription | None]:
        values = {"tenant": self.session.tenant_id, "quote": quote_id}
        return self.session.read(_SQL["of_quote"], values, _one)

    def lock(self, venue_id: VenueId) -> Later[Subscription | None]:
        return self.session.read(_SQL["lock_subscription"], self._of(venue_id), _one)

    def tickets_sold(self, venue_id: VenueId, since: datetime) -> Later[int]:
        values = self._of(venue_id) | {"since": since}
        return self.session.read(_SQL["tickets_sold"], values, lambda rows: int(rows[0][0]))

    def add(self, subscription: Subscription) -> None:
        self.session.write(_SQL["add_subscription"], self._row(subscription))

    def save(self, subscription: Subscription) -> Subscription:
        self.session.write(_SQL["save_subscription"], self._row(subscription))
        return attrs.evolve(subscription, version=subscription.version + 1)

    def _of(self, venue_id: VenueId) -> dict[str, object]:
        return {"tenant": self.session.tenant_id, "venue": venue_id}

    def _row(self, subscription: Subscription) -> dict[str, object]:
        return self._of(subscription.venue_id) | {
            "id": subscription.id,
            "plan": subscription.plan_id,
            "provider_id": subscription.provider_id,
            "state": subscription.state.value,
            "period_end": subscription.current_period_end,
            "version": subscription.version,
        }
