"""What must be true when the dust has settled: one sale, one charge, one ticket, one entry."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import attrs

from tests.crash.fleet import Fleet, wait_for
from tests.crash.market import Market, client
from ticketpay.entrypoints.stack import DevelopmentStack

SETTLE_SECONDS: Final = 90.0
REPLAYS: Final = 10
PAGE: Final = 100
_UNFINISHED: Final = """
SELECT (SELECT count(*) FROM webhook_inbox WHERE status = 'received'),
       (SELECT count(*) FROM outbox_streams WHERE due_at IS NOT NULL AND parked_at IS NULL),
       (SELECT count(*) FROM orders WHERE state = 'paid')
"""
_STATES: Final = "SELECT id::text, state FROM orders WHERE tenant_id = %s"
# A sequence without gaps, told to its end, nothing parked.
_BROKEN_STREAMS: Final = """
SELECT s.aggregate_type || ' ' || s.aggregate_id
FROM outbox_streams s
JOIN (SELECT tenant_id, aggregate_type, aggregate_id, min(seq) AS first, max(seq) AS last,
             count(*) AS many
      FROM outbox GROUP BY 1, 2, 3) o USING (tenant_id, aggregate_type, aggregate_id)
WHERE s.tenant_id = %s
  AND (o.first <> 1 OR o.last <> o.many OR o.last <> s.next_seq - 1 OR s.parked_at IS NOT NULL
       OR (s.aggregate_type = 'order' AND s.delivered_seq <> o.last))
"""
_TOLD: Final = """
SELECT p.order_id::text, array_agg(o.type ORDER BY o.aggregate_type DESC, o.seq)
FROM payments p
JOIN outbox o ON o.tenant_id = p.tenant_id AND o.aggregate_id IN (p.id, p.order_id)
WHERE p.tenant_id = %s AND p.state = 'completed'
GROUP BY 1
"""
_STOCK: Final = """
SELECT (SELECT sum(quantity) FROM stock_holds WHERE tenant_id = %s AND state <> 'released'),
       (SELECT sum(taken) FROM stock WHERE tenant_id = %s),
       (SELECT count(*) FROM stock_holds WHERE tenant_id = %s AND state = 'confirmed')
