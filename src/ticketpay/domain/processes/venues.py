"""The venue that somebody asks about: what they may not see is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketpay.domain.kernel.errors import NotFound

if TYPE_CHECKING:
    from ticketpay.domain.catalog import Venue
    from ticketpay.domain.kernel.ids import VenueId
    from ticketpay.domain.parties import Actor
    from ticketpay.ports.transactions import Tx

__all__ = ["venue_for"]


def venue_for(tx: Tx, actor: Actor, venue_id: VenueId, *, changing: bool) -> Venue:
    """The venue, if the actor may see it, or change what it has; raises ``NotFound`` (S08)."""
    allowed = actor.may_change(venue_id) if changing else actor.may_see(venue_id)
    place = tx.catalog.place(venue_id)() if allowed else None
    if place is None:
        raise NotFound(f"there is no venue {venue_id}")
    return place.venue
