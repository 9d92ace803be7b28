"""The words, codes and shapes of inventory that others rely on."""

from __future__ import annotations

import pytest

from tests.spec.shapes import by_name, words
from ticketpay.domain.inventory import (
    HoldState,
    SeatUnavailable,
    SeatUnknown,
    SoldOut,
    StockView,
)
from ticketpay.domain.kernel.errors import TicketpayError


@pytest.mark.spec("S15")
def test_the_words_of_a_hold() -> None:
    """A hold is stored as held, confirmed or released."""
    assert words(HoldState) == "held confirmed released"


@pytest.mark.spec("S15")
@pytest.mark.parametrize(
    ("error", "code"),
    [(SoldOut, "SOLD_OUT"), (SeatUnavailable, "SEAT_UNAVAILABLE"), (SeatUnknown, "NOT_FOUND")],
)
def test_codes(error: type[TicketpayError], code: str) -> None:
    """Each refusal of inventory has the code that clients rely on."""
    assert error().error_code == code


@pytest.mark.spec("S15")
def test_a_view_is_built_by_name() -> None:
    """What is left and which seats are free cannot be swapped."""
    assert by_name(StockView)