"""
_DEAD: Final = (
    "SELECT event_id, status, note FROM webhook_inbox"
    " WHERE status IN ('dead', 'invalid') AND tenant_id = %s"
)
# What a crash may never lead to; that a relay or the janitor failed for a while is no wonder.
_CORRUPTION: Final = {
    "late_success",
    "order_refuses_payment",
    "refund_failed",
    "stream_parked",
    "webhook_dead",
    "webhook_invalid",
}
_SALE_TOLD: Final = ["payment.created", "payment.completed", "order.paid"]


def all_objects(stack: DevelopmentStack, kind: str) -> list[dict[str, Any]]:
    """Every object of a kind at the provider, page after page."""
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"limit": PAGE}
    key, more = stack.environment["STRIPE_SECRET_KEY"], True
    with client() as http:
        http.headers["Authorization"] = f"Bearer {key}"
        while more:
            page = http.get(f"{stack.sandbox_url}/v1/{kind}", params=asked).json()
            found += page["data"]
            more = page["has_more"]
            asked["starting_after"] = found[-1]["id"] if found else ""
    return found


def issued(stack: DevelopmentStack) -> dict[str, int]:
    """How many tickets the ticket service has issued for each order."""
    with client() as http:
        return dict(http.get(f"{stack.tickets_url}/stats").json()["issued"])


def verify(stack: DevelopmentStack, tenant: object) -> subprocess.CompletedProcess[str]:
    """``ticketpay ledger verify``."""
    command = [sys.executable, "-m", "ticketpay.entrypoints.cli.main", "ledger", "verify"]
    return subprocess.run(
        [*command, "--tenant", str(tenant)],
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        check=False,
    )


@attrs.frozen
class Books:
    """Everything that a market left behind, on our side and on the provider's."""

    fleet: Fleet
    market: Market

    @property
    def tenant(self) -> object:
        return self.market.shop.tenant.id

    def settle(self) -> None:
        """Wait until nothing is left to do; what waits for a time or a lease need not."""
        self.fleet.lapse()

        def is_settled() -> bool:
            self.fleet.hasten()
            return self.fleet.database.rows(_UNFINISHED) == [(0, 0, 0)] and not (
                set(self._charged()) - self._orders("fulfilled")
            )

        wait_for("everything settled", is_settled, SETTLE_SECONDS, every=0.3)

    def complaints(self) -> Iterator[str]:
        """Whatever is not as it must be."""
        yield from self._sales()
        yield from self._tickets()
        yield from self._outbox()
        yield from self._stock()
        yield from _each("alert", _CORRUPTION & self.fleet.alerts().keys())
        verified = verify(self.fleet.stack, self.tenant)
        if verified.returncode:
            yield f"ledger verify: {verified.stdout} {verified.stderr}"

    def _orders(self, state: str) -> set[str]:
        rows = self.fleet.database.rows(_STATES, self.tenant)
        return {str(order) for order, found in rows if found == state}

    def _intents(self) -> list[dict[str, Any]]:
        """The tenant's intents at the provider, whatever became of them."""
        return [
            intent
            for intent in all_objects(self.fleet.stack, "payment_intents")
            if intent["metadata"].get("tenant_id") == str(self.tenant)
        ]

    def _charged(self) -> list[str]:
        """The order of every charge that the provider has taken."""
        return [i["metadata"]["order_id"] for i in self._intents() if i["status"] == "succeeded"]

    def _sales(self) -> Iterator[str]:
        sold, fulfilled, charged = self.market.sold, self._orders("fulfilled"), self._charged()
        intents = {i["id"]: i["metadata"]["order_id"] for i in self._intents()}
        refunds = all_objects(self.fleet.stack, "refunds")
        yield from _each("two keys, one order", _repeated(Counter(sold.values())))
        yield from _each("acknowledged, not fulfilled", set(sold.values()) - fulfilled)
        yield from _each("two intents for one order", _repeated(Counter(intents.values())))
        yield from _each("charged, not fulfilled", set(charged) - fulfilled)
        yield from _each("fulfilled, not charged", fulfilled - set(charged))
        orders, keys = len(self.fleet.database.rows(_STATES, self.tenant)), len(self.market.keys())
        if orders > keys:
            yield f"{orders} orders for {keys} keys"
        yield from _each("refunded", {r["payment_intent"] for r in refunds} & intents.keys())
        for key in list(sold)[:: max(1, len(sold) // REPLAYS)]:
            if (again := self.market.replay(key)) != sold[key]:
                yield f"the repetition of a sale gave {again} instead of {sold[key]}"

    def _tickets(self) -> Iterator[str]:
        fulfilled, given = self._orders("fulfilled"), issued(self.fleet.stack)
        for order in fulfilled:
            if given.get(order) != 1:
                yield f"{given.get(order)} tickets instead of one for {order}"

    def _outbox(self) -> Iterator[str]:
        rows = self.fleet.database.rows
        yield from _each("broken stream", (str(s) for (s,) in rows(_BROKEN_STREAMS, self.tenant)))
        yield from _each("dead event", (str(row) for row in rows(_DEAD, str(self.tenant))))
        for order, told in rows(_TOLD, self.tenant):
            if told != _SALE_TOLD:
                yield f"of {order} was told {told}"

    def _stock(self) -> Iterator[str]:
        [(held, taken, confirmed)] = self.fleet.database.rows(_STOCK, *[self.tenant] * 3)
        fulfilled = len(self._orders("fulfilled"))
        if held != taken or confirmed != fulfilled:
            yield f"stock: {taken} taken, {held} held, {confirmed} confirmed, {fulfilled} fulfilled"


def _repeated(counted: Counter[str]) -> Iterator[str]:
    return (name for name, count in counted.items() if count > 1)


def _each(complaint: str, about: Any) -> Iterator[str]:
    return (f"{complaint}: {one}" for one in about)
