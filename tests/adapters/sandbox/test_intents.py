"""What the sandbox's payment intents do, in the pure model."""

from __future__ import annotations

from typing import Any

import pytest

from tests.adapters.sandbox.driving import START, Driver, driver

pytestmark = pytest.mark.spec("S67")

INTENTS = "/v1/payment_intents"


def test_create_and_confirm_succeeds() -> None:
    """A good card pays at once: the whole amount is received by one expandable charge."""
    stripe, _ = driver()
    status, intent = stripe.pay(metadata={"order_id": "7"}, expand=["latest_charge"])
    assert (status, intent["status"], intent["amount_received"]) == (200, "succeeded", 500)
    assert intent["metadata"] == {"order_id": "7"}
    assert intent["latest_charge"]["status"] == "succeeded"
    assert intent["latest_charge"]["payment_intent"] == intent["id"]
    assert stripe.kinds() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    ]


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_declines(method: str, code: str, decline_code: str | None) -> None:
    """A decline is a 402 with the intent inside, which can be tried again and then succeeds."""
    stripe, _ = driver()
    status, answer = stripe.pay(method)
    error = answer["error"]
    assert (status, error["type"], error["code"]) == (402, "card_error", code)
    assert error.get("decline_code") == decline_code
    intent = error["payment_intent"]
    assert intent["status"] == "requires_payment_method"
    assert intent["last_payment_error"]["code"] == code
    assert intent["latest_charge"] == error["charge"]
    assert stripe.kinds()[1:] == ["charge.failed", "payment_intent.payment_failed"]
    path = f"{INTENTS}/{intent['id']}/confirm"
    assert stripe.post(path, payment_method="pm_card_mastercard")[1]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        ("4242424242424242", 200, None),
        ("4000000000000002", 402, "generic_decline"),
        ("4000000000009995", 402, "insufficient_funds"),
        ("4000000000009987", 402, "lost_card"),
        ("4000000000009979", 402, "stolen_card"),
        ("4000000000000069", 402, "expired_card"),
        ("4000000000000127", 402, "incorrect_cvc"),
        ("4000000000000119", 402, "processing_error"),
        ("4000000000000085", 402, "test_mode_live_card"),
        ("4242424242424241", 402, "incorrect_number"),
        ("4000002500003155", 200, None),
        ("4000002760003184", 200, None),
        ("4000008400001629", 200, None),
    ],
)
def test_card_numbers(number: str, status: int, code: str | None) -> None:
    """A raw test number has the fate of its card."""
    stripe, _ = driver()
    data = {"type": "card", "card": {"number": number, "exp_month": 12, "exp_year": 2040}}
    got, answer = stripe.post(
        INTENTS, amount=500, currency="eur", confirm=True, payment_method_data=data
    )
    assert got == status
    if code is not None:
        assert code in (answer["error"]["code"], answer["error"].get("decline_code"))


def test_token() -> None:
    """A test token pays through `payment_method_data[card][token]`, with its billing details."""
    stripe, _ = driver()
    data = {
        "type": "card",
        "card": {"token": "tok_mastercard"},
        "billing_details": {"name": "Ana", "address": {"city": "Graz"}},
    }
    _, intent = stripe.post(
        INTENTS,
        amount=500,
        currency="eur",
        confirm=True,
        payment_method_data=data,
        expand=["latest_charge", "payment_method"],
    )
    assert intent["payment_method"]["card"]["brand"] == "mastercard"
    assert intent["latest_charge"]["billing_details"]["address"]["city"] == "Graz"


@pytest.mark.parametrize(
    "name",
    [
        "pm_card_authenticationRequired",
        "pm_card_threeDSecure2Required",
        "pm_card_threeDSecureRequired",
    ],
)
@pytest.mark.parametrize(("outcome", "after"), [("succeed", "succeeded"), ("fail", None)])
def test_three_d_secure(name: str, outcome: str, after: str | None) -> None:
    """A 3-D Secure card requires action; the customer's answer settles the intent."""
    stripe, _ = driver()
    _, intent = stripe.pay(name, return_url="https://shop.example/back")
    assert intent["status"] == "requires_action"
    assert intent["client_secret"].startswith(intent["id"] + "_secret_")
    assert intent["next_action"]["redirect_to_url"]["return_url"] == "https://shop.example/back"
    control = f"payment_intents/{intent['id']}/authenticate"
    status, intent = stripe.control(control, {"outcome": outcome})
    assert status == 200
    assert intent["status"] == (after or "requires_payment_method")
    assert intent["next_action"] is None
    if after is None:
        error = intent["last_payment_error"]
        assert error["code"] == "payment_intent_authentication_failure"
        assert stripe.kinds()[-1] == "payment_intent.payment_failed"
    assert stripe.control(control, {"outcome": outcome})[0] == 400


