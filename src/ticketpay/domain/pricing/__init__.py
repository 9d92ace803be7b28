"""Pricing: what a buyer pays and why - fees, taxes and the all-in quote (S18, S58).

Vocabulary: a *demand* is what the buyer wants; a *quote* is the priced demand, line by line,
valid for 15 minutes; *all-in* is the price with every mandatory fee and without taxes.

Guarantees: every charge of an order is the sum of its per-ticket parts; total = tickets + fees
+ taxes; what is shown is what is charged.
"""

from __future__ import annotations

from ticketpay.domain.pricing.errors import (
    EventNotOnSale,
    PriceChanged,
    QuoteExpired,
    RateUnavailable,
    TaxDataInvalid,
    TaxJurisdictionUnknown,
    TaxNeeded,
    TicketTypeUnknown,
    WrongCurrency,
    WrongVenue,
)
from ticketpay.domain.pricing.exchanging import ExchangeRules, in_dollars, sale_currency
from ticketpay.domain.pricing.fees import FeeBreakdown, FeeSchedule, Tier, calculate_fees
from ticketpay.domain.pricing.inquiry import TaxAnswer, TaxInquiry, TaxPart, TaxQuestion
from ticketpay.domain.pricing.model import (
    Address,
    Charge,
    ChargeKind,
    Demand,
    DemandLine,
    Quote,
    TicketLine,
)
from ticketpay.domain.pricing.quote import (
    QUOTE_SECONDS_VALID,
    TICKETS_MAX,
    check_price,
    price_demand,
)
from ticketpay.domain.pricing.tax_data import STATES, read_table, tax_table
from ticketpay.domain.pricing.taxes import TaxRule, TaxTable

__all__ = [
    "QUOTE_SECONDS_VALID",
    "STATES",
    "TICKETS_MAX",
    "Address",
    "Charge",
    "ChargeKind",
    "Demand",
    "DemandLine",
    "EventNotOnSale",
    "ExchangeRules",
    "FeeBreakdown",
    "FeeSchedule",
    "PriceChanged",
    "Quote",
    "QuoteExpired",
    "RateUnavailable",
    "TaxAnswer",
    "TaxDataInvalid",
    "TaxInquiry",
    "TaxJurisdictionUnknown",
    "TaxNeeded",
    "TaxPart",
    "TaxQuestion",
    "TaxRule",
    "TaxTable",
    "TicketLine",
    "TicketTypeUnknown",
    "Tier",
    "WrongCurrency",
    "WrongVenue",
    "calculate_fees",
    "check_price",
    "in_dollars",
    "price_demand",
    "read_table",
    "sale_currency",
    "tax_table",
]
