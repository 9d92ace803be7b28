"""The ledger: the truth about money, in double entry (S20).

Vocabulary: a *posting* is one balanced, immutable movement with a unique business key; an
*entry* is its effect on one account (debits positive, credits negative, in cents); a *balance*
is checkpoint + tail.

Guarantees: every posting has one currency and sums to zero; a business key books once; entries are never
changed; nothing rests in ``rounding``. SQL: ``adapters/postgres/sql/ledger.sql``.
"""

from __future__ import annotations

from ticketpay.domain.ledger.errors import LedgerError, PostingMixed, PostingUnbalanced
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
    DISPUTE_FACTS,
    REFUND_FACTS,
    DisputeBooks,
    RefundBooks,
    capture_posting,
    changed_entries,
    posting_keys,
    sale_entries,
    suspense_entries,
    suspense_posting,
)
from ticketpay.domain.ledger.venues import PayoutBooks, VenueBooks, plan_posting
from ticketpay.domain.ledger.verification import (
    Booked,
    LedgerReport,
    ProviderTotal,
    verify_ledger,
)

__all__ = [
    "DISPUTE_FACTS",
    "PLATFORM",
    "REFUND_FACTS",
    "Account",
    "AccountKind",
    "Balance",
    "Booked",
    "Bucket",
    "DisputeBooks",
    "Entry",
    "LedgerError",
    "LedgerReport",
    "PayoutBooks",
    "Posting",
    "PostingMixed",
    "PostingUnbalanced",
    "ProviderTotal",
    "RefundBooks",
    "VenueBooks",
    "capture_posting",
    "changed_entries",
    "plan_posting",
    "posting_keys",
    "sale_entries",
    "suspense_entries",
    "suspense_posting",
    "verify_ledger",
]
