"""The order machine, against a twin that was copied by hand from S31 and amendment 0.0."""

from __future__ import annotations

import itertools
from datetime import timedelta
from uuid import UUID

import pytest

from tests.spec.pricing.offers import NOW, demand, offer, price
from ticketpay.domain.kernel.fsm import InvalidTransition
from ticketpay.domain.kernel.ids import OrderId
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent, OrderState

TWIN = """
created             submit       payment_pending
created             cancel       cancelled
created             expire       expired
payment_pending     process      payment_processing
payment_pending     pay          paid
payment_pending     fail         payment_failed
payment_pending     cancel       cancelled
payment_pending     expire       expired
payment_processing  pay          paid
payment_processing  fail         payment_failed
payment_processing  cancel       cancelled
payment_processing  expire       expired
payment_failed      retry        payment_pending
payment_failed      cancel       cancelled
payment_failed      expire       expired
paid                issue        fulfilled
paid                refund_part  partially_refunded
paid                refund       refunded
fulfilled           refund_part  partially_refunded
fulfilled           refund       refunded
partially_refunded  refund_part  partially_refunded
partially_refunded  refund       refunded
partially_refunded  issue        partially_refunded
partially_refunded  refund_fail  paid
refunded            refund_fail  partially_refunded
refunded            issue        refunded
"""
MOVES = {(a, e): b for a, e, b in (line.split() for line in TWIN.strip().splitlines())}
ILLEGAL = [p for p in itertools.product(OrderState, OrderEvent) if p not in MOVES]


@pytest.mark.spec("S31")
def test_the_table_is_the_rule_book() -> None:
    """The table holds exactly the order moves of the rule book and its amendment."""
    assert {(str(s), str(e)): str(a) for (s, e), a in ORDER_MACHINE.table.items()} == MOVES
    assert ORDER_MACHINE.initial is OrderState.CREATED


@pytest.mark.spec("S31 D1")
@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_everything_else_is_refused(state: OrderState, event: OrderEvent) -> None:
    """Every move outside the table is refused by name."""
    with pytest.raises(InvalidTransition) as caught:
        ORDER_MACHINE.next(state, event)

    assert str(caught.value) == f"Invalid transition: {state} -> {event}"
    assert not ORDER_MACHINE.can(state, event)


@pytest.mark.spec("S31")
def test_final_states() -> None:
    """Cancelled and expired orders stay what they are; a refund can fail even after the whole."""
    finals = {state for state in OrderState if ORDER_MACHINE.is_final(state)}

    assert finals == {OrderState.CANCELLED, OrderState.EXPIRED}


@pytest.mark.spec("S32")
@pytest.mark.parametrize(
    ("start", "goal", "walked"),
    [
        ("created", "paid", ["payment_pending", "paid"]),
        ("created", "payment_processing", ["payment_pending", "payment_processing"]),
        ("created", "payment_failed", ["payment_pending", "payment_failed"]),
        ("payment_failed", "paid", ["payment_pending", "paid"]),
        ("payment_processing", "paid", ["paid"]),
        ("payment_processing", "cancelled", ["cancelled"]),
        ("payment_processing", "expired", ["expired"]),
        ("paid", "paid", []),
    ],
)
def test_walks(start: str, goal: str, walked: list[str]) -> None:
    """Where no step is direct the sync walks the intermediate states and records each."""
    path = ORDER_MACHINE.path(OrderState(start), OrderState(goal))

    assert path is not None
    assert [str(step.after) for step in path] == walked


@pytest.mark.spec("S31", "S32 D3")
@pytest.mark.parametrize("start", [OrderState.PAID, OrderState.FULFILLED])
def test_paid_is_never_undone(start: OrderState) -> None:
    """From paid or fulfilled no walk leads to cancelled, expired or failed: only to a refund."""
    for goal in (OrderState.CANCELLED, OrderState.EXPIRED, OrderState.PAYMENT_FAILED):
        assert ORDER_MACHINE.path(start, goal) is None


@pytest.mark.spec("S32", "S30")
@pytest.mark.parametrize(
    "start", [OrderState.FULFILLED, OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED]
)
def test_no_walk_leads_back_to_paid(start: OrderState) -> None:
    """That a refund failed is never a way to sell an order again, to a second payment."""
    assert ORDER_MACHINE.path(start, OrderState.PAID) is None


@pytest.mark.spec("S31", "S18 D4")
def test_an_order_is_its_quote() -> None:
    """A new order promises exactly what the quote promised, line by line."""
    quote = price(offer([5_000]), demand(2))
    order = Order.of(
        quote, order_id=OrderId(UUID(int=9)), now=NOW, expires_at=NOW + timedelta(minutes=15)
    )

    assert order.state is OrderState.CREATED
    assert (order.total, order.all_in) == (quote.total, quote.all_in)
    assert (order.tickets, order.charges) == (quote.tickets, quote.charges)
    assert order.ticket_count == 2
