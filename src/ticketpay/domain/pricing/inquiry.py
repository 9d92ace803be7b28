"""Asking somebody else for a tax: the question, the answer, and when one has to be asked (S58).

A venue in Tennessee has our own table. Elsewhere, where the tenant has nexus and the buyer says
where he lives, a calculator is asked; if it gives no answer, the state's rate is an estimate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from ticketpay.domain.catalog.model import Offer
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing.errors import TaxNeeded
from ticketpay.domain.pricing.model import Address, Charge, ChargeKind
from ticketpay.domain.pricing.taxes import TaxRule

__all__ = ["TaxAnswer", "TaxInquiry", "TaxPart", "TaxQuestion", "by_rules", "inquired"]

_OWN_TABLE: Final = "TN"


@attrs.frozen(kw_only=True)
class TaxQuestion:
    """An amount in cents, sold at a venue to somebody who lives at ``customer``."""

    amount_cents: int
    venue_city: str
    venue_state: str
    customer: Address


@attrs.frozen(kw_only=True)
class TaxPart:
    """One part of an answer: state, local (county and city together) or special; in cents."""

    kind: ChargeKind
    name: str
    rate: Rate
    cents: int


@attrs.frozen
class TaxAnswer:
    """The parts for a question, or None when nobody could be asked."""

    question: TaxQuestion
    parts: tuple[TaxPart, ...] | None


@attrs.frozen
class TaxInquiry:
    """There is somebody to ask about this buyer, and perhaps an answer already."""

    customer: Address
    answer: TaxAnswer | None = None


def inquired(
    offer: Offer, cents: int, rules: tuple[TaxRule, ...], inquiry: TaxInquiry | None
) -> Iterator[Charge]:
    """The taxes on ``cents``: the table's ``rules``, or what the inquiry brought.

    Raises ``TaxNeeded`` when a question is open: none was asked, or another one, because the offer
    has changed meanwhile.
    """
    question = _question(offer, cents, rules, inquiry)
    if question is None:
        yield from by_rules(rules, cents)
        return
    answer = inquiry.answer if inquiry is not None else None
    if answer is None or answer.question != question:
        raise TaxNeeded(question)
    if answer.parts is None:
        yield from by_rules(rules, cents, estimated=True)
        return
    for part in answer.parts:
        yield Charge(part.kind, part.name, part.rate, part.cents, refundable=True)


def _question(
    offer: Offer, cents: int, rules: tuple[TaxRule, ...], inquiry: TaxInquiry | None
) -> TaxQuestion | None:
    # Without nexus there are no rules, and on free tickets no tax.
    venue = offer.venue
    if inquiry is None or not rules or not cents or venue.state == _OWN_TABLE:
        return None
    return TaxQuestion(
        amount_cents=cents,
        venue_city=venue.city,
        venue_state=venue.state,
        customer=inquiry.customer,
    )


def by_rules(rules: Iterable[TaxRule], cents: int, *, estimated: bool = False) -> Iterator[Charge]:
    """The taxes on ``cents`` by the table, each rounded by itself."""
    for rule in rules:
        tax = rule.rate.of_cents(cents)
        yield Charge(rule.kind, rule.name, rule.rate, tax, refundable=True, estimated=estimated)
