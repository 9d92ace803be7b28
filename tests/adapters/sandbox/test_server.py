"""The sandbox as a server, driven by the official SDK."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import psutil
import pytest
import stripe as sdk

from tests.adapters.sandbox.conftest import Receiver

pytestmark = pytest.mark.spec("S67")


def _pay(
    client: sdk.StripeClient, method: str, key: str | None = None, **more: Any
) -> sdk.PaymentIntent:
    base = {"amount": 500, "currency": "eur", "confirm": True, "payment_method": method}
    options: Any = {} if key is None else {"idempotency_key": key}
    params: Any = base | more
    return client.v1.payment_intents.create(params, options)


def test_payment_and_webhooks(client: sdk.StripeClient, receiver: Receiver) -> None:
    """A payment through the SDK succeeds and its signed events arrive without delay."""
    intent = _pay(client, "pm_card_visa", metadata={"order_id": "7"}, expand=["latest_charge"])
    assert intent.status == "succeeded"
    assert isinstance(intent.latest_charge, sdk.Charge)
    assert intent.metadata["order_id"] == "7"
    kinds = {event.type for event in receiver.wait(3)}
    assert kinds == {"payment_intent.created", "charge.succeeded", "payment_intent.succeeded"}


def test_decline(client: sdk.StripeClient) -> None:
    """The SDK raises a card error with code, reason, charge and intent."""
    with pytest.raises(sdk.CardError) as caught:
        _pay(client, "pm_card_visa_chargeDeclinedInsufficientFunds")
    error = caught.value.error
    assert error is not None
    assert (error.code, error.decline_code) == ("card_declined", "insufficient_funds")
    assert error.payment_intent is not None
    assert error.payment_intent.status == "requires_payment_method"
    assert caught.value.request_id is not None


def test_whole_life(client: sdk.StripeClient) -> None:
    """Create, update, confirm, capture, refund, list and read back through the SDK."""
    intents = client.v1.payment_intents
    intent = intents.create({"amount": 500, "currency": "eur", "capture_method": "manual"})
    intents.update(intent.id, {"metadata": {"a": "1"}, "amount": 600})
    intent = intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert intent.amount_capturable == 600
    intents.capture(intent.id, {"amount_to_capture": 400})
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert isinstance(refund.charge, str)
    assert client.v1.charges.retrieve(refund.charge).amount_refunded == 100
    assert [each.id for each in intents.list({"limit": 3}).auto_paging_iter()] == [intent.id]
    events = client.v1.events.list({"limit": 2})
    kinds = [event.type for event in events.auto_paging_iter()]
    assert len(kinds) == 7
    assert client.v1.events.retrieve(events.data[0].id).type == "charge.refunded"
    with pytest.raises(sdk.InvalidRequestError, match="status of succeeded"):
        intents.cancel(intent.id)
    other = intents.create({"amount": 5, "currency": "eur"})
    assert intents.cancel(other.id, {"cancellation_reason": "duplicate"}).status == "canceled"


def test_endpoints(client: sdk.StripeClient) -> None:
    """Webhook endpoints are created, listed and deleted through the SDK."""
    hooks = client.v1.webhook_endpoints
    made = hooks.create({"url": "http://127.0.0.1:9/none", "enabled_events": ["charge.failed"]})
    assert made.secret is not None
    assert made.id in [each.id for each in hooks.list().data]
    assert hooks.delete(made.id).deleted is True


def test_sdk_errors(client: sdk.StripeClient, address: str) -> None:
    """Each refusal is the SDK's exception for it."""
    with pytest.raises(sdk.InvalidRequestError) as unknown:
        _pay(client, "pm_card_visa", colour="red")
    assert unknown.value.param == "colour"
    _pay(client, "pm_card_visa", "k")
    with pytest.raises(sdk.IdempotencyError):
        _pay(client, "pm_card_mastercard", "k")
    with pytest.raises(sdk.RateLimitError):
        _pay(client, "pm_sandbox_rate_limited", "k2")
    with pytest.raises(sdk.APIError):
        _pay(client, "pm_sandbox_error_500_after", "k3")
    live = sdk.StripeClient("sk_live_1", base_addresses={"api": address})
    with pytest.raises(sdk.AuthenticationError):
        live.v1.payment_intents.list()


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "slow"])
def test_timeouts(client: sdk.StripeClient, fault: str) -> None:
    """The SDK times out; the same key then gets the one payment, and is not in use any more."""
    with pytest.raises(sdk.APIConnectionError):
        _pay(client, f"pm_sandbox_{fault}", "k")
    assert _pay(client, f"pm_sandbox_{fault}", "k").status == "succeeded"
    assert len(client.v1.payment_intents.list().data) == 1


