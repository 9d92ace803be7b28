"""The words, codes, shapes and figures of pricing that others rely on."""

from __future__ import annotations

from datetime import date
from typing import Any

import attrs
import pytest

from tests.spec.pricing.offers import (
    EVENT,
    NOW,
    QUOTE,
    USER,
    VENUE,
    demand,
    offer,
    price,
    type_id,
)
from tests.spec.shapes import by_name, words
from ticketpay.domain.kernel.errors import InvalidInput, TicketpayError
from ticketpay.domain.money import EUR, Money, Rate
from ticketpay.domain.pricing import (
    ChargeKind,
    Demand,
    DemandLine,
    ExchangeRules,
    FeeSchedule,
    PriceChanged,
    Quote,
    TaxJurisdictionUnknown,
    TicketTypeUnknown,
    Tier,
    tax_table,
)
from ticketpay.domain.pricing.errors import EventNotOnSale, QuoteExpired, WrongCurrency, WrongVenue
from ticketpay.domain.pricing.fees import STANDARD_FEES, FeeBreakdown, calculate_fees
from ticketpay.domain.pricing.taxes import TaxRule, TaxTable

DAY = date(2026, 3, 1)


@pytest.mark.spec("S18", "S58")
def test_the_words_of_pricing() -> None:
    """Each kind of charge and each tier is stored and sent under its word."""
    assert words(ChargeKind) == "platform_fee issuing_fee state_tax local_tax special_tax"
    assert words(Tier) == "starter pro enterprise"
    assert [kind for kind in ChargeKind if not kind.is_tax] == [
        ChargeKind.PLATFORM_FEE,
        ChargeKind.ISSUING_FEE,
    ]


@pytest.mark.spec("S12", "S18")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PriceChanged, "PRICE_CHANGED"),
        (QuoteExpired, "QUOTE_EXPIRED"),
        (TicketTypeUnknown, "NOT_FOUND"),
        (EventNotOnSale, "EVENT_NOT_ON_SALE"),
        (WrongCurrency, "CURRENCY_MISMATCH"),
        (WrongVenue, "VENUE_MISMATCH"),
        (TaxJurisdictionUnknown, "TAX_JURISDICTION_UNKNOWN"),
    ],
)
def test_codes(error: type[TicketpayError], code: str) -> None:
    """Each refusal of pricing has the code that clients rely on."""
    assert error().error_code == code


@pytest.mark.spec("S18", "S58")
@pytest.mark.parametrize("value", [ExchangeRules, FeeSchedule, FeeBreakdown, Quote, TaxRule])
def test_values_are_built_by_name(value: type[attrs.AttrsInstance]) -> None:
    """Of the figures of a price no two can be swapped."""
    assert by_name(value)


@pytest.mark.spec("S18")
def test_the_standard_fees() -> None:
    """The standard schedule has the figures of the rule book, and gives the platform fee back."""
    assert FeeSchedule() == STANDARD_FEES
    assert [STANDARD_FEES.rate(tier) for tier in Tier] == [
        Rate(82_000),
        Rate(79_000),
        Rate(75_000),
    ]
    assert STANDARD_FEES.starter_volume_max_cents == 1_000_000
    assert STANDARD_FEES.pro_volume_max_cents == 10_000_000
    assert STANDARD_FEES.issuing_cents == 50
    assert (STANDARD_FEES.platform_fee_refundable, STANDARD_FEES.issuing_fee_refundable) == (
        True,
        False,
    )


@pytest.mark.spec("S18")
def test_the_calculator_says_what_it_was_asked() -> None:
    """The calculator's answer repeats the tickets and the rate, and takes other taxes if told."""
    fees = calculate_fees(10_000, 1, Tier.PRO, state_tax=Rate(10_000), local_tax=Rate(20_000))
    standard = calculate_fees(1_000_000, 0, Tier.PRO)

    assert (fees.ticket_cents, fees.platform_rate) == (10_000, Rate(79_000))
    assert (fees.state_tax_cents, fees.local_tax_cents) == (100, 200)
    assert (standard.state_tax_cents, standard.local_tax_cents) == (70_000, 22_500)


