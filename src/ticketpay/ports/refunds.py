"""Ports for refunds."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import RefundId
from ticketpay.domain.refunds import Refund, RefundEvent, RefundState
from ticketpay.ports.later import Later

__all__ = ["Refunds"]


class Refunds(Protocol):
    """**Protocol:** the refunds of one tenant."""

    def add(self, refund: Refund) -> None:
        """Store a new refund."""
        ...

    def lock(self, refund_id: RefundId) -> Later[Refund | None]:
        """The refund, locked until the transaction ends."""
        ...

    def move(self, refund: Refund, step: Step[RefundState, RefundEvent], at: datetime) -> Refund:
        """Write the refund by compare-and-set and record the step; returns it with its version."""
        ...
