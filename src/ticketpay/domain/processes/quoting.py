"""Quoting: server-side prices, for a quote that is kept and for a purchase without one (S18)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import FieldError, NotFound
from ticketpay.domain.kernel.ids import QuoteId, TenantId, VenueId
from ticketpay.domain.kernel.time import day_in, month_start
from ticketpay.domain.money import USD
from ticketpay.domain.pricing import (
    Demand,
    ExchangeRules,
    FeeSchedule,
    PriceChanged,
    Quote,
    QuoteExpired,
    TaxTable,
    TicketTypeUnknown,
    WrongCurrency,
    WrongVenue,
    check_price,
    in_dollars,
    price_demand,
    sale_currency,
)
from ticketpay.domain.subscriptions import Plan, fee_tier, plans_at

if TYPE_CHECKING:
    from ticketpay.domain.catalog import Offer, Venue
    from ticketpay.domain.money import Currency, ExchangeRate, RateTable
    from ticketpay.domain.parties import Actor
    from ticketpay.domain.pricing import Address, TaxInquiry, Tier
    from ticketpay.domain.processes.taxing import TaxDesk
    from ticketpay.domain.subscriptions import Subscription
    from ticketpay.ports.system import Clock, Ids
    from ticketpay.ports.transactions import PlatformTx, Tx, UnitOfWork

__all__ = ["GiveQuote", "PriceBook", "check_venue", "taken_quote"]

VOLUME_SECONDS_CACHED: Final = 300
VENUES_CACHED: Final = 10_000


@attrs.define
class PriceBook:
    """Fees, taxes, and which exchange rates are good enough to sell by (S23).

    What each venue has sold this month is remembered for 5 minutes (S18).
    """

    fees: FeeSchedule
    taxes: TaxTable
    exchange: ExchangeRules = attrs.field(factory=ExchangeRules)
    _volumes: dict[tuple[TenantId, VenueId], tuple[datetime, int]] = attrs.field(
        factory=dict, init=False
    )

    def price(
        self,
        tx: Tx,
        offer: Offer | None,
        held: Subscription | None,
        demand: Demand,
        actor: Actor,
        ids: Ids,
        now: datetime,
        inquiry: TaxInquiry | None = None,
    ) -> Quote:
        """Price ``demand`` from the server's own data; raises what ``price_demand`` raises.

        ``held`` is the subscription of the venue, if it has one.
        """
        if offer is None:
            raise TicketTypeUnknown(f"there is no event {demand.event_id}")
        return price_demand(
            offer,
            demand,
            quote_id=QuoteId(ids.new()),
            user_id=actor.user_id,
            tier=self.tier(tx, offer.venue, held, now),
            fees=self.fees,
            taxes=self.taxes,
            now=now,
            inquiry=inquiry,
            exchange=self._rate(tx, offer, demand, now),
        )

    def rates(self, tx: PlatformTx, now: datetime) -> RateTable:
        """The rates that price a sale now; raises ``RateUnavailable``."""
        return self.exchange.usable(self._newest(tx, now), now)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans, with the fees that are taken."""
        return plans_at(self.fees)

    def tier(self, tx: Tx, venue: Venue, held: Subscription | None, now: datetime) -> Tier:
        """The fee tier of a venue: its active plan's, else by what it has sold this month (K02)."""
        decided = held is not None and held.is_active
        return fee_tier(held, 0 if decided else self._volume(tx, venue, now), self.fees)

    def _volume(self, tx: Tx, venue: Venue, now: datetime) -> int:
        key = (tx.tenant_id, venue.id)
        known = self._volumes.get(key)
        if known is not None and now < known[0]:
            return known[1]
        sold = tx.catalog.volume(venue.id, month_start(now, venue.time_zone))()
        foreign = any(money.currency is not USD for money in sold)
        rates = self._newest(tx, now) or self.exchange.fallback if foreign else None
        cents = in_dollars(sold, rates)
        if len(self._volumes) >= VENUES_CACHED:
            self._volumes.clear()
        self._volumes[key] = (now + timedelta(seconds=VOLUME_SECONDS_CACHED), cents)
        return cents

    def _rate(self, tx: Tx, offer: Offer, demand: Demand, now: datetime) -> ExchangeRate | None:
        """The one rate of a sale, read with its prices; only whoever pays in another currency asks."""
        base, target = offer.event.currency, sale_currency(offer, demand.currency)
        # What is off sale is refused as that, whether there are rates or not.
        if target is base or not offer.event.on_sale:
            return None
        return self.exchange.rate(self._newest(tx, now), base, target, now)

    def _newest(self, tx: PlatformTx, now: datetime) -> RateTable | None:
        return tx.rates.newest(day_in(now, "UTC"))()


