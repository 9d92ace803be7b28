"""When webhooks are due, what they carry, and how a policy disturbs them."""

from __future__ import annotations

import json
import time

import pytest
import stripe as sdk

from tests.adapters.sandbox.driving import START, Driver, Hand, driver
from ticketpay.adapters.sandbox import Delivery, SandboxModel

pytestmark = pytest.mark.spec("S67")

SECRET = "whsec_test"
URL = "http://shop.example/hook"


def _with_endpoint(seed: int = 1) -> tuple[Driver, Hand]:
    stripe, hand = driver(seed)
    stripe.model.add_endpoint(URL, SECRET)
    return stripe, hand


def _kinds(deliveries: list[Delivery]) -> list[str]:
    return [json.loads(delivery.body)["type"].rpartition(".")[2] for delivery in deliveries]


def _take(stripe: Driver, status: int | None = 200) -> list[Delivery]:
    deliveries = stripe.model.due_deliveries()
    for delivery in deliveries:
        stripe.model.delivery_result(delivery.id, status)
    return deliveries


def test_signature() -> None:
    """The SDK accepts the signature and reads the event."""
    now = time.time()
    stripe = Driver(SandboxModel(1, lambda: now))
    stripe.model.add_endpoint(URL, SECRET)
    _, intent = stripe.pay(metadata={"name": "Zoë"})
    event = None
    for delivery in stripe.model.due_deliveries():
        signature = delivery.headers["stripe-signature"]
        event = sdk.Webhook.construct_event(delivery.body, signature, SECRET)
    assert event is not None
    assert (event.type, event.api_version) == ("payment_intent.succeeded", sdk.api_version)
    assert event.data.object["id"] == intent["id"]
    with pytest.raises(sdk.SignatureVerificationError):
        sdk.Webhook.construct_event(delivery.body, signature, "whsec_other")


def test_due_at_once_and_in_order() -> None:
    """Without a policy every event is due at once, in order, and once."""
    stripe, _ = _with_endpoint()
    stripe.pay()
    assert stripe.model.next_delivery_at() == START
    assert _kinds(_take(stripe)) == ["created", "succeeded", "succeeded"]
    assert stripe.model.next_delivery_at() is None
    assert stripe.get("/v1/events")[1]["data"][0]["pending_webhooks"] == 0


def test_limit() -> None:
    """The caller can take a few deliveries at a time."""
    stripe, _ = _with_endpoint()
    stripe.pay()
    assert [len(stripe.model.due_deliveries(2)) for _ in range(3)] == [2, 1, 0]


def test_retries() -> None:
    """What is not answered with 2xx is sent again, later each time, until it is given up."""
    hand = Hand()
    stripe = Driver(SandboxModel(1, hand, retry_delays=(1, 5)))
    stripe.model.add_endpoint(URL, SECRET, ["payment_intent.succeeded"])
    stripe.pay()
    seen = []
    for status in (500, None, 302):
        (delivery,) = _take(stripe, status)
        seen.append((hand.now - START, delivery.attempt))
        hand.now = stripe.model.next_delivery_at() or hand.now
    assert seen == [(0, 1), (1, 2), (6, 3)]
    assert stripe.model.next_delivery_at() is None
    (shown,) = stripe.send("GET", "/_sandbox/deliveries", {}, b"")[1]["data"]
    assert (shown["state"], shown["attempts"], shown["status"]) == ("failed", 3, 302)


def test_hints_twice_late_none() -> None:
    """An intent's metadata asks for duplicates, delay or silence."""
    stripe, hand = _with_endpoint()
    stripe.pay(metadata={"sandbox_delivery": "none"})
    assert _take(stripe) == []
    stripe.pay(metadata={"sandbox_delivery": "twice, late"})
    assert _take(stripe) == []
    hand.now += 2
    bodies = [delivery.body for delivery in _take(stripe)]
    assert len(bodies) == 6
    assert len({json.loads(body)["id"] for body in bodies}) == 3


def test_hint_reversed() -> None:
    """Reversed events wait until the intent is settled and are then due newest first."""
    stripe, hand = _with_endpoint()
    base = {"amount": 5, "currency": "eur", "metadata": {"sandbox_delivery": "reversed"}}
    _, intent = stripe.post("/v1/payment_intents", **base)
    hand.now += 60
    assert _take(stripe) == []
    stripe.post(f"/v1/payment_intents/{intent['id']}/confirm", payment_method="pm_card_visa")
    hand.now += 1
    assert _kinds(_take(stripe)) == ["succeeded", "succeeded", "created"]


def test_policy() -> None:
    """A policy drops, duplicates, delays and reorders by the seed, the same way every time."""

    def run(seed: int) -> list[str]:
        stripe, hand = _with_endpoint(seed)
        policy = {
            "duplicatePpm": 300_000,
            "dropPpm": 200_000,
            "delaySecondsMax": 2,
            "reorder": True,
        }
        assert stripe.control("delivery", policy) == (200, policy)
        for _ in range(20):
            stripe.pay()
        kinds = []
        for _ in range(30):
            kinds += [delivery.id for delivery in _take(stripe)]
            hand.now += 0.1
        return kinds

    first = run(1)
    assert first == run(1) != run(2)
    assert first != sorted(first, key=lambda ident: int(ident[4:]))
    assert len(first) != 60


