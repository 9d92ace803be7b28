"""Estimates: the figures of S18 for a venue, before anybody chose tickets."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.pricing.offers import NOW, demand, offer, price
from ticketpay.domain.catalog import Place
from ticketpay.domain.kernel.time import day_in
from ticketpay.domain.pricing import FeeSchedule, TaxJurisdictionUnknown, Tier, tax_table
from ticketpay.domain.pricing.estimate import Estimate, estimate_fees


def estimate(cents: int, count: int, tier: Tier = Tier.STARTER, **venue: str) -> Estimate:
    """An estimate at a venue in Nashville, or where it says."""
    moved: Any = venue
    place = Place(attrs.evolve(offer([1]).venue, **moved), frozenset({"TN", "ZZ"}))
    day = day_in(NOW, place.venue.time_zone)
    fees, taxes = FeeSchedule(), tax_table()
    return estimate_fees(place, cents, count, tier=tier, fees=fees, taxes=taxes, day=day)


@pytest.mark.spec("check:S18")
def test_the_figures_of_the_rule_book() -> None:
    """12,345 cents and 3 tickets at a starter venue: 1,012 platform, 150 gas, 864 state tax."""
    parts = estimate(12_345, 3, city="Knoxville").breakdown
    assert (parts.platform_cents, parts.issuing_cents, parts.state_tax_cents) == (1_012, 150, 864)
    assert (parts.local_tax_cents, parts.total_cents) == (278, 14_649)


@pytest.mark.spec("S18 D1", "S58")
def test_special_taxes_are_in_the_estimate() -> None:
    """In Nashville the entertainment tax is there, and the breakdown still adds up to the total."""
    found = estimate(10_000, 2, city="Nashville")
    assert "Entertainment Tax" in {tax.name for tax in found.taxes}
    assert found.total_cents == found.breakdown.total_cents


@pytest.mark.spec("S18", "S58 D6")
def test_a_state_without_a_rule_has_no_estimate() -> None:
    """A state with nexus and without a rule is refused, and one without nexus is untaxed."""
    with pytest.raises(TaxJurisdictionUnknown):
        estimate(10_000, 1, state="ZZ")
    assert estimate(10_000, 1, state="YY").taxes == ()


@pytest.mark.spec("S18")
@given(st.integers(1, 500_000), st.integers(1, 10), st.sampled_from(list(Tier)))
def test_an_estimate_is_what_a_quote_would_say(face: int, count: int, tier: Tier) -> None:
    """For the same amount, count and day, every sum of the estimate is the quote's."""
    quote = price(offer([face]), demand(count), tier=tier)
    found = estimate(face * count, count, tier)
    assert found.total_cents == quote.total.cents
    assert found.tax_cents() == sum(c.cents for c in quote.charges if c.kind.is_tax)
    assert found.tax_date == quote.tax_date
    assert [found.tier, found.breakdown.platform_rate] == [tier, FeeSchedule().rate(tier)]
    assert list(found.taxes) == [c for c in quote.charges if c.kind.is_tax]
