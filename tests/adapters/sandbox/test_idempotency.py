"""What an idempotency key promises, and what the faults do to it."""

from __future__ import annotations

import pytest

from tests.adapters.sandbox.driving import Driver, driver

pytestmark = pytest.mark.spec("S67")

INTENTS = "/v1/payment_intents"


def _count(stripe: Driver) -> int:
    return len(stripe.get(INTENTS, limit=100)[1]["data"])


def test_replay() -> None:
    """The same key and parameters get the same bytes, marked as a replay, and no second effect."""
    stripe, _ = driver()
    stripe.pay("pm_card_visa", "k")
    first = stripe.last
    stripe.pay("pm_card_visa", "k")
    assert stripe.last.body == first.body
    assert stripe.last.headers["idempotent-replayed"] == "true"
    assert stripe.last.headers["original-request"] == first.headers["request-id"]
    assert "idempotent-replayed" not in first.headers
    assert _count(stripe) == 1


def test_replayed_decline() -> None:
    """A decline is an answer like any other: it is given again."""
    stripe, _ = driver()
    first = stripe.pay("pm_card_chargeDeclined", "k")
    assert stripe.pay("pm_card_chargeDeclined", "k") == first
    assert _count(stripe) == 1


def test_mismatch() -> None:
    """A key belongs to its first parameters and path."""
    stripe, _ = driver()
    stripe.pay("pm_card_visa", "k")
    status, answer = stripe.pay("pm_card_visa", "k", amount=501)
    assert (status, answer["error"]["type"]) == (400, "idempotency_error")
    assert stripe.post("/v1/refunds", "k", payment_intent="pi_1")[0] == 400


def test_order_of_parameters() -> None:
    """The order of the parameters does not matter."""
    stripe, _ = driver()
    stripe.post(INTENTS, "k", amount=5, currency="eur")
    stripe.post(INTENTS, "k", currency="eur", amount=5)
    assert stripe.last.headers["idempotent-replayed"] == "true"


def test_keys_are_per_account() -> None:
    """Two accounts can use the same key, and do not see each other's intents."""
    stripe, _ = driver()
    other = Driver(stripe.model, "acct_1")
    assert stripe.pay("pm_card_visa", "k")[1]["id"] != other.pay("pm_card_visa", "k")[1]["id"]
    assert (_count(stripe), _count(other)) == (1, 1)


def test_validation_is_not_stored() -> None:
    """A refused parameter leaves the key free for the corrected request."""
    stripe, _ = driver()
    assert stripe.post(INTENTS, "k", amount=0, currency="eur")[0] == 400
    assert stripe.post(INTENTS, "k", amount=5, currency="eur")[0] == 200


def test_illegal_move_is_stored() -> None:
    """A refusal for the state of the intent is an answer, and is kept."""
    stripe, _ = driver()
    _, intent = stripe.pay()
    assert stripe.post(f"{INTENTS}/{intent['id']}/cancel", "k")[0] == 400
    stripe.post(f"{INTENTS}/{intent['id']}/cancel", "k")
    assert stripe.last.headers["idempotent-replayed"] == "true"


def test_pruned_after_a_day() -> None:
    """After 24 hours of the sandbox clock a key is new again."""
    stripe, hand = driver()
    stripe.pay("pm_card_visa", "k")
    hand.now += 86_399
    stripe.pay("pm_card_visa", "k")
    assert _count(stripe) == 1
    hand.now += 1
    stripe.pay("pm_card_visa", "k")
    assert _count(stripe) == 2


def test_long_key() -> None:
    """A key of more than 255 characters is refused."""
    stripe, _ = driver()
    assert stripe.pay("pm_card_visa", "k" * 255)[0] == 200
    assert stripe.pay("pm_card_visa", "k" * 256)[1]["error"]["type"] == "idempotency_error"


def test_in_flight() -> None:
    """Only while a request is truly under way is its key in use."""
    stripe, _ = driver()
    stripe.pay("pm_sandbox_timeout_after", "k")
    hanging = stripe.last
    stripe.model.hold(hanging)
    status, answer = stripe.pay("pm_sandbox_timeout_after", "k")
    assert (status, answer["error"]["code"]) == (409, "idempotency_key_in_use")
    assert stripe.last.headers["stripe-should-retry"] == "true"
    stripe.model.release(hanging)
    assert stripe.pay("pm_sandbox_timeout_after", "k")[0] == 200


