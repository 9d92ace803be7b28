"""Ports for payments: the store, and the provider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

import attrs

from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import OrderId, PaymentId, TenantId
from ticketpay.domain.messaging import StoredEvent, TimerKind
from ticketpay.domain.money import Money
from ticketpay.domain.payments import (
    ChargeRequest,
    Payment,
    PaymentEvent,
    PaymentMethod,
    PaymentState,
    ProviderFact,
    ProviderRef,
)
from ticketpay.domain.refunds import DisputeState, Refund, RefundState
from ticketpay.ports.later import Later

__all__ = [
    "DisputeNotice",
    "PaymentGateway",
    "Payments",
    "RefundFact",
    "RefundNotice",
    "Reminder",
    "WebhookReader",
]


class Payments(Protocol):
    """**Protocol:** the payments of one tenant, their attempts and their provider references."""

    def add(self, payment: Payment) -> None:
        """Store a new payment and its first attempt; one open payment per (order, share)."""
        ...

    def get(self, payment_id: PaymentId) -> Later[Payment | None]:
        """The payment, unlocked; None if there is none."""
        ...

    def lock(self, payment_id: PaymentId) -> Later[Payment | None]:
        """The payment, locked until the transaction ends."""
        ...

    def of_order(self, order_id: OrderId) -> Later[tuple[Payment, ...]]:
        """All payments of an order, oldest first, unlocked."""
        ...

    def sent_again(self, payment_id: PaymentId, at: datetime) -> None:
        """Record that the charge is sent once more, with its own key; the payment is locked."""
        ...

    def save(
        self,
        payment: Payment,
        step: Step[PaymentState, PaymentEvent] | None,
        at: datetime,
    ) -> Payment:
        """Write the payment by compare-and-set on its version, with a record of ``step``.

        A new provider reference is entered into the directory that maps it to tenant and payment.
        Returns the payment with its new version. Raises ``Conflict`` (at the latest at the
        commit) when somebody else changed it.
        """
        ...


@attrs.frozen(kw_only=True)
class RefundFact:
    """What the provider says about a refund."""

    provider_refund_id: str
    state: RefundState


@attrs.frozen(kw_only=True)
class RefundNotice:
    """What an event of the provider says about a refund of the intent ``ref``.

    ``refund_id`` is our id from its metadata, empty for one that was made at the provider.
    """

    ref: ProviderRef
    provider_refund_id: str
    refund_id: str
    state: RefundState
    amount: Money


@attrs.frozen(kw_only=True)
class DisputeNotice:
    """What an event of the provider says about a dispute of the intent ``ref``.

    ``state`` is as far as the money of the dispute has come, whatever the event is called;
    ``fee_cents`` is what the provider has taken beside the amount, 0 if that is not told.
    """

    ref: ProviderRef
    provider_dispute_id: str
    state: DisputeState
    amount: Money
    fee_cents: int
    reason: str


class PaymentGateway(Protocol):
    """**Protocol:** the payment provider.

    Every method raises ``ProviderUnavailable`` when nothing happened (refused connection, rate
    limit, bad credentials), ``OutcomeUnknown`` when something may have happened (time-out, server
    error, broken connection), and nothing else but what it names. No hidden retries.
    """

    def charge(self, request: ChargeRequest) -> ProviderFact:
        """Create and confirm; a decline is a fact, not an error.

        Raises ``PaymentDeclined`` when the provider refused without creating an intent.
        """
        ...

    def retrieve(self, ref: ProviderRef) -> ProviderFact:
        """The intent as it is now; raises ``NotFound``."""
        ...

    def confirm(
        self, ref: ProviderRef, key: str, method: PaymentMethod | None = None
    ) -> ProviderFact:
        """Confirm an intent that waits for it, or pay an open one with another ``method``.

        Otherwise the intent as it is; a decline is a fact. Raises ``PaymentDeclined`` when the
        provider knows no such method.
        """
        ...

    def cancel(self, ref: ProviderRef, key: str) -> ProviderFact:
        """Cancel the intent; if it can no longer be cancelled, the intent as it is."""
        ...

    def find(
        self, tenant_id: TenantId, payment_id: PaymentId, since: datetime
    ) -> ProviderFact | None:
        """List intents created since then and compare their metadata; None if there is none."""
        ...

    def list_intents(self, tenant_id: TenantId) -> Iterator[ProviderFact]:
        """Every intent of a tenant with what is left of its money after refunds and disputes."""
        ...

    def refund(self, refund: Refund) -> RefundFact:
        """Refund money of an intent; the refund's own key makes it happen once.

        One whose id at the provider is known is only read; as is one that it knows by our id. One
        that it will never make has failed.
        """
        ...

    def refunds_of(self, ref: ProviderRef) -> tuple[RefundNotice, ...]:
        """Every refund of an intent, whoever made it, oldest first."""
        ...

    def disputes_of(self, ref: ProviderRef) -> tuple[DisputeNotice, ...]:
        """Every dispute of an intent as it is now, oldest first."""
        ...


@attrs.frozen(kw_only=True)
class Reminder:
    """An event of the provider that is only a reason to ask it: about a venue's plan, or a payout.

    ``tenant_id`` and ``subject_id`` (the venue, or the payout) are texts from its metadata, empty
    when it has none.
    """

    kind: TimerKind
    tenant_id: str
    subject_id: str


class WebhookReader(Protocol):
    """**Protocol:** understands what the provider sends."""

    def verify(self, raw: bytes, signature: str, now: datetime) -> StoredEvent:
        """Check the signature over the raw bytes and read what the inbox needs.

        Raises ``SignatureInvalid`` for a forged, malformed, stale or future signature.
        """
        ...

    def fact(self, event: StoredEvent) -> ProviderFact:
        """The fact that a stored event carries; raises ``ValueError`` if it carries none."""
        ...

    def refund(self, event: StoredEvent) -> RefundNotice | None:
        """What the event says about a refund; None if it is about something else.

        Raises ``ValueError`` if it cannot be read.
        """
        ...

    def dispute(self, event: StoredEvent) -> DisputeNotice | None:
        """What the event says about a dispute; None if it is about something else.

        Raises ``ValueError`` if it cannot be read.
        """
        ...

    def reminder(self, event: StoredEvent) -> Reminder | None:
        """What the event is a reason to ask about; None if it says what has happened itself."""
        ...
