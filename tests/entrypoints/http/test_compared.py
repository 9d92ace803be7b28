"""What a body says about a thing is compared with the thing, and never just ignored."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.entrypoints.http.shop import Shop
from ticketpay.domain.parties import Role

ELSEWHERE = {"field": "venueId", "message": "the event is at another venue"}


@pytest.fixture
def shop() -> Shop:
    return Shop.open()


def said(answer: httpx.Response) -> tuple[int, object, object]:
    """Status, code and wrong fields."""
    body = answer.json()
    return answer.status_code, body["code"], body.get("errors")


@pytest.mark.spec("S12")
@pytest.mark.parametrize("path", ["/api/v1/payments", "/api/v1/quotes"])
def test_an_event_of_another_venue_is_not_sold(shop: Shop, path: str) -> None:
    """A venue that is not the event's is refused by its field, and nothing is kept or charged."""
    body = shop.purchase(venueId=str(uuid4()))
    assert said(shop.send("POST", path, shop.token(), body=body)) == (
        422,
        "VENUE_MISMATCH",
        [ELSEWHERE],
    )
    assert shop.charges() == 0
    assert shop.send("POST", path, shop.token(), body=shop.purchase()).status_code == 201


@pytest.mark.spec("S12")
@pytest.mark.parametrize("left_out", [(), ("eventId", "tickets")])
def test_a_quote_is_for_its_own_venue(shop: Shop, left_out: tuple[str, ...]) -> None:
    """With a quote the venue is compared, too, whether the demand comes with it or not."""
    token = shop.token()
    quoted = shop.send("POST", "/api/v1/quotes", token, body=shop.purchase()).json()
    sent: dict[str, Any] = shop.purchase(quoteId=quoted["id"], venueId=str(uuid4()))
    for name in left_out:
        del sent[name]
    refused = shop.send("POST", "/api/v1/payments", token, body=sent)
    assert said(refused) == (422, "VENUE_MISMATCH", [ELSEWHERE])
    assert shop.charges() == 0
    good = {**sent, "venueId": quoted["venueId"]}
    assert shop.send("POST", "/api/v1/payments", token, body=good).status_code == 201


@pytest.mark.spec("S11", "S12")
def test_a_replayed_refusal_names_its_fields(shop: Shop) -> None:
    """The same key gives the same problem again, with the wrong field in it."""
    token, key = shop.token(), {"idempotency-key": str(uuid4())}
    body = shop.purchase(venueId=str(uuid4()))
    first, again = (
        shop.send("POST", "/api/v1/payments", token, body=body, headers=dict(key)) for _ in range(2)
    )
    assert first.json() == again.json()
    assert said(again) == (422, "VENUE_MISMATCH", [ELSEWHERE])
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.spec("S12 D3")
def test_a_sent_price_is_named_by_its_field(shop: Shop) -> None:
    """A ticket's price or a total that is not ours says which it should be, with a quote and without."""
    token, line = shop.token(), shop.purchase()["tickets"][0]
    price = {"field": "tickets.0.priceCents", "message": "must be 5000"}
    wish = {"eventId": str(shop.scenery.event_id), "tickets": [line]}
    quote = shop.send("POST", "/api/v1/quotes", token, body=wish).json()
    tickets = [{**line, "priceCents": 4_999}]
    total = {"field": "totalCents", "message": f"must be {quote['totalCents']}"}
    more = [{**line, "quantity": 2}]
    others = {"field": "tickets", "message": "are not those of the quote"}
    for changes, named in (
        ({"tickets": tickets}, price),
        ({"tickets": tickets, "quoteId": quote["id"]}, price),
        ({"totalCents": 1}, total),
        ({"tickets": more, "quoteId": quote["id"]}, others),
    ):
        body = shop.purchase(**changes)
        answer = shop.send("POST", "/api/v1/payments", token, body=body)
        assert said(answer) == (409, "PRICE_CHANGED", [named])


