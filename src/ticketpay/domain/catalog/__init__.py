"""The catalogue: venues, events, ticket types and their prices - the server's own data (R14).

Vocabulary: an *offer* is everything that pricing needs about one event, read in one go; a
*cancellation* is the event that does not take place, and how far its money has gone back.
"""

from __future__ import annotations

from ticketpay.domain.catalog.errors import EventCancelled
from ticketpay.domain.catalog.model import (
    Cancellation,
    CancellationProgress,
    Catalog,
    Event,
    MoneyBack,
    Offer,
    Place,
    StockedType,
    TicketType,
    Venue,
)

__all__ = [
    "Cancellation",
    "CancellationProgress",
    "Catalog",
    "Event",
    "EventCancelled",
    "MoneyBack",
    "Offer",
    "Place",
    "StockedType",
    "TicketType",
    "Venue",
]
