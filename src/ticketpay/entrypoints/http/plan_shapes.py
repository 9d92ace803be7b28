"""The body of a subscription: the name of a plan; whether there is such a plan, the domain says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ticketpay.entrypoints.http.shapes import Member, Record, known, text

__all__ = ["SUBSCRIPTION", "read_subscription"]

_PLAN: Final = Member("plan", text(1, 40))

SUBSCRIPTION: Final = Record((_PLAN,))


def read_subscription(body: object) -> tuple[Mapping[str, object], str]:
    """The members as they came, and the plan's id; raises ``InvalidInput`` by field."""
    fields = SUBSCRIPTION.open(body, "body")
    plan = fields.take(_PLAN)
    fields.raise_errors()
    return fields.members, known(plan)
