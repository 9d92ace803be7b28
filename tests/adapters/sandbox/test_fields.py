"""Every field that the sandbox shows exists in the SDK's class for that object."""

from __future__ import annotations

import json
import typing
from typing import Any

import pytest
import stripe as sdk
from stripe import ErrorObject

from tests.adapters.sandbox.driving import driver
from ticketpay.adapters.sandbox import API_VERSION

pytestmark = pytest.mark.spec("S67")


def _classes(hint: Any) -> list[type[sdk.StripeObject]]:
    """The SDK classes inside an annotation."""
    if isinstance(hint, typing.ForwardRef):
        name = hint.__forward_arg__.removesuffix("Resource")  # "CardResource" is an alias of Card
        hint = getattr(sdk, name)
    found = [hint] if isinstance(hint, type) and issubclass(hint, sdk.StripeObject) else []
    for inner in typing.get_args(hint):
        if not isinstance(inner, str):
            found += _classes(inner)
    return [each for each in found if each.__name__ != "UntypedStripeObject"]


def _unknown(shown: Any, kind: type[Any], path: str) -> list[str]:
    """The paths of the fields that the class does not have."""
    unknown = []
    for name, value in shown.items():
        where = f"{path}.{name}"
        if name not in kind.__annotations__:
            unknown.append(where)
            continue
        classes = _classes(kind.__annotations__[name])
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and classes:
                tries: list[list[str]] = [_unknown(item, each, where) for each in classes]
                best: list[str] = min(tries, key=len)
                unknown += best
    return unknown


def _samples() -> list[tuple[Any, type[Any]]]:
    stripe, hand = driver()
    stripe.model.add_endpoint("http://shop.example", "whsec_1")
    expand = ["latest_charge", "payment_method"]
    _, paid = stripe.pay(expand=expand, automatic_payment_methods={"enabled": True})
    _, action = stripe.pay("pm_card_authenticationRequired", return_url="https://a.example")
    _, sdk_action = stripe.pay("pm_card_authenticationRequired")
    _, declined = stripe.pay("pm_card_chargeDeclined")
    _, unknown = stripe.pay(colour="red")
    _, moved = stripe.post(f"/v1/payment_intents/{paid['id']}/cancel")
    transfer = {"destination": "acct_2", "amount": 5}
    _, shared = stripe.pay("pm_sandbox_processing_fails", transfer_data=transfer, expand=expand)
    _, refund = stripe.post("/v1/refunds", payment_intent=paid["id"], expand=["charge"])
    hooks = "/v1/webhook_endpoints"
    _, endpoint = stripe.post(hooks, url="http://a.example", enabled_events=["*"])
    hand.now += 5
    listed = [stripe.get(path)[1] for path in ("/v1/payment_intents", "/v1/events", hooks)]
    intents = [(each, sdk.PaymentIntent) for each in (paid, action, sdk_action, shared)]
    errors = [(each["error"], ErrorObject) for each in (declined, unknown, moved)]
    lists = [(each, sdk.ListObject) for each in listed]
    events = [(each, sdk.Event) for each in listed[1]["data"]]
    return [
        *intents,
        *errors,
        *lists,
        *events,
        (refund, sdk.Refund),
        (endpoint, sdk.WebhookEndpoint),
    ]


def test_fields_exist() -> None:
    """No answer has a field that the SDK's class lacks, at any depth."""
    for shown, kind in _samples():
        if kind is sdk.ListObject:
            assert shown.pop("object") == "list"  # a constant of the class, not a field
        assert _unknown(shown, kind, kind.__name__) == []


def test_event_objects() -> None:
    """The objects inside events are those of their classes."""
    stripe, hand = driver()
    stripe.pay("pm_sandbox_processing")
    stripe.pay("pm_card_chargeDeclined")
    _, paid = stripe.pay()
    stripe.post("/v1/refunds", payment_intent=paid["id"])
    hand.now += 5
    kinds = {"payment_intent": sdk.PaymentIntent, "charge": sdk.Charge, "refund": sdk.Refund}
    for event in stripe.get("/v1/events", limit=100)[1]["data"]:
        shown = event["data"]["object"]
        assert _unknown(shown, kinds[shown["object"]], event["type"]) == []


def test_the_check_bites() -> None:
    """The comparison finds a field that does not exist, also a nested one."""
    stripe, _ = driver()
    _, intent = stripe.pay(expand=["latest_charge"])
    intent["latest_charge"]["outcome"]["colour"] = "red"
    assert _unknown(intent, sdk.PaymentIntent, "pi") == ["pi.latest_charge.outcome.colour"]


def test_version() -> None:
    """The sandbox speaks the API version of the SDK."""
    assert sdk.api_version == API_VERSION


def test_awkward_text() -> None:
    """Quotes, line ends and other scripts in free text come back as they went in."""
    stripe, _ = driver()
    awkward = 'a"b\\c\n\u2028 Žižkov \U0001f3ab'
    _, intent = stripe.pay(description=awkward, metadata={awkward[:20]: awkward})
    assert intent["description"] == awkward
    assert intent["metadata"] == {awkward[:20]: awkward}
    assert json.loads(stripe.last.body) == intent
