"""Why a price cannot be given or is no longer good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ticketpay.domain.kernel.errors import Conflict, InvalidInput, NotFound, Rejected, Unavailable

if TYPE_CHECKING:
    from ticketpay.domain.pricing.inquiry import TaxQuestion

__all__ = [
    "EventNotOnSale",
    "PriceChanged",
    "QuoteExpired",
    "RateUnavailable",
    "TaxDataInvalid",
    "TaxJurisdictionUnknown",
    "TaxNeeded",
    "TicketTypeUnknown",
    "WrongCurrency",
    "WrongVenue",
]


_RATES_SECONDS: Final = 5 * 60
"""Whoever finds no rate may ask again after this long: people load them, not the next second."""


class PriceChanged(Conflict):
    """A sent price differs from the server's price (S12 D3)."""

    code = "PRICE_CHANGED"
    title = "The price has changed"


class QuoteExpired(Conflict):
    """The quote is older than its 15 minutes (S18 D4)."""

    code = "QUOTE_EXPIRED"
    title = "The quote has expired"


class TicketTypeUnknown(NotFound):
    """The event has no such ticket type, or there is no such event."""

    code = "NOT_FOUND"
    title = "No such event or ticket type"


class EventNotOnSale(Rejected):
    """The event exists and is not on sale."""

    code = "EVENT_NOT_ON_SALE"
    title = "The event is not on sale"


class RateUnavailable(Unavailable):
    """No exchange rate is recent enough to sell by: better no sale than a wrong price (S23)."""

    code = "EXCHANGE_RATE_UNAVAILABLE"
    title = "No recent exchange rate"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, retry_after_seconds=_RATES_SECONDS)


class WrongCurrency(Rejected):
    """The buyer asked for a currency that the event, or the quote, is not in."""

    code = "CURRENCY_MISMATCH"
    title = "The event is sold in another currency"


class WrongVenue(Rejected):
    """The event is not at the venue that was sent (S12)."""

    code = "VENUE_MISMATCH"
    title = "The event is at another venue"


class TaxJurisdictionUnknown(Rejected):
    """There is no dated tax rule for the venue's state: better no sale than a wrong tax (S58 D6)."""

    code = "TAX_JURISDICTION_UNKNOWN"
    title = "No tax rule for the venue's state"


class TaxDataInvalid(InvalidInput):
    """A tax data file cannot be used; ``errors`` names file, row and what is wrong (S58 D8)."""


class TaxNeeded(Unavailable):
    """The tax must be asked for, outside of the transaction; ``question`` says what to ask."""

    def __init__(self, question: TaxQuestion) -> None:
        super().__init__("the offer changed while its tax was asked for")
        self.question = question
