"""The stock in memory: a counter per type, an owner per seat, and the holds of every order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from ticketpay.adapters.memory.store import Hold, TenantTables, known
from ticketpay.domain.inventory import HoldState, SeatUnavailable, SoldOut, StockView
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import EventId, OrderId, QuoteId, TicketTypeId
from ticketpay.domain.pricing import Demand, TicketLine
from ticketpay.ports.later import Later

__all__ = ["MemoryStock"]


@attrs.frozen
class MemoryStock:
    """``Stock`` over the tables of one tenant; rows are locked in the order of their keys."""

    tables: TenantTables

    def lock(self, demand: Demand) -> Later[StockView]:
        return known(self._locked_view(demand))

    def lock_quoted(self, quote_id: QuoteId) -> Later[StockView]:
        quote = self.tables.quotes.get(quote_id)
        if quote is None:
            return known(StockView(left={}, seated=frozenset(), seats={}))
        return known(self._locked_view(quote.demand()))

    def lock_event(self, order_id: OrderId, event_id: EventId) -> None:
        self.tables.holds.lock_found(order_id)
        for type_id in sorted(self.tables.types_of.get(event_id) or ()):
            self.tables.stock.lock_found(type_id)

    def hold(self, order_id: OrderId, demand: Demand) -> None:
        if self.tables.holds.lock(order_id) is not None:
            raise Conflict(f"order {order_id} holds tickets already")
        if order_id not in self.tables.orders:
            raise Conflict(f"there is no order {order_id}")
        holds = {}
        for type_id in demand.type_ids:
            seats = tuple(label for of, label in demand.seats if of == type_id)
            quantity = demand.quantity_of(type_id)
            holds[type_id] = Hold(quantity=quantity, seats=seats, state=HoldState.HELD)
            self._take(order_id, type_id, holds[type_id])
        self.tables.holds.put(order_id, holds)

    def hold_again(self, order_id: OrderId) -> Later[bool]:
        holds = self.tables.holds.lock_found(order_id) or {}
        gone = {t: h for t, h in holds.items() if h.state is HoldState.RELEASED}
        self._lock_rows(gone)
        if not all(self._is_available(type_id, hold) for type_id, hold in gone.items()):
            return known(value=False)
        for type_id, hold in gone.items():
            self._take(order_id, type_id, hold)
        self._mark(order_id, gone, HoldState.HELD)
        return known(bool(holds))

    def confirm(self, order_id: OrderId) -> None:
        self._mark(order_id, self._held(order_id), HoldState.CONFIRMED)

    def release(self, order_id: OrderId) -> None:
        held = self._held(order_id)
        self._lock_rows(held)
        for type_id, hold in held.items():
            self._change_taken(type_id, -hold.quantity)
            for label in hold.seats:
                self.tables.seats.put((type_id, label), None)
        self._mark(order_id, held, HoldState.RELEASED)

    def give_back(self, order_id: OrderId, tickets: Sequence[TicketLine]) -> None:
        holds = self.tables.holds.lock_found(order_id) or {}
        sold = {t: h for t, h in holds.items() if h.state is HoldState.CONFIRMED}
        wanted = {ticket.type_id for ticket in tickets}
        self._lock_rows({t: h for t, h in sold.items() if t in wanted})
        for ticket in tickets:
            hold = sold.get(ticket.type_id)
            if hold is None or hold.returned == hold.quantity:
                raise Conflict(f"order {order_id} has no such ticket to give back")
            seats = (*hold.returned_seats, *([ticket.seat] if ticket.seat else []))
            sold[ticket.type_id] = attrs.evolve(
                hold, returned=hold.returned + 1, returned_seats=seats
            )
            self._change_taken(ticket.type_id, -1)
            if ticket.seat:
                self.tables.seats.put((ticket.type_id, ticket.seat), None)
        self.tables.holds.put(order_id, {**holds, **sold})

    def _locked_view(self, demand: Demand) -> StockView:
        for type_id in sorted(demand.type_ids):
            self.tables.stock.lock_found(type_id)
        for seat in sorted(demand.seats):
            self.tables.seats.lock_found(seat)
        rows = [(type_id, self.tables.stock.get(type_id)) for type_id in demand.type_ids]
        return StockView(
            left={type_id: row.capacity - row.taken for type_id, row in rows if row},
            seated=frozenset(type_id for type_id, row in rows if row and row.seated),
            seats={
                seat: self.tables.seats.get(seat) is None
                for seat in demand.seats
                if seat in self.tables.seats
            },
        )

    def _lock_rows(self, holds: Mapping[TicketTypeId, Hold]) -> None:
        for type_id in sorted(holds):
            self.tables.stock.lock_found(type_id)
        for seat in sorted((type_id, label) for type_id, h in holds.items() for label in h.seats):
            self.tables.seats.lock_found(seat)

    def _held(self, order_id: OrderId) -> dict[TicketTypeId, Hold]:
        holds = self.tables.holds.lock_found(order_id) or {}
        return {t: h for t, h in holds.items() if h.state is HoldState.HELD}

    def _is_available(self, type_id: TicketTypeId, hold: Hold) -> bool:
        row = self.tables.stock.get(type_id)
        if row is None or row.taken + hold.quantity > row.capacity:
            return False
        return all(self.tables.seats.get((type_id, label)) is None for label in hold.seats)

    def _take(self, order_id: OrderId, type_id: TicketTypeId, hold: Hold) -> None:
        self._change_taken(type_id, hold.quantity)
        for label in hold.seats:
            seat = (type_id, label)
            if seat not in self.tables.seats or self.tables.seats.get(seat) is not None:
                raise SeatUnavailable(f"seat {label} is not free")
            self.tables.seats.put(seat, order_id)

    def _change_taken(self, type_id: TicketTypeId, count: int) -> None:
        row = self.tables.stock.get(type_id)
        if row is None or not 0 <= row.taken + count <= row.capacity:
            raise SoldOut(f"{count} tickets of type {type_id} cannot be taken")
        self.tables.stock.put(type_id, attrs.evolve(row, taken=row.taken + count))

    def _mark(
        self, order_id: OrderId, which: Mapping[TicketTypeId, Hold], state: HoldState
    ) -> None:
        if not which:
            return
        holds = self.tables.holds.get(order_id) or {}
        marked = {t: attrs.evolve(h, state=state) for t, h in which.items()}
        self.tables.holds.put(order_id, {**holds, **marked})
