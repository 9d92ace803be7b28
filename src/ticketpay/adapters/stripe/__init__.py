"""Stripe: the gateway and the webhook reader, through the official SDK at its pinned version.

Vocabulary: an *answer* is what one call gave back, as plain data with its headers; *never sent*
means that not one byte of a request left this machine.

Guarantees: no hidden retries; one deadline for a whole call, however slowly the server drips; a
request that may have arrived and was not answered is unknown, never failed.
"""

from __future__ import annotations

from ticketpay.adapters.stripe.gateway import StripeGateway
from ticketpay.adapters.stripe.webhook import StripeWebhooks

__all__ = ["StripeGateway", "StripeWebhooks"]
