"""Routes: where every emitted event type goes (S40 D3, K30).

``TICKET_SERVICE`` is a signed call. ``JOURNAL`` keeps the message in the outbox table, in order
per aggregate, for whoever reads it there (a change-data-capture pipeline, the admin commands);
nothing has to be delivered. A type without a route stops the process at start-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.domain.messaging.envelope import AggregateType

__all__ = [
    "EMITTED",
    "ROUTES",
    "Route",
    "UnroutedEvent",
    "attempts_max",
    "check_routes",
    "is_delivered",
]


class Route(StrEnum):
    """The destinations that exist."""

    TICKET_SERVICE = "ticket_service"
    JOURNAL = "journal"


class UnroutedEvent(TicketpayError):
    """An event type is emitted that nobody receives."""

    code = "UNROUTED_EVENT"
    title = "An emitted event type has no route"


EMITTED: Final = frozenset(
    {
        "payment.created",
        "payment.processing",
        "payment.authorized",
        "payment.completed",
        "payment.failed",
        "payment.cancelled",
        "payment.method_requested",
        "order.paid",
        "order.payment_failed",
        "order.cancelled",
        "order.expired",
        "order.tickets_frozen",
        "order.tickets_thawed",
        "order.tickets_voided",
        "dispute.opened",
        "dispute.won",
        "dispute.lost",
        "refund.initiated",
        "refund.completed",
        "refund.failed",
        "payout.requested",
        "payout.paid",
        "payout.failed",
        "payout.cancelled",
        "subscription.started",
        "subscription.renewed",
        "subscription.past_due",
        "subscription.cancelled",
    }
)
"""Every type that the code may emit; ``emit`` refuses any other."""

ROUTES: Final[Mapping[str, Route]] = {
    **dict.fromkeys(EMITTED, Route.JOURNAL),
    "order.paid": Route.TICKET_SERVICE,
    "order.payment_failed": Route.TICKET_SERVICE,
    "order.tickets_frozen": Route.TICKET_SERVICE,
    "order.tickets_thawed": Route.TICKET_SERVICE,
    "order.tickets_voided": Route.TICKET_SERVICE,
}

_ATTEMPTS_DEFAULT: Final = 5
_ATTEMPTS_PATIENT: Final = 12
_PATIENT: Final = ("order.tickets_", "refund.", "dispute.")


def attempts_max(event_type: str) -> int:
    """How often a message is tried before its stream is parked (S40)."""
    patient = event_type == "order.paid" or event_type.startswith(_PATIENT)
    return _ATTEMPTS_PATIENT if patient else _ATTEMPTS_DEFAULT


def is_delivered(kind: AggregateType) -> bool:
    """Whether anybody receives messages of such aggregates; else they are in the journal alone."""
    return any(
        route is not Route.JOURNAL and event_type.startswith(f"{kind}.")
        for event_type, route in ROUTES.items()
    )


def check_routes(emitted: Iterable[str], routes: Mapping[str, Route]) -> None:
    """Raise ``UnroutedEvent`` naming every emitted type that has no route."""
    missing = sorted(set(emitted) - set(routes))
    if missing:
        raise UnroutedEvent(f"no route for {', '.join(missing)}")
