"""The catalogue: venues, events, ticket types and their prices - the server's own data (R14).

Vocabulary: an *offer* is everything that pricing needs about one event, read in one go.
"""

from __future__ import annotations

from ticketpay.domain.catalog.model import (
    Catalog,
    Event,
    Offer,
    Place,
    StockedType,
    TicketType,
    Venue,
)

__all__ = ["Catalog", "Event", "Offer", "Place", "StockedType", "TicketType", "Venue"]
