"""The money after the sale, through the official SDK over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import stripe as sdk

pytestmark = pytest.mark.spec("S67")

Control = Callable[..., Any]
DAY = 86_400


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """One sandbox server for all tests of this module."""
    command = [sys.executable, "-m", "ticketpay.adapters.sandbox.server", "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture
def control(address: str) -> Control:
    """Sends control requests to a sandbox that has forgotten the tests before."""

    def send(path: str, **given: Any) -> Any:
        return httpx.post(f"{address}/_sandbox/{path}", json=given, trust_env=False).json()

    send("reset")
    return send


@pytest.fixture
def client(address: str, control: Control) -> Iterator[sdk.StripeClient]:
    """The official SDK, pointed at the sandbox; it waits and never retries."""
    del control
    http = sdk.RequestsClient(timeout=3)
    yield sdk.StripeClient(
        "sk_test_1", base_addresses={"api": address}, http_client=http, max_network_retries=0
    )
    http.close()  # type: ignore[no-untyped-call]  # the SDK's method has no annotations


def _pay(client: sdk.StripeClient, method: str = "bypassPending", **more: Any) -> sdk.PaymentIntent:
    base = {"amount": 10_000, "currency": "usd", "confirm": True}
    params: Any = base | {"payment_method": f"pm_card_{method}"} | more
    return client.v1.payment_intents.create(params)


def _free(client: sdk.StripeClient, account: str | None = None) -> int:
    options: Any = {"stripe_account": account} if account else {}
    return client.v1.balance.retrieve({}, options).available[0].amount


def test_refunds(client: sdk.StripeClient, control: Control) -> None:
    """A refund pends, succeeds, fails later and gives its amount back to be refunded again."""
    refunds, intent = client.v1.refunds, _pay(client, "pendingRefund")
    params: Any = {"payment_intent": intent.id, "amount": 6000, "reason": "duplicate"}
    refund = refunds.create(params | {"expand": ["balance_transaction"]})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    assert isinstance(refund.balance_transaction, sdk.BalanceTransaction)
    assert refund.balance_transaction.net == -6000
    control("clock", advanceSeconds=5)
    assert refunds.retrieve(refund.id).status == "succeeded"
    with pytest.raises(sdk.InvalidRequestError) as caught:
        refunds.create(params)
    assert caught.value.code == "amount_too_large"
    control(f"refunds/{refund.id}/fail", reason="lost_or_stolen_card")
    refund = refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (refund.status, refund.failure_reason) == ("failed", "lost_or_stolen_card")
    assert isinstance(refund.failure_balance_transaction, sdk.BalanceTransaction)
    assert refund.failure_balance_transaction.type == "refund_failure"
    again = refunds.create(params)
    assert "b" in str(refunds.update(again.id, {"metadata": {"a": "b"}}).metadata)
    assert [each.id for each in refunds.list({"payment_intent": intent.id})] == [
        again.id,
        refund.id,
    ]
    assert refunds.cancel(again.id).status == "canceled"


@pytest.mark.spec("S23")
def test_a_balance_per_currency(client: sdk.StripeClient) -> None:
    """What is charged in a currency stays in it, fee and refund too; nothing is converted."""
    for currency in ("usd", "eur", "gbp", "cad"):
        intent = _pay(client, currency=currency, expand=["latest_charge.balance_transaction"])
        assert isinstance(intent.latest_charge, sdk.Charge)
        entry = intent.latest_charge.balance_transaction
        assert isinstance(entry, sdk.BalanceTransaction)
        assert (entry.currency, entry.exchange_rate) == (currency, None)
        assert {part.currency for part in entry.fee_details} == {currency}
    client.v1.refunds.create({"payment_intent": intent.id})
    free = {one.currency: one.amount for one in client.v1.balance.retrieve().available}
    fee = 10_000 - free["usd"]
    assert free == {"usd": 10_000 - fee, "eur": 10_000 - fee, "gbp": 10_000 - fee, "cad": -fee}
    listed = client.v1.balance_transactions.list({"currency": "gbp"})
    assert {entry.currency for entry in listed} == {"gbp"}


def test_short_refund(client: sdk.StripeClient, control: Control) -> None:
    """Without money a refund waits for a top-up, and none is lent beyond the overdraft."""
    intent = _pay(client, "visa")
    control("balance", overdraftCents=0)
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert (refund.status, refund.pending_reason) == ("pending", "insufficient_funds")
    assert refund.balance_transaction is None
    control("balance", topUpCents=9_999, currency="usd")
    assert client.v1.refunds.retrieve(refund.id).status == "pending"
    control("balance", topUpCents=1, currency="usd")
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert _free(client) == 0


def test_refund_waits_for_pending_money(client: sdk.StripeClient, control: Control) -> None:
    """A waiting refund is paid when earlier sales become available."""
    intents = [_pay(client, "visa") for _ in range(2)]
    control("balance", overdraftCents=0)
    refund = client.v1.refunds.create({"payment_intent": intents[0].id})
    control("clock", advanceSeconds=5 * DAY)
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"


def test_refund_fails_after_its_success(client: sdk.StripeClient, control: Control) -> None:
    """The refund of this card succeeds and is returned later, with both events."""
    intent = _pay(client, "refundFail")
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == "succeeded"
    control("clock", advanceSeconds=10)
    assert client.v1.refunds.retrieve(refund.id).status == "failed"
    kinds = {event.type for event in client.v1.events.list({"limit": 100})}
    assert {"refund.failed", "refund.updated", "charge.refund.updated"} <= kinds


@pytest.mark.parametrize(("evidence", "end"), [("winning", "won"), ("losing", "lost")])
def test_disputes(client: sdk.StripeClient, control: Control, evidence: str, end: str) -> None:
    """A dispute takes amount and fee; evidence wins the amount back, or not."""
    intent, disputes = _pay(client, "createDispute"), client.v1.disputes
    (dispute,) = disputes.list({"payment_intent": intent.id})
    assert (dispute.status, dispute.amount) == ("needs_response", 10_000)
    assert dispute.balance_transactions[0].net == -11_500
    with pytest.raises(sdk.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_disputed"
    told: Any = {"evidence": {"uncategorized_text": f"{evidence}_evidence"}}
    assert disputes.update(dispute.id, told).status == "under_review"
    before = _free(client)
    control("clock", advanceSeconds=5)
    assert disputes.retrieve(dispute.id).status == end
    assert _free(client) - before == (10_000 if end == "won" else 0)
    kinds = [event.type for event in client.v1.events.list({"limit": 3})]
    assert kinds[0] == "charge.dispute.closed"
    assert ("charge.dispute.funds_reinstated" in kinds) == (end == "won")


def test_inquiry(client: sdk.StripeClient, control: Control) -> None:
    """An inquiry moves no money and leaves the charge refundable until it is escalated."""
    intent = _pay(client, "createDisputeInquiry")
    (dispute,) = client.v1.disputes.list()
    assert (dispute.status, dispute.is_charge_refundable) == ("warning_needs_response", True)
    assert dispute.balance_transactions == []
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 1})
    client.v1.refunds.create({"payment_intent": intent.id})
    assert client.v1.disputes.retrieve(dispute.id).status == "warning_closed"
    _pay(client, "createDisputeInquiry")
    second = client.v1.disputes.list().data[0]
    assert control(f"disputes/{second.id}/escalate")["status"] == "needs_response"
    assert client.v1.disputes.close(second.id).status == "lost"


def test_an_inquiry_about_what_was_refunded_does_not_escalate(
    client: sdk.StripeClient, control: Control
) -> None:
    """A bank takes only what refunds have left; by itself, too."""
    intent = _pay(client)
    path = f"charges/{intent.latest_charge}/dispute"
    dispute = control(path, amount=5000, inquiry=True)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 5001})
    refused = control(f"disputes/{dispute['id']}/escalate")
    assert refused["error"]["code"] == "charge_already_refunded"
    told: Any = {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}}
    client.v1.disputes.update(dispute["id"], told)
    control("clock", advanceSeconds=6)
    assert client.v1.disputes.retrieve(dispute["id"]).status == "warning_under_review"


def test_disputed_amount(client: sdk.StripeClient, control: Control) -> None:
    """Refunds and disputes together never exceed the charge; silence loses."""
    intent = _pay(client)
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 4000})
    path = f"charges/{intent.latest_charge}/dispute"
    assert control(path, amount=6001)["error"]["code"] == "amount_too_large"
    dispute = control(path, amount=5000)
    assert control(path, amount=1001)["error"]["code"] == "amount_too_large"
    assert client.v1.charges.retrieve(str(intent.latest_charge)).disputed is True
    control("clock", advanceSeconds=10 * DAY)
    assert client.v1.disputes.retrieve(dispute["id"]).status == "lost"


def test_balance(client: sdk.StripeClient, control: Control) -> None:
    """The balance is the sum of its transactions; a card's money is available two days later."""
    intent = _pay(client, "visa")
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})
    balance = client.v1.balance.retrieve()
    assert (balance.available[0].amount, balance.pending[0].amount) == (-1000, 9680)
    (charge,) = client.v1.balance_transactions.list({"type": "charge"})
    assert (charge.amount, charge.fee, charge.net) == (10_000, 320, 9680)
    assert (charge.status, charge.source) == ("pending", intent.latest_charge)
    control("clock", advanceSeconds=5 * DAY)
    assert _free(client) == sum(each.net for each in client.v1.balance_transactions.list())
    of_charge = client.v1.balance_transactions.list({"source": str(intent.latest_charge)})
    assert [each.status for each in of_charge] == ["available"]
    later: Any = {"created": {"gt": charge.created + DAY}}
    assert client.v1.balance_transactions.list(later).data == []