def test_three_d_secure_then_declined() -> None:
    """A card can pass the challenge and still be declined."""
    stripe, _ = driver()
    _, intent = stripe.pay("pm_card_threeDSecureRequiredChargeDeclined")
    _, intent = stripe.control(
        f"payment_intents/{intent['id']}/authenticate", {"outcome": "succeed"}
    )
    assert intent["status"] == "requires_payment_method"
    assert intent["last_payment_error"]["code"] == "card_declined"


@pytest.mark.parametrize("name", ["off_session", "error_on_requires_action"])
def test_no_customer_for_the_challenge(name: str) -> None:
    """Without a customer at hand a card that needs authentication is declined."""
    stripe, _ = driver()
    status, answer = stripe.pay("pm_card_authenticationRequired", None, **{name: True})
    assert (status, answer["error"]["code"]) == (402, "authentication_required")


def test_challenge_of_a_connected_account() -> None:
    """A challenge is answered without naming the account, as a browser does."""
    stripe, _ = driver()
    other = Driver(stripe.model, "acct_1")
    _, intent = other.pay("pm_card_authenticationRequired")
    control = f"payment_intents/{intent['id']}/authenticate"
    assert stripe.control(control, {"outcome": "succeed"})[1]["status"] == "succeeded"
    assert other.get(f"{INTENTS}/{intent['id']}")[1]["status"] == "succeeded"
    assert stripe.get(f"{INTENTS}/{intent['id']}")[0] == 404


def test_manual_capture() -> None:
    """A manual capture holds the amount; a part of it is captured and the rest released."""
    stripe, _ = driver()
    _, intent = stripe.pay(capture_method="manual")
    assert (intent["status"], intent["amount_capturable"]) == ("requires_capture", 500)
    path = f"{INTENTS}/{intent['id']}/capture"
    assert stripe.post(path, amount_to_capture=501)[1]["error"]["code"] == "amount_too_large"
    _, intent = stripe.post(path, amount_to_capture=300)
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 300)
    assert intent["amount_capturable"] == 0
    assert "payment_intent.amount_capturable_updated" in stripe.kinds()
    assert stripe.post("/v1/refunds", payment_intent=intent["id"])[1]["amount"] == 300


def test_cancel() -> None:
    """A cancellation is final, dated and reasoned; a held amount is released."""
    stripe, hand = driver()
    _, intent = stripe.pay(capture_method="manual")
    hand.now += 7
    path = f"{INTENTS}/{intent['id']}/cancel"
    _, intent = stripe.post(path, cancellation_reason="abandoned", expand=["latest_charge"])
    assert (intent["status"], intent["canceled_at"]) == ("canceled", START + 7)
    assert intent["cancellation_reason"] == "abandoned"
    assert intent["amount_capturable"] == 0
    assert intent["latest_charge"]["refunded"] is True
    status, answer = stripe.post(path)
    assert (status, answer["error"]["code"]) == (400, "payment_intent_unexpected_state")
    assert answer["error"]["payment_intent"]["id"] == intent["id"]


@pytest.mark.parametrize(
    ("by", "after"), [("pm_sandbox_processing", "succeeded"), ("metadata", "succeeded")]
)
def test_processing(by: str, after: str) -> None:
    """A processing payment succeeds after five seconds of the sandbox clock."""
    stripe, hand = driver()
    more: dict[str, Any] = {"metadata": {"sandbox_fault": "processing"}}
    _, intent = stripe.pay(**more) if by == "metadata" else stripe.pay(by)
    assert intent["status"] == "processing"
    path = f"{INTENTS}/{intent['id']}"
    assert stripe.post(path + "/cancel")[0] == 400
    assert stripe.model.next_delivery_at() == START + 5
    hand.now += 4.9
    assert stripe.get(path)[1]["status"] == "processing"
    hand.now += 0.1
    assert stripe.get(path)[1]["status"] == after
    assert stripe.kinds()[-1] == "payment_intent.succeeded"


