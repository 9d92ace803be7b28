"""Ports for disputes."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import DisputeId, PaymentId
from ticketpay.domain.refunds import Dispute, DisputeEvent, DisputeState
from ticketpay.ports.later import Later

__all__ = ["Disputes"]


class Disputes(Protocol):
    """**Protocol:** the disputes of one tenant."""

    def add(self, dispute: Dispute) -> None:
        """Store a new dispute; raises ``Conflict`` when the provider's dispute is known already."""
        ...

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Dispute, ...]]:
        """Every dispute of a payment, oldest first; whoever decides by them has locked the payment."""
        ...

    def undecided(self, limit: int) -> Later[tuple[Dispute, ...]]:
        """Inquiries and open disputes, oldest first."""
        ...

    def lock(self, dispute_id: DisputeId) -> Later[Dispute | None]:
        """The dispute, locked until the transaction ends."""
        ...

    def move(
        self, dispute: Dispute, step: Step[DisputeState, DisputeEvent], at: datetime
    ) -> Dispute:
        """Write the dispute by compare-and-set and record the step; returns it with its version."""
        ...
