"""The audit after the sale: is everything delivered, charged once, fulfilled and booked?"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, LiteralString

import attrs
import httpx
import psycopg

from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.money import Currency, Money
from ticketpay.entrypoints.demo.shop import Shop
from ticketpay.entrypoints.demo.stories import Purchase

if TYPE_CHECKING:
    from ticketpay.entrypoints.wiring import App

__all__ = ["Audit", "Check", "plant_one_cent"]

DRAIN_SECONDS: Final = 30.0

_POLL_SECONDS: Final = 0.1
_BACKLOG: Final[LiteralString] = """
SELECT (SELECT count(*) FROM webhook_inbox WHERE status = 'received'),
       (SELECT count(*) FROM outbox_streams WHERE due_at IS NOT NULL AND parked_at IS NULL),
       (SELECT count(*) FROM webhook_inbox WHERE status IN ('dead', 'invalid')),
       (SELECT count(*) FROM outbox_streams WHERE parked_at IS NOT NULL)
"""
# What no code of ours can write: a posting with one entry, a cent that comes from nowhere.
_PLANTED: Final[LiteralString] = """
WITH account AS (
    SELECT tenant_id, id, currency FROM ledger_accounts
    WHERE tenant_id = %(tenant)s AND kind = 'provider' LIMIT 1
), posting AS (
    INSERT INTO ledger_postings (tenant_id, key, posted_at, currency)
    SELECT tenant_id, 'planted:one-cent', now(), currency FROM account RETURNING tenant_id, key
), tail AS (
    INSERT INTO ledger_unrolled (tenant_id, posting_key) SELECT tenant_id, key FROM posting
)
INSERT INTO ledger_entries (tenant_id, posting_key, line, account_id, cents, currency)
SELECT tenant_id, 'planted:one-cent', 1, id, 1, currency FROM account
"""


def plant_one_cent(owner_dsn: str, tenant: TenantId) -> None:
    """Falsify the books by a cent, so that a test sees the verification fail."""
    with psycopg.connect(owner_dsn) as connection:
        connection.execute(_PLANTED, {"tenant": tenant})


@attrs.frozen
class Check:
    """One question of the audit, with the answer that must come and the one that came."""

    question: str
    expected: str
    actual: str

    @property
    def ok(self) -> bool:
        """Whether they agree."""
        return self.expected == self.actual


@attrs.frozen(kw_only=True)
class Audit:
    """Looks at the shop, the provider, the ticket service, the database and the books."""

    shop: Shop
    app: App
    tickets_url: str
    owner_dsn: str

    def wait(self, purchases: Iterable[Purchase]) -> float:
        """Wait until all is delivered and fulfilled, at most 30 s; the seconds it took."""
        waiting, began = list(purchases), time.monotonic()
        with psycopg.connect(self.owner_dsn, autocommit=True) as connection:
            while time.monotonic() - began < DRAIN_SECONDS:
                waiting = [p for p in waiting if _state(p) != "fulfilled"]
                if not waiting and not self._undelivered() and not any(_backlog(connection)[:2]):
                    break
                time.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    def checks(self, purchases: list[Purchase]) -> list[Check]:
        """All questions but the ledger's."""
        with psycopg.connect(self.owner_dsn, autocommit=True) as connection:
            backlog = _backlog(connection)
        orders = [p.buyer.order(p.order) for p in purchases]
        charges = self.shop.charged()
        fulfilled = sum(order["state"] == "fulfilled" for order in orders)
        return [
            Check("provider events delivered", "all", self._undelivered() or "all"),
            Check("events and messages waiting", "0, 0", f"{backlog[0]}, {backlog[1]}"),
            Check("events and messages given up", "0, 0", f"{backlog[2]}, {backlog[3]}"),
            Check("paid orders fulfilled", str(len(purchases)), str(fulfilled)),
            Check("tickets issued", _wanted(purchases), self._issued(purchases)),
            Check("charges at the provider", str(len(purchases)), str(len(charges))),
            Check(
                "money at the provider",
                _totals(Money(o["totalCents"], Currency.of(o["currency"])) for o in orders),
                _totals(charges.values()),
            ),
        ]

    def differences(self) -> tuple[str, ...]:
        """What ``ledger verify`` finds."""
        return self.app.verify_ledger(self.shop.catalog.tenant.id).differences

    def _undelivered(self) -> str:
        """How many deliveries of the provider are still to come or failed; empty when none."""
        answer = self.shop.sandbox.get("/_sandbox/deliveries").raise_for_status()
        left = sum(delivery["state"] != "delivered" for delivery in answer.json()["data"])
        return f"all but {left}" if left else ""

    def _issued(self, purchases: list[Purchase]) -> str:
        """What the ticket service says: tickets of our orders, and orders that are not ours."""
        answer = httpx.get(f"{self.tickets_url}/stats", timeout=10, trust_env=False)
        issued: dict[str, int] = answer.raise_for_status().json()["issued"]
        wrong = [p.order for p in purchases if issued.get(p.order) != p.tickets]
        foreign = issued.keys() - {p.order for p in purchases}
        note = f", {len(wrong)} orders wrong, {len(foreign)} foreign" if wrong or foreign else ""
        return f"{sum(issued.values())} once each{note}"


def _totals(amounts: Iterable[Money]) -> str:
    """A total per currency: ``1,234.56 USD, 46.56 EUR``."""
    totals: dict[Currency, Money] = {}
    for amount in amounts:
        totals[amount.currency] = totals.get(amount.currency, Money.zero(amount.currency)) + amount
    return ", ".join(str(totals[currency]) for currency in Currency if currency in totals)


def _wanted(purchases: list[Purchase]) -> str:
    return f"{sum(p.tickets for p in purchases)} once each"


def _state(purchase: Purchase) -> str:
    return str(purchase.buyer.order(purchase.order)["state"])


def _backlog(connection: psycopg.Connection[tuple[Any, ...]]) -> tuple[int, ...]:
    """Waiting events, waiting streams, dead events, parked streams."""
    row = connection.execute(_BACKLOG).fetchone()
    assert row is not None, "counts are always one row"
    return tuple(row)