def test_processing_fails() -> None:
    """A processing payment can fail, with the reason on the intent."""
    stripe, hand = driver()
    _, intent = stripe.pay("pm_sandbox_processing_fails")
    hand.now += 5
    _, intent = stripe.get(f"{INTENTS}/{intent['id']}", expand=["latest_charge"])
    assert intent["status"] == "requires_payment_method"
    assert intent["last_payment_error"]["decline_code"] == "generic_decline"
    assert intent["latest_charge"]["status"] == "failed"


def test_step_by_step() -> None:
    """Without confirmation an intent waits for a method, then for a confirmation."""
    stripe, _ = driver()
    _, intent = stripe.post(INTENTS, amount=500, currency="EUR")
    path = f"{INTENTS}/{intent['id']}"
    assert (intent["status"], intent["currency"]) == ("requires_payment_method", "eur")
    status, answer = stripe.post(path + "/confirm")
    assert (status, answer["error"]["code"]) == (400, "payment_intent_unexpected_state")
    assert stripe.post(path + "/capture")[0] == 400
    _, intent = stripe.post(path, payment_method="pm_card_visa", amount=700)
    assert (intent["status"], intent["amount"]) == ("requires_confirmation", 700)
    assert stripe.post(path + "/confirm")[1]["amount_received"] == 700
    assert stripe.post(path, amount=800)[0] == 400
    assert stripe.post(path, description="late")[1]["description"] == "late"


def test_metadata_update() -> None:
    """Metadata is merged key by key; an empty value removes its key, `""` removes all."""
    stripe, _ = driver()
    _, intent = stripe.pay(metadata={"a": "1", "b": "2"})
    path = f"{INTENTS}/{intent['id']}"
    assert stripe.post(path, metadata={"a": "", "c": "3"})[1]["metadata"] == {"b": "2", "c": "3"}
    assert stripe.post(path, metadata="")[1]["metadata"] == {}


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"currency": "eur"}, "parameter_missing", "amount"),
        ({"amount": 5}, "parameter_missing", "currency"),
        ({"amount": "5.0", "currency": "eur"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0, "currency": "eur"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000, "currency": "eur"}, "amount_too_large", "amount"),
        ({"amount": 5, "currency": "eur", "colour": 1}, "parameter_unknown", "colour"),
        ({"amount": 5, "currency": "euro"}, None, "currency"),
        ({"amount": 5, "currency": "\u212arw"}, None, "currency"),
        ({"amount": 5, "currency": "eur", "confirm": "yes"}, None, "confirm"),
        ({"amount": 5, "currency": "eur", "capture_method": "never"}, None, "capture_method"),
        ({"amount": 5, "currency": "eur", "metadata": "x"}, None, "metadata"),
        (
            {"amount": 5, "currency": "eur", "payment_method_types": "card"},
            None,
            "payment_method_types",
        ),
        (
            {"amount": 5, "currency": "eur", "payment_method_data": {"type": "card", "x": 1}},
            "parameter_unknown",
            "payment_method_data[x]",
        ),
        (
            {"amount": 5, "currency": "eur", "payment_method_data": {"type": "card"}},
            "parameter_missing",
            "payment_method_data[card]",
        ),
        (
            {"amount": 5, "currency": "eur", "confirm": True},
            "payment_intent_unexpected_state",
            None,
        ),
        (
            {"amount": 5, "currency": "eur", "application_fee_amount": 6},
            "amount_too_large",
            "application_fee_amount",
        ),
        ({"amount": 5, "currency": "eur", "expand": ["nothing"]}, None, "expand"),
    ],
)
def test_refused_parameters(params: dict[str, Any], code: str | None, param: str | None) -> None:
    """A bad parameter is refused by name."""
    stripe, _ = driver()
    status, answer = stripe.post(INTENTS, **params)
    error = answer["error"]
    assert (status, error["type"]) == (400, "invalid_request_error")
    assert (error.get("code"), error.get("param")) == (code, param)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer sk_live_1", "Bearer nonsense", "Basic !!!", "Digest sk_test_1"],
)
def test_bad_keys(header: str) -> None:
    """Whoever shows no test key is refused with 401."""
    stripe, _ = driver()
    stripe.headers = {"Authorization": header}
    status, answer = stripe.get(INTENTS)
    assert (status, answer["error"]["type"]) == (401, "invalid_request_error")
    assert stripe.last.headers["request-id"].startswith("req_")


