"""Whether a demand can be met from what is left (design, "Stock")."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketpay.domain.inventory import (
    SeatUnavailable,
    SeatUnknown,
    SoldOut,
    StockView,
    check_available,
)
from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.domain.kernel.ids import EventId, TicketTypeId
from ticketpay.domain.pricing import Demand, DemandLine

FLOOR = TicketTypeId(UUID(int=1))
STALL = TicketTypeId(UUID(int=2))
VIEW = StockView(
    left={FLOOR: 3, STALL: 2},
    seated=frozenset({STALL}),
    seats={(STALL, "A1"): True, (STALL, "A2"): True, (STALL, "A3"): False},
)


def _demand(*lines: DemandLine) -> Demand:
    return Demand(EventId(UUID(int=9)), lines)


@pytest.mark.spec("S15")
def test_what_is_left_can_be_sold() -> None:
    """A demand for no more than is left, on free seats, is met."""
    check_available(VIEW, _demand(DemandLine(FLOOR, 3), DemandLine(STALL, 2, ("A1", "A2"))))


@pytest.mark.spec("S15")
@given(st.integers(0, 30), st.lists(st.integers(1, 10), min_size=1, max_size=4))
def test_lines_of_one_type_count_together(left: int, quantities: list[int]) -> None:
    """The tickets of a type are counted over all lines: never more than are left."""
    view = StockView(left={FLOOR: left}, seated=frozenset(), seats={})
    wanted = _demand(*[DemandLine(FLOOR, quantity) for quantity in quantities])
    if sum(quantities) <= left:
        check_available(view, wanted)
        return
    with pytest.raises(SoldOut, match=f"{left} tickets .* {sum(quantities)} wanted"):
        check_available(view, wanted)


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("line", "error"),
    [
        (DemandLine(FLOOR, 4), SoldOut),
        (DemandLine(TicketTypeId(UUID(int=3)), 1), SoldOut),
        (DemandLine(STALL, 1, ("Z9",)), SeatUnknown),
        (DemandLine(STALL, 1, ("A3",)), SeatUnavailable),
    ],
    ids=["too many", "unknown type", "no such seat", "taken seat"],
)
def test_what_is_not_left_is_refused(line: DemandLine, error: type[Exception]) -> None:
    """Too many tickets, an unknown type or seat, and a taken seat are each refused by name."""
    with pytest.raises(error):
        check_available(VIEW, _demand(line))


@pytest.mark.spec("S15")
def test_a_wrong_shape_names_every_field() -> None:
    """A seated type needs one seat per ticket, another type none, and no seat is named twice."""
    wrong = _demand(
        DemandLine(STALL, 2, ("A1",)),
        DemandLine(FLOOR, 1, ("A1",)),
        DemandLine(STALL, 1, ("A1",)),
    )
    with pytest.raises(InvalidInput) as caught:
        check_available(VIEW, wrong)

    assert [error.field for error in caught.value.errors] == [
        "tickets.0.seats",
        "tickets.1.seats",
        "tickets",
    ]
    assert all(error.message for error in caught.value.errors)


@pytest.mark.spec("S15")
def test_nothing_is_left_of_an_unknown_type() -> None:
    """The refusal of a type that is not in stock says that none is left."""
    with pytest.raises(SoldOut, match=r"^0 tickets"):
        check_available(VIEW, _demand(DemandLine(TicketTypeId(UUID(int=3)), 1)))
