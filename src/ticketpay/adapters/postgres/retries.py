"""The tries of failed payments in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.payments import Circumstances, Payment, Retry, RetryAction

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresRetries"]

_SQL: Final = load("retries")


def _retry(row: tuple[Any, ...]) -> Retry:
    return Retry(
        payment_id=row[0],
        number=row[1],
        action=RetryAction(row[2]),
        at=row[3].astimezone(UTC),
        outcome=row[4],
    )


def _circumstances(rows: Sequence[tuple[Any, ...]]) -> Circumstances:
    starts_at, on_sale, bought_again, tried_again, newest_at = rows[0]
    return Circumstances(
        starts_at=starts_at.astimezone(UTC),
        on_sale=on_sale,
        bought_again=bought_again,
        tried_again=tried_again,
        newest_at=newest_at.astimezone(UTC) if newest_at else None,
    )


@attrs.frozen
class PostgresRetries:
    """Fulfils ``Retries``."""

    session: Session

    def add(self, retry: Retry) -> None:
        values = {
            "tenant": self.session.tenant_id,
            "payment": retry.payment_id,
            "number": retry.number,
            "action": retry.action.value,
            "at": retry.at,
            "outcome": retry.outcome,
        }
        self.session.write(_SQL["add_retry"], values)

    def end(self, payment_id: PaymentId, outcome: str) -> None:
        values = {"tenant": self.session.tenant_id, "payment": payment_id, "outcome": outcome}
        self.session.write(_SQL["end_retry"], values)

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Retry, ...]]:
        values = {"tenant": self.session.tenant_id, "payment": payment_id}
        return self.session.read(
            _SQL["retries_of_payment"], values, lambda rows: tuple(map(_retry, rows))
        )

    def around(self, payment: Payment) -> Later[Circumstances]:
        values = {
            "tenant": self.session.tenant_id,
            "id": payment.id,
            "order": payment.order_id,
            "user": payment.user_id,
            "event": payment.event_id,
            "since": payment.created_at,
        }
        return self.session.read(_SQL["circumstances"], values, _circumstances)