def test_basic_key() -> None:
    """A test key as the user of Basic authentication is accepted."""
    stripe, _ = driver()
    stripe.headers = {"Authorization": "Basic c2tfdGVzdF8xOg=="}
    assert stripe.get(INTENTS)[0] == 200


def test_unknown_things() -> None:
    """Unknown paths, objects, methods and accounts are refused in the provider's shape."""
    stripe, _ = driver()
    assert stripe.get("/v1/nothing")[0] == 404
    assert stripe.get("/v2/payment_intents")[0] == 404
    assert stripe.send("DELETE", INTENTS, stripe.headers, b"")[0] == 404
    for path in (INTENTS, "/v1/charges", "/v1/events", "/v1/refunds", "/v1/webhook_endpoints"):
        status, answer = stripe.get(path + "/x_1")
        assert (status, answer["error"]["code"]) == (404, "resource_missing")
    assert stripe.pay("pm_nothing")[0] == 404
    assert stripe.post(INTENTS + "/pi_1/confirm")[0] == 404
    stripe.headers["Stripe-Account"] = "somebody"
    assert stripe.get(INTENTS)[0] == 403


def test_echoed_headers() -> None:
    """The version and the key of a request come back with its answer."""
    stripe, _ = driver()
    stripe.headers["Stripe-Version"] = "2020-08-27"
    stripe.pay("pm_card_visa", "k1")
    assert stripe.last.headers["stripe-version"] == "2020-08-27"
    assert stripe.last.headers["idempotency-key"] == "k1"


def test_events_are_snapshots() -> None:
    """An event shows its object as it was then."""
    stripe, _ = driver()
    _, intent = stripe.pay("pm_card_visa", "k1")
    stripe.post("/v1/refunds", payment_intent=intent["id"], amount=200)
    events = {event["type"]: event for event in stripe.get("/v1/events", limit=100)[1]["data"]}
    created = events["payment_intent.created"]
    assert created["data"]["object"]["status"] == "requires_payment_method"
    assert created["request"]["idempotency_key"] == "k1"
    assert events["charge.succeeded"]["data"]["object"]["amount_refunded"] == 0
    assert events["charge.refunded"]["data"]["object"]["amount_refunded"] == 200
    assert stripe.get(f"/v1/events/{created['id']}")[1] == created


def test_refunds() -> None:
    """Refunds add up to the captured amount and no further."""
    stripe, _ = driver()
    _, intent = stripe.pay()
    first = {"payment_intent": intent["id"], "amount": 200, "reason": "requested_by_customer"}
    _, refund = stripe.post("/v1/refunds", **first, metadata={"n": "1"})
    assert (refund["status"], refund["charge"]) == ("succeeded", intent["latest_charge"])
    assert stripe.get(f"/v1/refunds/{refund['id']}")[1] == refund
    status, answer = stripe.post("/v1/refunds", charge=intent["latest_charge"], amount=301)
    assert (status, answer["error"]["code"]) == (400, "amount_too_large")
    assert stripe.post("/v1/refunds", charge=intent["latest_charge"])[1]["amount"] == 300
    status, answer = stripe.post("/v1/refunds", payment_intent=intent["id"])
    assert (status, answer["error"]["code"]) == (400, "charge_already_refunded")
    _, charge = stripe.get(f"/v1/charges/{intent['latest_charge']}")
    assert (charge["refunded"], charge["amount_refunded"]) == (True, 500)
    _, page = stripe.get("/v1/refunds", payment_intent=intent["id"])
    assert [item["amount"] for item in page["data"]] == [300, 200]
    assert stripe.kinds()[-2:] == ["refund.created", "charge.refunded"]


def test_nothing_to_refund() -> None:
    """An intent without money, or no intent at all, cannot be refunded."""
    stripe, _ = driver()
    _, intent = stripe.post(INTENTS, amount=500, currency="eur")
    assert stripe.post("/v1/refunds", payment_intent=intent["id"])[0] == 400
    assert stripe.post("/v1/refunds")[1]["error"]["code"] == "parameter_missing"
    _, held = stripe.pay(capture_method="manual")
    assert stripe.post("/v1/refunds", charge=held["latest_charge"])[0] == 400
