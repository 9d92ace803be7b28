"""Ports for cancelled events."""

from __future__ import annotations

from typing import Protocol

from ticketpay.domain.catalog import Cancellation, CancellationProgress
from ticketpay.domain.kernel.ids import EventId, PaymentId
from ticketpay.ports.later import Later

__all__ = ["Cancellations"]


class Cancellations(Protocol):
    """**Protocol:** the cancelled events of one tenant, and the payments that they concern."""

    def start(self, cancellation: Cancellation) -> None:
        """Record it and take the event off sale for good: no catalogue puts it on sale again.

        Waits for whoever holds stock of the event, so that each of its payments is there when this
        commits. Raises ``EventCancelled`` (at the latest at the commit) the second time.
        """
        ...

    def get(self, event_id: EventId) -> Later[Cancellation | None]:
        """The cancellation, unlocked; None if the event was not cancelled."""
        ...

    def lock(self, event_id: EventId) -> Later[Cancellation | None]:
        """The cancellation, locked until the transaction ends; it is locked before any payment."""
        ...

    def save(self, cancellation: Cancellation) -> None:
        """Write how far it has come; it is locked."""
        ...

    def to_look_at(
        self, event_id: EventId, after: PaymentId | None, limit: int
    ) -> Later[tuple[PaymentId, ...]]:
        """The next payments of the event by id: not cancelled, and not wholly refunded."""
        ...

    def progress(self, event_id: EventId) -> Later[CancellationProgress]:
        """The event's orders and their money, counted now; of an event that was not cancelled, too."""
        ...