def test_payouts(client: sdk.StripeClient, control: Control) -> None:
    """A payout leaves, arrives, and can come back; never more than is available."""
    _pay(client)
    payouts, params = client.v1.payouts, {"amount": 9000, "currency": "usd"}
    payout = payouts.create(params)  # type: ignore[arg-type]  # a plain dictionary
    assert (payout.status, payout.method, _free(client)) == ("pending", "standard", 680)
    with pytest.raises(sdk.InvalidRequestError) as caught:
        payouts.create({"amount": 681, "currency": "usd"})
    assert caught.value.code == "balance_insufficient"
    control("clock", advanceSeconds=6 * DAY)
    assert payouts.retrieve(payout.id).status == "paid"
    with pytest.raises(sdk.InvalidRequestError):
        payouts.cancel(payout.id)
    control(f"payouts/{payout.id}/fail", code="account_closed")
    payout = payouts.retrieve(payout.id)
    assert (payout.status, payout.failure_code, _free(client)) == ("failed", "account_closed", 9680)
    second = payouts.create({"amount": 9000, "currency": "usd"})
    assert payouts.cancel(second.id).status == "canceled"
    kinds = [event.type for event in client.v1.events.list({"type": "payout.*"})]
    names = ("canceled", "created", "failed", "paid", "updated", "created")
    assert kinds == [f"payout.{name}" for name in names]