def test_key_in_use(client: sdk.StripeClient, address: str) -> None:
    """While a request hangs its key is in use; when the client leaves it is free."""
    form = {
        "amount": "500",
        "currency": "eur",
        "confirm": "true",
        "payment_method": "pm_sandbox_timeout_after",
    }
    headers = {"Authorization": "Bearer sk_test_1", "Idempotency-Key": "k"}
    url = address + "/v1/payment_intents"
    with httpx.Client(timeout=5, headers=headers) as patient:
        statuses: list[int] = []

        def impatient() -> None:
            time.sleep(1.5)
            statuses.append(httpx.post(url, data=form, headers=headers).status_code)

        thread = threading.Thread(target=impatient)
        thread.start()
        with pytest.raises(httpx.ReadTimeout):
            patient.post(url, data=form)
        thread.join()
    assert statuses == [409]
    assert httpx.post(url, data=form, headers=headers).status_code == 200


def test_hang_ends(serve: Callable[..., str]) -> None:
    """A server that has hung long enough closes the connection without an answer."""
    url = serve("--hang-seconds", "0.2") + "/v1/payment_intents"
    form = {
        "amount": "5",
        "currency": "eur",
        "confirm": "true",
        "payment_method": "pm_sandbox_timeout_before",
    }
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(url, data=form, headers={"Authorization": "Bearer sk_test_1"})


def test_webhook_retry(client: sdk.StripeClient, receiver: Receiver) -> None:
    """A webhook that is refused comes again, over connections that are kept."""
    receiver.statuses = [500, 503]
    _pay(client, "pm_card_visa")
    events = receiver.wait(5)
    assert len(events) == 5
    assert len({event.id for event in events}) == 3
    for _ in range(5):
        _pay(client, "pm_card_visa")
    receiver.wait(20)
    assert len(receiver.connections) < 10


def test_processing_settles_by_itself(
    client: sdk.StripeClient, address: str, receiver: Receiver
) -> None:
    """Advancing the clock settles a processing payment and sends its event."""
    intent = _pay(client, "pm_sandbox_processing")
    assert intent.status == "processing"
    receiver.wait(3)
    httpx.post(address + "/_sandbox/clock", json={"advanceSeconds": 5}).raise_for_status()
    assert receiver.wait(5)[-1].type in ("charge.succeeded", "payment_intent.succeeded")


def test_authentication(client: sdk.StripeClient, address: str) -> None:
    """A challenge is answered at the address that the intent names."""
    intent = _pay(client, "pm_card_threeDSecure2Required", return_url="https://shop.example")
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    url = intent.next_action.redirect_to_url.url
    assert url is not None
    assert url.startswith(address)
    answer = httpx.post(url, json={"outcome": "succeed"})
    assert answer.json()["status"] == "succeeded"


@pytest.mark.parametrize(("button", "status"), [("succeed", "succeeded"), ("fail", "failed")])
def test_challenge_page(client: sdk.StripeClient, button: str, status: str) -> None:
    """A browser is shown the challenge and sent back to the shop with the outcome."""
    intent = _pay(client, "pm_card_threeDSecure2Required", return_url="https://shop.example/?a=1")
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    url = str(intent.next_action.redirect_to_url.url)
    assert "5.00 EUR" in httpx.get(url).text
    back = httpx.post(url, data={"outcome": button})
    assert back.status_code == 303
    wanted = f"https://shop.example/?a=1&payment_intent={intent.id}"
    assert back.headers["location"].startswith(wanted)
    assert back.headers["location"].endswith(f"redirect_status={status}")
    assert httpx.post(url, data={"outcome": "maybe"}).status_code == 400


def test_many_deliveries(client: sdk.StripeClient, receiver: Receiver) -> None:
    """Under a burst every event arrives once."""
    for _ in range(40):
        _pay(client, "pm_card_visa")
    events = receiver.wait(120)
    assert len({event.id for event in events}) == len(events) == 120


@pytest.mark.parametrize(
    "options",
    [("--host", "192.0.2.1"), ("--webhook-url", "http://a.example"), ("--retry-delays", "x")],
)
def test_refused_options(options: tuple[str, ...]) -> None:
    """Another host than the loopback, and half an endpoint, are refused."""
    command = [sys.executable, "-m", "ticketpay.adapters.sandbox.server", *options]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
def test_dies_with_its_parent() -> None:
    """The server does not outlive the process that started it."""
    code = (
        "import subprocess, sys\n"
        "server = subprocess.Popen([sys.executable, '-m', 'ticketpay.adapters.sandbox.server'],"
        " stdout=subprocess.PIPE, text=True)\n"
        "server.stdout.readline()\n"
        "print(server.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        server = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs([server], timeout=5)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
