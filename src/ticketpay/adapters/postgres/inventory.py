"""The stock in PostgreSQL: one counter per type, one row per seat, one hold per order and type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.inventory import HoldState, StockView
from ticketpay.domain.kernel.ids import EventId, OrderId, QuoteId
from ticketpay.domain.pricing import Demand, TicketLine

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresStock"]

_SQL: Final = load("inventory")


def _view(
    types: Later[list[tuple[Any, ...]]], seats: Later[list[tuple[Any, ...]]] | None
) -> Callable[[], StockView]:
    def look() -> StockView:
        counted = types()
        labelled = seats() if seats is not None else []
        return StockView(
            left={type_id: left for type_id, left, _ in counted},
            seated=frozenset(type_id for type_id, _, seated in counted if seated),
            seats={(type_id, label): free for type_id, label, free in labelled},
        )

    return look


@attrs.frozen
class PostgresStock:
    """Fulfils ``Stock``."""

    session: Session

    def lock(self, demand: Demand) -> Later[StockView]:
        wanted = demand.seats
        values = {"tenant": self.session.tenant_id, "types": list(demand.type_ids)}
        types = self.session.read(_SQL["lock_types"], values, list)
        if not wanted:
            return _view(types, None)
        labels = {
            "tenant": self.session.tenant_id,
            "types": [type_id for type_id, _ in wanted],
            "labels": [label for _, label in wanted],
        }
        return _view(types, self.session.read(_SQL["lock_seats"], labels, list))

    def lock_quoted(self, quote_id: QuoteId) -> Later[StockView]:
        values = {"tenant": self.session.tenant_id, "quote": quote_id}
        types = self.session.read(_SQL["lock_quoted_types"], values, list)
        return _view(types, self.session.read(_SQL["lock_quoted_seats"], values, list))

    def lock_event(self, order_id: OrderId, event_id: EventId) -> None:
        values = {"tenant": self.session.tenant_id, "order": order_id, "event": event_id}
        self.session.write(_SQL["holds"], values)
        self.session.write(_SQL["lock_event_types"], values)

    def hold(self, order_id: OrderId, demand: Demand) -> None:
        seats = demand.seats
        self.session.write(
            _SQL["hold"],
            {
                "tenant": self.session.tenant_id,
                "order": order_id,
                "types": list(demand.type_ids),
                "quantities": [demand.quantity_of(type_id) for type_id in demand.type_ids],
                "seat_types": [type_id for type_id, _ in seats],
                "labels": [label for _, label in seats],
            },
        )
        if seats:
            self._take_seats(order_id, seats)

    def _take_seats(self, order_id: OrderId, seats: tuple[tuple[Any, str], ...]) -> None:
        self.session.write(
            _SQL["take_seats"],
            {
                "tenant": self.session.tenant_id,
                "order": order_id,
                "types": [type_id for type_id, _ in seats],
                "labels": [label for _, label in seats],
            },
        )

    def hold_again(self, order_id: OrderId) -> Later[bool]:
        values = {"tenant": self.session.tenant_id, "order": order_id}
        holds = self.session.read(_SQL["holds"], values, list)
        return lambda: self._retaken(order_id, holds())

    def _retaken(self, order_id: OrderId, holds: list[tuple[Any, ...]]) -> bool:
        released = [hold for hold in holds if hold[3] == HoldState.RELEASED]
        if not released:
            return bool(holds)
        values: dict[str, object] = {
            "tenant": self.session.tenant_id,
            "types": [hold[0] for hold in released],
        }
        rows = self.session.read(_SQL["lock_types"], values, list)()
        left = {type_id: free for type_id, free, _ in rows}
        seats = tuple(sorted((hold[0], label) for hold in released for label in hold[2]))
        if any(left[type_id] < quantity for type_id, quantity, _, _ in released):
            return False
        if seats and not self._all_free(seats):
            return False
        self.session.write(_SQL["retake"], values | {"order": order_id})
        if seats:
            self._take_seats(order_id, seats)
        return True

    def _all_free(self, seats: tuple[tuple[Any, str], ...]) -> bool:
        values = {
            "tenant": self.session.tenant_id,
            "types": [type_id for type_id, _ in seats],
            "labels": [label for _, label in seats],
        }
        rows = self.session.read(_SQL["lock_seats"], values, list)()
        return len(rows) == len(seats) and all(free for _, _, free in rows)

    def confirm(self, order_id: OrderId) -> None:
        self._write("confirm", order_id)

    def release(self, order_id: OrderId) -> None:
        self._write("lock_held_types", order_id)
        self._write("release", order_id)

    def give_back(self, order_id: OrderId, tickets: Sequence[TicketLine]) -> None:
        values = {
            "tenant": self.session.tenant_id,
            "order": order_id,
            "types": [ticket.type_id for ticket in tickets],
            "labels": [ticket.seat for ticket in tickets],
        }
        self.session.write(_SQL["lock_sold_types"], values)
        self.session.write(_SQL["give_back"], values)

    def _write(self, name: str, order_id: OrderId) -> None:
        self.session.write(_SQL[name], {"tenant": self.session.tenant_id, "order": order_id})
