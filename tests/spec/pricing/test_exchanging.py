"""A price in the buyer's currency: which rate, what is converted, and what is not (S23, S18 D2)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.pricing.offers import NOW, QUOTE, USER, demand, offer
from ticketpay.domain.catalog import Offer
from ticketpay.domain.money import (
    CAD,
    DEVELOPMENT_RATES,
    EUR,
    GBP,
    USD,
    Currency,
    CurrencyMismatch,
    ExchangeRate,
    Money,
    RateTable,
)
from ticketpay.domain.pricing import (
    ExchangeRules,
    FeeSchedule,
    PriceChanged,
    Quote,
    RateUnavailable,
    Tier,
    WrongCurrency,
    in_dollars,
    price_demand,
    sale_currency,
    tax_table,
)

TODAY = NOW.date()
UNITS = st.integers(1, 10**9)


def sold(prices: tuple[int, ...], currency: Currency, *others: Currency) -> Offer:
    """An offer in ``currency`` that may be bought in the others, too."""
    made = offer(prices)
    types = {
        i: attrs.evolve(t, price=Money(t.price.cents, currency)) for i, t in made.types.items()
    }
    event = attrs.evolve(made.event, currency=currency, currencies=frozenset(others))
    return attrs.evolve(made, event=event, types=types)


def priced(an_offer: Offer, counts: tuple[int, ...], rate: ExchangeRate, **more: Any) -> Quote:
    """The quote of a buyer who pays in the rate's target."""
    return price_demand(
        an_offer,
        attrs.evolve(demand(*counts), currency=rate.target, **more),
        quote_id=QUOTE,
        user_id=USER,
        tier=Tier.STARTER,
        fees=FeeSchedule(),
        taxes=tax_table(),
        now=NOW,
        exchange=rate,
    )


def of_day(day: date, source: str = "ecb") -> RateTable:
    return attrs.evolve(DEVELOPMENT_RATES, source=source, day=day)


@pytest.mark.spec("S23", "S18")
def test_two_tickets_of_85_euros_in_dollars() -> None:
    """By hand: 85.00 EUR are 100.00 USD; 8.2 % of 200.00; 0.50 EUR are 0.59 USD; Nashville's taxes."""
    rate = DEVELOPMENT_RATES.rate(EUR, USD)
    quote = priced(sold((8_500,), EUR, USD), (2,), rate)
    assert [ticket.price_cents for ticket in quote.tickets] == [10_000, 10_000]
    assert [charge.cents for charge in quote.charges] == [1_640, 118, 1_400, 450, 200]
    assert quote.all_in == Money(21_758, USD)
    assert quote.total == Money(23_808, USD)
    assert quote.exchange == rate


@pytest.mark.spec("S23")
def test_the_unit_is_rounded_and_not_the_sum() -> None:
    """By hand: 49.99 EUR are 58.81 USD; three are 176.43, although 149.97 EUR would be 176.44."""
    rate = DEVELOPMENT_RATES.rate(EUR, USD)
    quote = priced(sold((4_999,), EUR, USD), (3,), rate)
    assert quote.tickets_cents == 17_643
    assert rate.convert(Money(3 * 4_999, EUR)) == Money(17_644, USD)


@pytest.mark.spec("S23")
@given(
    prices=st.lists(st.integers(0, 1_000_000), min_size=1, max_size=3),
    counts=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    one=UNITS,
    other=UNITS,
    pair=st.permutations(list(Currency)),
)
def test_only_unit_prices_are_converted(
    prices: list[int], counts: list[int], one: int, other: int, pair: list[Currency]
) -> None:
    """Each price is the event's price by the rate, each part is allocated whole, in one currency."""
    base, target = pair[:2]
    table = RateTable(units={base: one, target: other}, source="any", day=TODAY)
    rate = table.rate(base, target)
    an_offer = sold(tuple(prices), base, target)
    quote = priced(an_offer, tuple(counts[: len(prices)]), rate)
    for ticket in quote.tickets:
        expected = rate.convert(an_offer.types[ticket.type_id].price)
        assert Money(ticket.price_cents, quote.currency) == expected
    for place, charge in enumerate(quote.charges):
        assert sum(t.charges[place].cents for t in quote.tickets) == charge.cents
        if charge.rate is not None:
            assert charge.cents == charge.rate.of_cents(quote.tickets_cents)
    issuing = rate.convert(Money(50, base)).cents * len(quote.tickets)
    assert quote.charges[1].cents == issuing
    assert quote.currency is target


