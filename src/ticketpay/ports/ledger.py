"""Ports for the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.ledger import Balance, Booked, Posting
from ticketpay.ports.later import Later

__all__ = ["LedgerBook"]


class LedgerBook(Protocol):
    """**Protocol:** the ledger of one tenant.

    Guarantees: a posting is stored whole or not at all; its business key books once (a second
    posting with the same key raises ``Conflict`` at the latest at the commit); nothing is changed.
    """

    def post(self, posting: Posting) -> None:
        """Book a posting."""
        ...

    def balances(self) -> Later[tuple[Balance, ...]]:
        """All accounts with their balances: checkpoint + tail, in one snapshot."""
        ...

    def booked_by_payment(self) -> Later[Mapping[str, Booked]]:
        """Per payment id, what is booked at the provider and in clearing, unless all is zero."""
        ...

    def venue_balances(self, venue_id: VenueId) -> Later[Mapping[str, Mapping[str, int]]]:
        """S20's view: per currency and bucket, what the venue has, in cents."""
        ...

    def roll_up(self, limit: int) -> Later[int]:
        """Move up to ``limit`` postings from the tail into the checkpoints; how many were moved."""
        ...
