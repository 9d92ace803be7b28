"""Disputes in PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import DisputeId, PaymentId
from ticketpay.domain.money import Currency, Money
from ticketpay.domain.payments import ProviderRef
from ticketpay.domain.refunds import Dispute, DisputeEvent, DisputeState, Split

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresDisputes"]

_SQL: Final = load("disputes")


def _dispute(row: tuple[Any, ...]) -> Dispute:
    venue, fees, taxes = row[13:16]
    split = None if venue is None else Split(venue_cents=venue, fees_cents=fees, taxes_cents=taxes)
    return Dispute(
        id=row[0],
        payment_id=row[1],
        ref=ProviderRef(*row[2:6]),
        provider_dispute_id=row[6],
        amount=Money(row[7], Currency(row[8])),
        fee_cents=row[9],
        reason=row[10],
        state=DisputeState(row[11]),
        created_at=row[12].astimezone(UTC),
        split=split,
        tickets=tuple(row[16]),
        version=row[17],
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
        return self.session.read(
            _SQL["of_payment"], values, lambda rows: tuple(map(_dispute, rows))
        )

    def undecided(self, limit: int) -> Later[tuple[Dispute, ...]]:
        values = {"tenant": self.session.tenant_id, "limit": limit}
        return self.session.read(_SQL["undecided"], values, lambda rows: tuple(map(_dispute, rows)))

    def lock(self, dispute_id: DisputeId) -> Later[Dispute | None]:
        values = {"tenant": self.session.tenant_id, "id": dispute_id}
        return self.session.read(
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
