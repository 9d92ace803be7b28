"""Accounts, entries and postings."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import attrs

from ticketpay.domain.ledger.errors import PostingMixed, PostingUnbalanced
from ticketpay.domain.money import Currency

__all__ = ["PLATFORM", "Account", "AccountKind", "Balance", "Bucket", "Entry", "Posting"]

PLATFORM: Final = "platform"
"""The party of accounts that belong to the platform itself."""


class AccountKind(StrEnum):
    """What an account stands for; assets and expenses are debit balances, the rest credit balances."""

    PROVIDER = "provider"
    VENUE_PAYABLE = "venue_payable"
    PLATFORM_REVENUE = "platform_revenue"
    TAX_PAYABLE = "tax_payable"
    SUSPENSE = "suspense"
    REFUND_CLEARING = "refund_clearing"
    PAYOUT_OUT = "payout_out"
    PAYOUT_CLEARING = "payout_clearing"
    DISPUTE_SUSPENSE = "dispute_suspense"
    PROCESSOR_FEES = "processor_fees"
    PROVIDER_FEES = "provider_fees"
    ROUNDING = "rounding"


class Bucket(StrEnum):
    """Where inside an account the money is (S20)."""

    PENDING = "pending"
    AVAILABLE = "available"
    RESERVED = "reserved"
    IN_TRANSIT = "in_transit"
    RECEIVABLE = "receivable"


@attrs.frozen(kw_only=True)
class Account:
    """An account is its dimensions: kind, party, subject (event or listing), currency, bucket.

    ``id`` is derived from them within a tenant, so nobody has to look an account up.
    """

    kind: AccountKind
    party: str
    subject: str = ""
    currency: Currency
    bucket: Bucket = Bucket.AVAILABLE

    @property
    def id(self) -> UUID:
        """The 128-bit name of the account, the same on every machine."""
        text = f"{self.kind}|{self.party}|{self.subject}|{self.currency.value}|{self.bucket}"
        return UUID(bytes=hashlib.sha256(text.encode()).digest()[:16])


@attrs.frozen
class Entry:
    """The effect of a posting on one account: debit positive, credit negative, in cents."""

    account: Account
    cents: int


@attrs.frozen(kw_only=True)
class Posting:
    """One balanced movement; ``key`` is its unique business key, such as ``capture:<payment>``.

    Raises ``PostingMixed`` when its entries are in different currencies, and ``PostingUnbalanced``
    when they do not sum to zero, when there are none, or when one is zero.
    """

    key: str
    entries: tuple[Entry, ...] = attrs.field()
    posted_at: datetime

    @entries.validator
    def _balanced(self, _: object, entries: tuple[Entry, ...]) -> None:
        total = sum(entry.cents for entry in entries)
        if len(entries) < 2 or total or not all(entry.cents for entry in entries):
            raise PostingUnbalanced(f"posting {self.key} does not balance: {total} cents are over")
        first = entries[0].account.currency
        if any(entry.account.currency is not first for entry in entries):
            raise PostingMixed(f"posting {self.key} mixes currencies")

    @property
    def currency(self) -> Currency:
        """What all of its entries are in."""
        return self.entries[0].account.currency


@attrs.frozen(kw_only=True)
class Balance:
    """What an account holds: debits minus credits, in cents of its currency."""

    account: Account
    cents: int