@pytest.mark.parametrize("by", ["card", "metadata"])
@pytest.mark.parametrize(("fault", "before"), [("timeout_before", 0), ("timeout_after", 1)])
def test_timeouts(by: str, fault: str, before: int) -> None:
    """A time-out hides whether the effect took place; the same key brings it about once."""
    stripe, _ = driver()
    method = f"pm_sandbox_{fault}" if by == "card" else "pm_card_visa"
    more = {} if by == "card" else {"metadata": {"sandbox_fault": fault}}
    status, _none = stripe.pay(method, "k", **more)
    assert (stripe.last.hang, status) == (True, 0)
    assert _count(stripe) == before
    status, intent = stripe.pay(method, "k", **more)
    assert (status, intent["status"]) == (200, "succeeded")
    assert ("idempotent-replayed" in stripe.last.headers) == (before == 1)
    assert _count(stripe) == 1


@pytest.mark.parametrize(("fault", "effect"), [("error_500_before", 0), ("error_500_after", 1)])
def test_server_errors(fault: str, effect: int) -> None:
    """A 500 is stored under its key, whether or not the effect took place."""
    stripe, _ = driver()
    for _ in range(2):
        status, answer = stripe.pay(f"pm_sandbox_{fault}", "k")
        assert (status, answer["error"]["type"]) == (500, "api_error")
    assert stripe.last.headers["idempotent-replayed"] == "true"
    assert _count(stripe) == effect


def test_rate_limited() -> None:
    """A rate limit is answered once per key and is not stored."""
    stripe, _ = driver()
    assert stripe.pay("pm_sandbox_rate_limited", "k")[0] == 429
    assert _count(stripe) == 0
    assert stripe.pay("pm_sandbox_rate_limited", "k")[0] == 200
    assert stripe.pay("pm_sandbox_rate_limited", "k2")[0] == 429


def test_slow() -> None:
    """A slow answer takes three seconds, and only the first time."""
    stripe, _ = driver()
    assert stripe.pay("pm_sandbox_slow", "k")[1]["status"] == "succeeded"
    assert stripe.last.delay_seconds == 3.0
    stripe.pay("pm_sandbox_slow", "k")
    assert stripe.last.delay_seconds == 0.0


def test_faults_of_other_operations() -> None:
    """A prefix aims a fault at another operation than the confirmation."""
    stripe, _ = driver()
    asked = {"sandbox_fault": "create:timeout_after, cancel:error_500_after, refund:slow"}
    stripe.post(INTENTS, "k1", amount=5, currency="eur", metadata=asked)
    assert stripe.last.hang
    _, intent = stripe.post(INTENTS, "k1", amount=5, currency="eur", metadata=asked)
    assert stripe.post(f"{INTENTS}/{intent['id']}/cancel", "k2")[0] == 500
    assert stripe.get(f"{INTENTS}/{intent['id']}")[1]["status"] == "canceled"
    _, paid = stripe.pay(metadata=asked, key="k3")
    _, paid = stripe.pay(metadata=asked, key="k3")
    assert stripe.post("/v1/refunds", "k4", payment_intent=paid["id"])[0] == 200
    assert stripe.last.delay_seconds == 3.0
    fault = {"sandbox_fault": "error_500_before"}
    assert stripe.post("/v1/refunds", "k5", payment_intent=paid["id"], metadata=fault)[0] == 500


def test_fault_at_confirmation() -> None:
    """A fault of the card strikes the separate confirmation too."""
    stripe, _ = driver()
    _, intent = stripe.post(
        INTENTS, "k1", amount=5, currency="eur", payment_method="pm_sandbox_timeout_after"
    )
    path = f"{INTENTS}/{intent['id']}/confirm"
    stripe.post(path, "k2")
    assert stripe.last.hang
    assert stripe.post(path, "k2")[1]["status"] == "succeeded"
