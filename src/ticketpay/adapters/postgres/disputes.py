"""Disputes in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.refunds import split_of
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import DisputeId, PaymentId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import ProviderRef
from ticketpay.domain.refunds import Dispute, DisputeEvent, DisputeState

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresDisputes"]

_SQL: Final = load("disputes")


def _dispute(row: Any) -> Dispute:
    return Dispute(
        id=row.id,
        payment_id=row.payment_id,
        ref=ProviderRef(row.provider, row.provider_account, row.livemode, row.object_id),
        provider_dispute_id=row.provider_dispute_id,
        amount=Money(row.amount_cents, Currency(row.currency)),
        fee_cents=row.fee_cents,
        reason=row.reason,
        state=DisputeState(row.state),
        created_at=row.created_at.astimezone(UTC),
        split=split_of(row),
        tickets=tuple(row.tickets),
        version=row.version,
    )


@attrs.frozen
class PostgresDisputes:
    """Fulfils ``Disputes``."""

    session: Session

    def add(self, dispute: Dispute) -> None:
        self.session.write(
            _SQL["add"],
            {
                "tenant": self.session.tenant_id,
                "id": dispute.id,
                "payment": dispute.payment_id,
                "provider": dispute.ref.provider,
                "account": dispute.ref.account,
                "livemode": dispute.ref.livemode,
                "object_id": dispute.ref.object_id,
                "provider_dispute_id": dispute.provider_dispute_id,
                "amount": dispute.amount.cents,
                "currency": dispute.amount.currency.code,
                "fee": dispute.fee_cents,
                "reason": dispute.reason,
                "state": dispute.state.value,
                "created_at": dispute.created_at,
                "version": dispute.version,
            },
        )

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Dispute, ...]]:
        values = {"tenant": self.session.tenant_id, "payment": payment_id}
        return self.session.read_named(
            _SQL["of_payment"], values, lambda rows: tuple(map(_dispute, rows))
        )

    def undecided(self, limit: int) -> Later[tuple[Dispute, ...]]:
        values = {"tenant": self.session.tenant_id, "limit": limit}
        return self.session.read_named(
            _SQL["undecided"], values, lambda rows: tuple(map(_dispute, rows))
        )

    def lock(self, dispute_id: DisputeId) -> Later[Dispute | None]:
        values = {"tenant": self.session.tenant_id, "id": dispute_id}
        return self.session.read_named(
            _SQL["lock"], values, lambda rows: _dispute(rows[0]) if rows else None
        )

    def move(
        self, dispute: Dispute, step: Step[DisputeState, DisputeEvent], at: datetime
    ) -> Dispute:
        split = dispute.split
        self.session.write(
            _SQL["move"],
            {
                "tenant": self.session.tenant_id,
                "id": dispute.id,
                "version": dispute.version,
                "before": step.before.value,
                "event": step.event.value,
                "state": step.after.value,
                "amount": dispute.amount.cents,
                "fee": dispute.fee_cents,
                "venue_cents": split.venue_cents if split else None,
                "fees_cents": split.fees_cents if split else None,
                "taxes_cents": split.taxes_cents if split else None,
                "tickets": list(dispute.tickets),
                "at": at,
            },
        )
        return attrs.evolve(dispute, state=step.after, version=dispute.version + 1)
