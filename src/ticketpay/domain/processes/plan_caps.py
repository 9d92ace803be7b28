"""How many tickets a venue's plan still sells in this month of its calendar (S19 D1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from ticketpay.domain.kernel.time import month_start
from ticketpay.domain.subscriptions import (
    Plan,
    Subscription,
    check_cap,
    plan_held,
)

if TYPE_CHECKING:
    from ticketpay.domain.catalog import Venue
    from ticketpay.ports.transactions import Tx

__all__ = ["check_tickets_left"]


def check_tickets_left(
    tx: Tx,
    held: Subscription | None,
    venue: Venue,
    wanted: int,
    now: datetime,
    plans: Sequence[Plan],
) -> None:
    """Raise ``TicketCapReached`` if the venue's plan does not sell ``wanted`` more this month.

    ``held`` was read without a lock. Only under a cap the subscription is locked, until the sale
    is written: two sales of the last ticket wait for each other, all others wait for nobody.
    """
    plan = plan_held(held, plans)
    if plan is None or plan.tickets_max is None:
        return
    locked = tx.subscriptions.lock(venue.id)
    sold = tx.subscriptions.tickets_sold(venue.id, month_start(now, venue.time_zone))
    plan = plan_held(locked(), plans)
    if plan is not None:
        check_cap(plan, sold(), wanted)
