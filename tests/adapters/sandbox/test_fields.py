"""Every field that the sandbox shows exists in the SDK's class for that object."""

from __future__ import annotations

import json
import typing
from typing import Any

import pytest
import stripe as sdk
from stripe import ErrorObject

from tests.adapters.sandbox.driving import Driver, driver
from ticketpay.adapters.sandbox import API_VERSION

pytestmark = pytest.mark.spec("S67")


def _classes(hint: Any) -> list[type[sdk.StripeObject]]:
    """The SDK classes inside an annotation."""
    if isinstance(hint, typing.ForwardRef):
        name = hint.__forward_arg__.removesuffix("Resource")  # "CardResource" is an alias of Card
        hint = getattr(sdk, name, None)  # the classes of `stripe.issuing` are not meant here
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
        listed = isinstance(value, dict) and value.get("object") == "list"
        items = value["data"] if listed else value
        for item in items if isinstance(items, list) else [items]:
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


_KINDS: dict[str, Any] = {
    "account": sdk.Account,
    "application_fee": sdk.ApplicationFee,
    "charge": sdk.Charge,
    "dispute": sdk.Dispute,
    "payment_intent": sdk.PaymentIntent,
    "payout": sdk.Payout,
    "refund": sdk.Refund,
    "transfer": sdk.Transfer,
}


def _after_the_sale() -> tuple[Driver, list[Any]]:
    """Every object of the money after the sale, as shown in answers."""
    stripe, hand = driver()
    bank = {"object": "bank_account", "account_number": "000111111116"}
    _, venue = stripe.post("/v1/accounts", country="US", external_account=bank)
    transfer: Any = {"transfer_data": {"destination": venue["id"]}, "application_fee_amount": 9}
    _, sold = stripe.pay("pm_card_bypassPending", capture_method="manual", **transfer)
    stripe.post(f"/v1/payment_intents/{sold['id']}/capture")
    back = {"reverse_transfer": True, "refund_application_fee": True, "amount": 100}
    stripe.post("/v1/refunds", payment_intent=sold["id"], **back)
    stripe.pay("pm_card_refundFail")
    stripe.post("/v1/refunds", payment_intent=stripe.pay("pm_card_refundFail")[1]["id"])
    for method in ("createDispute", "createDisputeInquiry"):
        stripe.pay(f"pm_card_{method}")
        _, page = stripe.get("/v1/disputes")
        evidence = {"uncategorized_text": "winning_evidence"}
        stripe.post(f"/v1/disputes/{page['data'][0]['id']}", evidence=evidence)
    stripe.control("balance", {"topUpCents": 9999, "currency": "eur"})
    for method in ("standard", "instant"):
        stripe.post("/v1/payouts", amount=100, currency="eur", method=method)
    hand.now += 10 * 86_400
    expand = ["data.balance_transaction"]
    paths = ("accounts", "application_fees", "disputes", "payouts", "refunds", "transfers")
    shown = [
        item
        for path in paths
        for item in stripe.get(f"/v1/{path}", **({} if path in _BARE else {"expand": expand}))[1][
            "data"
        ]
    ]
    return stripe, shown


_BARE = ("accounts", "disputes")


def test_fields_after_the_sale() -> None:
    """The objects of refunds, disputes, transfers and payouts are those of their classes."""
    stripe, shown = _after_the_sale()
    assert {each["object"] for each in shown} == _KINDS.keys() - {"charge", "payment_intent"}
    for each in shown:
        assert _unknown(each, _KINDS[each["object"]], each["object"]) == []
    for entry in stripe.get("/v1/balance_transactions", limit=100)[1]["data"]:
        assert _unknown(entry, sdk.BalanceTransaction, entry["type"]) == []
    balance = stripe.get("/v1/balance")[1]
    assert _unknown(balance, sdk.Balance, "balance") == []
    reversal = stripe.get(f"/v1/transfers/{shown[-1]['id']}/reversals")[1]["data"][0]
    assert _unknown(reversal, sdk.TransferReversal, "reversal") == []


def test_events_after_the_sale() -> None:
    """Their events are types that the SDK knows, with objects of their classes."""
    stripe, _ = _after_the_sale()
    known = set(_strings(sdk.Event.__annotations__["type"]))
    events = stripe.get("/v1/events", limit=100)[1]["data"]
    for event in events:
        shown = event["data"]["object"]
        assert event["type"] in known
        assert _unknown(shown, _KINDS[shown["object"]], event["type"]) == []


def _strings(hint: Any) -> list[str]:
    """The strings inside an annotation."""
    inner = typing.get_args(hint)
    return [hint] if isinstance(hint, str) else [each for arg in inner for each in _strings(arg)]


def test_event_objects() -> None:
    """The objects inside events are those of their classes."""
    stripe, hand = driver()
    stripe.pay("pm_sandbox_processing")
    stripe.pay("pm_card_chargeDeclined")
    _, paid = stripe.pay()
    stripe.post("/v1/refunds", payment_intent=paid["id"])
    hand.now += 5
    for event in stripe.get("/v1/events", limit=100)[1]["data"]:
        shown = event["data"]["object"]
        assert _unknown(shown, _KINDS[shown["object"]], event["type"]) == []


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
