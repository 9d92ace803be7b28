"""The production use cases over memory and the in-process sandbox, under a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from tests.support.scenery import START, Scenery
from ticketpay.adapters.memory import (
    MemoryCatalog,
    MemoryRateLoader,
    MemoryUnitOfWork,
    RecordingAlerts,
    RecordingTickets,
    SeededIds,
    SeededRandom,
    VirtualClock,
)
from ticketpay.adapters.sandbox import Delivery, Response, SandboxModel
from ticketpay.adapters.stripe import StripeGateway, StripeWebhooks
from ticketpay.adapters.stripe.billing import StripeBilling
from ticketpay.adapters.stripe.mapping import fact_of, refunded_cents, withdrawn_cents
from ticketpay.adapters.stripe.payouts import StripePayouts
from ticketpay.domain.kernel.ids import QuoteId
from ticketpay.domain.messaging import KeyScope, request_hash
from ticketpay.domain.money import USD, Currency, RateTable
from ticketpay.domain.parties import Actor
from ticketpay.domain.payments import Payment, PaymentMethod, ProviderFact
from ticketpay.domain.pricing import Address, Demand, ExchangeRules
from ticketpay.domain.processes.checkout import PlaceOrder
from ticketpay.entrypoints.stack import HEARD as STACK_HEARD
from ticketpay.entrypoints.wiring import App, Parts, assemble
from ticketpay.ports.tax import TaxRates

__all__ = [
    "PROVIDER_SECONDS",
    "Sandboxed",
    "authenticate",
    "bank",
    "choose_card",
    "place_order",
    "provider_facts",
    "refund_at_provider",
    "try_card",
]

PROVIDER_SECONDS: Final = 30
SECRET: Final = "whsec_simulated"
# What the stack registers, and one event that the inbox must let pass.
HEARD: Final = (*STACK_HEARD, "payment_intent.created")


def place_order(
    actor: Actor,
    key: UUID,
    demand: Demand | None,
    card: str = "visa",
    *,
    quote_id: QuoteId | None = None,
    metadata: Mapping[str, str] | None = None,
    expected_total_cents: int | None = None,
    customer: Address | None = None,
    currency: Currency | None = None,
) -> PlaceOrder:
    """The command that a buyer sends; ``card`` is a ``pm_`` name or what follows ``pm_card_``."""
    method = card if card.startswith("pm_") else f"pm_card_{card}"
    body: dict[str, object] = {"demand": str(demand), "quote": str(quote_id), "method": method}
    return PlaceOrder(
        actor=actor,
        key=KeyScope(actor.user_id, key),
        request_hash=request_hash("place_order", body),
        demand=demand,
        quote_id=quote_id,
        method=PaymentMethod(type="card", method_id=method),
        device_fingerprint="device",
        metadata=tuple(sorted((metadata or {}).items())),
        expected_total_cents=expected_total_cents,
        customer=customer,
        currency=currency or (demand.currency if demand else None),
    )


def authenticate(model: SandboxModel, intent_id: str, outcome: str = "succeed") -> None:
    """The buyer answers the bank's question."""
    path = f"/_sandbox/payment_intents/{intent_id}/authenticate"
    model.request("POST", path, {}, b'{"outcome": "%s"}' % outcome.encode())


def try_card(model: SandboxModel, intent_id: str, card: str) -> int:
    """The buyer's browser confirms a failed intent with another card; the HTTP status."""
    path = f"/v1/payment_intents/{intent_id}/confirm"
    headers = {
        "authorization": "Bearer sk_test_browser",
        "content-type": "application/x-www-form-urlencoded",
    }
    return model.request("POST", path, headers, f"payment_method=pm_card_{card}".encode()).status


def choose_card(model: SandboxModel, intent_id: str, card: str) -> int:
    """The buyer's browser names another card and goes away before it confirms; the HTTP status."""
    headers = {
        "authorization": "Bearer sk_test_browser",
        "content-type": "application/x-www-form-urlencoded",
    }
    path, body = f"/v1/payment_intents/{intent_id}", f"payment_method=pm_card_{card}"
    return model.request("POST", path, headers, body.encode()).status


_DASHBOARD: Final = {
    "authorization": "Bearer sk_test_dashboard",
    "content-type": "application/x-www-form-urlencoded",
}


def refund_at_provider(model: SandboxModel, intent_id: str, cents: int, fate: str = "") -> int:
    """Staff refund in the provider's dashboard, with the fate of a sandbox refund; the HTTP status."""
    body = f"payment_intent={intent_id}&amount={cents}"
    body += f"&metadata[sandbox_refund]={fate}" if fate else ""
    return model.request("POST", "/v1/refunds", _DASHBOARD, body.encode()).status


def take_refund_back(model: SandboxModel, refund_id: str) -> int:
    """Staff cancel a refund that waits for the buyer; the HTTP status."""
    return model.request("POST", f"/v1/refunds/{refund_id}/cancel", _DASHBOARD, b"").status


def bank(model: SandboxModel, intent_id: str, verb: str = "dispute", **given: object) -> int:
    """What the buyer's bank does: "dispute" a charge; "escalate", "win" or "lose" its last dispute.

    ``given`` is what a dispute is about; the HTTP status.
    """
    account = model._world.account("")
    charge = account.intents._items[intent_id].latest_charge
    path = f"charges/{charge}/dispute"
    if verb != "dispute":
        mine = [d for d in account.of("dispute")._items.values() if d["charge"] == charge]
        path = f"disputes/{mine[-1].id}/{verb}"
    return model.request("POST", f"/_sandbox/{path}", {}, json.dumps(given).encode()).status


