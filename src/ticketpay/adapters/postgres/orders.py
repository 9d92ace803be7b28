"""Orders in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.documents import (
    charges_from,
    charges_to,
    dump,
    exchange_from,
    exchange_to,
)
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.money import Currency
from ticketpay.domain.orders import Order, OrderEvent, OrderState
from ticketpay.domain.pricing import TicketLine

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresOrders"]

_SQL: Final = load("orders")


def _order(rows: Sequence[Any]) -> Order | None:
    if not rows:
        return None
    row = rows[0]
    rate = (
        row.base_currency,
        row.rate_numerator,
        row.rate_denominator,
        row.rate_source,
        row.rate_day,
    )
    return Order(
        id=row.id,
        user_id=row.user_id,
        event_id=row.event_id,
        venue_id=row.venue_id,
        state=OrderState(row.state),
        currency=Currency(row.currency),
        tickets_cents=row.tickets_cents,
        fees_cents=row.fees_cents,
        taxes_cents=row.taxes_cents,
        ticket_count=row.ticket_count,
        tax_jurisdiction=row.tax_jurisdiction,
        tax_date=row.tax_date,
        created_at=row.created_at.astimezone(UTC),
        expires_at=row.expires_at.astimezone(UTC),
        version=row.version,
        charges=charges_from(row.charges or ()),
        exchange=exchange_from(row.currency, rate),
    )


def _tickets(rows: Sequence[tuple[Any, ...]]) -> tuple[TicketLine, ...]:
    return tuple(
        TicketLine(number, type_id, seat, cents, charges_from(charges))
        for number, type_id, seat, cents, charges in rows
    )


def _ids(rows: Sequence[tuple[Any, ...]]) -> tuple[OrderId, ...]:
    return tuple(OrderId(row[0]) for row in rows)


@attrs.frozen
class PostgresOrders:
    """Fulfils ``Orders``."""

    session: Session

    def add(self, order: Order) -> None:
        self.session.write(
            _SQL["add_order"],
            {
                "tenant": self.session.tenant_id,
                "id": order.id,
                "user": order.user_id,
                "event": order.event_id,
                "venue": order.venue_id,
                "state": order.state.value,
                "currency": order.currency.code,
                "tickets_cents": order.tickets_cents,
                "fees_cents": order.fees_cents,
                "taxes_cents": order.taxes_cents,
                "ticket_count": order.ticket_count,
                "jurisdiction": order.tax_jurisdiction,
                "tax_date": order.tax_date,
                "charges": dump(charges_to(order.charges)),
                "created_at": order.created_at,
                "expires_at": order.expires_at,
                "version": order.version,
                "tax_estimated": order.tax_estimated,
                **exchange_to(order.exchange),
            },
        )
        self._add_tickets(order)

    def _add_tickets(self, order: Order) -> None:
        self.session.write(
            _SQL["add_tickets"],
            {
                "tenant": self.session.tenant_id,
                "order": order.id,
                "numbers": [t.number for t in order.tickets],
                "types": [t.type_id for t in order.tickets],
                "seats": [t.seat for t in order.tickets],
                "prices": [t.price_cents for t in order.tickets],
                "charges": [dump(charges_to(t.charges)) for t in order.tickets],
            },
        )

    def get(self, order_id: OrderId) -> Later[Order | None]:
        values = {"tenant": self.session.tenant_id, "id": order_id}
        found = self.session.read_named(_SQL["order"], values, _order)
        tickets = self.session.read(_SQL["order_tickets"], values, _tickets)

        def whole() -> Order | None:
            order = found()
            return None if order is None else attrs.evolve(order, tickets=tickets())

        return whole

    def with_estimated_tax(self, limit: int) -> Later[tuple[OrderId, ...]]:
        values = {"tenant": self.session.tenant_id, "limit": limit}
        return self.session.read(_SQL["orders_with_estimated_tax"], values, _ids)

    def lock(self, order_id: OrderId) -> Later[Order | None]:
        values = {"tenant": self.session.tenant_id, "id": order_id}
        return self.session.read_named(_SQL["lock_order"], values, _order)

    def lock_of_payment(self, payment_id: PaymentId) -> Later[Order | None]:
        values = {"tenant": self.session.tenant_id, "payment": payment_id}
        return self.session.read_named(_SQL["lock_order_of_payment"], values, _order)

    def was_issued(self, order_id: OrderId) -> Later[bool]:
        values = {"tenant": self.session.tenant_id, "id": order_id}
        return self.session.read(_SQL["was_issued"], values, bool)

    def move(
        self, order: Order, steps: Sequence[Step[OrderState, OrderEvent]], at: datetime
    ) -> Order:
        self.session.write(
            _SQL["move_order"],
            {
                "tenant": self.session.tenant_id,
                "id": order.id,
                "before": order.state.value,
                "after": steps[-1].after.value,
                "version": order.version,
                "steps": len(steps),
                "at": at,
                "froms": [step.before.value for step in steps],
                "events": [step.event.value for step in steps],
                "tos": [step.after.value for step in steps],
            },
        )
        return attrs.evolve(order, state=steps[-1].after, version=order.version + len(steps))
