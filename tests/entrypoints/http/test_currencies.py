"""Currencies over HTTP: what the buyer asks for, what is shown of the rate, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.entrypoints.http.shop import Shop
from ticketpay.domain.parties import Role

EXCHANGED = {
    "base": "USD",
    "target": "EUR",
    "rate": "0.85",
    "numerator": 8_500,
    "denominator": 10_000,
    "source": "development",
    "date": "2025-01-01",
}
RATES = "/api/v1/exchange-rates"


@pytest.fixture
def shop() -> Shop:
    return Shop.open()


def quote(shop: Shop, token: str, **changes: Any) -> httpx.Response:
    """A quote of one ticket of 50.00 USD."""
    body = {"eventId": str(shop.scenery.event_id), "tickets": shop.purchase()["tickets"], **changes}
    answer: httpx.Response = shop.send("POST", "/api/v1/quotes", token, body=body)
    return answer


@pytest.mark.spec("S23", "S13")
@pytest.mark.parametrize("currency", ["EUR", "eur"])
def test_a_buyer_sees_the_rate_on_quote_payment_and_order(shop: Shop, currency: str) -> None:
    """A ticket of 50.00 USD is one of 42.50 EUR; the same rate is on the quote and what is bought."""
    token = shop.token()
    quoted = quote(shop, token, currency=currency).json()
    assert (quoted["currency"], quoted["ticketsCents"]) == ("EUR", 4_250)
    body = shop.purchase(quoteId=quoted["id"], totalCents=quoted["totalCents"], currency=currency)
    paid = shop.send("POST", "/api/v1/payments", token, body=body).json()
    order = shop.send("GET", f"/api/v1/orders/{paid['orderId']}", token).json()
    shown = shop.send("GET", f"/api/v1/payments/{paid['id']}", token).json()
    assert [view["exchangeRate"] for view in (quoted, paid, order, shown)] == [EXCHANGED] * 4
    assert paid["amountCents"] == quoted["totalCents"]


@pytest.mark.spec("S23")
def test_in_the_events_own_currency_there_is_no_rate(shop: Shop) -> None:
    """Named or not, the event's currency needs no rate, and says so with a null."""
    token = shop.token()
    for changes in ({}, {"currency": "usd"}):
        answer = quote(shop, token, **changes).json()
        assert (answer["currency"], answer["exchangeRate"]) == ("USD", None)


@pytest.mark.spec("S23", "S13")
def test_another_currency_is_a_mismatch(shop: Shop) -> None:
    """A currency that the event, or the quote, is not in is refused with its code; nothing is sold."""
    token = shop.token()
    quoted = quote(shop, token, currency="EUR").json()
    wrong = shop.purchase(quoteId=quoted["id"], currency="USD")
    answers = [
        quote(shop, token, currency="GBP"),
        shop.send("POST", "/api/v1/payments", token, body=shop.purchase(currency="GBP")),
        shop.send("POST", "/api/v1/payments", token, body=wrong),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "CURRENCY_MISMATCH")
    assert answers[0].json()["errors"] == [
        {"field": "currency", "message": "must be one of EUR, USD"}
    ]
    assert shop.send("GET", "/api/v1/transactions", token).json()["transactions"] == []


@pytest.mark.spec("S23")
def test_without_recent_rates_the_sale_is_unavailable() -> None:
    """503 with Retry-After and a code of its own; the event's own currency is sold as ever."""
    shop = Shop.open(rates=None)
    token = shop.token()
    for answer in (
        quote(shop, token, currency="EUR"),
        shop.send("POST", "/api/v1/payments", token, body=shop.purchase(currency="EUR")),
        shop.send("GET", RATES, token),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "EXCHANGE_RATE_UNAVAILABLE")
        assert "retry-after" in answer.headers
    assert quote(shop, token).status_code == 201


@pytest.mark.spec("S23")
def test_rates_are_shown_to_everybody_with_a_token(shop: Shop) -> None:
    """Every pair is there once, exactly and for people."""
    for role in Role:
        answer = shop.send("GET", RATES, shop.token(role=role)).json()
        assert (answer["source"], answer["date"], len(answer["rates"])) == (
            "development",
            "2025-01-01",
            12,
        )
    found = {(one["base"], one["target"]): one for one in answer["rates"]}
    assert found["GBP", "CAD"] == {
        "base": "GBP",
        "target": "CAD",
        "rate": "1.7123",
        "numerator": 12_500,
        "denominator": 7_300,
    }
