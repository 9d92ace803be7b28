"""A real sandbox server for all tests, an in-process one, and gateways to both."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest

from ticketpay.adapters.sandbox import SandboxModel
from ticketpay.adapters.stripe import StripeGateway
from ticketpay.domain.kernel.ids import OrderId, PaymentId, RefundId, TenantId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import CaptureMethod, ChargeRequest, PaymentMethod, ProviderFact
from ticketpay.domain.refunds import Refund, RefundState

TENANT = TenantId(UUID(int=1))
KEY = "sk_test_1"


@attrs.frozen
class Desk:
    """A gateway, and requests in the shape that the domain makes them."""

    gateway: StripeGateway

    def request(self, card: str = "tok_visa", **changes: Any) -> ChargeRequest:
        payment = PaymentId(uuid4())
        request = ChargeRequest(
            tenant_id=TENANT,
            payment_id=payment,
            order_id=OrderId(uuid4()),
            amount=Money(1_234, USD),
            capture_method=CaptureMethod.AUTOMATIC,
            method=PaymentMethod(type="card", token=card),
            key=f"intent:{payment}",
        )
        return attrs.evolve(request, **changes)

    def pay(self, card: str = "tok_visa", **changes: Any) -> ProviderFact:
        return self.gateway.charge(self.request(card, **changes))

    def refund_of(self, fact: ProviderFact, **changes: Any) -> Refund:
        refund = Refund(
            id=RefundId(uuid4()),
            payment_id=PaymentId(UUID(fact.payment_id)),
            ref=fact.ref,
            amount=fact.received,
            reason="late_success",
            state=RefundState.PENDING,
            created_at=datetime.now(UTC),
        )
        return attrs.evolve(refund, **changes)


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """The address of one sandbox server."""
    command = [sys.executable, "-m", "ticketpay.adapters.sandbox.server", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().split()[-1]
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def over_http(sandbox_url: str) -> Iterator[Desk]:
    """A gateway to the server, with one second for a call."""
    gateway = StripeGateway.create(KEY, api_base=sandbox_url, timeout_seconds=1)
    yield Desk(gateway)
    gateway.close()


@pytest.fixture
def model() -> SandboxModel:
    """A sandbox in this process."""
    return SandboxModel(7, time.time)


@pytest.fixture
def in_process(model: SandboxModel) -> Desk:
    """A gateway to the sandbox in this process."""
    return Desk(StripeGateway.create(KEY, transport=model.request))


@pytest.fixture(params=["over_http", "in_process"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """The same tests over HTTP and in process."""
    chosen: Desk = request.getfixturevalue(request.param)
    return chosen
