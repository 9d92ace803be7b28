"""Sales: what a status is, and what a day of payments comes to (S07, S17)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.pricing.offers import NOW
from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.ids import EventId, OrderId, PaymentId, UserId, VenueId
from ticketpay.domain.money import USD, Currency
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.payments.history import Happening, Source, in_order
from ticketpay.domain.payments.sales import (
    NEWEST,
    DayTotals,
    Sale,
    SaleCount,
    SaleKey,
    SaleStatus,
    day_totals,
    sale_status,
)

STATES = st.sampled_from(list(PaymentState))


@pytest.mark.spec("S17", "3.11")
@given(STATES, st.sampled_from(OrderState), st.integers(0, 300))
def test_a_status_follows_from_the_state_and_the_refunds(
    state: PaymentState, order: OrderState, refunded: int
) -> None:
    """Only completed payments are refunded: wholly if the order is, which keeps some fees; or partly."""
    status = sale_status(state, order, refunded)
    plain = sale_status(state, order, 0)
    assert plain == {"authorized": "processing"}.get(state, state)
    if state is not PaymentState.COMPLETED or refunded == 0:
        assert status is plain
    elif order is not OrderState.REFUNDED:
        assert status is SaleStatus.PARTIALLY_REFUNDED
    else:
        assert status is SaleStatus.REFUNDED


@pytest.mark.spec("S07 D7", "S07 D9")
@given(st.lists(st.tuples(st.sampled_from(["USD", "EUR"]), STATES, st.integers(1, 9))))
def test_every_payment_is_counted_in_one_column(
    counts: list[tuple[str, PaymentState, int]],
) -> None:
    """Per currency the columns add up to the total, and only completed payments are revenue."""
    rows = [
        SaleCount(
            currency=Currency(code), state=state, count=n, received_cents=10 * n, refunded_cents=n
        )
        for code, state, n in counts
    ]
    totals = day_totals(rows)
    assert [one.currency.code for one in totals] == sorted({code for code, _, _ in counts})
    for one in totals:
        mine = [row for row in rows if row.currency == one.currency]
        assert one.total == sum(row.count for row in mine)
        assert one.total == one.successful + one.failed + one.pending + one.cancelled
        paid = [row for row in mine if row.state is PaymentState.COMPLETED]
        assert one.successful == sum(row.count for row in paid)
        assert one.revenue_cents == sum(row.received_cents for row in paid)
        assert one.refunded_cents == sum(row.refunded_cents for row in paid)


def sale(**changes: Any) -> Sale:
    """A sale of 50 dollars, paid and partly refunded."""
    some = Sale(
        payment_id=PaymentId(UUID(int=1)),
        order_id=OrderId(UUID(int=2)),
        user_id=UserId(UUID(int=3)),
        event_id=EventId(UUID(int=4)),
        venue_id=VenueId(UUID(int=5)),
        state=PaymentState.COMPLETED,
        order_state=OrderState.PARTIALLY_REFUNDED,
        currency=USD,
        amount_cents=5_000,
        received_cents=5_000,
        tickets_cents=4_500,
        fees_cents=300,
        taxes_cents=200,
        refunded_cents=100,
        ticket_count=1,
        created_at=NOW,
    )
    return attrs.evolve(some, **changes)


@pytest.mark.spec("S17")
def test_a_sale_knows_its_place_and_its_status() -> None:
    """A list is ordered by time and then by id; an order that is refunded is a full refund."""
    assert sale().status is SaleStatus.PARTIALLY_REFUNDED
    assert sale(order_state=OrderState.REFUNDED).status is SaleStatus.REFUNDED
    assert sale().key == SaleKey(NOW, UUID(int=1))
    later = sale(created_at=NOW + timedelta(microseconds=1), payment_id=PaymentId(UUID(int=0)))
    other = sale(payment_id=PaymentId(UUID(int=2)))
    assert sorted([later.key, other.key, sale().key]) == [sale().key, other.key, later.key]
    assert SaleKey(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=(1 << 128) - 1)) == NEWEST
    assert max(later.key, NEWEST) is NEWEST
    assert words(SaleStatus) == (
        "pending processing completed failed cancelled partially_refunded refunded"
    )


@pytest.mark.spec("S17")
@pytest.mark.parametrize("kind", [Sale, SaleCount, DayTotals, Happening])
def test_sales_are_built_by_name_and_stay(kind: type) -> None:
    """Of their amounts no two can be swapped, and none is changed."""
    assert by_name(kind)


@pytest.mark.spec("S30")
@given(st.permutations(range(12)))
def test_a_history_has_one_order(places: list[int]) -> None:
    """By time, then attempt, event, move, posting, message, then by subject, number and word."""

    def one(second: int, source: Source, about: str = "payment", **rest: Any) -> Happening:
        at = NOW + timedelta(seconds=second)
        return Happening(at=at, source=source, about=about, about_id="1", **{"what": "b"} | rest)

    wanted = [
        one(0, Source.MESSAGE),
        *(one(1, source) for source in Source),
        one(2, Source.MOVE, "order"),
        one(2, Source.MOVE, number=-1),
        one(2, Source.MOVE, what="a"),
        one(2, Source.MOVE, what="b"),
        one(2, Source.MOVE, number=1, what="a"),
        one(3, Source.ATTEMPT),
    ]
    found = in_order(wanted[place] for place in places)
    assert [(h.at, h.source, h.about, h.number, h.what) for h in found] == [
        (h.at, h.source, h.about, h.number, h.what) for h in wanted
    ]
    assert words(Source) == "attempt event move posting message"


@pytest.mark.spec("S30")
def test_a_happening_is_the_same_whatever_its_number() -> None:
    """The number only orders: it is zero if nobody says, as the detail is empty."""
    some = Happening(at=NOW, source=Source.MOVE, about="order", about_id="1", what="pay")
    assert (some.detail, some.number) == ("", 0)
    assert attrs.evolve(some, number=5) == some
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        some.number = 5  # type: ignore[misc] # that is what is refused
