"""The inbox: provider events as they came, stored before they are believed (S26, S28, K07)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import TenantId

__all__ = ["ATTEMPTS_MAX", "InboxClaim", "InboxStatus", "ListedEvent", "StoredEvent"]

ATTEMPTS_MAX: Final = 5


class InboxStatus(StrEnum):
    """What became of a stored event (K07)."""

    RECEIVED = "received"
    PROCESSED = "processed"
    DEAD = "dead"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"


@attrs.frozen(kw_only=True)
class StoredEvent:
    """A verified provider event: its raw bytes and what is needed to find its payment.

    ``object_id``, ``tenant_id`` and ``payment_id`` are texts, empty when the event has none.
    """

    provider: str
    account: str
    event_id: str
    event_type: str
    object_id: str
    tenant_id: str
    payment_id: str
    payload: bytes = attrs.field(repr=False)
    signature: str = attrs.field(repr=False)
    status: InboxStatus
    received_at: datetime

    @property
    def home(self) -> TenantId | None:
        """The tenant that the event names; it is kept in that tenant's database."""
        try:
            return TenantId(UUID(self.tenant_id))
        except ValueError:
            return None


@attrs.frozen(kw_only=True)
class InboxClaim:
    """The right to process a stored event; worth nothing once ``epoch`` has moved on.

    ``tenant_id`` and ``payment_id`` come from the provider's object id when we know it, else from
    the metadata; None when neither leads anywhere yet.
    """

    event: StoredEvent
    epoch: int
    attempts: int
    tenant_id: str | None
    payment_id: str | None


@attrs.frozen(kw_only=True)
class ListedEvent:
    """What a list shows of a stored event; ``note`` says why it waits or is dead."""

    provider: str
    account: str
    event_id: str
    event_type: str
    object_id: str
    tenant_id: str
    payment_id: str
    status: InboxStatus
    attempts: int
    note: str
    received_at: datetime
    processed_at: datetime | None
