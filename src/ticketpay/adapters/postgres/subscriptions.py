"""Subscriptions in PostgreSQL, and what was paid for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import EventId, QuoteId, VenueId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import Failure
from ticketpay.domain.subscriptions import (
    PaidInvoice,
    PlanWish,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
    WishState,
)

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresPlanInvoices", "PostgresSubscriptions"]

_SQL: Final = load("subscriptions")


def _one(rows: Sequence[Any]) -> Subscription | None:
    if not rows:
        return None
    row = rows[0]
    return Subscription(
        id=row.id,
        venue_id=row.venue_id,
        plan_id=row.plan_id,
        provider_id=row.provider_id,
        state=SubscriptionState(row.state),
        current_period_end=row.current_period_end.astimezone(UTC),
        version=row.version,
        customer_id=row.customer_id,
        cancels_at=row.cancels_at and row.cancels_at.astimezone(UTC),
        wish=_wish(row),
    )


def _wish(row: Any) -> PlanWish | None:
    if row.wish_number is None:
        return None
    failure = (row.wish_failure_code, row.wish_decline_code, row.wish_failure_text)
    return PlanWish(
        number=row.wish_number,
        plan_id=row.wish_plan,
        ends=row.wish_ends,
        method=row.wish_method,
        asked_at=row.wish_asked_at.astimezone(UTC),
        key=row.wish_key,
        state=WishState(row.wish_state),
        failure=None if row.wish_failure_code is None else Failure(*failure),
    )


def _wish_row(wish: PlanWish | None) -> dict[str, object]:
    failure = wish and wish.failure
    return {
        "wish_number": wish and wish.number,
        "wish_plan": wish and wish.plan_id,
        "wish_ends": wish and wish.ends,
        "wish_method": wish and wish.method,
        "wish_asked_at": wish and wish.asked_at,
        "wish_key": wish and wish.key,
        "wish_state": wish and wish.state.value,
        "wish_failure_code": failure and failure.code,
        "wish_decline_code": failure and failure.decline_code,
        "wish_failure_text": failure and failure.message,
    }


@attrs.frozen
class PostgresSubscriptions:
    """Fulfils ``Subscriptions``."""

    session: Session

    def get(self, venue_id: VenueId) -> Later[Subscription | None]:
        return self.session.read_named(_SQL["of_venue"], self._of(venue_id), _one)

    def of_event(self, event_id: EventId) -> Later[Subscription | None]:
        values = {"tenant": self.session.tenant_id, "event": event_id}
        return self.session.read_named(_SQL["of_event"], values, _one)

    def of_quote(self, quote_id: QuoteId) -> Later[Subscription | None]:
        values = {"tenant": self.session.tenant_id, "quote": quote_id}
        return self.session.read_named(_SQL["of_quote"], values, _one)

    def lock(self, venue_id: VenueId) -> Later[Subscription | None]:
        return self.session.read_named(_SQL["lock_subscription"], self._of(venue_id), _one)

    def tickets_sold(self, venue_id: VenueId, since: datetime) -> Later[int]:
        values = self._of(venue_id) | {"since": since}
        return self.session.read(_SQL["tickets_sold"], values, lambda rows: int(rows[0][0]))

    def add(self, subscription: Subscription) -> None:
        self.session.write(_SQL["add_subscription"], self._row(subscription))

    def save(
        self,
        subscription: Subscription,
        step: Step[SubscriptionState, SubscriptionEvent] | None = None,
        at: datetime | None = None,
    ) -> Subscription:
        assert step is None or at is not None, "a step has its time"
        move = {
            "before": step and step.before.value,
            "event": step and step.event.value,
            "at": at,
        }
        self.session.write(_SQL["save_subscription"], self._row(subscription) | move)
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
            "customer_id": subscription.customer_id,
            "cancels_at": subscription.cancels_at,
            **_wish_row(subscription.wish),
        }


@attrs.frozen
class PostgresPlanInvoices:
    """Fulfils ``PlanInvoices``."""

    session: Session

    def of_venue(self, venue_id: VenueId) -> Later[tuple[PaidInvoice, ...]]:
        values = {"tenant": self.session.tenant_id, "venue": venue_id}
        return self.session.read_named(
            _SQL["invoices_of_venue"], values, lambda rows: tuple(map(_invoice, rows))
        )

    def of_tenant(self) -> Later[tuple[PaidInvoice, ...]]:
        values = {"tenant": self.session.tenant_id}
        return self.session.read_named(
            _SQL["invoices_of_tenant"], values, lambda rows: tuple(map(_invoice, rows))
        )

    def add(self, venue_id: VenueId, invoice: PaidInvoice) -> None:
        self.session.write(
            _SQL["add_invoice"],
            {
                "tenant": self.session.tenant_id,
                "id": invoice.id,
                "venue": venue_id,
                "plan": invoice.plan_id,
                "cents": invoice.amount.cents,
                "currency": invoice.amount.currency.code,
                "paid_at": invoice.paid_at,
            },
        )


def _invoice(row: Any) -> PaidInvoice:
    amount = Money(row.amount_cents, Currency(row.currency))
    return PaidInvoice(
        id=row.id, plan_id=row.plan_id, amount=amount, paid_at=row.paid_at.astimezone(UTC)
    )
