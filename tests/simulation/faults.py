"""Faults: the seed decides after how many calls the next one strikes, and which one it is."""

from __future__ import annotations

import random
from typing import Final

import attrs

__all__ = ["Fault", "FaultPlan"]


@attrs.frozen
class Fault:
    """What can go wrong, at which steps (by their beginning), and how likely beside the others."""

    name: str
    at: tuple[str, ...]
    weight: int


_ANYWHERE: Final = ("",)
_IN_TX: Final = (
    "cancellations.",
    "catalog.",
    "disputes.",
    "idempotency.",
    "inbox.",
    "ledger.",
    "orders.",
    "outbox.",
    "payments.",
    "payouts.",
    "plan_invoices.",
    "quotes.",
    "refunds.",
    "retries.",
    "stock.",
    "streams.",
    "subscriptions.",
    "timers.",
    "venue_accounts.",
    "tx.before_commit",
)

FAULTS: Final = (
    Fault("crash", _ANYWHERE, 30),
    Fault("stall", _ANYWHERE, 14),
    Fault("clock step", _ANYWHERE, 6),
    Fault("serialisation failure", _IN_TX, 10),
    Fault("commit lost", ("tx.before_commit",), 6),
    Fault("commit unknown", ("tx.after_commit",), 8),
    Fault("database refuses", ("tx.begin",), 4),
    Fault("provider silent before", ("provider.before",), 5),
    Fault("provider hears late", ("provider.before",), 24),
    Fault("provider silent after", ("provider.after",), 12),
    Fault("tickets fail before", ("tickets.before",), 16),
    Fault("tickets fail after", ("tickets.after",), 16),
)


class FaultPlan:
    """One fault after another; ``mean`` is how many calls lie between two, 0 for none at all."""

    def __init__(self, rng: random.Random, mean: int) -> None:
        self._rng, self._mean = rng, mean
        self._left, self._next = 0, FAULTS[0]
        self._weights = [fault.weight for fault in FAULTS]
        self._arm()

    def strikes(self, step: str) -> str:
        """The name of the fault that strikes at this step, or nothing."""
        if self._mean == 0:
            return ""
        self._left -= 1
        if self._left > 0 or not step.startswith(self._next.at):
            return ""
        name = self._next.name
        self._arm()
        return name

    @property
    def on(self) -> bool:
        """Whether anything can go wrong."""
        return self._mean > 0

    def stop(self) -> None:
        """No more faults."""
        self._mean = 0

    def _arm(self) -> None:
        if self._mean:
            self._left = self._rng.randint(1, 2 * self._mean)
            self._next = self._rng.choices(FAULTS, self._weights)[0]
