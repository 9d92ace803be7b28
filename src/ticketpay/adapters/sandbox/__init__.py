"""A Stripe-compatible sandbox: a pure, seeded model of the provider and a thin server over it."""

from __future__ import annotations

from ticketpay.adapters.sandbox.clock import SandboxClock
from ticketpay.adapters.sandbox.delivery import DEFAULT_RETRY_DELAYS, Delivery, DeliveryPolicy
from ticketpay.adapters.sandbox.model import SandboxModel
from ticketpay.adapters.sandbox.response import API_VERSION, Response

__all__ = [
    "API_VERSION",
    "DEFAULT_RETRY_DELAYS",
    "Delivery",
    "DeliveryPolicy",
    "Response",
    "SandboxClock",
    "SandboxModel",
]
