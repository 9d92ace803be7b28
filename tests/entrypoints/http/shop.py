"""A shop: the real use cases over the in-memory twin, a provider that obeys the token, and HTTP."""

from __future__ import annotations

import json
from typing import Any, cast
from uuid import UUID, uuid4

import anyio
import attrs
import httpx

from tests.entrypoints.http.driving import SETTINGS, token
from tests.support.scenery import START, Scenery
from ticketpay.adapters.memory import (
    MemoryCatalog,
    MemoryUnitOfWork,
    RecordingAlerts,
    RecordingTickets,
    SeededIds,
    SeededRandom,
    VirtualClock,
)
from ticketpay.adapters.sandbox.delivery import sign
from ticketpay.adapters.stripe.webhook import StripeWebhooks
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown
from ticketpay.domain.money import DEVELOPMENT_RATES, EUR, Money, RateTable
from ticketpay.domain.payments import (
    ChargeRequest,
    Failure,
    PaymentDeclined,
    PaymentMethod,
    ProviderFact,
    ProviderRef,
    ProviderStatus,
    ProviderUnavailable,
)
from ticketpay.domain.pricing import ExchangeRules
from ticketpay.entrypoints.http import create_app
from ticketpay.entrypoints.http.operations import Operation
from ticketpay.entrypoints.settings import Settings
from ticketpay.entrypoints.wiring import App, Parts, assemble
from ticketpay.ports.billing import PlanBilling

CLIENT_SECRET = "pi_51_secret_wren"
WEBHOOK_SECRET = "whsec_77_wren"
_WISHES = {
    "tok_action": ProviderStatus.REQUIRES_ACTION,
    "tok_processing": ProviderStatus.PROCESSING,
}


@attrs.define
class ObedientProvider:
    """Takes every charge; the card token says if it is to be otherwise."""

    facts: dict[ProviderRef, ProviderFact] = attrs.field(factory=dict)

    def charge(self, request: ChargeRequest) -> ProviderFact:
        wish = request.method.token or ""
        if wish == "tok_declined":
            raise PaymentDeclined(Failure("card_declined", "do_not_honor", "Ask your bank"))
        if wish == "tok_down":
            raise ProviderUnavailable("the provider is away")
        if wish == "tok_unclear":
            raise OutcomeUnknown("no answer")
        if wish.endswith("bug"):
            raise RuntimeError(f"a bug while {wish} was charged: {request!r}")
        status = _WISHES.get(wish, ProviderStatus.SUCCEEDED)
        paid = status is ProviderStatus.SUCCEEDED
        fact = ProviderFact(
            ref=ProviderRef("stripe", "", livemode=False, object_id=f"pi_{uuid4().hex}"),
            status=status,
            amount=request.amount,
            received=request.amount if paid else Money(0, request.amount.currency),
            occurred_at=START,
            tenant_id=str(request.tenant_id),
            payment_id=str(request.payment_id),
            client_secret="" if paid else CLIENT_SECRET,
        )
        self.facts[fact.ref] = fact
        return fact

    def retrieve(self, ref: ProviderRef) -> ProviderFact:
        if ref not in self.facts:
            raise NotFound("there is no such intent")
        return self.facts[ref]

    def confirm(
        self, ref: ProviderRef, key: str, method: PaymentMethod | None = None
    ) -> ProviderFact:
        return self.retrieve(ref)

    def cancel(self, ref: ProviderRef, key: str) -> ProviderFact:
        fact = self.retrieve(ref)
        if fact.status is not ProviderStatus.SUCCEEDED:
            fact = self.facts[ref] = attrs.evolve(fact, status=ProviderStatus.CANCELED)
        return fact


@attrs.frozen(kw_only=True)
class Shop:
    """The application over ``scenery``; every request comes with a token unless told otherwise."""

    scenery: Scenery
    app: App
    settings: Settings
    served: Any
    provider: ObedientProvider

    @classmethod
    def open(
        cls,
        settings: Settings = SETTINGS,
        *,
        capacity: int = 1_000,
        log_level: str = "error",
        billing: PlanBilling | None = None,
        rates: RateTable | None = DEVELOPMENT_RATES,
    ) -> Shop:
        """A shop with one tenant and its concert, sold in euros, too."""
        uow = MemoryUnitOfWork()
        provider = ObedientProvider()
        scenery = Scenery.seeded(1, capacity=capacity, currencies=frozenset({EUR}))
        MemoryCatalog(uow).load(scenery.catalog)
        parts = Parts(
            uow=cast("Any", uow),
            gateway=cast("Any", provider),
            reader=StripeWebhooks((WEBHOOK_SECRET,)),
            tickets=RecordingTickets(),
            clock=VirtualClock(START),
            ids=SeededIds(1),
            random=SeededRandom(1),
            alerts=RecordingAlerts(),
            billing=billing,
            exchange=ExchangeRules(fallback=rates),
        )
        app, settings = assemble(parts), attrs.evolve(settings, log_level=log_level)
        served = create_app(app, settings, ready=lambda: True)
        return cls(scenery=scenery, app=app, settings=settings, served=served, provider=provider)

    def charges(self) -> int:
        """How many intents the provider has made."""
        return len(self.provider.facts)

    def token(self, **changes: Any) -> str:
        """A token of a customer of this tenant; the virtual clock is not the token's."""
        return token(**{"tenant": self.scenery.tenant, **changes})

    def purchase(self, card: str = "tok_visa", **changes: Any) -> dict[str, Any]:
        """A good body of a purchase of one standing ticket."""
        line = {"ticketTypeId": str(self.scenery.standing), "quantity": 1}
        return {
            "venueId": str(self.scenery.venue_id),
            "eventId": str(self.scenery.event_id),
            "tickets": [line],
            "paymentMethod": {"type": "card", "token": card},
            "deviceFingerprint": "device",
            **changes,
        }

    def buy(
        self, card: str = "tok_visa", user: UUID | None = None, quantity: int = 1
    ) -> dict[str, Any]:
        """The view of a new payment."""
        whose = self.token(**({"user": user} if user else {}))
        line = {"ticketTypeId": str(self.scenery.standing), "quantity": quantity}
        wanted = self.purchase(card, tickets=[line])
        answer = self.send("POST", "/api/v1/payments", whose, body=wanted)
        view: dict[str, Any] = answer.json()
        return view

    def send(self, method: str, path: str, bearer: str | None = None, **wanted: Any) -> Any:
        """One request; ``body`` is sent as JSON, every mutation has a fresh key."""
        headers = {"idempotency-key": str(uuid4())} | wanted.pop("headers", {})
        if bearer is not None:
            headers["authorization"] = f"Bearer {bearer}"
        if "body" in wanted:
            headers.setdefault("content-type", "application/json")
            wanted["content"] = json.dumps(wanted.pop("body")).encode()
        return self.ask(method, path, headers=headers, **wanted)

    def ask(self, method: str, path: str, **wanted: Any) -> httpx.Response:
        """One request as it is."""

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self.served)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://shop", trust_env=False
            ) as client:
                return await client.request(method, path, **wanted)

        return anyio.run(go)

    def tell(self, raw: bytes, secret: str = WEBHOOK_SECRET) -> httpx.Response:
        """A webhook of the provider."""
        stamp = int(START.timestamp())
        signature = sign(secret, stamp, raw)
        headers = {"stripe-signature": signature, "content-type": "application/json"}
        return self.ask("POST", "/api/v1/webhooks/stripe", content=raw, headers=headers)


def addressed(operation: Operation, thing: object) -> str:
    """The path of an operation on a thing."""
    return operation.path.replace("{id}", str(thing))
