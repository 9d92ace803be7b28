"""Ports for quotes."""

from __future__ import annotations

from typing import Protocol

from ticketpay.domain.kernel.ids import QuoteId
from ticketpay.domain.pricing import Quote
from ticketpay.ports.later import Later

__all__ = ["Quotes"]


class Quotes(Protocol):
    """**Protocol:** the quotes of one tenant; a quote never changes."""

    def add(self, quote: Quote) -> None:
        """Store a new quote."""
        ...

    def get(self, quote_id: QuoteId) -> Later[Quote | None]:
        """The quote, or None."""
        ...
