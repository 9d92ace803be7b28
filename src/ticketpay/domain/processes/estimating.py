"""Estimating: what tickets for an amount would cost at a venue, for anybody who asks (S18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.time import day_in
from ticketpay.domain.pricing.estimate import estimate_fees

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import VenueId
    from ticketpay.domain.parties import Actor
    from ticketpay.domain.pricing.estimate import Estimate
    from ticketpay.domain.processes.quoting import PriceBook
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["EstimateFees", "estimate_view"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class EstimateFees:
    """The use case ``POST /fees/calculate``: today's fees and taxes; nothing is kept."""

    uow: UnitOfWork
    prices: PriceBook
    clock: Clock

    def __call__(
        self, actor: Actor, venue_id: VenueId, ticket_cents: int, ticket_count: int
    ) -> Estimate:
        """The estimate; raises ``NotFound`` and ``TaxJurisdictionUnknown``."""

        def ask(tx: Tx) -> Estimate:
            found, held = tx.catalog.place(venue_id), tx.subscriptions.get(venue_id)
            place = found()
            if place is None:
                raise NotFound(f"there is no venue {venue_id}")
            now = self.clock.now()
            return estimate_fees(
                place,
                ticket_cents,
                ticket_count,
                tier=self.prices.tier(tx, place.venue, held(), now),
                fees=self.prices.fees,
                taxes=self.prices.taxes,
                day=day_in(now, place.venue.time_zone),
            )

        return self.uow.run(actor.tenant_id, ask)


def estimate_view(estimate: Estimate) -> dict[str, object]:
    """The answer of S18 with units in its names; ``breakdown`` adds up to the total."""
    parts = estimate.breakdown
    return {
        "estimate": True,
        "tier": str(estimate.tier),
        "platformCents": parts.platform_cents,
        "platformPercentage": parts.platform_rate.percent,
        "gasEstimateCents": parts.issuing_cents,
        "taxCents": parts.tax_cents,
        "totalCents": estimate.total_cents,
        "breakdown": {
            "ticketPriceCents": parts.ticket_cents,
            "platformFeeCents": parts.platform_cents,
            "gasEstimateCents": parts.issuing_cents,
            "stateTaxCents": parts.state_tax_cents,
            "localTaxCents": parts.local_tax_cents,
            "totalCents": parts.total_cents,
        },
        "taxes": [
            {"name": tax.name, "amountCents": tax.cents, "kind": str(tax.kind)}
            for tax in estimate.taxes
        ],
        "taxDate": estimate.tax_date.isoformat(),
    }
