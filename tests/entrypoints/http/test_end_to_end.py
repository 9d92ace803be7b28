"""The real use cases over the in-memory twin, asked through HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import anyio
import attrs
import httpx
import pytest

from tests.entrypoints.http.driving import KEY, PAYMENTS, SETTINGS, TENANT, THING, purchase, token
from ticketpay.adapters.memory import (
    MemoryCatalog,
    MemoryUnitOfWork,
    RecordingAlerts,
    RecordingTickets,
    SeededIds,
    SeededRandom,
    VirtualClock,
)
from ticketpay.domain.catalog import Catalog, Event, StockedType, TicketType, Venue
from ticketpay.domain.kernel.ids import EventId, TenantId, TicketTypeId, VenueId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.parties import Tenant
from ticketpay.domain.payments import ChargeRequest, ProviderFact, ProviderRef, ProviderStatus
from ticketpay.entrypoints.http import create_app
from ticketpay.entrypoints.wiring import Parts, assemble

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@attrs.define
class Gateway:
    """A provider that takes every charge."""

    charged: list[ChargeRequest] = attrs.field(factory=list)

    def charge(self, request: ChargeRequest) -> ProviderFact:
        self.charged.append(request)
        return ProviderFact(
            ref=ProviderRef("stripe", "acct", livemode=False, object_id=f"pi_{len(self.charged)}"),
            status=ProviderStatus.SUCCEEDED,
            amount=request.amount,
            received=request.amount,
            occurred_at=NOW,
            tenant_id=str(request.tenant_id),
            payment_id=str(request.payment_id),
        )


def catalog() -> Catalog:
    event_id, venue_id = EventId(THING), VenueId(THING)
    kind = TicketType(
        id=TicketTypeId(THING), event_id=event_id, name="Floor", price=Money(5000, USD)
    )
    return Catalog(
        tenant=Tenant(id=TenantId(TENANT), name="Acme", slug="acme"),
        venues=(
            Venue(
                id=venue_id, name="Hall", city="Nashville", state="TN", time_zone="America/Chicago"
            ),
        ),
        events=(
            Event(
                id=event_id,
                venue_id=venue_id,
                name="Show",
                starts_at=NOW + timedelta(days=30),
                currency=USD,
            ),
        ),
        types=(StockedType(type=kind, capacity=3),),
    )


def shop(gateway: Gateway) -> Any:
    uow = MemoryUnitOfWork()
    MemoryCatalog(uow).load(catalog())
    parts = Parts(
        uow=cast("Any", uow),
        gateway=cast("Any", gateway),
        reader=cast("Any", None),
        tickets=RecordingTickets(),
        clock=VirtualClock(NOW),
        ids=SeededIds(1),
        random=SeededRandom(1),
        alerts=RecordingAlerts(),
    )
    return create_app(assemble(parts), attrs.evolve(SETTINGS, log_level="error"), ready=bool)


@pytest.mark.spec("S11")
def test_a_purchase_and_its_replay() -> None:
    """A quote is bought once however often it is sent, can be seen, and is nobody else's."""
    gateway = Gateway()

    async def go() -> None:
        transport = httpx.ASGITransport(shop(gateway))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            headers = {"authorization": f"Bearer {token()}", "idempotency-key": KEY}
            wish = {"eventId": str(THING), "tickets": purchase()["tickets"]}
            quote = (await client.post("/api/v1/quotes", json=wish, headers=headers)).json()
            body = purchase(quoteId=quote["id"], totalCents=quote["totalCents"])
            first = await client.post(PAYMENTS, json=body, headers=headers)
            again = await client.post(PAYMENTS, json=body, headers=headers)
            assert (first.status_code, first.json()["status"]) == (201, "completed")
            assert (again.status_code, again.json()) == (201, first.json())
            assert again.headers["idempotent-replayed"] == "true"
            other = await client.post(PAYMENTS, json=purchase(), headers=headers)
            assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
            path = f"{PAYMENTS}/{first.json()['id']}"
            order = await client.get(f"/api/v1/orders/{first.json()['orderId']}", headers=headers)
            assert (await client.get(path, headers=headers)).json() == first.json()
            assert order.json()["totalCents"] == quote["totalCents"] == first.json()["amountCents"]
            stranger = {"authorization": f"Bearer {token(user=UUID(int=9))}"}
            assert (await client.get(path, headers=stranger)).status_code == 404

    anyio.run(go)
    assert len(gateway.charged) == 1


@pytest.mark.spec("S12")
def test_refusals_of_the_domain() -> None:
    """What the domain refuses is answered with its code and never reaches the provider."""
    gateway = Gateway()
    line = purchase()["tickets"][0]
    wishes: list[tuple[dict[str, Any], int, str]] = [
        ({"tickets": [{**line, "quantity": 4}]}, 409, "SOLD_OUT"),
        ({"tickets": [{**line, "priceCents": 1}]}, 409, "PRICE_CHANGED"),
        ({"tickets": [{**line, "quantity": 1, "seats": ["A1"]}]}, 400, "VALIDATION_ERROR"),
        ({"totalCents": 1}, 409, "PRICE_CHANGED"),
        ({"eventId": KEY}, 404, "NOT_FOUND"),
        ({"quoteId": KEY}, 404, "NOT_FOUND"),
        ({"paymentMethod": {"type": "crypto"}}, 422, "PAYMENT_METHOD_UNSUPPORTED"),
    ]

    async def go() -> None:
        transport = httpx.ASGITransport(shop(gateway))
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            for number, (wish, status, name) in enumerate(wishes):
                key = str(UUID(int=number))
                headers = {"authorization": f"Bearer {token()}", "idempotency-key": key}
                response = await client.post(PAYMENTS, json=purchase(**wish), headers=headers)
                assert (response.status_code, response.json()["code"]) == (status, name)

    anyio.run(go)
    assert gateway.charged == []
