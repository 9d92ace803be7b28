"""What a machine gives, under control: virtual time, seeded ids and chance, recorded calls."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import attrs

from ticketpay.domain.kernel.errors import Rejected
from ticketpay.domain.messaging import ROUTES, Message, Route
from ticketpay.ports.messaging import TicketDelivery

__all__ = [
    "Alert",
    "RecordingAlerts",
    "RecordingTickets",
    "SeededIds",
    "SeededRandom",
    "VirtualClock",
]


class VirtualClock:
    """``Clock`` that stands still until it is advanced."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._unix = start.timestamp()

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``."""
        assert seconds >= 0, "time does not run backwards"
        self._now += timedelta(seconds=seconds)
        self._unix = self._now.timestamp()

    def unix(self) -> float:
        """The current time in Unix seconds."""
        return self._unix


class SeededIds:
    """``Ids`` from a seed: the same seed gives the same UUIDs (version 7 by form, not by time)."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"ids:{seed}")  # noqa: S311 - repeatable, not secret

    def new(self) -> UUID:
        bits = self._random.getrandbits(128)
        versioned = bits & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
        return UUID(int=versioned)


class SeededRandom:
    """``Random`` from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(f"jitter:{seed}")  # noqa: S311 - repeatable, not secret

    def ppm(self) -> int:
        return self._random.randint(0, 1_000_000)


@attrs.frozen
class Alert:
    """One ring of the bell."""

    kind: str
    detail: str
    ids: Mapping[str, str]


@attrs.frozen
class RecordingAlerts:
    """``Alerts`` that remembers what rang."""

    raised: list[Alert] = attrs.field(factory=list)

    def raise_alert(self, kind: str, detail: str, **ids: str) -> None:
        self.raised.append(Alert(kind, detail, ids))

    def kinds(self) -> list[str]:
        """The kinds that rang, in order."""
        return [alert.kind for alert in self.raised]


@attrs.frozen
class RecordingTickets:
    """``TicketService`` that remembers deliveries.

    Each of ``failures`` is raised once instead of a delivery, and each of ``losses`` once after
    one, as a lost answer; in order.
    """

    delivered: list[Message] = attrs.field(factory=list)
    failures: list[Exception] = attrs.field(factory=list)
    losses: list[Exception] = attrs.field(factory=list)

    def deliver(self, message: Message) -> TicketDelivery:
        if ROUTES.get(message.type) is not Route.TICKET_SERVICE:
            raise Rejected(f"the ticket service does not know {message.type}")
        if self.failures:
            raise self.failures.pop(0)
        self.delivered.append(message)
        if self.losses:
            raise self.losses.pop(0)
        return TicketDelivery(issued=message.type == "order.paid")