@pytest.mark.spec("S18")
@pytest.mark.parametrize("wrong", [100.5, 100.0, -1, True, "100", None])
def test_the_calculator_takes_whole_numbers(wrong: Any) -> None:
    """A float would stay one in every sum: each wrong argument is named, all at once."""
    assert calculate_fees(0, 0, Tier.STARTER).platform_cents == 0
    for arguments, named in (
        ((wrong, 1, Tier.PRO), ["ticket_cents"]),
        ((1, wrong, Tier.PRO), ["ticket_count"]),
        ((wrong, wrong, "STARTER"), ["ticket_cents", "ticket_count", "tier"]),
    ):
        with pytest.raises(InvalidInput) as caught:
            calculate_fees(*arguments)
        assert [error.field for error in caught.value.errors] == named
        whole = [e.message for e in caught.value.errors if e.field != "tier"]
        assert set(whole) == {"must be an integer, at least 0"}
    assert caught.value.errors[-1].message == "must be one of starter, pro, enterprise"


@pytest.mark.spec("S18", "S58")
def test_a_quote_names_its_charges() -> None:
    """Each charge has its kind, the name a buyer sees, its exact rate and its refundability."""
    quote = price(offer([5_000]), demand(2))

    assert [(c.kind, c.name, c.rate, c.cents, c.refundable) for c in quote.charges] == [
        (ChargeKind.PLATFORM_FEE, "Platform fee", Rate(82_000), 820, True),
        (ChargeKind.ISSUING_FEE, "Ticket issuing fee", None, 100, False),
        (ChargeKind.STATE_TAX, "Tennessee Sales Tax", Rate(70_000), 700, True),
        (ChargeKind.LOCAL_TAX, "Nashville Local Tax", Rate(22_500), 225, True),
        (ChargeKind.SPECIAL_TAX, "Entertainment Tax", Rate(10_000), 100, True),
    ]


@pytest.mark.spec("S18")
def test_a_quote_names_its_sale() -> None:
    """A quote has its own id, its buyer, its event and venue, and the event's currency."""
    given = offer([5_000])
    euros = attrs.evolve(given, event=attrs.evolve(given.event, currency=EUR))
    quote = price(euros, demand(1))

    assert (quote.id, quote.user_id, quote.event_id, quote.venue_id) == (QUOTE, USER, EVENT, VENUE)
    assert (quote.all_in, quote.total) == (Money(5_460, EUR), Money(5_973, EUR))


@pytest.mark.spec("S18")
def test_ticket_lines_carry_their_share() -> None:
    """Each ticket has its number, type and price, and its share of each charge by that price."""
    quote = price(offer([3_000, 1_000]), demand(1, 2))
    lines = [(t.number, t.type_id, t.seat, t.price_cents) for t in quote.tickets]
    shares = [[c.cents for c in t.charges] for t in quote.tickets]

    assert lines == [
        (1, type_id(0), None, 3_000),
        (2, type_id(1), None, 1_000),
        (3, type_id(1), None, 1_000),
    ]
    assert shares == [[246, 50, 210, 68, 30], [82, 50, 70, 23, 10], [82, 50, 70, 22, 10]]
    for ticket in quote.tickets:
        kept = [(c.kind, c.name, c.rate, c.refundable) for c in ticket.charges]
        assert kept == [(c.kind, c.name, c.rate, c.refundable) for c in quote.charges]


@pytest.mark.spec("S18")
def test_a_demand_lists_what_it_locks() -> None:
    """A demand names each type once and each seat, both in the order in which they are locked."""
    wanted = Demand(
        EVENT,
        (
            DemandLine(type_id(1), 2, ("B", "A")),
            DemandLine(type_id(0), 1),
            DemandLine(type_id(1), 1, ("C",)),
        ),
    )

    assert wanted.type_ids == (type_id(0), type_id(1))
    assert wanted.seats == ((type_id(1), "A"), (type_id(1), "B"), (type_id(1), "C"))
    assert [wanted.quantity_of(type_id(n)) for n in range(3)] == [1, 3, 0]
    assert (wanted.lines[1].seats, wanted.lines[1].price_cents) == ((), None)


@pytest.mark.spec("S18")
def test_a_quote_remembers_its_demand() -> None:
    """The demand of a quote counts its tickets per type and keeps their seats apart."""
    wanted = Demand(
        EVENT,
        (DemandLine(type_id(0), 3), DemandLine(type_id(1), 2, ("A1", "A2"))),
    )

    assert price(offer([100, 200]), wanted).demand() == wanted


@pytest.mark.spec("S12", "S18")
def test_every_wrong_line_is_named() -> None:
    """All wrong lines are named at once, each with what is wrong."""
    wrong = Demand(
        EVENT,
        (DemandLine(type_id(0), 0), DemandLine(type_id(0), 1), DemandLine(type_id(0), 2, ("A",))),
    )
    with pytest.raises(InvalidInput) as caught:
        price(offer([100]), wrong)

    assert [e.field for e in caught.value.errors] == ["tickets.0.quantity", "tickets.2.seats"]
    assert all(e.message for e in caught.value.errors)
    with pytest.raises(InvalidInput) as empty:
        price(offer([100]), Demand(EVENT, ()))
    assert all(e.message for e in empty.value.errors)