def test_instant_payout(client: sdk.StripeClient, control: Control) -> None:
    """An instant payout costs a fee, cannot be canceled and is paid after half an hour."""
    _pay(client)
    with pytest.raises(sdk.InvalidRequestError):  # there is no money for the fee
        client.v1.payouts.create({"amount": 9600, "currency": "usd", "method": "instant"})
    payout = client.v1.payouts.create({"amount": 9000, "currency": "usd", "method": "instant"})
    assert (payout.status, _free(client)) == ("in_transit", 590)
    with pytest.raises(sdk.InvalidRequestError):
        client.v1.payouts.cancel(payout.id)
    control("clock", advanceSeconds=1800)
    assert client.v1.payouts.retrieve(payout.id).status == "paid"


def test_automatic_payout(client: sdk.StripeClient, control: Control) -> None:
    """An automatic payout lists the balance transactions that it is made of."""
    for _ in range(2):
        _pay(client)
    payout = control("payouts", currency="usd")
    assert payout["amount"] == 2 * 9680
    parts = client.v1.balance_transactions.list({"payout": payout["id"]})
    assert sorted(each.net for each in parts) == [-2 * 9680, 9680, 9680]
    control("clock", advanceSeconds=6 * DAY)
    assert client.v1.payouts.retrieve(payout["id"]).reconciliation_status == "completed"
    assert client.v1.events.list({"type": "payout.reconciliation_completed"}).data


def _account(client: sdk.StripeClient, number: str = "000123456789") -> str:
    bank = {"object": "bank_account", "country": "US", "currency": "usd", "account_number": number}
    params: Any = {"country": "US", "external_account": bank}
    return client.v1.accounts.create(params).id


def test_accounts(client: sdk.StripeClient, control: Control) -> None:
    """An account owes requirements; while it does, it has no payouts."""
    account = client.v1.accounts.create({"country": "US", "email": "a@b.example"})
    assert account.payouts_enabled is False
    control("balance", account=account.id, topUpCents=500, currency="usd")
    with pytest.raises(sdk.InvalidRequestError) as caught:
        client.v1.payouts.create({"amount": 100, "currency": "usd"}, {"stripe_account": account.id})
    assert caught.value.code == "payouts_not_allowed"
    control(f"accounts/{account.id}/require")
    assert client.v1.accounts.retrieve(account.id).payouts_enabled is True
    client.v1.payouts.create({"amount": 100, "currency": "usd"}, {"stripe_account": account.id})
    assert client.v1.payouts.list().data == []


def test_failing_bank(client: sdk.StripeClient, control: Control) -> None:
    """A payout to a closed bank account fails on arrival and is credited again."""
    account = _account(client, "000111111113")
    control("balance", account=account, topUpCents=500, currency="usd")
    payout = client.v1.payouts.create(
        {"amount": 500, "currency": "usd"}, {"stripe_account": account}
    )
    control("clock", advanceSeconds=6 * DAY)
    failed = client.v1.payouts.retrieve(payout.id, {}, {"stripe_account": account})
    assert (failed.status, failed.failure_code) == ("failed", "account_closed")
    assert _free(client, account) == 500


