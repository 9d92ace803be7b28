"""Payments and refunds in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.moves import record_move
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

__all__ = ["PostgresPayments", "PostgresRefunds"]

_SQL: Final = load("payments")


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)


def _payment(row: tuple[Any, ...]) -> Payment:
    provider, account, livemode, object_id = row[14:18]
    failure = None if row[19] is None else Failure(row[19], row[20], row[21])
    return Payment(
        id=row[0],
        order_id=row[1],
        share=row[2],
        state=PaymentState(row[3]),
        amount=Money(row[4], Currency(row[6])),
        received_cents=row[5],
        capture_method=CaptureMethod(row[7]),
        user_id=row[8],
        event_id=row[9],
        venue_id=row[10],
        ticket_count=row[11],
        method_type=row[12],
        device_fingerprint=row[13],
        ref=None if object_id is None else ProviderRef(provider, account, livemode, object_id),
        provider_status=row[18],
        failure=failure,
        last_fact_at=_utc(row[22]),
        created_at=row[23].astimezone(UTC),
        sent_at=row[24].astimezone(UTC),
        confirmed_at=_utc(row[25]),
        version=row[26],
    )


def _one(rows: Sequence[tuple[Any, ...]]) -> Payment | None:
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
        return self.session.read(_SQL["payment"], values, _one)

    def lock(self, payment_id: PaymentId) -> Later[Payment | None]:
        values = {"tenant": self.session.tenant_id, "id": payment_id}
        return self.session.read(_SQL["lock_payment"], values, _one)

    def of_order(self, order_id: OrderId) -> Later[tuple[Payment, ...]]:
        values = {"tenant": self.session.tenant_id, "order": order_id}
        return self.session.read(
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
                "at": at,
                "before": step.before.value if step else None,
                "event": step.event.value if step else None,
            },
        )
        return attrs.evolve(payment, version=payment.version + 1)


def _first(rows: Sequence[tuple[Any, ...]]) -> Refund | None:
    return _refund(rows[0]) if rows else None


def _refund(row: tuple[Any, ...]) -> Refund:
    venue, fees, taxes = row[13:16]
    split = None if venue is None else Split(venue_cents=venue, fees_cents=fees, taxes_cents=taxes)
    return Refund(
        id=row[0],
        payment_id=row[1],
        ref=ProviderRef(*row[2:6]),
        amount=Money(row[6], Currency(row[7])),
        reason=row[8],
        state=RefundState(row[9]),
        created_at=row[10].astimezone(UTC),
        version=row[11],
        provider_refund_id=row[12],
        split=split,
        tickets=tuple(row[16]),
        requested_by=row[17],
        approved_by=row[18],
        needs_approval=row[19],
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
        return self.session.read(_SQL["refund"], values, _first)

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Refund, ...]]:
        values = {"tenant": self.session.tenant_id, "payment": payment_id}
        return self.session.read(
            _SQL["refunds_of_payment"], values, lambda rows: tuple(map(_refund, rows))
        )

    def waiting(self, limit: int) -> Later[tuple[Refund, ...]]:
        values = {"tenant": self.session.tenant_id, "limit": limit}
        return self.session.read(
            _SQL["waiting_refunds"], values, lambda rows: tuple(map(_refund, rows))
        )

    def lock(self, refund_id: RefundId) -> Later[Refund | None]:
        values = {"tenant": self.session.tenant_id, "id": refund_id}
        return self.session.read(_SQL["lock_refund"], values, _first)

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
                "state": step.after.value,
                "provider_refund_id": refund.provider_refund_id,
                "at": at,
            },
        )
        saved = attrs.evolve(refund, state=step.after, version=refund.version + 1)
        record_move(self.session, "refund", refund.id, saved.version, step, at)
        return saved
