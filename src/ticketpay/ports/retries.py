"""Ports for the tries of payments that failed (S37)."""

from __future__ import annotations

from typing import Protocol

from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.payments import Circumstances, Payment, Retry
from ticketpay.ports.later import Later

__all__ = ["Retries"]


class Retries(Protocol):
    """**Protocol:** the tries of one tenant's payments; the payment is locked by whoever writes."""

    def add(self, retry: Retry) -> None:
        """Write a try down before it is made; the same number of a payment again changes nothing."""
        ...

    def end(self, payment_id: PaymentId, outcome: str) -> None:
        """Write down what came of the try that has no outcome yet; nothing if there is none."""
        ...

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Retry, ...]]:
        """The tries of a payment by their number."""
        ...

    def around(self, payment: Payment) -> Later[Circumstances]:
        """The payment's event, and what else its buyer has bought of it, as committed by now."""
        ...
