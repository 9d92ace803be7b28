"""Write docs/reference/events.md: every emitted type, its route, its patience and its members."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ticketpay.domain.messaging.routes import EMITTED, ROUTES, attempts_max

__all__ = ["MEMBERS", "PAGE", "main", "rendered"]

PAGE: Final = Path(__file__).parents[1] / "docs/reference/events.md"
_PAYMENT: Final = ("paymentId", "orderId", "amountCents", "currency")
_ORDER: Final = ("orderId", "paymentId")
_PLAN: Final = ("subscriptionId", "venueId", "plan")
_PAYOUT: Final = ("payoutId", "venueId", "amountCents", "feeCents", "currency")
_REFUND: Final = ("refundId", "paymentId", "orderId", "amountCents", "currency")
_DISPUTE: Final = ("disputeId", "paymentId", "orderId", "amountCents", "currency")
_HELD: Final = ("orderId", "disputeId", "eventId", "reason")
MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "payment.created": _PAYMENT,
    "payment.processing": _PAYMENT,
    "payment.authorized": _PAYMENT,
    "payment.completed": _PAYMENT,
    "payment.failed": _PAYMENT,
    "payment.cancelled": _PAYMENT,
    "payment.method_requested": (*_PAYMENT[:2], "userId", *_PAYMENT[2:], "expiresAt"),
    "order.paid": (*_ORDER, "userId", "eventId", "amountCents", "currency", "ticketQuantity"),
    "order.payment_failed": (*_ORDER, "reason"),
    "order.cancelled": _ORDER,
    "order.expired": _ORDER,
    "order.tickets_frozen": _HELD,
    "order.tickets_thawed": _HELD,
    "order.tickets_voided": ("orderId", "refundId", "disputeId", "eventId", "tickets", "reason"),
    "dispute.opened": _DISPUTE,
    "dispute.won": _DISPUTE,
    "dispute.lost": _DISPUTE,
    "refund.initiated": (*_REFUND, "reason"),
    "refund.completed": _REFUND,
    "refund.failed": _REFUND,
    "subscription.started": _PLAN,
    "subscription.renewed": _PLAN,
    "subscription.past_due": _PLAN,
    "subscription.cancelled": _PLAN,
    "payout.requested": _PAYOUT,
    "payout.cancelled": _PAYOUT,
    "payout.paid": _PAYOUT,
    "payout.failed": _PAYOUT,
}
"""The members of ``data`` by type; a test compares them with what simulated sales emit."""
_HEAD: Final = """# Events

Written by `python tools/gen_events.py`. An event is kept in the outbox in the transaction that made it true. It travels in an envelope:

| Member | Meaning |
|---|---|
| `id` | the event's UUID; the same at every delivery |
| `type` | one of the types below |
| `tenantId` | whose it is |
| `aggregateType`, `aggregateId` | what it happened to: a payment, an order, a refund, a payout, a dispute or a subscription |
| `occurredAt` | RFC 3339 in UTC |
| `version` | 1 |
| `data` | the members below; ids only, no personal data; amounts are integers of cents |

Events of one aggregate come in order. One may come more than once: keep its `id`. The route `ticket_service` is a signed call; `journal`
keeps the event in the table `outbox` for whoever reads it there. After so many tries a stream is parked until it is
[replayed](../how-to/replay-dead-letters.md).

| Type | Route | Tries | Members of `data` |
|---|---|---|---|
"""


def rendered() -> str:
    """The page as it should be."""
    return _HEAD + "".join(
        f"| `{kind}` | {ROUTES[kind]} | {attempts_max(kind)} "
        f"| {', '.join(f'`{name}`' for name in MEMBERS.get(kind, ()))} |\n"
        for kind in sorted(EMITTED)
    )


def main() -> int:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
