"""Which news moves an order, and from which states (S34)."""

from __future__ import annotations

import pytest

from tests.spec.shapes import words
from ticketpay.domain.orders import ORDER_MACHINE, OrderNews, OrderState, news_of, order_step

LEGAL = {
    ("payment_processing", "order.payment_received"): "paid",
    ("paid", "order.tickets_issued"): "fulfilled",
    ("created", "order.cancelled"): "cancelled",
    ("payment_pending", "order.cancelled"): "cancelled",
    ("payment_failed", "order.cancelled"): "cancelled",
}


@pytest.mark.spec("S34")
@pytest.mark.parametrize("news", OrderNews)
@pytest.mark.parametrize("state", OrderState)
def test_every_state_and_every_news(state: OrderState, news: OrderNews) -> None:
    """Five pairs move an order, by the machine's own step; every other pair is refused."""
    step = order_step(state, news)
    expected = LEGAL.get((str(state), str(news)))

    assert (str(step.after) if step else None) == expected
    if step is not None:
        assert ORDER_MACHINE.step(step.before, step.event) == step


@pytest.mark.spec("S34", "S34 D4")
def test_the_words_of_order_events() -> None:
    """Three events, one of them by two names; a word that is none of them is no news."""
    assert words(OrderNews) == "order.payment_received order.tickets_issued order.cancelled"
    assert {kind: news_of(kind) for kind in OrderNews} == {kind: kind for kind in OrderNews}
    assert news_of("order.items_shipped") is OrderNews.TICKETS_ISSUED
    for kind in ("", "order.paid", "ORDER.CANCELLED", "cancelled", "order.items_shipped "):
        assert news_of(kind) is None
