"""The check figures of S18 and S58, and what is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.spec.pricing.offers import EVENT, NOW, demand, offer, price, type_id
from ticketpay.domain.kernel.errors import FieldError
from ticketpay.domain.money import Money, Rate
from ticketpay.domain.pricing import (
    Charge,
    ChargeKind,
    Demand,
    DemandLine,
    FeeSchedule,
    PriceChanged,
    TaxJurisdictionUnknown,
    TicketTypeUnknown,
    Tier,
    calculate_fees,
    tax_table,
)
from ticketpay.domain.pricing.errors import EventNotOnSale


def _taxes(
    cents: int, city: str, state: str = "TN", nexus: tuple[str, ...] = ("TN", "TX")
) -> list[int]:
    quote = price(offer([cents], city=city, state=state, nexus=nexus), demand(1))
    return [charge.cents for charge in quote.charges if charge.kind.is_tax]


@pytest.mark.spec("S18", "check:S18")
@pytest.mark.parametrize(
    ("tier", "cents", "count", "platform", "issuing", "state", "local", "total"),
    [
        (Tier.STARTER, 10_000, 2, 820, 100, 700, 225, 11_845),
        (Tier.PRO, 10_000, 2, 790, 100, 700, 225, 11_815),
        (Tier.ENTERPRISE, 10_000, 2, 750, 100, 700, 225, 11_775),
        (Tier.STARTER, 12_345, 3, 1_012, 150, 864, 278, 14_649),
    ],
)
def test_calculator(
    tier: Tier,
    cents: int,
    count: int,
    platform: int,
    issuing: int,
    state: int,
    local: int,
    total: int,
) -> None:
    """The pure fee calculator gives the check figures of the rule book."""
    fees = calculate_fees(cents, count, tier)

    assert (fees.platform_cents, fees.issuing_cents) == (platform, issuing)
    assert (fees.state_tax_cents, fees.local_tax_cents) == (state, local)
    assert fees.tax_cents == state + local
    assert fees.total_cents == total


@pytest.mark.spec("S18", "S18 D1", "check:S18")
def test_nashville_end_to_end() -> None:
    """Two tickets of 50.00 in Nashville cost 119.45, entertainment tax included."""
    quote = price(offer([5_000]), demand(2))

    assert quote.total == Money(11_945)
    assert quote.all_in == Money(10_920)
    assert (quote.tickets_cents, quote.fees_cents, quote.taxes_cents) == (10_000, 920, 1_025)
    assert quote.tax_jurisdiction == "TN"
    assert quote.tax_date == date(2026, 3, 1)


@pytest.mark.spec("S18", "S18 D3")
@pytest.mark.parametrize(
    ("volume", "tier"),
    [
        (0, Tier.STARTER),
        (999_999, Tier.STARTER),
        (1_000_000, Tier.PRO),
        (9_999_999, Tier.PRO),
        (10_000_000, Tier.ENTERPRISE),
    ],
)
def test_tiers(volume: int, tier: Tier) -> None:
    """The tier follows the venue's sales of the month; each maximum belongs to the next tier."""
    assert FeeSchedule().tier(volume) is tier


@pytest.mark.spec("S18 D2")
def test_issuing_fee_is_a_fixed_price() -> None:
    """The issuing fee is a configured price per ticket, whatever the chain costs us."""
    assert calculate_fees(0, 3, Tier.PRO, schedule=FeeSchedule(issuing_cents=75)).total_cents == 225


@pytest.mark.spec("S58", "check:S58")
@pytest.mark.parametrize(
    ("cents", "city", "parts"),
    [
        (10_000, "Nashville", [700, 225, 100]),
        (10_000, "Knoxville", [700, 225]),
        (10_000, "Memphis", [700, 275, 100]),
        (9_999, "Nashville", [700, 225, 100]),
        (10_000, " NASHVILLE ", [700, 225, 100]),
        (10_000, "Cookeville", [700, 225]),
    ],
)
def test_tennessee(cents: int, city: str, parts: list[int]) -> None:
    """Tennessee takes state, local and entertainment tax, each rounded by itself."""
    assert _taxes(cents, city) == parts


