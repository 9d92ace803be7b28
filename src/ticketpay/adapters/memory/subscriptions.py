"""Subscriptions in memory, and what was paid for them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from ticketpay.adapters.memory.store import Move, Store, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import EventId, QuoteId, VenueId
from ticketpay.domain.orders import OrderState
from ticketpay.domain.subscriptions import (
    PaidInvoice,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
)
from ticketpay.ports.later import Later

__all__ = ["MemoryPlanInvoices", "MemorySubscriptions"]

_ENDED_UNPAID: Final = (OrderState.CANCELLED, OrderState.EXPIRED)


@attrs.frozen
class MemorySubscriptions:
    """``Subscriptions`` over the tables of one tenant."""

    store: Store
    tables: TenantTables

    def get(self, venue_id: VenueId) -> Later[Subscription | None]:
        return known(self.tables.subscriptions.get(venue_id))

    def of_event(self, event_id: EventId) -> Later[Subscription | None]:
        event = self.tables.events.get(event_id)
        return known(self.tables.subscriptions.get(event.venue_id) if event else None)

    def of_quote(self, quote_id: QuoteId) -> Later[Subscription | None]:
        quote = self.tables.quotes.get(quote_id)
        return self.of_event(quote.event_id) if quote else known(None)

    def lock(self, venue_id: VenueId) -> Later[Subscription | None]:
        return known(self.tables.subscriptions.lock_found(venue_id))

    def tickets_sold(self, venue_id: VenueId, since: datetime) -> Later[int]:
        return known(
            sum(
                order.ticket_count
                for order in self.tables.orders.values()
                if order.venue_id == venue_id
                and order.created_at >= since
                and order.state not in _ENDED_UNPAID
            )
        )

    def add(self, subscription: Subscription) -> None:
        venue_id = subscription.venue_id
        if venue_id not in self.tables.venues:
            raise Conflict(f"there is no venue {venue_id}")
        if self.tables.subscriptions.lock(venue_id) is not None:
            raise Conflict(f"venue {venue_id} has a subscription already")
        self.tables.subscriptions.put(venue_id, subscription)

    def save(
        self,
        subscription: Subscription,
        step: Step[SubscriptionState, SubscriptionEvent] | None = None,
        at: datetime | None = None,
    ) -> Subscription:
        stored = self.tables.subscriptions.lock_found(subscription.venue_id)
        if stored is None or stored.version != subscription.version:
            raise Conflict(f"the subscription of {subscription.venue_id} has changed")
        saved = attrs.evolve(subscription, version=subscription.version + 1)
        self.tables.subscriptions.put(saved.venue_id, saved)
        if step is not None:
            assert at is not None, "a step has its time"
            self.tables.moves.put(self.store.number(), Move(subject=saved.id, step=step, at=at))
        return saved


@attrs.frozen
class MemoryPlanInvoices:
    """``PlanInvoices`` over the tables of one tenant."""

    tables: TenantTables

    def of_venue(self, venue_id: VenueId) -> Later[tuple[PaidInvoice, ...]]:
        mine = [paid for venue, paid in self.tables.invoices.values() if venue == venue_id]
        return known(tuple(sorted(mine, key=lambda paid: (paid.paid_at, paid.id))))

    def of_tenant(self) -> Later[tuple[PaidInvoice, ...]]:
        return known(tuple(paid for _, paid in self.tables.invoices.values()))

    def add(self, venue_id: VenueId, invoice: PaidInvoice) -> None:
        if venue_id not in self.tables.subscriptions:
            raise Conflict(f"venue {venue_id} has no subscription")
        if self.tables.invoices.lock(invoice.id) is not None:
            raise Conflict(f"invoice {invoice.id} is known already")
        self.tables.invoices.put(invoice.id, (venue_id, invoice))
