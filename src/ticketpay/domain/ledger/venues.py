"""Recipes of venue money: released after the event, reserved, paid out, and back (S20-S22).

What is paid out is ``payout_out`` until the bank has it; while it is in ``payout_clearing`` nobody
knows yet whether the provider has sent it, as with refunds.
"""

from __future__ import annotations

from datetime import datetime

import attrs

from ticketpay.domain.kernel.ids import EventId, PayoutId, VenueId
from ticketpay.domain.ledger.model import PLATFORM, Account, AccountKind, Bucket, Entry, Posting
from ticketpay.domain.money import Currency, Money

__all__ = ["PayoutBooks", "VenueBooks"]


@attrs.frozen(kw_only=True)
class VenueBooks:
    """The postings between the buckets of one venue in one currency; ``number`` makes keys unique."""

    venue_id: VenueId
    currency: Currency

    def account(self, bucket: Bucket, event: str = "") -> Account:
        """What the venue is owed in this bucket, under an event as long as it is pending."""
        return Account(
            kind=AccountKind.VENUE_PAYABLE,
            party=str(self.venue_id),
            subject=event,
            currency=self.currency,
            bucket=bucket,
        )

    def released(self, event_id: EventId, cents: int, number: int, at: datetime) -> Posting:
        """The event is over: what is pending under it, of either sign, is available (S20 D4)."""
        pending = self.account(Bucket.PENDING, str(event_id))
        return self._moved("release", pending, self.account(Bucket.AVAILABLE), cents, number, at)

    def recovered(self, cents: int, number: int, at: datetime) -> Posting:
        """Of what is reserved, a debt is made good."""
        reserved = self.account(Bucket.RESERVED)
        return self._moved("recovery", reserved, self.account(Bucket.AVAILABLE), cents, number, at)

    def given_back(self, cents: int, number: int, at: datetime) -> Posting:
        """What was reserved long ago is available again."""
        reserved = self.account(Bucket.RESERVED)
        available = self.account(Bucket.AVAILABLE)
        return self._moved("reserve_release", reserved, available, cents, number, at)

    def reserved(self, cents: int, payout_id: PayoutId, at: datetime) -> Posting:
        """What the reserve lacks is put there before anything is paid out (S21 D6)."""
        entries = self._entries(
            self.account(Bucket.AVAILABLE), self.account(Bucket.RESERVED), cents
        )
        return Posting(key=f"payout_reserve:{payout_id}", entries=entries, posted_at=at)

    def _moved(
        self, fact: str, source: Account, target: Account, cents: int, number: int, at: datetime
    ) -> Posting:
        key = f"{fact}:{self.venue_id}:{self.currency.code}:{number}"
        return Posting(key=key, entries=self._entries(source, target, cents), posted_at=at)

    @staticmethod
    def _entries(source: Account, target: Account, cents: int) -> tuple[Entry, ...]:
        return (Entry(source, cents), Entry(target, -cents))


@attrs.frozen(kw_only=True)
class PayoutBooks:
    """The postings of one payout of ``amount``; keys ``<fact>:<payout>``, each fact once."""

    payout_id: PayoutId
    venue_id: VenueId
    amount: Money

    def requested(self, at: datetime) -> Posting:
        """It has left what is available."""
        return self._posting(
            "payout", at, self._of(Bucket.AVAILABLE), self._of(Bucket.IN_TRANSIT, -1)
        )

    def cancelled(self, at: datetime) -> Posting:
        """It was called off before anything was sent."""
        return self._posting("payout_cancelled", at, *self._back())

    def processed(self, at: datetime) -> Posting:
        """From now on the provider may send it."""
        return self._posting("payout_processed", at, self._out(), self._clearing(-1))

    def sent(self, at: datetime) -> Posting:
        """The provider has sent it."""
        return self._posting("payout_sent", at, self._clearing(), self._there(-1))

    def paid(self, at: datetime) -> Posting:
        """The bank has it."""
        return self._posting("payout_paid", at, self._of(Bucket.IN_TRANSIT), self._out(-1))

    def failed(self, at: datetime, *, sent: bool, lost_cents: int = 0) -> Posting:
        """It came to nothing on its way; what was sent is back, but for what the provider kept."""
        if not sent:
            entries = (self._clearing(), self._out(-1), *self._back())
            return self._posting("payout_failed", at, *entries)
        taken, back = self._less(lost_cents), self._of(Bucket.IN_TRANSIT)
        return self._posting("payout_failed", at, *taken, back, self._out(-1))

    def returned(self, at: datetime, *, lost_cents: int = 0) -> Posting:
        """The bank has sent it back after all."""
        return self._posting("payout_returned", at, *self._less(lost_cents))

    def _less(self, lost_cents: int) -> tuple[Entry, Entry]:
        """The venue has again what the provider gave back."""
        there, available = self._there(), self._of(Bucket.AVAILABLE, -1)
        cents = self.amount.cents - lost_cents
        assert 0 < cents <= self.amount.cents, "a provider keeps its price, not the payout"
        return Entry(there.account, cents), Entry(available.account, -cents)

    def _posting(self, fact: str, at: datetime, *entries: Entry) -> Posting:
        return Posting(key=f"{fact}:{self.payout_id}", entries=entries, posted_at=at)

    def _back(self) -> tuple[Entry, Entry]:
        return self._of(Bucket.IN_TRANSIT), self._of(Bucket.AVAILABLE, -1)

    def _of(self, bucket: Bucket, sign: int = 1) -> Entry:
        books = VenueBooks(venue_id=self.venue_id, currency=self.amount.currency)
        return Entry(books.account(bucket), sign * self.amount.cents)

    def _there(self, sign: int = 1) -> Entry:
        return self._platform(AccountKind.PROVIDER, "", sign)

    def _clearing(self, sign: int = 1) -> Entry:
        return self._platform(AccountKind.PAYOUT_CLEARING, str(self.payout_id), sign)

    def _out(self, sign: int = 1) -> Entry:
        return self._platform(AccountKind.PAYOUT_OUT, str(self.payout_id), sign)

    def _platform(self, kind: AccountKind, subject: str, sign: int) -> Entry:
        account = Account(kind=kind, party=PLATFORM, subject=subject, currency=self.amount.currency)
        return Entry(account, sign * self.amount.cents)