@pytest.mark.spec("S58")
def test_an_unlisted_town_pays_the_default() -> None:
    """A town of Tennessee without a rule of its own pays 2.25 % under its own name."""
    quote = price(offer([10_000], city="Cookeville"), demand(1))

    assert quote.charges[-1] == Charge(
        ChargeKind.LOCAL_TAX, "Cookeville Local Tax", Rate(22_500), 225, refundable=True
    )


@pytest.mark.spec("S58")
def test_texas() -> None:
    """Texas takes 6.25 % and nothing local."""
    assert _taxes(10_000, "Austin", "TX") == [625]


@pytest.mark.spec("S58 D5")
def test_no_nexus_no_tax() -> None:
    """Where the tenant has no nexus nothing is collected, rule or no rule."""
    assert _taxes(10_000, "Nashville", "TN", nexus=()) == []
    assert _taxes(10_000, "Portland", "OR") == []


@pytest.mark.spec("S58 D6")
def test_an_unknown_jurisdiction_is_an_error() -> None:
    """A state with nexus and without a rule is refused, never taxed at zero in silence."""
    with pytest.raises(TaxJurisdictionUnknown, match="no tax rule for PR"):
        _taxes(10_000, "San Juan", "PR", nexus=("PR",))


@pytest.mark.spec("S58 D8")
def test_rules_are_dated() -> None:
    """A rule holds from its first day on; before it the jurisdiction is unknown."""
    with pytest.raises(TaxJurisdictionUnknown):
        tax_table().rules_for(
            state="TN", city="Nashville", day=date(2019, 12, 31), nexus_states=("TN",)
        )


@pytest.mark.spec("S58 D8")
def test_the_tax_day_is_the_venues() -> None:
    """The tax date is the day at the venue, not in UTC."""
    late = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)

    assert price(offer([100]), demand(1), now=late).tax_date == date(2026, 3, 1)


@pytest.mark.spec("S18 D4")
def test_a_quote_is_good_for_15_minutes() -> None:
    """A quote expires 15 minutes after it was given."""
    assert price(offer([100]), demand(1)).expires_at == NOW + timedelta(minutes=15)


@pytest.mark.spec("S18")
def test_a_sent_price_is_only_compared() -> None:
    """A sent price must equal the server's price; it never replaces it."""
    same = Demand(EVENT, (DemandLine(type_id(0), 1, price_cents=5_000),))
    other = Demand(EVENT, (DemandLine(type_id(0), 1, price_cents=1),))

    assert price(offer([5_000]), same) == price(offer([5_000]), demand(1))
    with pytest.raises(PriceChanged, match="costs 5000 cents, not 1") as caught:
        price(offer([5_000]), other)
    assert caught.value.error_code == "PRICE_CHANGED"
    assert caught.value.errors == (FieldError("tickets.0.priceCents", "must be 5000"),)
    second = Demand(EVENT, (DemandLine(type_id(0), 1), DemandLine(type_id(0), 1, price_cents=1)))
    with pytest.raises(PriceChanged) as caught:
        price(offer([5_000]), second)
    assert [error.field for error in caught.value.errors] == ["tickets.1.priceCents"]


@pytest.mark.spec("S18")
def test_what_is_not_offered_is_not_priced() -> None:
    """An unknown ticket type and an event that is not on sale are refused."""
    with pytest.raises(TicketTypeUnknown):
        price(offer([5_000]), demand(0, 1))
    with pytest.raises(EventNotOnSale):
        price(offer([5_000], on_sale=False), demand(1))


@pytest.mark.spec("S18")
def test_seats_are_numbered_tickets() -> None:
    """Each seat becomes one ticket line, in the order asked for, and survives into the demand."""
    wanted = Demand(EVENT, (DemandLine(type_id(0), 2, ("A2", "A1")),))
    quote = price(offer([5_000]), wanted)

    assert [(t.number, t.seat) for t in quote.tickets] == [(1, "A2"), (2, "A1")]
    assert quote.demand() == wanted


@pytest.mark.spec("S18")
def test_a_free_order_splits_evenly() -> None:
    """Free tickets pay the issuing fee each and no percentage."""
    quote = price(offer([0]), demand(3))

    assert quote.total == Money(150)
    assert [sum(c.cents for c in t.charges) for t in quote.tickets] == [50, 50, 50]
