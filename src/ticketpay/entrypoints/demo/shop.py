"""The shop as a buyer sees it: the API over HTTP, a token each, and a provider to satisfy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from uuid import UUID, uuid4

import attrs
import httpx

from ticketpay.domain.catalog import Catalog, StockedType
from ticketpay.domain.kernel.ids import EventId
from ticketpay.domain.money import Currency, Money

__all__ = ["Buyer", "Shop"]

_TIMEOUT_SECONDS: Final = 20.0
_API: Final = "/api/v1"


@attrs.frozen(kw_only=True)
class Shop:
    """Where to buy and what; ``token`` signs in a user of the demo's tenant in a role."""

    api: httpx.Client
    sandbox: httpx.Client
    catalog: Catalog
    token: Callable[[UUID, str], str]

    @classmethod
    def at(
        cls,
        api_url: str,
        sandbox_url: str,
        key: str,
        catalog: Catalog,
        token: Callable[[UUID, str], str],
    ) -> Shop:
        """The shop at ``api_url``, whose provider believes ``key``."""
        limits = httpx.Limits(max_connections=64)
        api = httpx.Client(
            base_url=api_url, timeout=_TIMEOUT_SECONDS, limits=limits, trust_env=False
        )
        headers = {"authorization": f"Bearer {key}"}
        sandbox = httpx.Client(
            base_url=sandbox_url, timeout=_TIMEOUT_SECONDS, headers=headers, trust_env=False
        )
        return cls(api=api, sandbox=sandbox, catalog=catalog, token=token)

    def close(self) -> None:
        """Close all connections."""
        self.api.close()
        self.sandbox.close()

    def buyer(self) -> Buyer:
        """Somebody new."""
        return Buyer(self, {"authorization": f"Bearer {self.token(uuid4(), 'customer')}"})

    def kind(self, *, seated: bool) -> StockedType:
        """The first ticket type of that sort."""
        return next(found for found in self.catalog.types if found.type.seated is seated)

    def basket(
        self, quantity: int = 1, seat: str = "", *, event: EventId | None = None
    ) -> dict[str, Any]:
        """What to buy: general admission, of an event if there is one named, or one named seat."""
        kind = self.kind(seated=bool(seat)).type
        if event is not None:
            of_event = (found.type for found in self.catalog.types if found.type.event_id == event)
            kind = next(found for found in of_event if not found.seated)
        event_of_kind = next(found for found in self.catalog.events if found.id == kind.event_id)
        line: dict[str, Any] = {"ticketTypeId": str(kind.id), "quantity": quantity}
        if seat:
            line["seats"] = [seat]
        return {
            "venueId": str(event_of_kind.venue_id),
            "eventId": str(kind.event_id),
            "tickets": [line],
        }

    def charged(self) -> dict[str, Money]:
        """The successful charges at the provider: the amount of each intent."""
        found: dict[str, Money] = {}
        page: dict[str, Any] = {"has_more": True}
        after: dict[str, str] = {}
        while page["has_more"]:
            answer = self.sandbox.get("/v1/charges", params={"limit": "100", **after})
            page = answer.raise_for_status().json()
            for charge in page["data"]:
                after = {"starting_after": charge["id"]}
                if charge["status"] == "succeeded":
                    amount = Money(charge["amount"], Currency.of(charge["currency"]))
                    before = found.get(charge["payment_intent"], Money.zero(amount.currency))
                    found[charge["payment_intent"]] = before + amount
        return found

    def staff(self, method: str, path: str, role: str, body: object = None) -> httpx.Response:
        """A request of somebody who works for the tenant; raises for a refusal."""
        headers = {"authorization": f"Bearer {self.token(uuid4(), role)}"}
        if body is not None:
            headers["idempotency-key"] = str(uuid4())
        answer = self.api.request(method, f"{_API}/{path}", json=body, headers=headers)
        return answer.raise_for_status()

    def intent_of(self, payment: str) -> dict[str, Any]:
        """The intent of a payment at the provider."""
        answer = self.sandbox.get("/v1/payment_intents", params={"limit": "100"})
        found = answer.raise_for_status().json()["data"]
        mine = (intent for intent in found if intent["metadata"].get("payment_id") == payment)
        return dict(next(mine))

    def control(self, path: str, **given: object) -> None:
        """Make something happen at the provider, such as ``disputes/{id}/win``."""
        self.sandbox.post(f"/_sandbox/{path}", json=given).raise_for_status()

    def pass_challenge(self, intent: str) -> None:
        """Do what a buyer does on the bank's page."""
        path = f"/_sandbox/payment_intents/{intent}/authenticate"
        self.sandbox.post(path, json={"outcome": "succeed"}).raise_for_status()


@attrs.frozen
class Buyer:
    """One signed-in user."""

    shop: Shop
    headers: Mapping[str, str]

    def pay(
        self,
        basket: Mapping[str, Any],
        card: str = "pm_card_visa",
        *,
        key: UUID | None = None,
        delivery: str = "",
    ) -> httpx.Response:
        """``POST /payments``; ``delivery`` asks the sandbox to misdeliver its events."""
        body = dict(basket)
        body["paymentMethod"] = {"type": "card", "paymentMethodId": card}
        body["deviceFingerprint"] = "demo"
        if delivery:
            body["metadata"] = {"sandbox_delivery": delivery}
        headers = {**self.headers, "idempotency-key": str(key or uuid4())}
        return self.shop.api.post(f"{_API}/payments", json=body, headers=headers)

    def quote(self, basket: Mapping[str, Any]) -> dict[str, Any]:
        """``POST /quotes``."""
        body = {n: basket[n] for n in ("eventId", "tickets", "currency") if n in basket}
        answer = self.shop.api.post(f"{_API}/quotes", json=body, headers=self.headers)
        return dict(answer.raise_for_status().json())

    def confirm(self, payment: str) -> httpx.Response:
        """``POST /payments/{id}/confirm``."""
        headers = {**self.headers, "idempotency-key": str(uuid4())}
        path = f"{_API}/payments/{payment}/confirm"
        return self.shop.api.post(path, json={}, headers=headers)

    def order(self, order: str) -> dict[str, Any]:
        """``GET /orders/{id}``: the receipt."""
        answer = self.shop.api.get(f"{_API}/orders/{order}", headers=self.headers)
        return dict(answer.raise_for_status().json())
