"""Exchange rates for whoever shows a price in several currencies, and for operators (S23)."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.processes.answers import exchange_view

if TYPE_CHECKING:
    from ticketpay.domain.money import RateTable
    from ticketpay.domain.parties import Actor
    from ticketpay.domain.processes.quoting import PriceBook
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import UnitOfWork

__all__ = ["ShowRates", "rates_view"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowRates:
    """The use case ``GET /exchange-rates``: what a sale would be priced by now."""

    uow: UnitOfWork
    prices: PriceBook
    clock: Clock

    def __call__(self, actor: Actor) -> RateTable:
        """The table; raises ``RateUnavailable`` when none is recent enough."""
        now = self.clock.now()
        return self.uow.run(actor.tenant_id, lambda tx: self.prices.rates(tx, now))

    def listed(self, limit: int) -> tuple[RateTable, ...]:
        """The newest ``limit`` tables that were loaded, whatever their age."""
        return self.uow.platform(lambda tx: tx.rates.listed(limit)())


def rates_view(table: RateTable) -> dict[str, object]:
    """Every pair of a table, exactly and for people."""
    codes = sorted(table.units, key=lambda currency: currency.code)
    shared = ("source", "date")
    views = [exchange_view(table.rate(one, other)) or {} for one, other in permutations(codes, 2)]
    return {
        "source": table.source,
        "date": table.day.isoformat(),
        "rates": [{k: v for k, v in view.items() if k not in shared} for view in views],
    }
