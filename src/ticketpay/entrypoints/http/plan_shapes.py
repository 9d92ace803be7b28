"""The body of a subscription: a plan and what pays; whether there is such a plan, the domain says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ticketpay.entrypoints.http.shapes import Member, Record, known, text

__all__ = ["SUBSCRIPTION", "read_subscription"]

_PLAN: Final = Member("plan", text(1, 40))
_METHOD: Final = Member("paymentMethod", text(1, 255), required=False)

SUBSCRIPTION: Final = Record((_PLAN, _METHOD))


def read_subscription(body: object) -> tuple[Mapping[str, object], str, str]:
    """The members as they came, the plan's id, what pays; raises ``InvalidInput`` by field."""
    fields = SUBSCRIPTION.open(body, "body")
    plan, method = fields.take(_PLAN), fields.take(_METHOD)
    fields.raise_errors()
    return fields.members, known(plan), method or ""
