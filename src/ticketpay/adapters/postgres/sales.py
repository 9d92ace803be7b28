"""Lists of sales in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, LiteralString

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import UserId, VenueId
from ticketpay.domain.money import Currency
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.payments.sales import Sale, SaleCount, SaleKey

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresSales", "sales_of"]

_SQL: Final = load("sales")


def _sale(row: Any) -> Sale:
    return Sale(
        payment_id=row.id,
        order_id=row.order_id,
        user_id=row.user_id,
        event_id=row.event_id,
        venue_id=row.venue_id,
        state=PaymentState(row.state),
        currency=Currency(row.currency),
        amount_cents=row.amount_cents,
        received_cents=row.received_cents,
        tickets_cents=row.tickets_cents,
        fees_cents=row.fees_cents,
        taxes_cents=row.taxes_cents,
        refunded_cents=row.refunded_cents,
        ticket_count=row.ticket_count,
        created_at=row.created_at.astimezone(UTC),
        order_state=OrderState(row.order_state),
    )


def sales_of(rows: Sequence[Any]) -> tuple[Sale, ...]:
    """Sales from rows as the statements of ``sales.sql`` name them."""
    return tuple(map(_sale, rows))


def _counts(rows: Sequence[tuple[Any, ...]]) -> tuple[SaleCount, ...]:
    return tuple(
        SaleCount(
            currency=Currency(currency),
            state=PaymentState(state),
            count=count,
            received_cents=received,
            refunded_cents=refunded,
        )
        for currency, state, count, received, refunded in rows
    )


@attrs.frozen
class PostgresSales:
    """Fulfils ``Sales``."""

    session: Session

    def of_user(self, user_id: UserId, after: SaleKey, limit: int) -> Later[tuple[Sale, ...]]:
        return self._page(_SQL["of_user"], {"user": user_id}, after, limit)

    def of_venue(self, venue_id: VenueId, after: SaleKey, limit: int) -> Later[tuple[Sale, ...]]:
        return self._page(_SQL["of_venue"], {"venue": venue_id}, after, limit)

    def counts(self, since: datetime) -> Later[tuple[SaleCount, ...]]:
        values = {"tenant": self.session.tenant_id, "since": since}
        return self.session.read(_SQL["counts"], values, _counts)

    def _page(
        self, statement: LiteralString, whose: dict[str, object], after: SaleKey, limit: int
    ) -> Later[tuple[Sale, ...]]:
        values = {
            "tenant": self.session.tenant_id,
            "at": after.created_at,
            "id": after.payment_id,
            "limit": limit,
            **whose,
        }
        return self.session.read_named(statement, values, sales_of)
