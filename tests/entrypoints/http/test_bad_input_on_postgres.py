"""Bad input on the real database: a clear answer, and not one row more in any table."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import anyio
import attrs
import httpx
import pytest

from tests.support.databases import Database, make_shop
from tests.support.sales import SECRET, Till
from ticketpay.entrypoints.http import create_app, issue_token
from ticketpay.entrypoints.settings import Secret, Settings

pytestmark = pytest.mark.server
SETTINGS = Settings(jwt_secrets=(Secret("s" * 40),))


@pytest.fixture(scope="module")
def till(database: Database) -> Iterator[Till]:
    """A shop with its use cases."""
    shop = make_shop()
    database.load(shop.catalog)
    with Till.open(database, shop) as till:
        yield till


def ask(till: Till, method: str, path: str, **request: Any) -> httpx.Response:
    app = create_app(attrs.evolve(till.app, close=lambda: None), SETTINGS, ready=lambda: True)

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **request)

    return anyio.run(send)


def token(till: Till, *, role: str = "customer", tenant: Any = None, user: Any = None) -> str:
    return issue_token(
        SETTINGS.jwt_secrets[0].value,
        tenant=tenant or till.shop.tenant.id,
        user=user or till.actor.user_id,
        role=role,
        lifetime_seconds=600,
        now=datetime.now(UTC),
        issuer=SETTINGS.jwt_issuer,
        audience=SETTINGS.jwt_audience,
    )


def headers(till: Till, **changes: str) -> dict[str, str]:
    base = {"Authorization": f"Bearer {token(till)}", "Idempotency-Key": str(uuid4())}
    return base | changes


def body(till: Till, **changes: object) -> dict[str, object]:
    wanted = [{"ticketTypeId": str(till.shop.standing.id), "quantity": 1}]
    return {
        "venueId": str(till.shop.event.venue_id),
        "eventId": str(till.shop.event.id),
        "tickets": wanted,
        "paymentMethod": {"type": "card", "paymentMethodId": "pm_card_visa"},
        "deviceFingerprint": "device",
    } | changes


BAD_BODIES: dict[str, tuple[dict[str, object], int]] = {
    "float quantity": ({"tickets": [{"ticketTypeId": str(uuid4()), "quantity": 1.5}]}, 400),
    "text price": (
        {"tickets": [{"ticketTypeId": str(uuid4()), "quantity": 1, "priceCents": "5"}]},
        400,
    ),
    "negative price": (
        {"tickets": [{"ticketTypeId": str(uuid4()), "quantity": 1, "priceCents": -5}]},
        400,
    ),
    "zero price": (
        {"tickets": [{"ticketTypeId": str(uuid4()), "quantity": 1, "priceCents": 0}]},
        400,
    ),
    "price too large": ({"totalCents": 100_000_000}, 400),
    "unknown currency": ({"currency": "XYZ"}, 400),
    "twenty-one lines": ({"tickets": [{"ticketTypeId": str(uuid4()), "quantity": 1}] * 21}, 400),
    "fifty-one metadata keys": ({"metadata": {f"k{i}": "v" for i in range(51)}}, 400),
}


@pytest.mark.spec("S12", "S13")
@pytest.mark.parametrize("name", sorted(BAD_BODIES))
def test_a_bad_body_writes_nothing(till: Till, database: Database, name: str) -> None:
    """A body that breaks the schema is answered 400 and leaves every table as it was."""
    changes, status = BAD_BODIES[name]
    before = database.counts()
    answer = ask(
        till, "POST", "/api/v1/payments", json=body(till, **changes), headers=headers(till)
    )
    assert answer.status_code == status
    assert answer.json()["errors"]
    assert database.counts() == before


@pytest.mark.spec("S08")
def test_strangers_write_nothing(till: Till, database: Database) -> None:
    """No token, another role, another tenant: 401, 403, 404; nothing but a stored refusal."""
    before = database.counts()
    assert ask(till, "POST", "/api/v1/payments", json=body(till)).status_code == 401
    manager = headers(till, Authorization=f"Bearer {token(till, role='venue_manager')}")
    assert (
        ask(till, "POST", "/api/v1/payments", json=body(till), headers=manager).status_code == 403
    )
    assert database.counts() == before
    other = make_shop()
    database.load(other.catalog)
    before = database.counts()
    abroad = headers(till, Authorization=f"Bearer {token(till, tenant=other.tenant.id)}")
    answer = ask(till, "POST", "/api/v1/payments", json=body(till), headers=abroad)
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    after = database.counts()
    assert after.pop("idempotency_keys") == before.pop("idempotency_keys") + 1
    assert after == before


@pytest.mark.spec("S12")
def test_wrong_forms_write_nothing(till: Till, database: Database) -> None:
    """Too large 413, wrong type 415, malformed 400 with the position."""
    before = database.counts()
    huge = ask(till, "POST", "/api/v1/payments", content=b"x" * (513 * 1024), headers=headers(till))
    assert huge.status_code == 413
    xml = headers(till) | {"Content-Type": "text/xml"}
    assert ask(till, "POST", "/api/v1/payments", content=b"<a/>", headers=xml).status_code == 415
    broken = headers(till) | {"Content-Type": "application/json"}
    answer = ask(till, "POST", "/api/v1/payments", content=b'{"a": }', headers=broken)
    assert answer.status_code == 400
    assert "column" in answer.json()["detail"]
    assert database.counts() == before


@pytest.mark.spec("S26", "S26 D1")
@pytest.mark.parametrize("shift", [-301, 0, 330])
def test_bad_webhook_signatures_write_nothing(till: Till, database: Database, shift: int) -> None:
    """Forged, stale and future signatures are answered 400 and not stored."""
    raw, at = b'{"id":"evt_1"}', int(time.time()) + shift
    secret = SECRET if shift else "whsec_forged"
    digest = hmac.new(secret.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()
    before = database.counts()
    signed = {"stripe-signature": f"t={at},v1={digest}"}
    answer = ask(till, "POST", "/api/v1/webhooks/stripe", content=raw, headers=signed)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_SIGNATURE")
    assert database.counts() == before


@pytest.mark.spec("S11", "S16", "S18")
def test_a_sale_over_http(till: Till) -> None:
    """Quote, pay by quote, replay byte for byte, refuse another body, read the receipt."""
    demand = {"eventId": str(till.shop.event.id), "tickets": body(till)["tickets"]}
    quote = ask(till, "POST", "/api/v1/quotes", json=demand, headers=headers(till))
    assert quote.status_code == 201
    assert next(iter(quote.json())) == "allInCents"
    keyed = headers(till)
    paid = {**body(till), "quoteId": quote.json()["id"], "totalCents": quote.json()["totalCents"]}
    first = ask(till, "POST", "/api/v1/payments", json=paid, headers=keyed)
    assert first.status_code == 201
    again = ask(till, "POST", "/api/v1/payments", json=paid, headers=keyed)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = ask(till, "POST", "/api/v1/payments", json=body(till), headers=keyed)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    order = ask(till, "GET", f"/api/v1/orders/{first.json()['orderId']}", headers=headers(till))
    assert order.json()["totalCents"] == quote.json()["totalCents"]
    foreign = headers(till, Authorization=f"Bearer {token(till, user=uuid4())}")
    hidden = ask(till, "GET", f"/api/v1/orders/{first.json()['orderId']}", headers=foreign)
    assert hidden.status_code == 404
