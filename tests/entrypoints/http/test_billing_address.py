"""Where a buyer lives: read from quotes and payments, checked, and told to nobody."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from tests.entrypoints.http.driving import PAYMENTS, THING, World, code, purchase, token
from ticketpay.domain.pricing import Address
from ticketpay.entrypoints.http import endpoints

HOME: dict[str, Any] = {"street": "1 Elm St", "city": "Austin", "state": "TX", "zip": "78701"}
READ = Address(street="1 Elm St", city="Austin", state="TX", zip="78701", country="US")


@pytest.mark.spec("S58", "S12")
def test_a_payment_may_say_where_its_buyer_lives() -> None:
    """The address reaches the sale; without one there is none; the country is the US unless said."""
    world = World()
    world.post(PAYMENTS, purchase(billingAddress=HOME))
    world.post(PAYMENTS, purchase())
    world.post(PAYMENTS, purchase(billingAddress={**HOME, "country": "CA"}))
    customers = [command.customer for (command,) in world.checkout.calls]
    assert customers[:2] == [READ, None]
    assert customers[2].country == "CA"
    assert "Elm" not in str(world.logged)
    assert "Elm" not in repr(world.checkout.calls)


@pytest.mark.spec("S58", "S12")
def test_a_quote_may_say_where_its_buyer_lives() -> None:
    """The address reaches the quote, too, and waits in the pool of those who wait for others."""
    world = World()
    with mock.patch.object(endpoints, "quote_view", return_value={"id": "q"}):
        body = {"eventId": str(THING), "tickets": purchase()["tickets"], "billingAddress": HOME}
        sent = f"Bearer {token()}"
        response = world.post("/api/v1/quotes", body, authorization=sent, idempotency_key=None)
    assert response.status_code == 201
    ((_, _, customer, _),) = world.give_quote.calls
    assert customer == READ


@pytest.mark.spec("S12", "S58")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"street": 7}, "billingAddress.street"),
        ({"street": ""}, "billingAddress.street"),
        ({"city": "x" * 101}, "billingAddress.city"),
        ({"state": "T"}, "billingAddress.state"),
        ({"zip": None}, "billingAddress.zip"),
        ({"zip": "7\x001"}, "billingAddress.zip"),
        ({"country": "usa"}, "billingAddress.country"),
        ({"country": "us"}, "billingAddress.country"),
        ({"country": 1}, "billingAddress.country"),
    ],
)
def test_a_wrong_address_is_named(change: dict[str, Any], field: str) -> None:
    """A wrong part is named by its path, without what it said; nobody is charged."""
    world = World()
    response = world.post(PAYMENTS, purchase(billingAddress={**HOME, **change}))
    assert code(response) == (400, "VALIDATION_ERROR")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert "Elm" not in response.text
    assert world.calls == 0


@pytest.mark.spec("S12", "S58")
@pytest.mark.parametrize("address", [[], "home", None, {}])
def test_an_address_is_an_object_with_all_parts(address: object) -> None:
    """Null is not absent, and half an address is none."""
    world = World()
    body = {**purchase(), "billingAddress": address}
    assert code(world.post(PAYMENTS, body)) == (400, "VALIDATION_ERROR")
