"""When somebody else is asked for a tax, what is asked, and what is made of the answer (S58)."""

from __future__ import annotations

import attrs
import pytest

from tests.spec.pricing.offers import NOW, QUOTE, USER, demand, offer
from tests.spec.shapes import by_name
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing import (
    Address,
    Charge,
    ChargeKind,
    FeeSchedule,
    Quote,
    TaxAnswer,
    TaxInquiry,
    TaxNeeded,
    TaxPart,
    TaxQuestion,
    Tier,
    price_demand,
    tax_table,
)
from ticketpay.domain.pricing.estimate import Estimate

HOME = Address(street="1 Elm", city="Austin", state="TX", zip="73301")
QUESTION = TaxQuestion(amount_cents=20_000, venue_city="Dallas", venue_state="TX", customer=HOME)
PARTS = (
    TaxPart(kind=ChargeKind.STATE_TAX, name="TX Sales Tax", rate=Rate(62_500), cents=1_250),
    TaxPart(kind=ChargeKind.LOCAL_TAX, name="Local Tax", rate=Rate(20_000), cents=401),
)


def priced(
    inquiry: TaxInquiry | None,
    *,
    state: str = "TX",
    nexus: str = "TX",
    cents: int = 10_000,
) -> Quote:
    """Two tickets in Dallas, or in another state."""
    return price_demand(
        offer([cents], city="Dallas", state=state, nexus=[nexus]),
        demand(2),
        quote_id=QUOTE,
        user_id=USER,
        tier=Tier.STARTER,
        fees=FeeSchedule(),
        taxes=tax_table(),
        now=NOW,
        inquiry=inquiry,
    )


def taxes(quote: Quote) -> list[Charge]:
    return [charge for charge in quote.charges if charge.kind.is_tax]


@pytest.mark.spec("S58")
def test_the_whole_amount_at_the_venue_is_asked_about() -> None:
    """Without an answer the price is not given; the question names amount, venue and buyer."""
    with pytest.raises(TaxNeeded, match="the offer changed while its tax was asked for") as caught:
        priced(TaxInquiry(HOME))
    assert caught.value.question == QUESTION


@pytest.mark.spec("S58", "S58 D2")
def test_the_answer_is_the_tax() -> None:
    """Each part is a refundable tax of the order as it was told, and nothing is estimated."""
    quote = priced(TaxInquiry(HOME, TaxAnswer(QUESTION, PARTS)))
    assert taxes(quote) == [
        Charge(ChargeKind.STATE_TAX, "TX Sales Tax", Rate(62_500), 1_250, refundable=True),
        Charge(ChargeKind.LOCAL_TAX, "Local Tax", Rate(20_000), 401, refundable=True),
    ]
    assert quote.taxes_cents == 1_651
    assert quote.tax_estimated is False


@pytest.mark.spec("S58 D3", "3.10")
def test_no_answer_is_the_states_rate_and_says_so() -> None:
    """When nobody could be asked, the state's rate is taken and flagged as an estimate."""
    quote = priced(TaxInquiry(HOME, TaxAnswer(QUESTION, None)))
    assert taxes(quote) == [
        Charge(
            ChargeKind.STATE_TAX,
            "Texas Sales Tax",
            Rate(62_500),
            1_250,
            refundable=True,
            estimated=True,
        )
    ]
    assert quote.tax_estimated is True


@pytest.mark.spec("S58")
@pytest.mark.parametrize(
    "other",
    [
        attrs.evolve(QUESTION, amount_cents=19_999),
        attrs.evolve(QUESTION, venue_city="Waco"),
        attrs.evolve(QUESTION, venue_state="OK"),
        attrs.evolve(QUESTION, customer=attrs.evolve(HOME, zip="73302")),
    ],
)
def test_the_answer_to_another_question_is_none(other: TaxQuestion) -> None:
    """If amount, venue or buyer are others by now, the tax is asked for again."""
    with pytest.raises(TaxNeeded) as caught:
        priced(TaxInquiry(HOME, TaxAnswer(other, PARTS)))
    assert caught.value.question == QUESTION


@pytest.mark.spec("S58", "S58 D5")
def test_nobody_is_asked_where_there_is_nothing_to_ask() -> None:
    """In Tennessee, without nexus, for free tickets, or without an address, the table decides."""
    inquiry = TaxInquiry(HOME)
    assert [c.cents for c in taxes(priced(inquiry, state="TN", nexus="TN"))] == [1_400, 450]
    assert taxes(priced(inquiry, nexus="CA")) == []
    assert [c.cents for c in taxes(priced(inquiry, cents=0))] == [0]
    by_table = taxes(priced(None))
    assert [(c.cents, c.rate, c.refundable, c.estimated) for c in by_table] == [
        (1_250, Rate(62_500), True, False)
    ]


@pytest.mark.spec("S58", "S02 D4")
def test_the_words_of_an_inquiry() -> None:
    """Values are built by name and cannot be changed; an address is never printed."""
    assert all(by_name(value) for value in (TaxQuestion, TaxPart, Address, Estimate))
    assert HOME.country == "US"
    assert "Elm" not in repr(QUESTION)
    answer = TaxAnswer(QUESTION, None)
    for value, name in ((answer, "parts"), (TaxInquiry(HOME), "answer")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, name, PARTS)
    for frozen, name in ((QUESTION, "amount_cents"), (PARTS[0], "cents")):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(frozen, name, 0)
