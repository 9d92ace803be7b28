"""The estimate of S18: fees and taxes for an amount at a venue, before anybody chose tickets.

It is what a quote of the same amount and count would charge today. Nothing is kept and nothing is
promised: a price is given by a quote.
"""

from __future__ import annotations

from datetime import date

import attrs

from ticketpay.domain.catalog.model import Place
from ticketpay.domain.money import Rate
from ticketpay.domain.pricing.fees import FeeBreakdown, FeeSchedule, Tier
from ticketpay.domain.pricing.inquiry import by_rules
from ticketpay.domain.pricing.model import Charge, ChargeKind
from ticketpay.domain.pricing.taxes import TaxTable

__all__ = ["Estimate", "estimate_fees"]


@attrs.frozen(kw_only=True)
class Estimate:
    """Fees and taxes, each rounded by itself to the cent."""

    tier: Tier
    ticket_cents: int
    platform_cents: int
    platform_rate: Rate
    issuing_cents: int
    taxes: tuple[Charge, ...]
    tax_date: date

    def tax_cents(self, *kinds: ChargeKind) -> int:
        """The taxes of these kinds; all of them when none is named."""
        return sum(tax.cents for tax in self.taxes if not kinds or tax.kind in kinds)

    @property
    def total_cents(self) -> int:
        """Everything together."""
        return self.ticket_cents + self.platform_cents + self.issuing_cents + self.tax_cents()

    @property
    def breakdown(self) -> FeeBreakdown:
        """The same in the words of S18; special taxes are local ones."""
        state = self.tax_cents(ChargeKind.STATE_TAX)
        return FeeBreakdown(
            ticket_cents=self.ticket_cents,
            platform_cents=self.platform_cents,
            platform_rate=self.platform_rate,
            issuing_cents=self.issuing_cents,
            state_tax_cents=state,
            local_tax_cents=self.tax_cents() - state,
        )


def estimate_fees(
    place: Place,
    ticket_cents: int,
    ticket_count: int,
    *,
    tier: Tier,
    fees: FeeSchedule,
    taxes: TaxTable,
    day: date,
) -> Estimate:
    """Estimate for ``ticket_cents`` in all; raises ``TaxJurisdictionUnknown``."""
    venue, rate = place.venue, fees.rate(tier)
    rules = taxes.rules_for(
        state=venue.state, city=venue.city, day=day, nexus_states=place.nexus_states
    )
    return Estimate(
        tier=tier,
        ticket_cents=ticket_cents,
        platform_cents=rate.of_cents(ticket_cents),
        platform_rate=rate,
        issuing_cents=fees.issuing_cents * ticket_count,
        taxes=tuple(by_rules(rules, ticket_cents)),
        tax_date=day,
    )
