"""The outbox: one stream per aggregate, claimed whole, delivered in order (S40, design 3)."""

from __future__ import annotations

from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.messaging.envelope import AggregateType

__all__ = ["ListedStream", "StreamClaim", "StreamKey"]


@attrs.frozen
class StreamKey:
    """The stream of one aggregate of one tenant."""

    tenant_id: TenantId
    aggregate_type: AggregateType
    aggregate_id: UUID


@attrs.frozen(kw_only=True)
class StreamClaim:
    """The right to deliver a stream; worth nothing once ``epoch`` has moved on."""

    key: StreamKey
    epoch: int
    delivered_seq: int
    attempts: int


@attrs.frozen(kw_only=True)
class ListedStream:
    """What a list shows of a stream: how many messages it has and how many are delivered."""

    key: StreamKey
    messages: int
    delivered: int
    attempts: int
    parked: bool
    error: str
