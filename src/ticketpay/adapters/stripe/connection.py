"""How every part of this adapter comes to its client of the SDK: one way, at one version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import stripe

from ticketpay.adapters.stripe.transport import InProcessClient, PooledClient, Transport

__all__ = ["Connection", "connect", "plain", "utc_now"]


@attrs.frozen
class Connection:
    """A client without retries of its own, and the connections below it."""

    client: stripe.StripeClient = attrs.field(repr=False)
    http: InProcessClient | PooledClient = attrs.field(repr=False)


def connect(
    secret_key: str,
    *,
    api_base: str = "",
    timeout_seconds: float = 30.0,
    transport: Transport | None = None,
) -> Connection:
    """A connection to Stripe, to ``api_base`` or to an in-process ``transport``."""
    # The SDK's telemetry writes a file into the home directory and times every call.
    stripe.enable_telemetry = False
    http = InProcessClient(transport) if transport else PooledClient(timeout_seconds)
    base: Any = {"api": api_base.rstrip("/")} if api_base else {}
    client = stripe.StripeClient(
        secret_key, http_client=http, base_addresses=base, max_network_retries=0
    )
    return Connection(client, http)


def plain(shown: stripe.StripeObject) -> Mapping[str, Any]:
    """The object as plain data."""
    found: Mapping[str, Any] = shown.to_dict()
    return found


def utc_now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)
