"""The ledger: the truth about money, in double entry (S20).

Vocabulary: a *posting* is one balanced, immutable movement with a unique business key; an
*entry* is its effect on one account (debits positive, credits negative, in cents); a *balance*
is checkpoint + tail.

Guarantees: every posting sums to zero per currency; a business key books once; entries are never
changed; nothing rests in ``rounding``. SQL: ``adapters/postgres/sql/ledger.sql``.
"""

from __future__ import annotations

from ticketpay.domain.ledger.errors import LedgerError, PostingUnbalanced
from ticketpay.domain.ledger.model import (
    PLATFORM,
    Account,
    AccountKind,
    Balance,
    Bucket,
    Entry,
    Posting,
)
from ticketpay.domain.ledger.recipes import (
    capture_posting,
    late_refund_posting,
    posting_keys,
    suspense_posting,
)
from ticketpay.domain.ledger.verification import LedgerReport, ProviderTotal, verify_ledger

__all__ = [
    "PLATFORM",
    "Account",
    "AccountKind",
    "Balance",
    "Bucket",
    "Entry",
    "LedgerError",
    "LedgerReport",
    "Posting",
    "PostingUnbalanced",
    "ProviderTotal",
    "capture_posting",
    "late_refund_posting",
    "posting_keys",
    "suspense_posting",
    "verify_ledger",
]
