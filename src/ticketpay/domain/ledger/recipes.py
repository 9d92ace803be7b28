"""Recipes: which accounts a business fact touches (field notes 3.10).

One function per fact; each names its unique business key.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import attrs

from ticketpay.domain.kernel.ids import DisputeId, EventId, PaymentId, RefundId, VenueId
from ticketpay.domain.ledger.model import (
    PLATFORM,
    Account,
    AccountKind,
    Bucket,
    Entry,
    Posting,
)
from ticketpay.domain.money import Currency, Money

__all__ = [
    "DISPUTE_FACTS",
    "REFUND_FACTS",
    "DisputeBooks",
    "RefundBooks",
    "capture_posting",
    "changed_entries",
    "posting_keys",
    "sale_entries",
    "suspense_entries",
    "suspense_posting",
]


REFUND_FACTS: Final = (
    "refund",
    "refund_settled",
    "refund_failed",
    "refund_returned",
    "divided_begun",
    "divided_completed",
    "divided_failed",
)
"""What may be booked of a refund; each fact once."""

DISPUTE_FACTS: Final = ("dispute_withdrawn", "dispute_won", "dispute_lost", "dispute_fee")
"""What may be booked of a dispute; each fact once."""


def _provider(provider_account: str, currency: Currency) -> Account:
    return Account(kind=AccountKind.PROVIDER, party=provider_account or PLATFORM, currency=currency)


def _shares(
    venue_id: VenueId, event_id: EventId, tax_jurisdiction: str, currency: Currency
) -> tuple[Account, Account, Account]:
    """Venue, house and taxman: whom the money of a sale is owed to."""
    venue = Account(
        kind=AccountKind.VENUE_PAYABLE,
        party=str(venue_id),
        subject=str(event_id),
        currency=currency,
        bucket=Bucket.PENDING,
    )
    revenue = Account(kind=AccountKind.PLATFORM_REVENUE, party=PLATFORM, currency=currency)
    tax = Account(kind=AccountKind.TAX_PAYABLE, party=tax_jurisdiction, currency=currency)
    return venue, revenue, tax


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
    venue, revenue, tax = _shares(venue_id, event_id, tax_jurisdiction, currency)
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


def suspense_entries(*, payment_id: PaymentId, amount: Money) -> tuple[Entry, ...]:
    """What the refund of a late success takes: its suspense account is emptied."""
    return (Entry(_suspense(payment_id, amount.currency), amount.cents),)


def changed_entries(before: Iterable[Entry], after: Iterable[Entry]) -> tuple[Entry, ...]:
    """What is left to post, one entry an account, when ``before`` is posted and ``after`` is true."""
    sums: dict[Account, int] = {}
    for entry in (*_negated(before), *after):
        sums[entry.account] = sums.get(entry.account, 0) + entry.cents
    return tuple(Entry(account, cents) for account, cents in sums.items() if cents)


def sale_entries(
    *,
    venue_id: VenueId,
    event_id: EventId,
    tax_jurisdiction: str,
    currency: Currency,
    venue_cents: int,
    fees_cents: int,
    taxes_cents: int,
) -> tuple[Entry, ...]:
    """What the refund of a sale takes from the venue, the house and the taxman.

    The venue's part is taken under its event, also when that money has been released: the release
    follows the event's balance, of either sign.
    """
    venue, revenue, tax = _shares(venue_id, event_id, tax_jurisdiction, currency)
    entries = (Entry(venue, venue_cents), Entry(revenue, fees_cents), Entry(tax, taxes_cents))
    return tuple(entry for entry in entries if entry.cents)


@attrs.frozen(kw_only=True)
class RefundBooks:
    """The postings of one refund of ``taken``, which are debits.

    From its beginning to its end the money is in clearing: it is owed to the buyer and still at the
    provider, or on its way. Keys ``<fact>:<payment>:<refund>``.
    """

    payment_id: PaymentId
    refund_id: RefundId
    provider_account: str
    taken: tuple[Entry, ...]

    def begun(self, at: datetime) -> Posting:
        """The refund exists: its money is no longer anybody's but the buyer's."""
        return self._posting("refund", at, self.taken, self._clearing)

    def settled(self, at: datetime) -> Posting:
        """The provider has sent the money."""
        return self._posting("refund_settled", at, _negated(self._clearing), _negated(self._there))

    def failed(self, at: datetime) -> Posting:
        """The money was never sent: it is given back to those whom it was taken from."""
        return self._posting("refund_failed", at, _negated(self._clearing), _negated(self.taken))

    def returned(self, at: datetime) -> Posting:
        """The money was sent and has come back to the provider."""
        return self._posting("refund_returned", at, self._there, _negated(self.taken))

    def divided(
        self, what: str, before: Iterable[Entry], after: Iterable[Entry], at: datetime
    ) -> Posting | None:
        """It has "begun", "completed" or "failed" beside lost disputes, which are shared anew.

        Their debits ``before`` are those ``after`` now; None where all of them together take the
        same from everybody.
        """
        changed = changed_entries(before, after)
        return self._posting(f"divided_{what}", at, changed, ()) if changed else None

    @property
    def _clearing(self) -> tuple[Entry, ...]:
        account = attrs.evolve(
            self._provider, kind=AccountKind.REFUND_CLEARING, subject=str(self.payment_id)
        )
        return (Entry(account, -self._cents),)

    @property
    def _there(self) -> tuple[Entry, ...]:
        return (Entry(self._provider, self._cents),)

    @property
    def _provider(self) -> Account:
        return _provider(self.provider_account, self.taken[0].account.currency)

    @property
    def _cents(self) -> int:
        return sum(entry.cents for entry in self.taken)

    def _posting(
        self, fact: str, at: datetime, one: tuple[Entry, ...], other: tuple[Entry, ...]
    ) -> Posting:
        key = f"{fact}:{self.payment_id}:{self.refund_id}"
        return Posting(key=key, entries=(*one, *other), posted_at=at)


@attrs.frozen(kw_only=True)
class DisputeBooks:
    """The postings of one dispute about ``amount`` (field notes 3.10).

    Whoever it will belong to, what a bank has withdrawn is in suspense until it is decided; the venue
    keeps its share until then. Keys ``<fact>:<payment>:<dispute>``.
    """

    payment_id: PaymentId
    dispute_id: DisputeId
    amount: Money

    def withdrawn(self, provider_account: str, at: datetime) -> Posting:
        """The bank has taken the money from the account that was charged."""
        there = Entry(_provider(provider_account, self.amount.currency), -self.amount.cents)
        return self._posting("dispute_withdrawn", at, _negated(self._suspense), (there,))

    def won(self, provider_account: str, at: datetime) -> Posting:
        """It is back, at the account that the payment is at now (field notes S26)."""
        there = Entry(_provider(provider_account, self.amount.currency), self.amount.cents)
        return self._posting("dispute_won", at, self._suspense, (there,))

    def lost(self, taken: tuple[Entry, ...], at: datetime) -> Posting:
        """It stays away: those bear it whose money it was, ``taken`` being debits."""
        return self._posting("dispute_lost", at, self._suspense, taken)

    def fee(self, cents: int, at: datetime) -> Posting:
        """What the provider takes for the dispute; not of the payment's money, which stays gross."""
        kinds = ((AccountKind.PROCESSOR_FEES, cents), (AccountKind.PROVIDER_FEES, -cents))
        entries = [
            Entry(Account(kind=kind, party=PLATFORM, currency=self.amount.currency), each)
            for kind, each in kinds
        ]
        return self._posting("dispute_fee", at, tuple(entries), ())

    @property
    def _suspense(self) -> tuple[Entry, ...]:
        account = Account(
            kind=AccountKind.DISPUTE_SUSPENSE,
            party=PLATFORM,
            subject=str(self.payment_id),
            currency=self.amount.currency,
        )
        return (Entry(account, -self.amount.cents),)

    def _posting(
        self, fact: str, at: datetime, one: tuple[Entry, ...], other: tuple[Entry, ...]
    ) -> Posting:
        key = f"{fact}:{self.payment_id}:{self.dispute_id}"
        return Posting(key=key, entries=(*one, *other), posted_at=at)


def _negated(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return tuple(Entry(entry.account, -entry.cents) for entry in entries)


def posting_keys(
    payment_id: PaymentId,
    refund_ids: Iterable[RefundId] = (),
    dispute_ids: Iterable[DisputeId] = (),
) -> tuple[str, ...]:
    """The keys of every posting that there may be of a payment, its refunds and its disputes."""
    own = [f"{fact}:{payment_id}" for fact in ("capture", "late_success")]
    back = [f"{fact}:{payment_id}:{one}" for one in refund_ids for fact in REFUND_FACTS]
    taken = [f"{fact}:{payment_id}:{one}" for one in dispute_ids for fact in DISPUTE_FACTS]
    return (*own, *back, *taken)
