"""Payments in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import (
    CaptureMethod,
    Failure,
    Payment,
    PaymentEvent,
    PaymentState,
    ProviderRef,
)

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresPayments"]

_SQL: Final = load("payments")


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)


def _payment(row: Any) -> Payment:
    ref = (row.provider, row.provider_account, row.livemode, row.object_id)
    failure = (row.failure_code, row.decline_code, row.failure_message)
    return Payment(
        id=row.id,
        order_id=row.order_id,
        share=row.share,
        state=PaymentState(row.state),
        amount=Money(row.amount_cents, Currency(row.currency)),
        received_cents=row.received_cents,
        capture_method=CaptureMethod(row.capture_method),
        user_id=row.user_id,
        event_id=row.event_id,
        venue_id=row.venue_id,
        ticket_count=row.ticket_count,
        method_type=row.method_type,
        device_fingerprint=row.device_fingerprint,
        ref=None if row.object_id is None else ProviderRef(*ref),
        provider_status=row.provider_status,
        failure=None if row.failure_code is None else Failure(*failure),
        last_fact_at=_utc(row.last_fact_at),
        created_at=row.created_at.astimezone(UTC),
        sent_at=row.sent_at.astimezone(UTC),
        confirmed_at=_utc(row.confirmed_at),
        version=row.version,
        last_try_at=_utc(row.last_try_at),
    )


def _one(rows: Sequence[Any]) -> Payment | None:
    return _payment(rows[0]) if rows else None


@attrs.frozen
class PostgresPayments:
    """Fulfils ``Payments``."""

    session: Session

    def add(self, payment: Payment) -> None:
        self.session.write(
            _SQL["add"],
            {
                "tenant": self.session.tenant_id,
                "id": payment.id,
                "order": payment.order_id,
                "share": payment.share,
                "state": payment.state.value,
                "amount": payment.amount.cents,
                "currency": payment.amount.currency.code,
                "capture_method": payment.capture_method.value,
                "user": payment.user_id,
                "event": payment.event_id,
                "venue": payment.venue_id,
                "ticket_count": payment.ticket_count,
                "method_type": payment.method_type,
                "device": payment.device_fingerprint,
                "created_at": payment.created_at,
                "sent_at": payment.sent_at,
                "version": payment.version,
                "key": payment.charge_key,
            },
        )

    def get(self, payment_id: PaymentId) -> Later[Payment | None]:
        values = {"tenant": self.session.tenant_id, "id": payment_id}
        return self.session.read_named(_SQL["payment"], values, _one)

    def lock(self, payment_id: PaymentId) -> Later[Payment | None]:
        values = {"tenant": self.session.tenant_id, "id": payment_id}
        return self.session.read_named(_SQL["lock_payment"], values, _one)

    def of_order(self, order_id: OrderId) -> Later[tuple[Payment, ...]]:
        values = {"tenant": self.session.tenant_id, "order": order_id}
        return self.session.read_named(
            _SQL["of_order"], values, lambda rows: tuple(_payment(row) for row in rows)
        )

    def sent_again(self, payment_id: PaymentId, at: datetime) -> None:
        values = {"tenant": self.session.tenant_id, "id": payment_id, "at": at}
        self.session.write(_SQL["sent_again"], values)

    def save(
        self, payment: Payment, step: Step[PaymentState, PaymentEvent] | None, at: datetime
    ) -> Payment:
        ref, failure = payment.ref, payment.failure
        self.session.write(
            _SQL["save"],
            {
                "tenant": self.session.tenant_id,
                "id": payment.id,
                "version": payment.version,
                "state": payment.state.value,
                "received": payment.received_cents,
                "provider": ref.provider if ref else None,
                "account": ref.account if ref else None,
                "livemode": ref.livemode if ref else None,
                "object_id": ref.object_id if ref else None,
                "provider_status": payment.provider_status,
                "failure_code": failure.code if failure else None,
                "decline_code": failure.decline_code if failure else None,
                "failure_message": failure.message if failure else None,
                "last_fact_at": payment.last_fact_at,
                "confirmed_at": payment.confirmed_at,
                "last_try_at": payment.last_try_at,
                "at": at,
                "before": step.before.value if step else None,
                "event": step.event.value if step else None,
            },
        )
        return attrs.evolve(payment, version=payment.version + 1)