@pytest.mark.spec("S58", "S58 D8")
@pytest.mark.parametrize(
    ("city", "ppm"),
    [
        ("Nashville", 22_500),
        ("Memphis", 27_500),
        ("Knoxville", 22_500),
        ("Chattanooga", 22_500),
        ("Clarksville", 25_000),
        ("Murfreesboro", 27_500),
        ("Franklin", 27_500),
        ("Jackson", 27_500),
        ("Johnson City", 25_000),
    ],
)
def test_the_cities_of_tennessee(city: str, ppm: int) -> None:
    """Each city has its own local rate under its own name, from 2020 on, with its source."""
    rules = tax_table().rules_for(state="TN", city=city, day=DAY, nexus_states=("TN",))
    local = [rule for rule in rules if rule.kind is ChargeKind.LOCAL_TAX]

    assert [(r.city, r.name, r.rate) for r in local] == [
        (city.lower(), f"{city} Local Tax", Rate(ppm))
    ]
    assert {(r.valid_from, r.valid_to, r.source) for r in rules} == {
        (date(2020, 1, 1), None, "rule book S58")
    }
    assert local[0] in tax_table().rules


def _rule(city: str | None, first: date, last: date | None, kind: ChargeKind) -> TaxRule:
    return TaxRule(
        state="TN",
        city=city,
        kind=kind,
        name="A tax",
        rate=Rate(1),
        valid_from=first,
        valid_to=last,
    )


@pytest.mark.spec("S58 D8")
def test_a_rule_holds_from_its_first_day_to_the_day_before_its_end() -> None:
    """The first day of a rule belongs to it, the day it ends to its successor."""
    rule = _rule(None, date(2026, 3, 1), date(2026, 3, 3), ChargeKind.STATE_TAX)
    held = [day for day in range(1, 5) if rule.holds_on(date(2026, 3, day))]

    assert held == [1, 2]
    assert not rule.holds_on(date(2026, 2, 28))


@pytest.mark.spec("S58", "S58 D8")
def test_a_default_is_dated_too() -> None:
    """A town without a local rule of the day pays the state's default of the day, if there is one."""
    state = _rule(None, date(2020, 1, 1), None, ChargeKind.STATE_TAX)
    special = _rule("alcoa", date(2020, 1, 1), None, ChargeKind.SPECIAL_TAX)
    ended = _rule("alcoa", date(2020, 1, 1), date(2021, 1, 1), ChargeKind.LOCAL_TAX)
    default = _rule(None, date(2020, 1, 1), date(2027, 1, 1), ChargeKind.LOCAL_TAX)
    other = attrs.evolve(default, state="TX")
    table = TaxTable((state, special, ended), default_local=(other, default))

    def taxes(day: date) -> list[tuple[ChargeKind, str | None, str]]:
        rules = table.rules_for(state="TN", city=" Alcoa ", day=day, nexus_states=["TN"])
        return [(r.kind, r.city, r.name) for r in rules]

    assert taxes(date(2026, 3, 1)) == [
        (ChargeKind.STATE_TAX, None, "A tax"),
        (ChargeKind.LOCAL_TAX, "alcoa", "Alcoa Local Tax"),
        (ChargeKind.SPECIAL_TAX, "alcoa", "A tax"),
    ]
    assert [kind for kind, _, _ in taxes(date(2027, 1, 1))] == [
        ChargeKind.STATE_TAX,
        ChargeKind.SPECIAL_TAX,
    ]
    assert [name for _, _, name in taxes(date(2020, 6, 1))] == ["A tax"] * 3
    assert TaxTable(()).default_local == ()


@pytest.mark.spec("S58")
def test_a_neighbours_rules_are_not_ours() -> None:
    """A venue in Texas pays no rule of Tennessee, though its city has a namesake there."""
    rules = tax_table().rules_for(state="TX", city="Memphis", day=DAY, nexus_states=("TN", "TX"))

    assert [rule.state for rule in rules] == ["TX"]
    assert price(offer([10_000], city="Memphis", state="TX"), demand(1)).tax_jurisdiction == "TX"
    assert price(offer([100]), demand(1), now=NOW).tax_date == DAY
