"""Lists of sales, page by page (S17), and what was sold within a day (S07)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import Forbidden
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.parties import Role
from ticketpay.domain.payments.sales import NEWEST, day_totals

if TYPE_CHECKING:
    from datetime import datetime

    from ticketpay.domain.kernel.ids import VenueId
    from ticketpay.domain.parties import Actor
    from ticketpay.domain.payments.sales import DayTotals, Sale, SaleKey, SaleStatus
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["LOOKED_AT_MAX", "ListSales", "SalesPage", "SalesQuery", "ShowStats", "sale_view"]

LOOKED_AT_MAX: Final = 500
"""How many sales a page with a status looks at: a rare status must not read the whole list."""

_DAY: Final = timedelta(hours=24)


@attrs.frozen(kw_only=True)
class SalesQuery:
    """Which sales: the actor's own, or those of ``venue_id``; of one status, if it is given."""

    venue_id: VenueId | None = None
    status: SaleStatus | None = None
    after: SaleKey = NEWEST
    limit: int = 50


@attrs.frozen
class SalesPage:
    """Sales, newest first, and where the next page begins; None after the last one."""

    sales: tuple[Sale, ...]
    next: SaleKey | None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ListSales:
    """``GET /transactions``: the buyer's own, or a venue's for its managers, support and admins."""

    uow: UnitOfWork

    def __call__(self, actor: Actor, query: SalesQuery) -> SalesPage:
        """One page; raises ``Forbidden`` for a venue that the actor does not manage.

        With a status a page may hold fewer sales than asked for, even none, and have a next one:
        it looks at no more than ``LOOKED_AT_MAX`` sales.
        """
        if query.venue_id is not None and not actor.may_see(query.venue_id):
            raise Forbidden(f"role {actor.role} may not see the sales of this venue")
        looked_at = LOOKED_AT_MAX if query.status else query.limit

        def read(tx: Tx) -> tuple[Sale, ...]:
            if query.venue_id is None:
                return tx.sales.of_user(actor.user_id, query.after, looked_at + 1)()
            return tx.sales.of_venue(query.venue_id, query.after, looked_at + 1)()

        return _page(self.uow.run(actor.tenant_id, read), query, looked_at)


def _page(found: tuple[Sale, ...], query: SalesQuery, looked_at: int) -> SalesPage:
    seen = found[:looked_at]
    matching = [sale for sale in seen if query.status in (None, sale.status)]
    page = tuple(matching[: query.limit])
    if len(matching) > query.limit:
        return SalesPage(page, page[-1].key)
    return SalesPage(page, seen[-1].key if len(found) > looked_at else None)


def sale_view(sale: Sale) -> dict[str, object]:
    """A sale for its buyer and its venue; zero is a value (S17 D1)."""
    return {
        "id": str(sale.payment_id),
        "orderId": str(sale.order_id),
        "eventId": str(sale.event_id),
        "venueId": str(sale.venue_id),
        "status": str(sale.status),
        "currency": sale.currency.code,
        "amountCents": sale.amount_cents,
        "ticketsCents": sale.tickets_cents,
        "feesCents": sale.fees_cents,
        "taxCents": sale.taxes_cents,
        "refundedCents": sale.refunded_cents,
        "ticketQuantity": sale.ticket_count,
        "createdAt": rfc3339(sale.created_at),
    }


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowStats:
    """``GET /admin/stats``: the payments of the actor's tenant in the last 24 hours."""

    uow: UnitOfWork
    clock: Clock

    def __call__(self, actor: Actor) -> dict[str, object]:
        """Counts and cents per currency; raises ``Forbidden`` unless the actor is an admin."""
        actor.require(Role.ADMIN)
        now = self.clock.now()
        counts = self.uow.run(actor.tenant_id, lambda tx: tx.sales.counts(now - _DAY)())
        return _stats_view(day_totals(counts), now)


def _stats_view(totals: tuple[DayTotals, ...], now: datetime) -> dict[str, object]:
    return {
        "last24Hours": [
            {
                "currency": one.currency.code,
                "totalPayments": one.total,
                "successful": one.successful,
                "failed": one.failed,
                "pending": one.pending,
                "cancelled": one.cancelled,
                "revenueCents": one.revenue_cents,
                "refundedCents": one.refunded_cents,
            }
            for one in totals
        ],
        "timestamp": rfc3339(now),
    }
