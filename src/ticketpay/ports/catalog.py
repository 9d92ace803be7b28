"""Ports for the catalogue."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.catalog import Catalog, Offer, Place
from ticketpay.domain.kernel.ids import EventId, QuoteId, VenueId
from ticketpay.domain.money import Money
from ticketpay.ports.later import Later

__all__ = ["CatalogReader", "CatalogWriter"]


class CatalogReader(Protocol):
    """**Protocol:** prices and places of one tenant."""

    def offer(self, event_id: EventId) -> Later[Offer | None]:
        """The event with its venue and all ticket types; None if the tenant has no such event."""
        ...

    def offer_of_quote(self, quote_id: QuoteId) -> Later[Offer | None]:
        """The offer of the event that a quote is for."""
        ...

    def place(self, venue_id: VenueId) -> Later[Place | None]:
        """The venue with its tenant's nexus states; None if the tenant has no such venue."""
        ...

    def volume(self, venue_id: VenueId, since: datetime) -> Later[tuple[Money, ...]]:
        """The sums of the venue's completed payments since an instant, one per currency (S18)."""
        ...


class CatalogWriter(Protocol):
    """**Protocol:** loads a tenant's catalogue; repeating a load changes nothing."""

    def load(self, catalog: Catalog, entry: AuditEntry | None = None) -> None:
        """Insert or update the tenant, venues, events, types and stock, all or nothing.

        ``entry`` says in the audit trail who did it.

        Capacities may grow; lowering one below what is taken raises ``Conflict``.
        """
        ...
