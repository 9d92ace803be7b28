"""Facts: what the provider says about an intent, in our words.

The same value comes from a webhook, from the answer of a call and from the janitor's question;
one function judges all three (S35).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from ticketpay.domain.money import Money
from ticketpay.domain.payments.failure import Failure

__all__ = ["ProviderFact", "ProviderRef", "ProviderStatus"]


class ProviderStatus(StrEnum):
    """The provider's own words for an intent; anything else is ``unknown`` (S38)."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    REQUIRES_CAPTURE = "requires_capture"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @property
    def is_open(self) -> bool:
        """Whether the intent may still take money."""
        return self not in (ProviderStatus.SUCCEEDED, ProviderStatus.CANCELED)


@attrs.frozen
class ProviderRef:
    """An object at the provider: which provider, which account, live or test, which id."""

    provider: str
    account: str
    livemode: bool
    object_id: str


@attrs.frozen(kw_only=True)
class ProviderFact:
    """One snapshot of an intent.

    ``amount`` is what was asked for, ``received`` what was captured, both in cents;
    ``occurred_at`` is the provider's time in whole seconds; ``tenant_id`` and ``payment_id`` are
    texts from the metadata, empty when absent.
    """

    ref: ProviderRef
    status: ProviderStatus
    amount: Money
    received: Money
    occurred_at: datetime
    failure: Failure | None = None
    tenant_id: str = ""
    payment_id: str = ""
    client_secret: str = attrs.field(default="", repr=False)
    raw_status: str = ""
