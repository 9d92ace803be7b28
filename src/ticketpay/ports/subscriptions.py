"""The ports for the subscriptions of venues, and for what was paid for them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import EventId, QuoteId, VenueId
from ticketpay.domain.subscriptions import (
    PaidInvoice,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
)
from ticketpay.ports.later import Later

__all__ = ["PlanInvoices", "Subscriptions"]


class Subscriptions(Protocol):
    """**Protocol:** the subscriptions of one tenant, at most one per venue."""

    def get(self, venue_id: VenueId) -> Later[Subscription | None]:
        """The venue's subscription, unlocked; None if it has none."""
        ...

    def of_event(self, event_id: EventId) -> Later[Subscription | None]:
        """That of the venue where an event takes place, unlocked."""
        ...

    def of_quote(self, quote_id: QuoteId) -> Later[Subscription | None]:
        """That of the venue for which a stored quote is, unlocked."""
        ...

    def lock(self, venue_id: VenueId) -> Later[Subscription | None]:
        """The venue's subscription, locked until the transaction ends; it comes after stock."""
        ...

    def tickets_sold(self, venue_id: VenueId, since: datetime) -> Later[int]:
        """The tickets of all orders that were made since then and have not ended unpaid.

        Asked for after the lock, it is right until the transaction ends: whoever sells under a cap
        holds the lock, and an order that has ended stays so.
        """
        ...

    def add(self, subscription: Subscription) -> None:
        """Store a venue's first subscription; ``Conflict`` if it has one, or is unknown."""
        ...

    def save(
        self,
        subscription: Subscription,
        step: Step[SubscriptionState, SubscriptionEvent] | None = None,
        at: datetime | None = None,
    ) -> Subscription:
        """Write it by compare-and-set, with a record of ``step`` ``at`` that time.

        Returns it with its version; raises ``Conflict`` when somebody else changed it.
        """
        ...


class PlanInvoices(Protocol):
    """**Protocol:** the periods that venues have paid for, each booked once.

    Whoever adds one holds the lock of the venue's subscription since before it asked for them.
    """

    def of_venue(self, venue_id: VenueId) -> Later[tuple[PaidInvoice, ...]]:
        """All of a venue, oldest first."""
        ...

    def of_tenant(self) -> Later[tuple[PaidInvoice, ...]]:
        """All of the tenant's venues."""
        ...

    def add(self, venue_id: VenueId, invoice: PaidInvoice) -> None:
        """Store one that is new; ``Conflict`` if it is known, or the venue has no subscription."""
        ...
