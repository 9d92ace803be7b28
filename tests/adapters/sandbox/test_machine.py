"""Whatever is asked of an intent, its amounts and final states hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.adapters.sandbox.driving import Driver, driver

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
_CARDS = st.sampled_from(
    ["visa", "bypassPending", "pendingRefund", "createDispute", "createDisputeInquiry"]
)
_FATES = st.sampled_from(["none", "pending", "fails", "fails_later", "requires_action"])
_SPEED = st.sampled_from(["standard", "instant"])
_PICK = st.integers(0, 9)
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


class Money(RuleBasedStateMachine):
    """Sales of every kind, and what becomes of their money, on a platform that lends or not."""

    def __init__(self) -> None:
        super().__init__()
        self.stripe, self.hand = driver()
        bank = {"account_number": "000123456789"}
        self.venue = self.stripe.post("/v1/accounts", external_account=bank)[1]["id"]
        self.there = Driver(self.stripe.model, self.venue)
        self.last: dict[str, Any] = {}

    def _all(self, kind: str, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.stripe.get(f"/v1/{kind}", limit=100, **params)[1]["data"]
        return found

    def _free(self, stripe: Driver) -> int:
        cents: int = stripe.get("/v1/balance")[1]["available"][0]["amount"]
        return cents

    @rule(method=_CARDS, shared=st.booleans(), manual=st.booleans())
    def sell(self, method: str, shared: bool, manual: bool) -> None:  # noqa: FBT001 - drawn
        more: dict[str, Any] = {"capture_method": "manual"} if manual else {}
        if shared:
            more |= {"transfer_data": {"destination": self.venue}, "application_fee_amount": 77}
        assert self.stripe.pay(f"pm_card_{method}", **more)[0] == 200

    @rule(amount=st.integers(1, 500))
    def capture(self, amount: int) -> None:
        for intent in self._all("payment_intents"):
            if intent["status"] == "requires_capture":
                path = f"/v1/payment_intents/{intent['id']}/capture"
                assert self.stripe.post(path, amount_to_capture=amount)[0] == 200
                return

    @rule(pick=_PICK, amount=st.integers(1, 400), back=st.booleans(), fate=_FATES)
    def refund(self, pick: int, amount: int, back: bool, fate: str) -> None:  # noqa: FBT001 - drawn
        charges = self._all("charges")
        if charges:
            charge = charges[pick % len(charges)]["id"]
            more = {"reverse_transfer": True, "refund_application_fee": True} if back else {}
            fates = {"sandbox_refund": fate}
            self.stripe.post("/v1/refunds", charge=charge, amount=amount, metadata=fates, **more)

    @rule(pick=_PICK, verb=st.sampled_from(["fail", "succeed"]))
    def settle_refund(self, pick: int, verb: str) -> None:
        refunds = self._all("refunds")
        if refunds:
            self.stripe.control(f"refunds/{refunds[pick % len(refunds)]['id']}/{verb}", {})

    @rule(pick=_PICK, amount=st.integers(1, 500), inquiry=st.booleans())
    def dispute(self, pick: int, amount: int, inquiry: bool) -> None:  # noqa: FBT001 - drawn
        charges = self._all("charges")
        if charges:
            path = f"charges/{charges[pick % len(charges)]['id']}/dispute"
            self.stripe.control(path, {"amount": amount, "inquiry": inquiry})

    @rule(pick=_PICK, verb=st.sampled_from(["win", "lose", "escalate"]))
    def decide(self, pick: int, verb: str) -> None:
        disputes = self._all("disputes")
        if disputes:
            self.stripe.control(f"disputes/{disputes[pick % len(disputes)]['id']}/{verb}", {})

    @rule(amount=st.integers(1, 900), venue=st.booleans(), method=_SPEED)
    def pay_out(self, amount: int, venue: bool, method: str) -> None:  # noqa: FBT001 - drawn
        stripe = self.there if venue else self.stripe
        free = self._free(stripe)
        params = {"amount": amount, "currency": "eur", "method": method}
        status, _ = stripe.post("/v1/payouts", **params)
        cost = amount + (50 if method == "instant" else 0)
        assert (status == 200) == (cost <= free)
        if status == 200:
            assert self._free(stripe) == free - cost

    @rule(pick=_PICK, verb=st.sampled_from(["pay", "fail"]))
    def settle_payout(self, pick: int, verb: str) -> None:
        payouts = self._all("payouts")
        if payouts:
            self.stripe.control(f"payouts/{payouts[pick % len(payouts)]['id']}/{verb}", {})

    @rule(pick=_PICK, amount=st.integers(1, 300))
    def reverse(self, pick: int, amount: int) -> None:
        transfers = self._all("transfers")
        if transfers:
            path = f"/v1/transfers/{transfers[pick % len(transfers)]['id']}/reversals"
            self.stripe.post(path, amount=amount)

    @rule(overdraft=st.sampled_from([None, 0, 200]), cents=st.integers(0, 500))
    def steer(self, overdraft: int | None, cents: int) -> None:
        given = {"overdraftCents": overdraft, "topUpCents": cents, "currency": "eur"}
        self.stripe.control("balance", given)

    @rule(seconds=st.sampled_from([1, 10, 86_400, 8 * 86_400]))
    def wait(self, seconds: int) -> None:
        self.hand.now += seconds

    @invariant()
    def balance_is_the_sum(self) -> None:
        for stripe in (self.stripe, self.there):
            balance = stripe.get("/v1/balance")[1]
            for name in ("available", "pending"):
                shown = sum(each["amount"] for each in balance[name])
                entries = stripe.get("/v1/balance_transactions", limit=100)[1]["data"]
                assert shown == sum(each["net"] for each in entries if each["status"] == name)
                assert all(each["net"] == each["amount"] - each["fee"] for each in entries)

    @invariant()
    def no_more_than_was_captured(self) -> None:
        refunds, disputes = self._all("refunds"), self._all("disputes")
        for charge in self._all("charges"):
            back = [each["amount"] for each in refunds if _counts(each, charge)]
            lost = [each["amount"] for each in disputes if _counts(each, charge)]
            if charge["captured"]:
                assert charge["amount_refunded"] == sum(back)
            assert sum(back) + sum(lost) <= charge["amount_captured"]

    @invariant()
    def events_are_snapshots(self) -> None:
        """The last event of each object shows it as it is now, but for what has no event."""
        seen: set[str] = set()
        for event in self._all("events"):
            shown = event["data"]["object"]
            if shown["object"] in ("dispute", "payout", "refund") and shown["id"] not in seen:
                seen.add(shown["id"])
                assert self.stripe.get(f"/v1/{shown['object']}s/{shown['id']}")[1] == shown


def _counts(each: dict[str, Any], charge: dict[str, Any]) -> bool:
    ended = ("failed", "canceled", "won", "warning_closed")
    warned = each["status"].startswith("warning_")
    return each["charge"] == charge["id"] and each["status"] not in ended and not warned


Money.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestMoney = pytest.mark.spec("S67")(Money.TestCase)
