"""The words and the shape of an order that others rely on."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import attrs
import pytest

from tests.spec.pricing.offers import EVENT, NOW, USER, VENUE, demand, offer, price
from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.ids import OrderId
from ticketpay.domain.money import DEVELOPMENT_RATES, EUR, USD, Money
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent, OrderState
from ticketpay.domain.orders.summary import OrderSummary


def order() -> Order:
    quote = price(offer([5_000]), demand(2))
    due = NOW + timedelta(minutes=15)
    return Order.of(quote, order_id=OrderId(UUID(int=9)), now=NOW, expires_at=due)


@pytest.mark.spec("S31")
def test_the_words_of_an_order() -> None:
    """Each state and event of an order is stored and sent under its word."""
    assert words(OrderState) == (
        "created payment_pending payment_processing paid payment_failed fulfilled cancelled"
        " expired partially_refunded refunded"
    )
    assert words(OrderEvent) == (
        "submit process pay fail retry issue cancel expire refund_part refund refund_fail"
    )
    assert ORDER_MACHINE.name == "order"


@pytest.mark.spec("S31", "S18")
def test_an_order_has_its_quotes_places_and_times() -> None:
    """A new order has its own id and times, and the people, place and tax day of its quote."""
    new, quote = order(), price(offer([5_000]), demand(2))

    assert (new.id, new.user_id, new.event_id, new.venue_id) == (UUID(int=9), USER, EVENT, VENUE)
    assert (new.created_at, new.expires_at) == (NOW, NOW + timedelta(minutes=15))
    assert (new.tax_jurisdiction, new.tax_date) == ("TN", quote.tax_date)
    assert (new.tickets_cents, new.fees_cents, new.taxes_cents) == (10_000, 920, 1_025)
    assert (new.currency, new.ticket_count, new.version) == (quote.currency, 2, 1)
    rate = DEVELOPMENT_RATES.rate(EUR, USD)
    sold = attrs.evolve(quote, exchange=rate)
    again = Order.of(sold, order_id=new.id, now=NOW, expires_at=NOW)
    assert (new.exchange, again.exchange) == (None, rate)


@pytest.mark.spec("S31")
def test_totals_are_sums_in_the_orders_currency() -> None:
    """The all-in price is tickets and fees, the total has the taxes too, both in one currency."""
    euros = attrs.evolve(order(), currency=EUR)

    assert (euros.all_in, euros.total) == (Money(10_920, EUR), Money(11_945, EUR))


@pytest.mark.spec("S31")
def test_an_order_is_built_by_name() -> None:
    """Of an order's amounts no two can be swapped."""
    assert by_name(Order)
    assert by_name(OrderSummary)


@pytest.mark.spec("S58")
def test_an_order_knows_whether_its_tax_is_estimated() -> None:
    """One charge that is only estimated makes the tax of the order an estimate."""
    some = order()
    first, *rest = some.charges
    assert some.tax_estimated is False
    guessed = attrs.evolve(some, charges=(attrs.evolve(first, estimated=True), *rest))
    assert guessed.tax_estimated is True
