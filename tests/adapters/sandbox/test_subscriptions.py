"""Subscriptions in the pure model, and that their objects are the SDK's."""

from __future__ import annotations

from typing import Any

import pytest
import stripe as sdk

from tests.adapters.sandbox.driving import Driver, Hand, driver
from tests.adapters.sandbox.test_fields import _unknown

pytestmark = pytest.mark.spec("S67")

MONTH = 31 * 86_400


def _shop(card: str = "pm_card_visa") -> tuple[Driver, Hand, str, str]:
    """A driver, its clock, a customer with a card and a monthly price."""
    stripe, hand = driver()
    _, customer = stripe.post("/v1/customers", email="a@b.example", payment_method=card)
    return stripe, hand, customer["id"], _price(stripe, 2900)


def _price(stripe: Driver, cents: int) -> str:
    _, product = stripe.post("/v1/products", name="Plan")
    recurring = {"interval": "month"}
    more: dict[str, Any] = {"currency": "usd", "unit_amount": cents, "recurring": recurring}
    ident: str = stripe.post("/v1/prices", product=product["id"], **more)[1]["id"]
    return ident


def _subscribed(stripe: Driver, customer: str, price: str) -> Any:
    items = [{"price": price}]
    status, shown = stripe.post("/v1/subscriptions", customer=customer, items=items)
    assert status == 200
    return shown


def _asked(*statuses: str) -> list[dict[str, Any]]:
    return [{"status": status} if status else {} for status in statuses]


def _invoices(stripe: Driver) -> list[tuple[str, int]]:
    found = stripe.get("/v1/invoices")[1]["data"]
    return [(each["status"], each["total"]) for each in found]


def test_renewal() -> None:
    """Each month an invoice is paid; a jump of the clock misses none."""
    stripe, hand, customer, price = _shop()
    subscription = _subscribed(stripe, customer, price)
    assert subscription["status"] == "active"
    hand.now += 2 * MONTH
    assert _invoices(stripe) == [("paid", 2900)] * 3
    kinds = stripe.kinds()
    assert kinds.count("invoice.paid") == 3
    assert kinds.count("customer.subscription.created") == 1


def test_change_and_end() -> None:
    """A plan changes without proration; the subscription ends with its period."""
    stripe, hand, customer, price = _shop()
    path = f"/v1/subscriptions/{_subscribed(stripe, customer, price)['id']}"
    items = [{"price": _price(stripe, 9900)}]
    assert stripe.post(path, items=items)[0] == 400
    assert stripe.post(path, items=items, proration_behavior="none")[0] == 200
    hand.now += MONTH
    assert _invoices(stripe) == [("paid", 9900), ("paid", 2900)]
    assert stripe.post(path, cancel_at_period_end=True)[1]["cancel_at"] is not None
    hand.now += MONTH
    assert stripe.get(path)[1]["status"] == "canceled"
    assert stripe.kinds()[-1] == "customer.subscription.deleted"
    assert stripe.post(path, cancel_at_period_end=False)[0] == 400


def test_declined() -> None:
    """A declined first payment leaves it incomplete; it expires within a day."""
    stripe, hand, customer, price = _shop("pm_card_chargeDeclined")
    subscription = _subscribed(stripe, customer, price)
    assert subscription["status"] == "incomplete"
    assert "invoice.payment_failed" in stripe.kinds()
    hand.now += 86_400
    path = f"/v1/subscriptions/{subscription['id']}"
    assert stripe.get(path)[1]["status"] == "incomplete_expired"


def test_past_due() -> None:
    """A declined renewal is past due, then unpaid; a good card makes it active again."""
    stripe, hand, customer, price = _shop()
    path = f"/v1/subscriptions/{_subscribed(stripe, customer, price)['id']}"
    stripe.post(path, default_payment_method="pm_card_chargeDeclined")
    hand.now += MONTH
    assert stripe.get(path)[1]["status"] == "past_due"
    hand.now += MONTH
    shown = stripe.get(path)[1]
    assert shown["status"] == "unpaid"
    stripe.post(path, default_payment_method="pm_card_visa")
    assert stripe.post(f"/v1/invoices/{shown['latest_invoice']}/pay")[1]["status"] == "paid"
    assert stripe.get(path)[1]["status"] == "active"
    assert stripe.send("DELETE", path, stripe.headers, b"")[1]["status"] == "canceled"


