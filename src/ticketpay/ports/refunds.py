"""Ports for refunds."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import PaymentId, RefundId, UserId
from ticketpay.domain.refunds import Refund, RefundEvent, RefundState
from ticketpay.ports.later import Later

__all__ = ["Refunds"]


class Refunds(Protocol):
    """**Protocol:** the refunds of one tenant."""

    def add(self, refund: Refund) -> None:
        """Store a new refund; raises ``Conflict`` when the provider's refund is known already."""
        ...

    def get(self, refund_id: RefundId) -> Later[Refund | None]:
        """The refund, unlocked; None if there is none."""
        ...

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Refund, ...]]:
        """Every refund of a payment, oldest first; whoever decides by them has locked the payment."""
        ...

    def waiting(self, limit: int) -> Later[tuple[Refund, ...]]:
        """Those that wait for a second person, oldest first."""
        ...

    def lock(self, refund_id: RefundId) -> Later[Refund | None]:
        """The refund, locked until the transaction ends."""
        ...

    def approve(self, refund: Refund, by: UserId | None, at: datetime) -> Refund:
        """Write by compare-and-set that ``by`` agreed, None for somebody at the provider.

        With it the tickets that it now voids. Returns the refund with its version.
        """
        ...

    def move(self, refund: Refund, step: Step[RefundState, RefundEvent], at: datetime) -> Refund:
        """Write the refund by compare-and-set and record the step; returns it with its version."""
        ...
