"""How a use case tells others what has happened: one message, under a new id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketpay.domain.messaging import AggregateType, Message

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from ticketpay.ports.system import Ids

__all__ = ["message_about"]


def message_about(
    ids: Ids, kind: str, about: AggregateType, about_id: UUID, now: datetime, **data: object
) -> Message:
    """A message of type ``kind``, such as ``refund.completed``, for the outbox."""
    return Message(
        id=ids.new(),
        type=kind,
        aggregate_type=about,
        aggregate_id=about_id,
        occurred_at=now,
        data=data,
    )
