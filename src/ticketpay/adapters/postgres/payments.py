"""Payments and refunds in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import OrderId, PaymentId, RefundId, UserId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import (
    CaptureMethod,
    Failure,
    Payment,
    PaymentEvent,
    PaymentState,
    ProviderRef,
)
from ticketpay.domain.refunds import Refund, RefundEvent, RefundState, Split

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresPayments", "PostgresRefunds", "split_of"]

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


def _first(rows: Sequence[Any]) -> Refund | None:
    return _refund(rows[0]) if rows else None


def split_of(row: Any) -> Split | None:
    """How the amount of a refund or a dispute is split; None as long as it is not."""
    if row.venue_cents is None:
        return None
    return Split(
        venue_cents=row.venue_cents, fees_cents=row.fees_cents, taxes_cents=row.taxes_cents
    )


def _refund(row: Any) -> Refund:
    return Refund(
        id=row.id,
        payment_id=row.payment_id,
        ref=ProviderRef(row.provider, row.provider_account, row.livemode, row.object_id),
        amount=Money(row.amount_cents, Currency(row.currency)),
        reason=row.reason,
        state=RefundState(row.state),
        created_at=row.created_at.astimezone(UTC),
        version=row.version,
        provider_refund_id=row.provider_refund_id,
        split=split_of(row),
        tickets=tuple(row.tickets),
        requested_by=row.requested_by,
        approved_by=row.approved_by,
        needs_approval=row.needs_approval,
    )


@attrs.frozen
class PostgresRefunds:
    """Fulfils ``Refunds``."""

    session: Session

    def add(self, refund: Refund) -> None:
        split = refund.split
        self.session.write(
            _SQL["add_refund"],
            {
                "tenant": self.session.tenant_id,
                "id": refund.id,
                "payment": refund.payment_id,
                "provider": refund.ref.provider,
                "account": refund.ref.account,
                "livemode": refund.ref.livemode,
                "object_id": refund.ref.object_id,
                "amount": refund.amount.cents,
                "currency": refund.amount.currency.code,
                "reason": refund.reason,
                "state": refund.state.value,
                "created_at": refund.created_at,
                "version": refund.version,
                "venue_cents": split.venue_cents if split else None,
                "fees_cents": split.fees_cents if split else None,
                "taxes_cents": split.taxes_cents if split else None,
                "tickets": list(refund.tickets),
                "requested_by": refund.requested_by,
                "approved_by": refund.approved_by,
                "needs_approval": refund.needs_approval,
                "provider_refund_id": refund.provider_refund_id,
            },
        )

    def get(self, refund_id: RefundId) -> Later[Refund | None]:
        values = {"tenant": self.session.tenant_id, "id": refund_id}
        return self.session.read_named(_SQL["refund"], values, _first)

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Refund, ...]]:
        values = {"tenant": self.session.tenant_id, "payment": payment_id}
        return self.session.read_named(
            _SQL["refunds_of_payment"], values, lambda rows: tuple(map(_refund, rows))
        )

    def waiting(self, limit: int) -> Later[tuple[Refund, ...]]:
        values = {"tenant": self.session.tenant_id, "limit": limit}
        return self.session.read_named(
            _SQL["waiting_refunds"], values, lambda rows: tuple(map(_refund, rows))
        )

    def lock(self, refund_id: RefundId) -> Later[Refund | None]:
        values = {"tenant": self.session.tenant_id, "id": refund_id}
        return self.session.read_named(_SQL["lock_refund"], values, _first)

    def approve(self, refund: Refund, by: UserId | None, at: datetime) -> Refund:
        values = {"tenant": self.session.tenant_id, "id": refund.id, "version": refund.version}
        self.session.write(
            _SQL["approve_refund"], values | {"by": by, "tickets": list(refund.tickets), "at": at}
        )
        return attrs.evolve(
            refund, needs_approval=False, approved_by=by, version=refund.version + 1
        )

    def move(self, refund: Refund, step: Step[RefundState, RefundEvent], at: datetime) -> Refund:
        self.session.write(
            _SQL["move_refund"],
            {
                "tenant": self.session.tenant_id,
                "id": refund.id,
                "version": refund.version,
                "before": step.before.value,
                "event": step.event.value,
                "state": step.after.value,
                "provider_refund_id": refund.provider_refund_id,
                "at": at,
            },
        )
        return attrs.evolve(refund, state=step.after, version=refund.version + 1)
