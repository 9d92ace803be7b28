"""A gateway to a sandbox in this process."""

from __future__ import annotations

import time
from typing import Any

import attrs
import pytest

from tests.support.providers import charge_request
from ticketpay.adapters.sandbox import SandboxModel
from ticketpay.adapters.stripe import StripeGateway
from ticketpay.domain.payments import ChargeRequest, ProviderFact


@attrs.frozen
class Desk:
    """A gateway, and requests in the shape that the domain makes them."""

    gateway: StripeGateway

    def request(self, card: str = "tok_visa", **changes: Any) -> ChargeRequest:
        return charge_request(card, **changes)

    def pay(self, card: str = "tok_visa", **changes: Any) -> ProviderFact:
        return self.gateway.charge(charge_request(card, **changes))


@pytest.fixture
def model() -> SandboxModel:
    """A sandbox in this process."""
    return SandboxModel(7, time.time)


@pytest.fixture
def in_process(model: SandboxModel) -> Desk:
    """A gateway to the sandbox in this process."""
    return Desk(StripeGateway.create("sk_test_1", transport=model.request))
