"""What is left, and whether a demand can be met from it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import attrs

from ticketpay.domain.kernel.errors import Conflict, FieldError, InvalidInput, NotFound
from ticketpay.domain.kernel.ids import TicketTypeId
from ticketpay.domain.pricing.model import Demand

__all__ = [
    "HoldState",
    "SeatUnavailable",
    "SeatUnknown",
    "SoldOut",
    "StockView",
    "check_available",
]


class SoldOut(Conflict):
    """Fewer tickets are left than are wanted."""

    code = "SOLD_OUT"
    title = "Not enough tickets left"


class SeatUnavailable(Conflict):
    """Somebody else has the seat."""

    code = "SEAT_UNAVAILABLE"
    title = "The seat is taken"


class SeatUnknown(NotFound):
    """The event has no such seat."""

    title = "No such seat"


class HoldState(StrEnum):
    """A hold is open until it is confirmed by a payment or released."""

    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"


@attrs.frozen(kw_only=True)
class StockView:
    """What a transaction sees of the stock that it has locked.

    ``left`` per type; ``seats`` maps (type, label) to whether the seat is free.
    """

    left: Mapping[TicketTypeId, int]
    seated: frozenset[TicketTypeId]
    seats: Mapping[tuple[TicketTypeId, str], bool]


def check_available(view: StockView, demand: Demand) -> None:
    """Raise unless ``demand`` can be met from the locked ``view``.

    ``SeatUnknown``, ``SeatUnavailable``, ``SoldOut``, or ``InvalidInput`` when a seated type is
    asked for without one seat per ticket, or seats are named where there are none.
    """
    _check_shape(view, demand)
    for type_id, label in demand.seats:
        free = view.seats.get((type_id, label))
        if free is None:
            raise SeatUnknown(f"there is no seat {label}")
        if not free:
            raise SeatUnavailable(f"seat {label} is taken")
    for type_id in demand.type_ids:
        wanted = demand.quantity_of(type_id)
        if view.left.get(type_id, 0) < wanted:
            left = view.left.get(type_id, 0)
            raise SoldOut(f"{left} tickets of type {type_id} left, {wanted} wanted")


def _check_shape(view: StockView, demand: Demand) -> None:
    errors = []
    for index, line in enumerate(demand.lines):
        field = f"tickets.{index}.seats"
        if line.type_id in view.seated and len(line.seats) != line.quantity:
            errors.append(FieldError(field, "one seat per ticket is required"))
        if line.type_id not in view.seated and line.seats:
            errors.append(FieldError(field, "this ticket type has no seats"))
    if len(set(demand.seats)) != len(demand.seats):
        errors.append(FieldError("tickets", "a seat is named twice"))
    if errors:
        raise InvalidInput(errors=tuple(errors))