@pytest.mark.parametrize(
    "policy", [{"dropPpm": 1_000_001}, {"dropPpm": -1}, {"delaySecondsMax": "x"}, {"dropPpm": True}]
)
def test_bad_policy(policy: dict[str, object]) -> None:
    """A policy outside its bounds is refused."""
    stripe, _ = driver()
    assert stripe.control("delivery", policy)[0] == 400


def test_everything_dropped() -> None:
    """A share of a million parts per million drops everything, and duplicates do not save it."""
    stripe, _ = _with_endpoint()
    stripe.control("delivery", {"dropPpm": 1_000_000, "duplicatePpm": 1_000_000})
    stripe.pay()
    assert stripe.model.next_delivery_at() is None
    assert len(stripe.kinds()) == 3


def test_endpoints() -> None:
    """An endpoint hears what it asked for, shows its secret once, and is silent when deleted."""
    stripe, _ = driver()
    path = "/v1/webhook_endpoints"
    events = ["payment_intent.succeeded", "charge.refunded"]
    _, endpoint = stripe.post(path, url=URL, enabled_events=events)
    assert endpoint["secret"].startswith("whsec_")
    _, page = stripe.get(path)
    assert [item["id"] for item in page["data"]] == [endpoint["id"]]
    assert "secret" not in page["data"][0]
    assert "secret" not in stripe.get(f"{path}/{endpoint['id']}")[1]
    stripe.pay()
    assert _kinds(_take(stripe)) == ["succeeded"]
    stripe.pay()
    _, gone = stripe.send("DELETE", f"{path}/{endpoint['id']}", stripe.headers, b"")
    assert gone == {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
    assert _take(stripe) == []
    assert stripe.get(f"{path}/{endpoint['id']}")[0] == 404
    assert stripe.post(path, url="shop.example", enabled_events=["*"])[0] == 400


def test_connected_accounts() -> None:
    """An event of a connected account goes to its endpoints and the platform's connect ones."""
    stripe, _ = driver()
    other = Driver(stripe.model, "acct_1")
    path = "/v1/webhook_endpoints"
    stripe.post(path, url="http://a.example", enabled_events=["payment_intent.succeeded"])
    stripe.post(
        path, url="http://b.example", enabled_events=["payment_intent.succeeded"], connect=True
    )
    other.post(path, url="http://c.example", enabled_events=["payment_intent.succeeded"])
    other.pay()
    deliveries = _take(stripe)
    assert sorted(delivery.url for delivery in deliveries) == [
        "http://b.example",
        "http://c.example",
    ]
    assert {json.loads(delivery.body)["account"] for delivery in deliveries} == {"acct_1"}
    stripe.pay()
    (own,) = _take(stripe)
    assert own.url == "http://a.example"
    assert "account" not in json.loads(own.body)


def test_clock() -> None:
    """The clock can be advanced, frozen and resumed, and does not go back."""
    stripe, hand = driver()
    assert stripe.control("clock", {"advanceSeconds": 90})[1]["now"] == START + 90
    stripe.control("clock", {"freeze": True})
    hand.now += 50
    assert stripe.model.clock.now() == START + 90
    stripe.control("clock", {"freeze": False, "advanceSeconds": 1})
    hand.now += 2
    assert stripe.send("GET", "/_sandbox/clock", {}, b"")[1]["now"] == START + 93
    assert stripe.control("clock", {"advanceSeconds": -1})[0] == 400
    assert stripe.pay()[1]["created"] == START + 93


def test_reset() -> None:
    """A reset forgets all but the seed and the server's own endpoints: the same bytes follow."""
    stripe, _ = _with_endpoint()
    stripe.pay()
    first = stripe.last.body
    stripe.control("clock", {"advanceSeconds": 5})
    stripe.control("reset", {})
    assert stripe.get("/v1/payment_intents")[1]["data"] == []
    stripe, _ = _with_endpoint()
    stripe.pay()
    assert stripe.last.body == first
    assert len(_take(stripe)) == 3


def test_determinism() -> None:
    """The same seed and the same calls give the same bytes; another seed gives others."""

    def run(seed: int) -> list[bytes]:
        stripe, hand = _with_endpoint(seed)
        bodies = []
        for method in ("pm_card_visa", "pm_card_chargeDeclined", "pm_sandbox_processing"):
            stripe.pay(method, f"key of {method}")
            bodies.append(stripe.last.body)
            hand.now += 5
        stripe.get("/v1/events", limit=100)
        return [*bodies, stripe.last.body, *(each.body for each in stripe.model.due_deliveries())]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_bad_control_requests() -> None:
    """A control request that is not understood is refused."""
    stripe, _ = driver()
    assert stripe.send("POST", "/_sandbox/clock", {}, b"[]")[0] == 400
    assert stripe.send("POST", "/_sandbox/clock", {}, b"{")[0] == 400
    assert stripe.send("GET", "/_sandbox/nothing", {}, b"")[0] == 404
    assert stripe.send("GET", "/_sandbox/health", {}, b"")[1]["status"] == "ok"
    assert stripe.control("payment_intents/pi_1/authenticate", {"outcome": "maybe"})[0] == 400
    assert stripe.control("payment_intents/pi_1/authenticate", {"outcome": "fail"})[0] == 404
