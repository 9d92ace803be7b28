"""Plans over HTTP where they are billed: what pays, what is declined, what the bank asks, the end."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.entrypoints.http.shop import Shop
from tests.entrypoints.http.test_openapi import ROWS, check
from tests.support.scenery import START
from ticketpay.adapters.memory import VirtualClock
from ticketpay.adapters.sandbox import SandboxModel
from ticketpay.adapters.stripe.billing import StripeBilling
from ticketpay.domain.parties import Role

pytestmark = pytest.mark.spec("S19")


@pytest.fixture
def shop() -> Shop:
    clock = VirtualClock(START)
    model = SandboxModel(1, clock.unix)
    billing = StripeBilling.create("sk_test_x", transport=model.request, now=clock.now)
    return Shop.open(billing=billing)


def ask(shop: Shop, method: str = "POST", key: object = None, **body: Any) -> httpx.Response:
    path = f"/api/v1/venues/{shop.scenery.venue_id}/subscription"
    more: dict[str, Any] = {"body": body} if method == "POST" else {}
    headers = {"idempotency-key": str(key or uuid4())}
    answer: httpx.Response = shop.send(
        method, path, shop.token(role=Role.ADMIN), headers=headers, **more
    )
    operation = {"POST": "subscribe", "DELETE": "unsubscribe", "GET": "venue_subscription"}[method]
    check(ROWS[operation], answer)
    return answer


def test_a_plan_is_bought_and_given_up(shop: Shop) -> None:
    """201 with the provider's id; another one at once; the end is told and can be taken back."""
    bought = ask(shop, plan="pro", paymentMethod="pm_card_visa")
    assert (bought.status_code, bought.json()["status"]) == (201, "active")
    assert bought.json()["subscriptionId"].startswith("sub_")
    assert ask(shop, plan="enterprise").json()["plan"] == "enterprise"
    ended = ask(shop, "DELETE")
    assert (ended.status_code, ended.json()["nextBillingDate"]) == (200, None)
    assert ended.json()["cancelsAt"] == bought.json()["nextBillingDate"]
    assert ask(shop, "GET").json()["cancelsAt"] == ended.json()["cancelsAt"]
    assert "cancelsAt" not in ask(shop, plan="enterprise").json()


def test_what_pays_is_asked_for_by_its_name(shop: Shop) -> None:
    """400 with the field, and with nothing else."""
    answer = ask(shop, plan="pro")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["paymentMethod"]


def test_a_declined_card_is_told_like_a_declined_payment(shop: Shop) -> None:
    """402 with the reason and the subscription that there is not; the same under the same key."""
    key = uuid4()
    for _ in range(2):
        answer = ask(shop, key=key, plan="pro", paymentMethod="pm_card_chargeDeclined")
        assert (answer.status_code, answer.json()["code"]) == (402, "PAYMENT_DECLINED")
        assert answer.json()["subscription"]["failure"]["code"] == "card_declined"
        assert answer.json()["subscription"]["nextBillingDate"] is None
    assert ask(shop, "GET").status_code == 404
    assert ask(shop, "DELETE").status_code == 404


def test_the_bank_asks(shop: Shop) -> None:
    """202 with a secret, again when it is repeated; another wish has to wait."""
    key = uuid4()
    secrets = set()
    for _ in range(2):
        answer = ask(shop, key=key, plan="pro", paymentMethod="pm_card_threeDSecureRequired")
        assert (answer.status_code, answer.json()["status"]) == (202, "requires_action")
        secrets.add(answer.json()["clientSecret"])
    assert len(secrets) == 1
    other = ask(shop, plan="starter", paymentMethod="pm_card_visa")
    assert (other.status_code, other.json()["code"]) == (409, "PLAN_CHANGE_PENDING")
    assert "clientSecret" not in ask(shop, "GET").json()
