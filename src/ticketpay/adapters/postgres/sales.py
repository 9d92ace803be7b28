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


def _sale(row: tuple[Any, ...]) -> Sale:
    return Sale(
        payment_id=row[0],
        order_id=row[1],
        user_id=row[2],
        event_id=row[3],
        venue_id=row[4],
        state=PaymentState(row[5]),
        currency=Currency(row[6]),
        amount_cents=row[7],
        received_cents=row[8],
        tickets_cents=row[9],
        fees_cents=row[10],
        taxes_cents=row[11],
        refunded_cents=row[12],
        ticket_count=row[13],
        created_at=row[14].astimezone(UTC),
        order_state=OrderState(row[15]),
    )


def sales_of(rows: Sequence[tuple[Any, ...]]) -> tuple[Sale, ...]:
    """Sales from rows as the statements of ``sales.sql`` give them."""
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
        return self.session.read(statement, values, sales_of)