def test_thirty_days() -> None:
    """A price of 30 days renews after exactly 30 days; its lookup key finds it, and no other has it."""
    stripe, hand, customer, _ = _shop()
    recurring = {"interval": "day", "interval_count": 30}
    fields: Any = {"currency": "usd", "unit_amount": 9900, "recurring": recurring}
    named = {"lookup_key": "pro_30d", "product_data": {"name": "Pro"}}
    status, price = stripe.post("/v1/prices", **fields, **named)
    assert (status, price["recurring"]["interval_count"]) == (200, 30)
    assert stripe.post("/v1/prices", **fields, **named)[0] == 400
    assert stripe.post("/v1/prices", **fields)[0] == 400
    found = stripe.get("/v1/prices", lookup_keys=["pro_30d"])[1]["data"]
    assert [each["id"] for each in found] == [price["id"]]
    (item,) = _subscribed(stripe, customer, price["id"])["items"]["data"]
    assert item["current_period_end"] - item["current_period_start"] == 30 * 86_400
    hand.now += 30 * 86_400 - 1
    assert _invoices(stripe) == [("paid", 9900)]
    hand.now += 1
    assert _invoices(stripe) == [("paid", 9900)] * 2


@pytest.mark.parametrize(("outcome", "status"), [("succeed", "active"), ("fail", "incomplete")])
def test_the_bank_asks_at_the_first_invoice(outcome: str, status: str) -> None:
    """Incomplete until the bank has answered; the intent is found by the invoice that it pays."""
    stripe, _, customer, price = _shop("pm_card_threeDSecureRequired")
    subscription = _subscribed(stripe, customer, price)
    assert subscription["status"] == "incomplete"
    assert "invoice.payment_action_required" in stripe.kinds()
    query: Any = {"invoice": subscription["latest_invoice"]}
    (payment,) = stripe.get("/v1/invoice_payments", **query)[1]["data"]
    assert _unknown(payment, sdk.InvoicePayment, "invoice_payment") == []
    intent = payment["payment"]["payment_intent"]
    assert stripe.get(f"/v1/payment_intents/{intent}")[1]["status"] == "requires_action"
    stripe.control(f"payment_intents/{intent}/authenticate", {"outcome": outcome})
    path = f"/v1/subscriptions/{subscription['id']}"
    assert stripe.get(path)[1]["status"] == status
    assert stripe.get("/v1/invoice_payments", **query)[1]["data"][0]["status"] == (
        "paid" if status == "active" else "open"
    )
    assert stripe.send("DELETE", path, stripe.headers, b"")[1]["status"] == "canceled"
    assert _invoices(stripe)[0][0] == ("paid" if status == "active" else "void")


def test_who_has_ended_is_not_listed() -> None:
    """Subscriptions that have ended are listed for `status=all` or their status, as at the provider."""
    stripe, _, customer, price = _shop()
    path = f"/v1/subscriptions/{_subscribed(stripe, customer, price)['id']}"
    assert stripe.send("DELETE", path, stripe.headers, b"")[0] == 200
    counts = [
        len(stripe.get("/v1/subscriptions", **query)[1]["data"])
        for query in _asked("", "all", "canceled", "active")
    ]
    assert counts == [0, 1, 1, 0]


def test_subscription_fields() -> None:
    """Every field of the objects exists in the SDK's classes."""
    stripe, _, customer, price = _shop()
    _subscribed(stripe, customer, price)
    kinds = {
        "customers": sdk.Customer,
        "invoices": sdk.Invoice,
        "prices": sdk.Price,
        "products": sdk.Product,
    }
    for path, kind in kinds.items():
        for shown in stripe.get(f"/v1/{path}")[1]["data"]:
            assert _unknown(shown, kind, path) == []
    (shown,) = stripe.get("/v1/subscriptions")[1]["data"]
    (item,) = shown.pop("items")["data"]
    assert _unknown(shown, sdk.Subscription, "subscription") == []
    assert _unknown(item, sdk.SubscriptionItem, "item") == []
