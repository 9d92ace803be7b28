"""How lists are paged and filtered."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.adapters.sandbox.driving import START, Driver, driver

pytestmark = pytest.mark.spec("S67")

INTENTS = "/v1/payment_intents"


@pytest.fixture
def stripe() -> Driver:
    """A driver with ten intents, one a second, of two customers."""
    stripe, hand = driver()
    for number in range(10):
        customer = "cus_even" if number % 2 == 0 else "cus_odd"
        stripe.post(INTENTS, amount=number + 1, currency="eur", customer=customer)
        hand.now += 1
    return stripe


def _amounts(stripe: Driver, **params: Any) -> tuple[list[int], bool]:
    _, page = stripe.get(INTENTS, **params)
    return [item["amount"] for item in page["data"]], page["has_more"]


def test_pages(stripe: Driver) -> None:
    """Pages run from the newest to the oldest, forwards and backwards, without gap or overlap."""
    _, page = stripe.get(INTENTS, limit=4)
    assert [item["amount"] for item in page["data"]] == [10, 9, 8, 7]
    last, first = page["data"][-1]["id"], page["data"][0]["id"]
    assert _amounts(stripe, limit=4, starting_after=last) == ([6, 5, 4, 3], True)
    assert _amounts(stripe, limit=2, ending_before=last) == ([9, 8], True)
    assert _amounts(stripe, limit=4, ending_before=last) == ([10, 9, 8], False)
    assert _amounts(stripe, ending_before=first) == ([], False)
    assert _amounts(stripe) == ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], False)


def test_created(stripe: Driver) -> None:
    """A range of seconds bounds the page on both sides."""
    assert _amounts(stripe, created={"gte": START + 3, "lt": START + 6})[0] == [6, 5, 4]
    assert _amounts(stripe, created={"gt": START + 3, "lte": START + 6})[0] == [7, 6, 5]
    assert _amounts(stripe, created=START)[0] == [1]


def test_customer(stripe: Driver) -> None:
    """A customer's intents are paged among themselves."""
    assert _amounts(stripe, customer="cus_odd", limit=2) == ([10, 8], True)
    assert _amounts(stripe, customer="cus_none") == ([], False)


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"starting_after": "pi_x"},
        {"page": 1},
        {"customer": ""},
        {"starting_after": ""},
        {"limit[]": 1, "limit": 1},
        {"expand": ["data.latest_charge.payment_intent.latest_charge.payment_intent"]},
    ],
)
def test_refused(stripe: Driver, params: dict[str, Any]) -> None:
    """A bad size, an unknown cursor, an unknown or an empty filter are refused."""
    assert stripe.get(INTENTS, **params)[0] == 400


def test_two_cursors(stripe: Driver) -> None:
    """A page begins after one object or ends before one; both at once are refused."""
    ident = stripe.get(INTENTS, limit=1)[1]["data"][0]["id"]
    status, answer = stripe.get(INTENTS, starting_after=ident, ending_before=ident)
    assert status == 400
    assert answer["error"]["message"].startswith("Received both starting_after and ending_before")


def test_refunds_are_filtered_by_all_that_is_asked(stripe: Driver) -> None:
    """A refund is listed when it is of that charge and of that intent."""
    sold = [stripe.pay()[1] for _ in range(2)]
    for intent in sold:
        stripe.post("/v1/refunds", payment_intent=intent["id"])
    charge, other = sold[0]["latest_charge"], sold[1]["id"]

    def count(**asked: str) -> int:
        return len(stripe.get("/v1/refunds", **asked)[1]["data"])

    assert count(charge=charge, payment_intent=sold[0]["id"]) == 1
    assert count(charge=charge, payment_intent=other) == 0
    assert count(charge=other) == count(payment_intent=charge) == 0


def test_types_are_asked_for_in_one_way(stripe: Driver) -> None:
    """A type and several types at once are refused, and so is an empty one."""
    for asked in (
        {"type": "charge.succeeded", "types": ["payment_intent.created"]},
        {"types": [""]},
    ):
        assert stripe.get("/v1/events", **asked)[0] == 400


def test_events(stripe: Driver) -> None:
    """Events are filtered by a type, several types or a family of types."""
    stripe.pay()
    kinds = [
        len(stripe.get("/v1/events", limit=100, **params)[1]["data"])
        for params in (
            {"type": "charge.succeeded"},
            {"type": "payment_intent.*"},
            {"types": ["charge.succeeded", "payment_intent.succeeded"]},
        )
    ]
    assert kinds == [1, 12, 2]


def test_expanded_list(stripe: Driver) -> None:
    """A list can expand a property of its items."""
    stripe.pay()
    _, page = stripe.get(INTENTS, limit=2, expand=["data.latest_charge"])
    assert page["data"][0]["latest_charge"]["object"] == "charge"
    assert page["data"][1]["latest_charge"] is None
    _, charges = stripe.get("/v1/charges", payment_intent=page["data"][0]["id"])
    assert len(charges["data"]) == 1


def test_many() -> None:
    """A page from the middle of twenty thousand intents costs no walk through them."""
    stripe, _ = driver()
    ids = [stripe.post(INTENTS, amount=5, currency="eur")[1]["id"] for _ in range(20_000)]
    started = time.process_time()
    for _ in range(20):
        stripe.get(INTENTS, limit=1, starting_after=ids[10_000])
    assert (time.process_time() - started) / 20 < 0.01
