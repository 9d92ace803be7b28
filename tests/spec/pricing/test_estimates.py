"""Estimates: the figures of S18 for a venue, before anybody chose tickets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.backend import memory
from tests.support.scenery import START, Scenery
from ticketpay.domain.catalog import Place
from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.ids import QuoteId, UserId, VenueId
from ticketpay.domain.kernel.time import day_in
from ticketpay.domain.money import Money
from ticketpay.domain.pricing import (
    Demand,
    DemandLine,
    FeeSchedule,
    TaxJurisdictionUnknown,
    Tier,
    price_demand,
    tax_table,
)
from ticketpay.domain.pricing.estimate import Estimate, estimate_fees
from ticketpay.domain.processes.estimating import EstimateFees, estimate_view
from ticketpay.domain.processes.quoting import PriceBook

HOME = Scenery.seeded(1)


def estimate(cents: int, count: int, tier: Tier = Tier.STARTER, **venue: str) -> Estimate:
    """An estimate at a venue in Nashville, or where it says."""
    offer = HOME.offer
    moved: Any = venue
    place = Place(attrs.evolve(offer.venue, **moved), frozenset({"TN", "ZZ"}))
    day = day_in(START, place.venue.time_zone)
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
def test_an_estimate_is_what_a_quote_would_say(price: int, count: int, tier: Tier) -> None:
    """For the same amount, count and day, every sum of the estimate is the quote's."""
    offer = HOME.offer
    kind = attrs.evolve(offer.types[HOME.standing], price=Money(price, offer.event.currency))
    quote = price_demand(
        attrs.evolve(offer, types={HOME.standing: kind}),
        Demand(HOME.event_id, (DemandLine(HOME.standing, count),)),
        quote_id=QuoteId(UUID(int=1)),
        user_id=UserId(UUID(int=2)),
        tier=tier,
        fees=FeeSchedule(),
        taxes=tax_table(),
        now=START,
    )
    found = estimate(price * count, count, tier)
    assert found.total_cents == quote.total.cents
    assert found.tax_cents() == sum(c.cents for c in quote.charges if c.kind.is_tax)
    assert found.tax_date == quote.tax_date


@pytest.mark.spec("S18")
def test_an_estimate_is_asked_for_a_venue_of_the_tenant() -> None:
    """The answer is marked as an estimate and adds up; another tenant's venue is not found."""
    with memory() as backend:
        clock: Any = type("Clock", (), {"now": staticmethod(backend.now)})
        prices = PriceBook(fees=FeeSchedule(), taxes=tax_table())
        ask = EstimateFees(uow=backend.uow, prices=prices, clock=clock)
        view: Any = estimate_view(ask(backend.home.actor(), backend.home.venue_id, 10_000, 2))
        assert (view["estimate"], view["tier"]) == (True, "starter")
        parts = view["breakdown"]
        assert view["totalCents"] == parts.pop("totalCents") == sum(parts.values())
        for venue in (backend.away.venue_id, VenueId(UUID(int=9))):
            with pytest.raises(NotFound):
                ask(backend.home.actor(), venue, 10_000, 2)
