"""After the sale: a refund, disputes, a cancelled event and a payout, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import attrs
import httpx

from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.domain.kernel.ids import EventId, PaymentId, PayoutId, TenantId, UserId, VenueId
from ticketpay.domain.money import USD
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.processes.releasing import HoldRules
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.demo.shop import Buyer, Shop
from ticketpay.entrypoints.demo.stories import Result

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry
    from ticketpay.entrypoints.wiring import App

__all__ = ["Aftermath"]

_WAIT_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.1
_ACCOUNT: Final = "acct_demo_venue"
_TOP_UP_CENTS: Final = 10_000_000
_OVER_AT_ONCE: Final = HoldRules(event_hours=-(10**6))
"""The demo does not wait until its events are over."""


@attrs.frozen(kw_only=True)
class Aftermath:
    """What staff, banks and venues do; everything goes through the API, or as the command line does."""

    shop: Shop
    app: App

    def run(self) -> list[Result]:
        """All of it; a failure of the demo's own is a result, too."""
        acts: tuple[tuple[str, str, Callable[[], str]], ...] = (
            (
                "one of two tickets is refunded",
                "201 pending, completed, partially_refunded",
                self._refund,
            ),
            ("a bank takes its money back", "open, lost, tickets void", lambda: self._bank("lose")),
            ("a bank gives the money back", "open, won, tickets good", lambda: self._bank("win")),
            ("an event is cancelled", "2 orders, 2 refunded, 0.00 left", self._cancel),
            ("the venue is paid out", "201 requested, paid", self._pay_out),
        )
        return [_told(*act) for act in acts]

    @property
    def _tenant(self) -> TenantId:
        return self.shop.catalog.tenant.id

    def _actor(self) -> Actor:
        return Actor(tenant_id=self._tenant, user_id=UserId(uuid4()), role=Role.SUPPORT)

    def _bought(self, tickets: int = 1, event: EventId | None = None) -> tuple[Buyer, Any]:
        buyer = self.shop.buyer()
        answer = buyer.pay(self.shop.basket(tickets, event=event)).raise_for_status().json()
        _until(lambda: buyer.order(answer["orderId"])["state"] == "fulfilled")
        return buyer, answer

    def _refund(self) -> str:
        buyer, bought = self._bought(2)
        body = {"paymentId": bought["id"], "tickets": [1]}
        first = self.shop.staff("POST", "refunds", "support", body)
        path = f"refunds/{first.json()['id']}"
        status = _until(
            lambda: self.shop.staff("GET", path, "support").json()["status"], "completed"
        )
        state = buyer.order(bought["orderId"])["state"]
        return f"{first.status_code} {first.json()['status']}, {status}, {state}"

    def _bank(self, verb: str) -> str:
        _, bought = self._bought()
        intent = self.shop.intent_of(bought["id"])
        charge = intent["latest_charge"]
        self.shop.control(f"charges/{charge}/dispute")
        opened = _until(lambda: self._dispute(bought)["status"], "open")
        theirs = self._dispute(bought)["providerDisputeId"]
        end = {"win": "won", "lose": "lost"}[verb]
        self.shop.control(f"disputes/{theirs}/{verb}")
        ended = _until(lambda: self._dispute(bought)["status"], end)
        void = bool(self._dispute(bought)["tickets"])
        return f"{opened}, {ended}, tickets {'void' if void else 'good'}"

    def _dispute(self, bought: Any) -> dict[str, Any]:
        found = self.app.refunding.disputes(self._actor(), PaymentId(UUID(bought["id"])))
        return found[-1] if found else {"status": "", "tickets": [], "providerDisputeId": ""}

    def _cancel(self) -> str:
        event = self.shop.catalog.events[-1].id
        for _ in range(2):
            self._bought(event=event)
        cancel = self.app.cancel_event
        cancel(self._tenant, event, _entry("event.cancel", "event", event))

        def finished() -> bool:
            now = cancel.status(self._tenant, event)
            return now.progress.refunded == now.progress.orders

        _until(finished)
        done = cancel.status(self._tenant, event).progress
        left = sum(one.cents - one.refunded_cents for one in done.money) / 100
        return f"{done.orders} orders, {done.refunded} refunded, {left:.2f} left"

    def _pay_out(self) -> str:
        venue, money = self.shop.catalog.venues[0].id, self.app.venue_money
        money.connect(self._tenant, venue, USD, _ACCOUNT, _entry("payout.connect", "venue", venue))
        attrs.evolve(money.release, rules=_OVER_AT_ONCE)(self._tenant)
        path = f"venues/{venue}"
        balances = self.shop.staff("GET", f"{path}/balance", "admin").json()["balances"]
        held = next(row for row in balances if row["currency"] == USD.code)
        # What was charged today is the platform's in days; the venue is paid of what it has.
        self.shop.control("balance", topUpCents=_TOP_UP_CENTS)
        body = {"amountCents": held["payableCents"]}
        asked = self.shop.staff("POST", f"{path}/payouts", "admin", body)
        ident = PayoutId(UUID(asked.json()["id"]))
        _until(lambda: self._payout(venue, ident), "processing")
        self._banked(ident)
        money.sync(self._tenant, ident, _entry("payout.sync", "payout", ident))
        paid = _until(lambda: self._payout(venue, ident), "paid")
        return f"{asked.status_code} {asked.json()['status']}, {paid}"

    def _payout(self, venue: VenueId, ident: PayoutId) -> str:
        answer = self.shop.staff("GET", f"venues/{venue}/payouts", "admin").json()
        return str(next(p["status"] for p in answer["payouts"] if p["id"] == str(ident)))

    def _banked(self, ident: PayoutId) -> None:
        """The venue's bank takes the payout as soon as the provider has it."""

        def theirs() -> str:
            answer = self.shop.sandbox.get("/v1/payouts", headers={"stripe-account": _ACCOUNT})
            found = answer.raise_for_status().json()["data"]
            mine = (p["id"] for p in found if p["metadata"].get("payout_id") == str(ident))
            return next(mine, "")

        self.shop.control(f"payouts/{_until(theirs)}/pay")


def _told(story: str, expected: str, act: Callable[[], str]) -> Result:
    try:
        actual = act()
    except (httpx.HTTPError, TicketpayError, LookupError, ValueError) as error:
        actual = f"{type(error).__name__}: {error}"
    return Result(story=story, expected=expected, actual=actual)


def _until(look: Callable[[], Any], wanted: object = None) -> Any:
    """What ``look`` gives once it is as ``wanted``, or true; after 20 s whatever it is."""
    began = time.monotonic()
    while time.monotonic() - began < _WAIT_SECONDS:
        seen = look()
        if seen == wanted if wanted is not None else seen:
            break
        time.sleep(_POLL_SECONDS)
    return seen


def _entry(action: str, kind: str, subject: object) -> AuditEntry:
    return operator_entry(action, kind, subject, name="demo", reason="the demonstration")
