"""Demands that make no sense are refused with the field that is wrong."""

from __future__ import annotations

from typing import cast

import pytest

from tests.spec.pricing.offers import EVENT, NOW, QUOTE, USER, offer, type_id
from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.pricing import (
    TICKETS_MAX,
    Demand,
    DemandLine,
    FeeSchedule,
    Quote,
    Tier,
    price_demand,
    tax_table,
)


def priced(*lines: DemandLine) -> Quote:
    return price_demand(
        offer([5_000]),
        Demand(EVENT, lines),
        quote_id=QUOTE,
        user_id=USER,
        tier=Tier.STARTER,
        fees=FeeSchedule(),
        taxes=tax_table(),
        now=NOW,
    )


@pytest.mark.spec("S12", "S18")
@pytest.mark.parametrize("quantity", [0, -1, 1.5, True, "2"])
def test_a_quantity_is_a_positive_integer(quantity: object) -> None:
    """Anything but an integer of at least 1 is refused, naming its line."""
    with pytest.raises(InvalidInput) as caught:
        priced(DemandLine(type_id(0), 1), DemandLine(type_id(0), cast("int", quantity)))
    assert [error.field for error in caught.value.errors] == ["tickets.1.quantity"]


@pytest.mark.spec("S12", "S18")
def test_a_quote_has_so_many_tickets() -> None:
    """Each ticket is a line of its own: a number from outside is refused before it is made of it."""
    most = priced(DemandLine(type_id(0), TICKETS_MAX - 1), DemandLine(type_id(0), 1))
    assert len(most.tickets) == TICKETS_MAX
    for lines in (
        (DemandLine(type_id(0), TICKETS_MAX), DemandLine(type_id(0), 1)),
        (DemandLine(type_id(0), 10**9),),
    ):
        with pytest.raises(InvalidInput) as caught:
            priced(*lines)
        assert caught.value.errors == (FieldError("tickets", "must be 1000 at most"),)


@pytest.mark.spec("S12", "S18")
def test_seats_and_quantity_agree() -> None:
    """Naming one seat for three tickets is refused, and so is an order of nothing."""
    with pytest.raises(InvalidInput) as caught:
        priced(DemandLine(type_id(0), 3, ("A",)))
    assert [error.field for error in caught.value.errors] == ["tickets.0.seats"]
    with pytest.raises(InvalidInput) as empty:
        priced()
    assert [error.field for error in empty.value.errors] == ["tickets"]