def provider_facts(model: SandboxModel, at: datetime) -> list[ProviderFact]:
    """Every intent as the provider tells it, past our gateway; received less what went back."""
    path = "/v1/payment_intents?limit=100&expand[]=data.latest_charge"
    key = {"authorization": "Bearer sk_test_x"}
    response = model.request("GET", path, key, b"")
    page = json.loads(response.body)
    assert page["has_more"] is False, "a test has few intents"
    disputes = model.request("GET", "/v1/disputes?limit=100", key, b"")
    back: dict[str, int] = {intent["id"]: refunded_cents(intent) for intent in page["data"]}
    for dispute in json.loads(disputes.body)["data"]:
        back[dispute["payment_intent"]] += withdrawn_cents(dispute)
    return [
        fact_of(i, account="", at=at, back_cents=back[i["id"]])
        for i in page["data"]
        if not i["customer"]  # what pays for a plan has one, a buyer has none
    ]


def _quiet(step: str) -> None:
    """Nobody listens."""


@attrs.define(eq=False)
class Sandboxed:
    """One whole system; ``on_step`` hears every transaction and every call of the provider."""

    seed: int = 0
    capacity: int = 5
    on_step: Callable[[str], None] = _quiet
    city: str = "Nashville"
    state: str = "TN"
    tax_rates: TaxRates | None = None
    billed: bool = False
    currency: Currency = USD
    currencies: frozenset[Currency] = frozenset()
    exchange: ExchangeRules = attrs.field(factory=ExchangeRules)
    scenery: Scenery = attrs.field(init=False)
    clock: VirtualClock = attrs.field(init=False)
    model: SandboxModel = attrs.field(init=False)
    uow: MemoryUnitOfWork = attrs.field(init=False)
    alerts: RecordingAlerts = attrs.field(factory=RecordingAlerts, init=False)
    tickets: RecordingTickets = attrs.field(factory=RecordingTickets, init=False)
    gateway: StripeGateway = attrs.field(init=False)
    app: App = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.scenery = Scenery.seeded(
            self.seed,
            capacity=self.capacity,
            city=self.city,
            state=self.state,
            currency=self.currency,
            currencies=self.currencies,
        )
        self.clock = VirtualClock(START)
        self.model = SandboxModel(self.seed, self.clock.unix)
        self.model.add_endpoint("http://ticketpay/webhooks/stripe", SECRET, HEARD)
        self.uow = MemoryUnitOfWork(on_step=self._step)
        MemoryCatalog(self.uow).load(self.scenery.catalog)
        self.gateway = StripeGateway.create(
            "sk_test_simulated", transport=self._transport, now=self.clock.now
        )
        self.app = assemble(
            Parts(
                uow=self.uow,
                gateway=self.gateway,
                reader=StripeWebhooks((SECRET,)),
                tickets=self.tickets,
                clock=self.clock,
                ids=SeededIds(self.seed),
                random=SeededRandom(self.seed),
                alerts=self.alerts,
                tax_rates=self.tax_rates,
                billing=StripeBilling.create(
                    "sk_test_simulated", transport=self._transport, now=self.clock.now
                )
                if self.billed
                else None,
                exchange=self.exchange,
                payouts=StripePayouts.create(
                    "sk_test_simulated", transport=self._transport, now=self.clock.now
                ),
            )
        )

    def load_rates(self, table: RateTable) -> bool:
        """What ``ticketpay rates load`` does."""
        return MemoryRateLoader(self.uow).load(table, self.clock.now())

    def receive(self, delivery: Delivery) -> None:
        """Give one delivery to the webhook endpoint and tell the provider."""
        self.app.receive_webhook(delivery.body, delivery.headers["stripe-signature"])
        self.model.delivery_result(delivery.id, 200)

    def receive_all(self) -> None:
        """Give everything that is due now to the webhook endpoint."""
        for delivery in self.model.due_deliveries():
            self.receive(delivery)

    def authenticate(self, intent_id: str, outcome: str = "succeed") -> None:
        """The buyer answers the bank's question."""
        authenticate(self.model, intent_id, outcome)

    def try_card(self, intent_id: str, card: str) -> int:
        """The buyer's browser confirms a failed intent with another card; the HTTP status."""
        return try_card(self.model, intent_id, card)

    def choose_card(self, intent_id: str, card: str) -> int:
        """The buyer's browser names another card and goes away; the HTTP status."""
        return choose_card(self.model, intent_id, card)

    def work(self) -> int:
        """One round of every worker; how much was claimed."""
        app = self.app
        return app.process_inbox() + app.janitor() + app.relay_outbox()

    def payments(self) -> list[Payment]:
        """Every payment of the tenant."""
        return list(self.uow.store.of(self.scenery.tenant).payments.values())

    def stock(self) -> tuple[int, int]:
        """(standing, seated) tickets that are taken."""
        table = self.uow.store.of(self.scenery.tenant).stock
        rows = [table.get(t) for t in (self.scenery.standing, self.scenery.seated)]
        standing, seated = (row.taken for row in rows if row is not None)
        return standing, seated

    def provider_facts(self) -> list[ProviderFact]:
        """Every intent as the provider tells it, past our gateway; received less refunded."""
        return provider_facts(self.model, self.clock.now())

    def _step(self, name: str) -> None:
        # Tests replace the listener while the system runs.
        self.on_step(name)

    def _transport(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        self.on_step("provider.before")
        response = self.model.request(method, path, headers, body)
        if response.hang:
            self.clock.advance(PROVIDER_SECONDS)
        else:
            self.clock.advance(response.delay_seconds)
        self.on_step("provider.after")
        return response
