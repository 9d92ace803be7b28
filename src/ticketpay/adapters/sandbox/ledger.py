"""The ledger of an account: each balance transaction, and when its net amount is available."""

from __future__ import annotations

import heapq
from typing import Final

from ticketpay.adapters.sandbox.collection import Collection
from ticketpay.adapters.sandbox.records import Record
from ticketpay.adapters.sandbox.response import Json

__all__ = ["CATEGORIES", "Ledger", "fee_detail"]

CATEGORIES: Final = {
    "adjustment": "dispute",
    "application_fee": "platform_earning",
    "application_fee_refund": "platform_earning_refund",
    "charge": "charge",
    "payment": "charge",
    "payment_refund": "refund",
    "payout": "payout",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "refund": "refund",
    "refund_failure": "refund_failure",
    "topup": "topup",
    "transfer": "transfer",
    "transfer_refund": "transfer_reversal",
}
"""The reporting category of each type of balance transaction."""


def fee_detail(amount: int, currency: str, kind: str, text: str) -> Json:
    """One part of the fee of a balance transaction."""
    return {
        "amount": amount,
        "application": None,
        "currency": currency,
        "description": text,
        "type": kind,
    }


class Ledger:
    """The balance transactions of one account; `overdraft` (cents) None lends without limit.

    A refund waits when the available balance and the overdraft together do not cover it.
    """

    def __init__(self) -> None:
        self.entries: Collection[Record] = Collection()
        self.overdraft: int | None = None
        self.waiting: list[str] = []
        self._paid_out: set[str] = set()
        self._available: dict[str, int] = {}
        self._pending: dict[str, int] = {}
        self._later: list[tuple[int, int, str]] = []

    def post(self, entry: Record, now: float, tags: tuple[str, ...]) -> None:
        """Take in a balance transaction."""
        currency, net = entry["currency"], entry["net"]
        self.entries.add(entry.id, entry, entry["created"], tags)
        self._available.setdefault(currency, 0)
        self._pending.setdefault(currency, 0)
        if entry["available_on"] <= now:
            self._available[currency] += net
        else:
            self._pending[currency] += net
            heapq.heappush(self._later, (entry["available_on"], len(self.entries), entry.id))

    def mature(self, now: float) -> None:
        """Make available what is due."""
        while self._later and self._later[0][0] <= now:
            entry = self.entries.get(heapq.heappop(self._later)[2])
            if entry is not None:
                self._pending[entry["currency"]] -= entry["net"]
                self._available[entry["currency"]] += entry["net"]
                self.entries.replace(entry.id, entry.but(status="available"))

    def available(self, currency: str, now: float) -> int:
        """Cents that can be paid out."""
        self.mature(now)
        return self._available.get(currency, 0)

    def pending(self, currency: str, now: float) -> int:
        """Cents that will be available later."""
        self.mature(now)
        return self._pending.get(currency, 0)

    def covers(self, amount: int, currency: str, now: float) -> bool:
        """Whether a refund of so many cents can be made now."""
        free = self.overdraft
        return free is None or self.available(currency, now) + free >= amount

    def next_maturity(self) -> int | None:
        """When (Unix seconds) more money becomes available."""
        return self._later[0][0] if self._later else None

    def unpaid(self, currency: str) -> list[str]:
        """The ids of the available balance transactions that no automatic payout has had."""
        return [
            entry.id
            for entry in self.entries.all()
            if entry["currency"] == currency
            and entry["status"] == "available"
            and entry.id not in self._paid_out
        ]

    def pay_out(self, payout: str, idents: list[str]) -> None:
        """Say which balance transactions make up an automatic payout."""
        self._paid_out.update(idents)
        for ident in idents:
            self.entries.tag(ident, payout)

    def currencies(self) -> list[str]:
        """The currencies in which there has been money."""
        return sorted(self._available)