@pytest.mark.spec("S23", "S12")
def test_a_sent_price_is_compared_in_the_buyers_currency() -> None:
    """Whoever pays dollars sends dollars: 100.00 is right, the event's 85.00 is not."""
    rate, an_offer = DEVELOPMENT_RATES.rate(EUR, USD), sold((8_500,), EUR, USD)

    def sent(cents: int) -> Quote:
        lines = tuple(attrs.evolve(line, price_cents=cents) for line in demand(1).lines)
        return priced(an_offer, (1,), rate, lines=lines)

    assert sent(10_000).tickets_cents == 10_000
    with pytest.raises(PriceChanged, match="10000 cents, not 8500"):
        sent(8_500)


@pytest.mark.spec("S23", "S13")
def test_an_event_is_sold_in_what_it_says() -> None:
    """Its own currency always, others only when it names them; none asked for is its own."""
    an_offer = sold((100,), EUR, USD)
    assert sale_currency(an_offer, None) is EUR
    assert sale_currency(an_offer, EUR) is EUR
    assert sale_currency(an_offer, USD) is USD
    with pytest.raises(WrongCurrency, match="is sold in EUR, USD, not in GBP") as refused:
        sale_currency(an_offer, GBP)
    assert refused.value.error_code == "CURRENCY_MISMATCH"
    assert [error.field for error in refused.value.errors] == ["currency"]
    with pytest.raises(WrongCurrency):
        priced(an_offer, (1,), DEVELOPMENT_RATES.rate(EUR, GBP))


@pytest.mark.spec("S23")
@pytest.mark.parametrize("pair", [(USD, EUR), (GBP, USD), (EUR, GBP)])
def test_a_rate_of_another_pair_prices_nothing(pair: tuple[Currency, Currency]) -> None:
    """A sale from EUR to USD takes the rate from EUR to USD; without one it is refused, too."""
    rate = DEVELOPMENT_RATES.rate(*pair)
    an_offer = sold((100,), EUR, USD)
    with pytest.raises(CurrencyMismatch):
        price_demand(
            an_offer,
            attrs.evolve(demand(1), currency=USD),
            quote_id=QUOTE,
            user_id=USER,
            tier=Tier.STARTER,
            fees=FeeSchedule(),
            taxes=tax_table(),
            now=NOW,
            exchange=rate if pair != (EUR, GBP) else None,
        )


@pytest.mark.spec("S23")
def test_old_rates_price_nothing() -> None:
    """Rates of three days ago are good, of four days ago they are refused; both by the UTC day."""
    rules = ExchangeRules()
    good, old = of_day(TODAY - timedelta(days=3)), of_day(TODAY - timedelta(days=4))
    assert rules.usable(good, NOW) == good
    with pytest.raises(RateUnavailable, match="4 days old, 3 at most") as refused:
        rules.usable(old, NOW)
    assert refused.value.error_code == "EXCHANGE_RATE_UNAVAILABLE"
    assert refused.value.retry_after_seconds == 300
    assert str(RateUnavailable()) == RateUnavailable.title
    assert ExchangeRules(days_max=4).usable(old, NOW) == old


@pytest.mark.spec("S23")
def test_the_constants_price_only_where_nothing_was_ever_loaded() -> None:
    """The fallback never ages, and never stands in for rates that are too old."""
    play = ExchangeRules(fallback=DEVELOPMENT_RATES)
    assert play.usable(None, NOW) == DEVELOPMENT_RATES
    with pytest.raises(RateUnavailable):
        play.usable(of_day(TODAY - timedelta(days=9)), NOW)
    with pytest.raises(RateUnavailable, match="no exchange rates are loaded"):
        ExchangeRules().usable(None, NOW)


@pytest.mark.spec("S23")
def test_a_pair_that_the_source_lacks_is_unavailable() -> None:
    """A table without the pound converts nothing into pounds."""
    table = RateTable(units={USD: 1, EUR: 1}, source="ecb", day=TODAY)
    with pytest.raises(RateUnavailable, match="ecb has no rate from USD to GBP"):
        ExchangeRules().rate(table, USD, GBP, NOW)


@pytest.mark.spec("S18", "S23")
def test_a_venues_volume_is_reckoned_in_dollars() -> None:
    """By hand: 85.00 EUR and 125.00 CAD are 100.00 USD each; without rates a cent is a cent."""
    sums = [Money(5_000, USD), Money(8_500, EUR), Money(12_500, CAD)]
    assert in_dollars(sums, DEVELOPMENT_RATES) == 25_000
    assert in_dollars(sums, None) == 26_000
    assert in_dollars([], None) == 0
    fewer = RateTable(units={USD: 10_000, EUR: 8_500}, source="ecb", day=TODAY)
    assert in_dollars(sums, fewer) == 5_000 + 10_000 + 12_500
    foreign = RateTable(units={EUR: 8_500, CAD: 12_500}, source="ecb", day=TODAY)
    assert in_dollars(sums, foreign) == 26_000
