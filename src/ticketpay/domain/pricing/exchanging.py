"""Exchanging: an event's prices in the currency of its buyer, by one rate that is kept (S23 D2).

Each unit price, and each fixed fee of a ticket, is converted once and rounded half-up; all that is
reckoned from them, and all that ever happens to the order, stays in the buyer's currency.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import attrs

from ticketpay.domain.catalog.model import Offer
from ticketpay.domain.kernel.errors import FieldError
from ticketpay.domain.kernel.time import day_in
from ticketpay.domain.money import (
    USD,
    Currency,
    CurrencyMismatch,
    ExchangeRate,
    Money,
    RateTable,
    UnsupportedCurrency,
)
from ticketpay.domain.pricing.errors import RateUnavailable, WrongCurrency
from ticketpay.domain.pricing.fees import FeeSchedule

__all__ = ["ExchangeRules", "exchanged", "in_dollars", "sale_currency"]


@attrs.frozen(kw_only=True)
class ExchangeRules:
    """Which rates may price a sale: none older than ``days_max`` whole days, in UTC.

    ``fallback`` prices where no rates were ever loaded, whatever its day: development alone has one.
    """

    days_max: int = 3
    fallback: RateTable | None = None

    def usable(self, newest: RateTable | None, now: datetime) -> RateTable:
        """The table that prices a sale now; raises ``RateUnavailable`` when there is none."""
        if newest is None:
            if self.fallback is None:
                raise RateUnavailable("no exchange rates are loaded")
            return self.fallback
        age = (day_in(now, "UTC") - newest.day).days
        if age > self.days_max:
            raise RateUnavailable(
                f"the newest exchange rates are of {newest.day.isoformat()}: {age} days old,"
                f" {self.days_max} at most"
            )
        return newest

    def rate(
        self, newest: RateTable | None, base: Currency, target: Currency, now: datetime
    ) -> ExchangeRate:
        """The rate of a sale; raises ``RateUnavailable`` when there is none."""
        table = self.usable(newest, now)
        try:
            return table.rate(base, target)
        except UnsupportedCurrency:
            raise RateUnavailable(f"{table.source} has no rate from {base} to {target}") from None


def sale_currency(offer: Offer, wanted: Currency | None) -> Currency:
    """What the buyer pays in: what he asks for, else the event's own.

    Raises ``WrongCurrency`` when the event is not sold in it.
    """
    event = offer.event
    if wanted is None or wanted is event.currency or wanted in event.currencies:
        return wanted or event.currency
    sold = ", ".join(sorted({event.currency.code, *(c.code for c in event.currencies)}))
    raise WrongCurrency(
        f"event {event.id} is sold in {sold}, not in {wanted}",
        errors=(FieldError("currency", f"must be one of {sold}"),),
    )


def exchanged(
    offer: Offer, fees: FeeSchedule, wanted: Currency | None, rate: ExchangeRate | None
) -> tuple[Offer, FeeSchedule]:
    """Offer and fees in what the buyer pays in, by the ``rate`` of the sale if it needs one.

    Raises ``WrongCurrency``, ``CurrencyMismatch`` when the rate is another pair's.
    """
    base, target = offer.event.currency, sale_currency(offer, wanted)
    given = (base, base) if rate is None else (rate.base, rate.target)
    if given != (base, target):
        raise CurrencyMismatch(f"the sale is from {base} to {target}, the rate is not")
    return (offer, fees) if rate is None else (_offer_by(rate, offer), _fees_by(rate, fees))


def _offer_by(rate: ExchangeRate, offer: Offer) -> Offer:
    """Each unit price is rounded half-up, once (S23 D1)."""
    types = {
        type_id: attrs.evolve(kind, price=rate.convert(kind.price))
        for type_id, kind in offer.types.items()
    }
    return attrs.evolve(offer, event=attrs.evolve(offer.event, currency=rate.target), types=types)


def _fees_by(rate: ExchangeRate, fees: FeeSchedule) -> FeeSchedule:
    """The fixed price per ticket is in the event's currency, and converted like a ticket's (S18 D2)."""
    issuing = rate.convert(Money(fees.issuing_cents, rate.base))
    return attrs.evolve(fees, issuing_cents=issuing.cents)


def in_dollars(sums: Iterable[Money], table: RateTable | None) -> int:
    """What a venue has sold in several currencies, in US cents, for its tier alone (S18).

    Without a rate a cent counts as a US cent: a tier must not keep anybody from buying.
    """
    return sum(_dollars(money, table) for money in sums)


def _dollars(money: Money, table: RateTable | None) -> int:
    if table is None or not {USD, money.currency} <= set(table.units):
        return money.cents
    return table.rate(money.currency, USD).convert(money).cents
