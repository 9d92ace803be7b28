"""Refunds in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import PaymentId, RefundId, UserId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import ProviderRef
from ticketpay.domain.refunds import Refund, RefundEvent, RefundState, Split

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresRefunds", "split_of"]

_SQL: Final = load("refunds")


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


def _one(rows: Sequence[Any]) -> Refund | None:
    return _refund(rows[0]) if rows else None


@attrs.frozen
class PostgresRefunds:
    """Fulfils ``Refunds``."""

    session: Session

    def add(self, refund: Refund) -> None:
        split = refund.split
        self.session.write(
            _SQL["add"],
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
        return self.session.read_named(_SQL["get"], values, _one)

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Refund, ...]]:
        values = {"tenant": self.session.tenant_id, "payment": payment_id}
        return self.session.read_named(
            _SQL["of_payment"], values, lambda rows: tuple(map(_refund, rows))
        )

    def waiting(self, limit: int) -> Later[tuple[Refund, ...]]:
        values = {"tenant": self.session.tenant_id, "limit": limit}
        return self.session.read_named(
            _SQL["waiting"], values, lambda rows: tuple(map(_refund, rows))
        )

    def lock(self, refund_id: RefundId) -> Later[Refund | None]:
        values = {"tenant": self.session.tenant_id, "id": refund_id}
        return self.session.read_named(_SQL["lock"], values, _one)

    def approve(self, refund: Refund, by: UserId | None, at: datetime) -> Refund:
        values = {"tenant": self.session.tenant_id, "id": refund.id, "version": refund.version}
        self.session.write(
            _SQL["approve"], values | {"by": by, "tickets": list(refund.tickets), "at": at}
        )
        return attrs.evolve(
            refund, needs_approval=False, approved_by=by, version=refund.version + 1
        )

    def move(self, refund: Refund, step: Step[RefundState, RefundEvent], at: datetime) -> Refund:
        self.session.write(
            _SQL["move"],
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
