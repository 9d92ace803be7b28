"""What can be wrong with a movement of money."""

from __future__ import annotations

from ticketpay.domain.kernel.errors import Rejected

__all__ = ["LedgerError", "PostingMixed", "PostingUnbalanced"]


class LedgerError(Rejected):
    """A movement that the ledger refuses."""

    code = "LEDGER_ERROR"
    title = "The ledger refuses this movement"


class PostingMixed(LedgerError):
    """The entries of a posting are in different currencies (S20 D5, S23)."""

    code = "POSTING_MIXED"


class PostingUnbalanced(LedgerError):
    """Debits and credits of a posting differ, or it moves nothing."""

    code = "POSTING_UNBALANCED"
