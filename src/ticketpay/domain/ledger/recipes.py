"""Recipes: which accounts a business fact touches (field notes 3.10).

One function per fact; each names its unique business key.
"""

from __future__ import annotations

from datetime import datetime

from ticketpay.domain.kernel.ids import EventId, PaymentId, VenueId
from ticketpay.domain.ledger.model import (
    PLATFORM,
    Account,
    AccountKind,
    Bucket,
    Entry,
    Posting,
)
from ticketpay.domain.money import Currency, Money

__all__ = ["capture_posting", "late_refund_posting", "posting_keys", "suspense_posting"]


def _provider(provider_account: str, currency: Currency) -> Account:
    return Account(kind=AccountKind.PROVIDER, party=provider_account or PLATFORM, currency=currency)


def capture_posting(
    *,
    payment_id: PaymentId,
    venue_id: VenueId,
    event_id: EventId,
    provider_account: str,
    tax_jurisdiction: str,
    total: Money,
    fees_cents: int,
    taxes_cents: int,
    posted_at: datetime,
) -> Posting:
    """A captured sale: money at the provider; owed to the venue, to the taxman, and earned.

    The venue's share is ``total`` - fees - taxes and stays ``pending`` until after the event.
    Key ``capture:<payment>``.
    """
    currency = total.currency
    venue = Account(
        kind=AccountKind.VENUE_PAYABLE,
        party=str(venue_id),
        subject=str(event_id),
        currency=currency,
        bucket=Bucket.PENDING,
    )
    revenue = Account(kind=AccountKind.PLATFORM_REVENUE, party=PLATFORM, currency=currency)
    tax = Account(kind=AccountKind.TAX_PAYABLE, party=tax_jurisdiction, currency=currency)
    entries = (
        Entry(_provider(provider_account, currency), total.cents),
        Entry(venue, fees_cents + taxes_cents - total.cents),
        Entry(revenue, -fees_cents),
        Entry(tax, -taxes_cents),
    )
    return Posting(
        key=f"capture:{payment_id}",
        entries=tuple(entry for entry in entries if entry.cents),
        posted_at=posted_at,
    )


def _suspense(payment_id: PaymentId, currency: Currency) -> Account:
    return Account(
        kind=AccountKind.SUSPENSE, party=PLATFORM, subject=str(payment_id), currency=currency
    )


def suspense_posting(
    *, payment_id: PaymentId, provider_account: str, amount: Money, posted_at: datetime
) -> Posting:
    """Money that arrived for a sale that is over: held until it is refunded.

    Key ``late_success:<payment>``.
    """
    return Posting(
        key=f"late_success:{payment_id}",
        entries=(
            Entry(_provider(provider_account, amount.currency), amount.cents),
            Entry(_suspense(payment_id, amount.currency), -amount.cents),
        ),
        posted_at=posted_at,
    )


def late_refund_posting(
    *, payment_id: PaymentId, provider_account: str, amount: Money, posted_at: datetime
) -> Posting:
    """The refund of a late success: suspense is emptied. Key ``late_refund:<payment>``."""
    return Posting(
        key=f"late_refund:{payment_id}",
        entries=(
            Entry(_suspense(payment_id, amount.currency), amount.cents),
            Entry(_provider(provider_account, amount.currency), -amount.cents),
        ),
        posted_at=posted_at,
    )


def posting_keys(payment_id: PaymentId) -> tuple[str, ...]:
    """The keys of every posting that there may be of a payment."""
    return tuple(f"{kind}:{payment_id}" for kind in ("capture", "late_success", "late_refund"))