def taken_quote(
    quote: Quote | None,
    actor: Actor,
    demand: Demand | None,
    now: datetime,
    currency: Currency | None = None,
) -> Quote:
    """A stored quote, if it is this buyer's, still good, and for what was sent; its rate with it.

    Raises ``NotFound``, ``QuoteExpired``, ``WrongCurrency`` or ``PriceChanged``.
    """
    if quote is None or quote.user_id != actor.user_id:
        raise NotFound("there is no such quote")
    if now >= quote.expires_at:
        raise QuoteExpired(f"quote {quote.id} was good until {quote.expires_at.isoformat()}")
    if currency is not None and currency is not quote.currency:
        raise WrongCurrency(
            f"quote {quote.id} is in {quote.currency}, not in {currency}",
            errors=(FieldError("currency", f"must be {quote.currency}"),),
        )
    if demand is not None:
        _check_same(quote, demand)
    return quote


def _check_same(quote: Quote, demand: Demand) -> None:
    quoted = quote.demand()
    same = demand.event_id == quoted.event_id and demand.seats == quoted.seats
    if not same or _quantities(demand) != _quantities(quoted):
        other = FieldError("tickets", "are not those of the quote")
        raise PriceChanged(f"quote {quote.id} is for other tickets", errors=(other,))
    prices = {ticket.type_id: ticket.price_cents for ticket in quote.tickets}
    for index, line in enumerate(demand.lines):
        check_price(index, line, prices[line.type_id])


def check_venue(quote: Quote, venue_id: VenueId | None) -> None:
    """A sent venue is only ever compared, like a sent price; raises ``WrongVenue`` (S12)."""
    if venue_id is not None and venue_id != quote.venue_id:
        wrong = FieldError("venueId", "the event is at another venue")
        raise WrongVenue(f"event {quote.event_id} is not at venue {venue_id}", errors=(wrong,))


def _quantities(demand: Demand) -> dict[object, int]:
    return {type_id: demand.quantity_of(type_id) for type_id in demand.type_ids}


@attrs.frozen(kw_only=True, eq=False, repr=False)
class GiveQuote:
    """The use case ``POST /quotes``: price a demand and keep the quote for 15 minutes."""

    uow: UnitOfWork
    prices: PriceBook
    clock: Clock
    ids: Ids
    taxing: TaxDesk

    def __call__(
        self,
        actor: Actor,
        demand: Demand,
        customer: Address | None = None,
        venue_id: VenueId | None = None,
    ) -> Quote:
        """The stored quote; raises ``NotFound``, ``PriceChanged`` and the tax errors.

        In another currency also ``WrongCurrency`` and ``RateUnavailable``; ``WrongVenue`` unless
        the event is at ``venue_id``.
        """

        def give(tx: Tx, inquiry: TaxInquiry | None) -> Quote:
            now = self.clock.now()
            offer = tx.catalog.offer(demand.event_id)
            held = tx.subscriptions.of_event(demand.event_id)
            quote = self.prices.price(tx, offer(), held(), demand, actor, self.ids, now, inquiry)
            check_venue(quote, venue_id)
            tx.quotes.add(quote)
            return quote

        tenant = actor.tenant_id
        return self.taxing.priced(
            tenant, customer, lambda inquiry: self.uow.run(tenant, lambda tx: give(tx, inquiry))
        )

    def preview(self, actor: Actor, demand: Demand) -> Quote:
        """The same prices, kept nowhere: a look that changes nothing."""

        def price(tx: Tx) -> Quote:
            now = self.clock.now()
            offer = tx.catalog.offer(demand.event_id)
            held = tx.subscriptions.of_event(demand.event_id)
            return self.prices.price(tx, offer(), held(), demand, actor, self.ids, now)

        return self.uow.run(actor.tenant_id, price)
