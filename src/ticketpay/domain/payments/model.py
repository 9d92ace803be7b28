"""The payment: one share of one order, charged through one intent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.kernel.ids import EventId, OrderId, PaymentId, TenantId, UserId, VenueId
from ticketpay.domain.money import Money
from ticketpay.domain.payments.errors import AmountRefused
from ticketpay.domain.payments.facts import ProviderRef
from ticketpay.domain.payments.failure import Failure
from ticketpay.domain.payments.states import PaymentState

__all__ = ["AMOUNT_CENTS_MAX", "CaptureMethod", "ChargeRequest", "Payment", "PaymentMethod"]

AMOUNT_CENTS_MAX: Final = 99_999_999


class CaptureMethod(StrEnum):
    """Whether the provider captures at once or waits for us."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@attrs.frozen(kw_only=True)
class PaymentMethod:
    """How the buyer pays: a type and exactly one of a token or a stored method id (S12 D5)."""

    type: str
    token: str | None = attrs.field(default=None, repr=False)
    method_id: str | None = attrs.field(default=None, repr=False)


def _chargeable(_: object, __: object, amount: Money) -> None:
    if not 0 < amount.cents <= AMOUNT_CENTS_MAX:
        raise AmountRefused(f"{amount.cents} cents cannot be charged")


@attrs.frozen(kw_only=True)
class Payment:
    """A payment and what we know of it; ``version`` grows by one with every change.

    ``last_fact_at`` is the provider's time of the newest fact that moved it. ``sent_at`` is when
    the charge was first sent: its key is never sent again after 23 hours. ``last_try_at`` is when it
    last failed, or was tried again after that; None as long as it never failed.
    """

    id: PaymentId
    order_id: OrderId
    share: int = 1
    state: PaymentState
    amount: Money = attrs.field(validator=_chargeable)
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    user_id: UserId
    event_id: EventId
    venue_id: VenueId
    ticket_count: int
    method_type: str
    device_fingerprint: str
    created_at: datetime
    sent_at: datetime
    version: int = 1
    ref: ProviderRef | None = None
    provider_status: str = ""
    received_cents: int = 0
    failure: Failure | None = None
    last_fact_at: datetime | None = None
    confirmed_at: datetime | None = None
    last_try_at: datetime | None = None

    @property
    def provider_account(self) -> str:
        """The provider's account that holds the money, empty for the platform's own."""
        return self.ref.account if self.ref else ""

    @property
    def charge_key(self) -> str:
        """The idempotency key of the charge at the provider (S15 D2)."""
        return f"intent:{self.id}"


@attrs.frozen(kw_only=True)
class ChargeRequest:
    """Everything that the provider needs to create and confirm an intent in one call.

    ``metadata`` is the caller's; reserved keys are added by the gateway and win (S15 D4).
    """

    tenant_id: TenantId
    payment_id: PaymentId
    order_id: OrderId
    amount: Money
    capture_method: CaptureMethod
    method: PaymentMethod = attrs.field(repr=False)
    metadata: tuple[tuple[str, str], ...] = ()
    key: str
