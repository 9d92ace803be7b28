"""A refund: money of one payment on its way back, and whose money it is."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.kernel.ids import PaymentId, RefundId, UserId
from ticketpay.domain.money import Money
from ticketpay.domain.payments.facts import ProviderRef
from ticketpay.domain.refunds.states import RefundState

__all__ = ["ASKED_REASONS", "NOT_APPROVED", "Refund", "RefundReason", "Split"]


class RefundReason(StrEnum):
    """Why money goes back (S24); a person gives one of ``ASKED_REASONS``."""

    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    REQUESTED_BY_CUSTOMER = "requested_by_customer"
    OTHER = "other"
    EVENT_CANCELLED = "event_cancelled"
    LATE_SUCCESS = "late_success"
    DASHBOARD = "dashboard"


ASKED_REASONS: Final = (
    RefundReason.DUPLICATE,
    RefundReason.FRAUDULENT,
    RefundReason.REQUESTED_BY_CUSTOMER,
    RefundReason.OTHER,
)
"""Why a person may ask for a refund; the other reasons are the system's own."""

NOT_APPROVED: Final = "not_approved"
"""Why a refund has failed that was never sent: it was rejected, or gave way, before it was agreed to."""


@attrs.frozen(kw_only=True)
class Split:
    """Cents of a sale by whose they are: the venue's, the platform's fees, the taxman's."""

    venue_cents: int = 0
    fees_cents: int = 0
    taxes_cents: int = 0

    @property
    def cents(self) -> int:
        """All of it."""
        return self.venue_cents + self.fees_cents + self.taxes_cents

    def __add__(self, other: Split) -> Split:
        return Split(
            venue_cents=self.venue_cents + other.venue_cents,
            fees_cents=self.fees_cents + other.fees_cents,
            taxes_cents=self.taxes_cents + other.taxes_cents,
        )

    def __sub__(self, other: Split) -> Split:
        return Split(
            venue_cents=self.venue_cents - other.venue_cents,
            fees_cents=self.fees_cents - other.fees_cents,
            taxes_cents=self.taxes_cents - other.taxes_cents,
        )


@attrs.frozen(kw_only=True)
class Refund:
    """A refund of ``amount``; ``ref`` is the intent that is refunded.

    ``split`` says whose money it was, None for money that never became a sale. ``tickets`` are the
    numbers of the tickets that it voids. While it ``needs_approval`` nothing is sent.
    """

    id: RefundId
    payment_id: PaymentId
    ref: ProviderRef
    amount: Money
    reason: str
    state: RefundState
    created_at: datetime
    split: Split | None = None
    tickets: tuple[int, ...] = ()
    requested_by: UserId | None = None
    approved_by: UserId | None = None
    needs_approval: bool = False
    version: int = 1
    provider_refund_id: str = ""

    def __attrs_post_init__(self) -> None:
        if self.split is None:
            return
        parts = (self.split.venue_cents, self.split.fees_cents, self.split.taxes_cents)
        assert sum(parts) == self.amount.cents, "a split is the whole"
        assert min(parts) >= 0, "nobody is paid by a refund"

    @property
    def key(self) -> str:
        """The idempotency key of the refund at the provider."""
        return f"refund:{self.id}"

    @property
    def counts(self) -> bool:
        """Whether its money is no longer there to be refunded: until it has failed."""
        return self.state is not RefundState.FAILED
