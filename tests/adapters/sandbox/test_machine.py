"""Whatever is asked of an intent, its amounts and final states hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.adapters.sandbox.driving import driver

_METHODS = st.sampled_from(
    [
        "pm_card_visa",
        "pm_card_chargeDeclined",
        "pm_card_authenticationRequired",
        "pm_card_threeDSecureRequiredChargeDeclined",
        "pm_sandbox_processing",
        "pm_sandbox_processing_fails",
        "pm_sandbox_error_500_after",
        "pm_sandbox_timeout_before",
    ]
)
_FINAL = ("succeeded", "canceled")
_MAY_CANCEL = (
    "requires_payment_method",
    "requires_confirmation",
    "requires_action",
    "requires_capture",
)


class Intents(RuleBasedStateMachine):
    """One intent, every move, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.stripe, self.hand = driver()
        _, intent = self.stripe.post("/v1/payment_intents", amount=500, currency="eur")
        self.path = f"/v1/payment_intents/{intent['id']}"
        self.seen = intent

    def _now(self) -> dict[str, Any]:
        intent: dict[str, Any] = self.stripe.get(self.path)[1]
        return intent

    @rule(method=_METHODS, manual=st.booleans())
    def confirm(self, method: str, manual: bool) -> None:  # noqa: FBT001 - drawn by Hypothesis
        before = self._now()["status"]
        params = {"payment_method": method, "capture_method": "manual" if manual else "automatic"}
        status, _ = self.stripe.post(self.path + "/confirm", **params)
        if before in (*_FINAL, "processing", "requires_capture") and not self.stripe.last.hang:
            assert status in (400, 500)
            assert self._now()["status"] == before

    @rule()
    def cancel(self) -> None:
        before = self._now()["status"]
        status, answer = self.stripe.post(self.path + "/cancel")
        assert (status == 200) == (before in _MAY_CANCEL)
        if status == 400:
            assert answer["error"]["code"] == "payment_intent_unexpected_state"

    @rule(amount=st.integers(1, 600))
    def capture(self, amount: int) -> None:
        before = self._now()
        status, _ = self.stripe.post(self.path + "/capture", amount_to_capture=amount)
        allowed = before["status"] == "requires_capture" and amount <= before["amount_capturable"]
        assert (status == 200) == allowed

    @rule(outcome=st.sampled_from(["succeed", "fail"]))
    def authenticate(self, outcome: str) -> None:
        before = self._now()
        control = f"payment_intents/{before['id']}/authenticate"
        status, _ = self.stripe.control(control, {"outcome": outcome})
        assert (status == 200) == (before["status"] == "requires_action")

    @rule(amount=st.integers(1, 600))
    def change_amount(self, amount: int) -> None:
        before = self._now()["status"]
        status, _ = self.stripe.post(self.path, amount=amount)
        assert (status == 200) == (before.startswith("requires_") and before != "requires_capture")

    @rule(amount=st.integers(1, 300))
    def refund(self, amount: int) -> None:
        before = self._now()["status"]
        ident = self.seen["id"]
        status, _ = self.stripe.post("/v1/refunds", payment_intent=ident, amount=amount)
        assert status == 400 or before == "succeeded"

    @rule(seconds=st.integers(1, 6))
    def wait(self, seconds: int) -> None:
        self.hand.now += seconds

    @invariant()
    def amounts_hold(self) -> None:
        intent = self._now()
        assert 0 <= intent["amount_received"] <= intent["amount"]
        assert (intent["amount_received"] > 0) == (intent["status"] == "succeeded")
        held = intent["amount"] if intent["status"] == "requires_capture" else 0
        assert intent["amount_capturable"] == held
        assert (intent["next_action"] is not None) == (intent["status"] == "requires_action")

    @invariant()
    def final_states_are_final(self) -> None:
        intent = self._now()
        if self.seen["status"] in _FINAL:
            assert intent["status"] == self.seen["status"]
            assert intent["amount_received"] == self.seen["amount_received"]
        self.seen = intent

    @invariant()
    def refunds_hold(self) -> None:
        _, page = self.stripe.get("/v1/refunds", payment_intent=self.seen["id"], limit=100)
        refunded = sum(refund["amount"] for refund in page["data"])
        assert refunded <= self.seen["amount_received"]


Intents.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestIntents = pytest.mark.spec("S67")(Intents.TestCase)
