"""The quote: one pure function from an offer and a demand to the price of every ticket.

Fees and taxes are computed once on the order (each part rounded by itself, S18, S58) and then
allocated to the tickets by face price, so that the lines sum to the order to the cent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import attrs

from ticketpay.domain.catalog.model import Offer, TicketType
from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.kernel.ids import QuoteId, UserId
from ticketpay.domain.kernel.time import day_in
from ticketpay.domain.money import ExchangeRate
from ticketpay.domain.money.allocation import allocate_cents
from ticketpay.domain.pricing.errors import EventNotOnSale, PriceChanged, TicketTypeUnknown
from ticketpay.domain.pricing.exchanging import exchanged
from ticketpay.domain.pricing.fees import FeeSchedule, Tier
from ticketpay.domain.pricing.inquiry import TaxInquiry, inquired
from ticketpay.domain.pricing.model import Charge, ChargeKind, Demand, DemandLine, Quote, TicketLine
from ticketpay.domain.pricing.taxes import TaxTable

__all__ = ["QUOTE_SECONDS_VALID", "TICKETS_MAX", "check_price", "price_demand"]

QUOTE_SECONDS_VALID: Final = 15 * 60
TICKETS_MAX: Final = 1_000
"""Of one quote: each is a line of its own, so a number from outside must not name millions."""


def price_demand(
    offer: Offer,
    demand: Demand,
    *,
    quote_id: QuoteId,
    user_id: UserId,
    tier: Tier,
    fees: FeeSchedule,
    taxes: TaxTable,
    now: datetime,
    inquiry: TaxInquiry | None = None,
    exchange: ExchangeRate | None = None,
) -> Quote:
    """Price ``demand`` against ``offer``; see the module docstring.

    With ``exchange`` the buyer pays in its target, and sent prices are compared in it (S23).
    Raises ``InvalidInput`` (a quantity that is no positive integer, or differs from its seats, or
    more than ``TICKETS_MAX`` tickets), ``TicketTypeUnknown``, ``EventNotOnSale``, ``PriceChanged`` (a
    sent price differs), ``WrongCurrency``, ``TaxJurisdictionUnknown``, and ``TaxNeeded`` when the
    ``inquiry`` has no fitting answer yet.
    """
    _check_demand(demand)
    if not offer.event.on_sale:
        raise EventNotOnSale(f"event {offer.event.id} is not on sale")
    offer, fees = exchanged(offer, fees, demand.currency, exchange)
    wanted = [(_type_of(offer, index, line), line) for index, line in enumerate(demand.lines)]
    faces = [(t, seat) for t, line in wanted for seat in _seats(line)]
    prices = [ticket_type.price.cents for ticket_type, _ in faces]
    tax_day = day_in(now, offer.venue.time_zone)
    charges = [*_fees(sum(prices), len(prices), tier, fees)]
    rules = taxes.rules_for(
        state=offer.venue.state, city=offer.venue.city, day=tax_day, nexus_states=offer.nexus_states
    )
    charges += inquired(offer, sum(prices), rules, inquiry)
    return Quote(
        id=quote_id,
        user_id=user_id,
        event_id=offer.event.id,
        venue_id=offer.venue.id,
        currency=offer.event.currency,
        tickets=_lines(faces, prices, charges),
        charges=tuple(charges),
        tax_jurisdiction=offer.venue.state,
        tax_date=tax_day,
        expires_at=now + timedelta(seconds=QUOTE_SECONDS_VALID),
        exchange=exchange,
    )


def check_price(index: int, line: DemandLine, cents: int) -> None:
    """A sent price is only ever compared; raises ``PriceChanged`` that names the field (S12 D3)."""
    if line.price_cents is not None and line.price_cents != cents:
        raise PriceChanged(
            f"ticket type {line.type_id} costs {cents} cents, not {line.price_cents}",
            errors=(FieldError(f"tickets.{index}.priceCents", f"must be {cents}"),),
        )


def _type_of(offer: Offer, index: int, line: DemandLine) -> TicketType:
    ticket_type = offer.types.get(line.type_id)
    if ticket_type is None:
        raise TicketTypeUnknown(f"event {offer.event.id} has no ticket type {line.type_id}")
    check_price(index, line, ticket_type.price.cents)
    return ticket_type


def _check_demand(demand: Demand) -> None:
    errors = [] if demand.lines else [FieldError("tickets", "must name at least one ticket")]
    for index, line in enumerate(demand.lines):
        if type(line.quantity) is not int or line.quantity < 1:
            wrong = FieldError(f"tickets.{index}.quantity", "must be an integer, at least 1")
            errors.append(wrong)
        elif line.seats and len(line.seats) != line.quantity:
            errors.append(FieldError(f"tickets.{index}.seats", "must name one seat per ticket"))
    if not errors and sum(line.quantity for line in demand.lines) > TICKETS_MAX:
        errors = [FieldError("tickets", f"must be {TICKETS_MAX} at most")]
    if errors:
        raise InvalidInput(errors=tuple(errors))


def _seats(line: DemandLine) -> Iterator[str | None]:
    return iter(line.seats) if line.seats else iter([None] * line.quantity)


def _fees(cents: int, count: int, tier: Tier, fees: FeeSchedule) -> tuple[Charge, Charge]:
    rate = fees.rate(tier)
    return (
        Charge(
            ChargeKind.PLATFORM_FEE,
            "Platform fee",
            rate,
            rate.of_cents(cents),
            fees.platform_fee_refundable,
        ),
        Charge(
            ChargeKind.ISSUING_FEE,
            "Ticket issuing fee",
            None,
            fees.issuing_cents * count,
            fees.issuing_fee_refundable,
        ),
    )


def _lines(
    faces: Sequence[tuple[TicketType, str | None]], prices: Sequence[int], charges: Sequence[Charge]
) -> tuple[TicketLine, ...]:
    # Free tickets carry no price to weigh by, so a wholly free order is split evenly.
    weights = prices if any(prices) else [1] * len(prices)
    even = [1] * len(prices)
    shares = [
        allocate_cents(charge.cents, weights if charge.rate is not None else even)
        for charge in charges
    ]
    return tuple(
        TicketLine(
            number=index + 1,
            type_id=ticket_type.id,
            seat=seat,
            price_cents=ticket_type.price.cents,
            charges=tuple(
                attrs.evolve(c, cents=share[index])
                for c, share in zip(charges, shares, strict=True)
            ),
        )
        for index, (ticket_type, seat) in enumerate(faces)
    )