def test_transfers(client: sdk.StripeClient) -> None:
    """Transfers take from the platform, and come back as far as the destination has money."""
    account, intent, transfers = _account(client), _pay(client), client.v1.transfers
    params: Any = {"amount": 6000, "currency": "usd", "destination": account}
    transfer = transfers.create(params | {"source_transaction": intent.latest_charge})
    assert (_free(client), _free(client, account)) == (3680, 6000)
    for more in ({"source_transaction": intent.latest_charge}, {}):
        with pytest.raises(sdk.InvalidRequestError) as caught:
            transfers.create(params | more)
        assert caught.value.code in ("amount_too_large", "balance_insufficient")
    transfers.reversals.create(transfer.id, {"amount": 1000})
    with pytest.raises(sdk.InvalidRequestError) as caught:
        transfers.reversals.create(transfer.id, {"amount": 5001})
    assert caught.value.code == "amount_too_large"
    client.v1.payouts.create({"amount": 4000, "currency": "usd"}, {"stripe_account": account})
    with pytest.raises(sdk.InvalidRequestError) as caught:
        transfers.reversals.create(transfer.id, {"amount": 1001})
    assert caught.value.code == "balance_insufficient"
    reversal = transfers.reversals.create(transfer.id, {"amount": 1000})
    assert transfers.reversals.retrieve(transfer.id, reversal.id).amount == 1000
    assert transfers.retrieve(transfer.id).amount_reversed == 2000
    assert transfers.list({"transfer_group": str(transfer.transfer_group)}).data


def test_destination_charge(client: sdk.StripeClient) -> None:
    """A destination charge shares itself; its refund pulls transfer and fee back in proportion."""
    account = _account(client)
    shared: Any = {"transfer_data": {"destination": account}, "application_fee_amount": 999}
    intent = _pay(client, **shared)
    assert (_free(client), _free(client, account)) == (10_000 - 320 - 10_000 + 999, 9001)
    refund = client.v1.refunds.create(
        {
            "payment_intent": intent.id,
            "amount": 3333,
            "reverse_transfer": True,
            "refund_application_fee": True,
        }
    )
    assert refund.transfer_reversal is not None
    assert _free(client, account) == 9001 - 3333 + 332
    assert client.v1.application_fees.list().data[0].amount_refunded == 332


def test_direct_charge(client: sdk.StripeClient) -> None:
    """A direct charge belongs to the account; the platform gets its fee."""
    account = _account(client)
    params: Any = {"amount": 10_000, "currency": "usd", "confirm": True}
    params |= {"payment_method": "pm_card_bypassPending", "application_fee_amount": 500}
    intent = client.v1.payment_intents.create(params, {"stripe_account": account})
    assert (_free(client, account), _free(client)) == (9180, 500)
    assert client.v1.payment_intents.list().data == []
    assert intent.status == "succeeded"


def test_capture(client: sdk.StripeClient, control: Control) -> None:
    """A part can be captured once; after seven days the hold is gone."""
    held = [_pay(client, capture_method="manual", expand=["latest_charge"]) for _ in range(2)]
    charge = held[0].latest_charge
    assert isinstance(charge, sdk.Charge)
    assert charge.payment_method_details is not None
    assert charge.payment_method_details.card is not None
    assert charge.payment_method_details.card.capture_before == charge.created + 7 * DAY
    with pytest.raises(sdk.InvalidRequestError):
        client.v1.refunds.create({"charge": charge.id})
    client.v1.payment_intents.capture(held[0].id, {"amount_to_capture": 4000})
    assert _free(client) == 4000 - 146
    control("clock", advanceSeconds=7 * DAY)
    late = client.v1.payment_intents.retrieve(held[1].id)
    assert (late.status, late.cancellation_reason) == ("canceled", "automatic")
    assert late.amount_capturable == 0
    assert client.v1.events.list({"type": "charge.expired"}).data


@pytest.mark.parametrize(
    ("fault", "made"),
    [("timeout_before", 1), ("timeout_after", 1), ("error_500_after", 1), ("error_500_before", 0)],
)
def test_faults(client: sdk.StripeClient, control: Control, fault: str, made: int) -> None:
    """A planned fault strikes any POST once; the same key never pays twice."""
    _pay(client)
    control("faults", operation="POST v1/payouts", fault=fault)
    for _ in range(2):
        with suppress(sdk.APIConnectionError, sdk.APIError):
            client.v1.payouts.create({"amount": 100, "currency": "usd"}, {"idempotency_key": "k"})
    assert len(client.v1.payouts.list().data) == made
