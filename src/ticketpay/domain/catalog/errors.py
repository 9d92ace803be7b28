"""What the catalogue can be asked in vain."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Conflict

__all__ = ["EventCancelled"]


class EventCancelled(Conflict):
    """The event is cancelled already (S24)."""

    code = "EVENT_CANCELLED"
    title = "The event is cancelled already"
