"""Messages: what the outbox holds and the envelope in which it travels (3.4, K35).

Ids only: no personal data enters the outbox, so that erasure and immutability do not collide.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.kernel.time import rfc3339

__all__ = ["AggregateType", "Message", "envelope"]


class AggregateType(StrEnum):
    """Whose sequence a message belongs to (K35)."""

    PAYMENT = "payment"
    ORDER = "order"
    REFUND = "refund"
    PAYOUT = "payout"
    DISPUTE = "dispute"
    SUBSCRIPTION = "subscription"


@attrs.frozen(kw_only=True)
class Message:
    """One event that happened to an aggregate; ``data`` is JSON, amounts in cents."""

    id: UUID
    type: str
    aggregate_type: AggregateType
    aggregate_id: UUID
    occurred_at: datetime
    data: Mapping[str, object]


def envelope(tenant: TenantId, message: Message) -> dict[str, object]:
    """The message as it travels: {id, type, tenantId, aggregateType, aggregateId, occurredAt, ...}."""
    return {
        "id": str(message.id),
        "type": message.type,
        "tenantId": str(tenant),
        "aggregateType": str(message.aggregate_type),
        "aggregateId": str(message.aggregate_id),
        "occurredAt": rfc3339(message.occurred_at),
        "version": 1,
        "data": dict(message.data),
    }
