"""What is always true of a price (S18, S58)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.pricing.offers import demand, offer, price
from ticketpay.domain.pricing import Quote, Tier

_BASKETS = st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(1, 8)), min_size=1, max_size=4)
_PLACES = st.sampled_from(
    [("Nashville", "TN"), ("Memphis", "TN"), ("Knoxville", "TN"), ("Austin", "TX"), ("Bend", "OR")]
)
QUOTES: st.SearchStrategy[Quote] = st.builds(
    lambda basket, place, tier: price(
        offer([p for p, _ in basket], city=place[0], state=place[1]),
        demand(*[q for _, q in basket]),
        tier=tier,
    ),
    _BASKETS,
    _PLACES,
    st.sampled_from(Tier),
)


@pytest.mark.spec("S18", "S58")
@given(QUOTES)
def test_tickets_sum_to_the_order(quote: Quote) -> None:
    """Each charge of an order is the sum of its parts on the tickets, to the cent."""
    for index, charge in enumerate(quote.charges):
        parts = [ticket.charges[index] for ticket in quote.tickets]

        assert {(p.kind, p.name, p.rate) for p in parts} == {
            (charge.kind, charge.name, charge.rate)
        }
        assert sum(part.cents for part in parts) == charge.cents
        assert min(part.cents for part in parts) >= 0


@pytest.mark.spec("S18")
@given(QUOTES)
def test_the_total_is_tickets_fees_and_taxes(quote: Quote) -> None:
    """The total is tickets plus fees plus taxes; the all-in price leaves out the taxes alone."""
    fees = sum(c.cents for c in quote.charges if not c.kind.is_tax)
    taxes = sum(c.cents for c in quote.charges if c.kind.is_tax)
    faces = sum(ticket.price_cents for ticket in quote.tickets)

    assert quote.total.cents == faces + fees + taxes
    assert quote.all_in.cents == faces + fees
    assert (quote.total - quote.all_in).cents == taxes


@pytest.mark.spec("S18")
@given(QUOTES)
def test_each_part_is_rounded_once(quote: Quote) -> None:
    """Each percentage is taken once, of the whole order, and rounded by itself."""
    for charge in quote.charges:
        if charge.rate is None:
            assert charge.cents == 50 * len(quote.tickets)
        else:
            assert charge.cents == charge.rate.of_cents(quote.tickets_cents)


@pytest.mark.spec("S18 D4")
@given(QUOTES)
def test_a_quote_prices_its_own_demand(quote: Quote) -> None:
    """A quote gives back the demand that it prices, type by type."""
    again = quote.demand()

    assert sum(line.quantity for line in again.lines) == len(quote.tickets)
    assert set(again.type_ids) == {ticket.type_id for ticket in quote.tickets}