@pytest.mark.spec("S24", "S23")
def test_a_refund_is_in_the_currency_of_its_payment(shop: Shop) -> None:
    """Another currency is refused by its field before anything is refunded; the right one is not."""
    paid, staff = shop.buy(), shop.token(role=Role.SUPPORT)
    wrong = [{"field": "currency", "message": "must be USD"}]
    for path, named in (
        ("/api/v1/refunds", {"paymentId": paid["id"]}),
        (f"/api/v1/transactions/{paid['id']}/refund", {}),
    ):
        sent = {**named, "amountCents": 100, "currency": "EUR"}
        assert said(shop.send("POST", path, staff, body=sent)) == (422, "CURRENCY_MISMATCH", wrong)
        for currency in ("USD", "usd"):
            body = {**sent, "currency": currency}
            assert shop.send("POST", path, staff, body=body).status_code == 201
        unknown = shop.send("POST", path, staff, body={**sent, "currency": "XYZ"})
        assert unknown.status_code == 400
    kept = shop.send("GET", f"/api/v1/payments/{paid['id']}/refunds", staff).json()["refunds"]
    assert [refund["amountCents"] for refund in kept] == [100] * 4


@pytest.mark.spec("S12", "S24", "S21")
def test_a_misspelt_amount_is_not_none(shop: Shop) -> None:
    """Without an amount everything goes back, so a name that nobody knows is refused, and nothing moves."""
    paid, other, staff = shop.buy(), shop.buy(), shop.token(role=Role.SUPPORT)
    payouts = f"/api/v1/venues/{shop.scenery.venue_id}/payouts"
    manager = shop.token(role=Role.VENUE_MANAGER, venues=[str(shop.scenery.venue_id)])
    for path, token, body, strange in (
        ("/api/v1/refunds", staff, {"paymentId": paid["id"], "amount": 1}, "amount"),
        (f"/api/v1/transactions/{paid['id']}/refund", staff, {"amount_cents": 1}, "amount_cents"),
        (
            f"/api/v1/transactions/{paid['id']}/refund",
            staff,
            {"paymentId": other["id"], "amountCents": 1},
            "paymentId",
        ),
        (payouts, manager, {"amountCents": 1, "instant": True}, "instant"),
    ):
        named = {"field": strange, "message": "is not known here"}
        answer = shop.send("POST", path, token, body=body)
        assert said(answer) == (400, "VALIDATION_ERROR", [named])
    many = {"paymentId": paid["id"], **{f"x{n}": n for n in range(10_000)}}
    told = shop.send("POST", "/api/v1/refunds", staff, body=many).json()["errors"]
    assert len(told) == 20
    for payment in (paid, other):
        found = shop.send("GET", f"/api/v1/payments/{payment['id']}/refunds", staff).json()
        assert found["refunds"] == []


NOT_ONE_OF_THE_PLANS = {"field": "plan", "message": "must be one of starter, pro, enterprise"}


@pytest.mark.spec("S12", "S19", "S21", "S24")
def test_what_a_rule_refuses_is_named_by_its_field(shop: Shop) -> None:
    """A plan that there is not, too much of a refund or a payout, another way to pay: errors say which."""
    admin, paid = shop.token(role=Role.ADMIN), shop.buy()
    venue = f"/api/v1/venues/{shop.scenery.venue_id}"
    plan = shop.send("POST", f"{venue}/subscription", admin, body={"plan": "gold"})
    assert said(plan) == (422, "PLAN_UNKNOWN", [NOT_ONE_OF_THE_PLANS])
    most = {"field": "amountCents", "message": "must be at most 5923"}
    body = {"paymentId": paid["id"], "amountCents": 99_999}
    refund = shop.send("POST", "/api/v1/refunds", admin, body=body)
    assert said(refund) == (422, "REFUND_TOO_LARGE", [most])
    method = shop.purchase(paymentMethod={"type": "crypto"})
    refused = shop.send("POST", "/api/v1/payments", shop.token(), body=method)
    named = {"field": "paymentMethod.type", "message": "must be one of card, ach"}
    assert said(refused) == (422, "PAYMENT_METHOD_UNSUPPORTED", [named])
