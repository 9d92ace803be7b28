"""Quotes in memory."""

from __future__ import annotations

import attrs

from ticketpay.adapters.memory.store import TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import QuoteId
from ticketpay.domain.pricing import Quote
from ticketpay.ports.later import Later

__all__ = ["MemoryQuotes"]


@attrs.frozen
class MemoryQuotes:
    """``Quotes`` over the tables of one tenant."""

    tables: TenantTables

    def add(self, quote: Quote) -> None:
        if self.tables.quotes.lock(quote.id) is not None:
            raise Conflict(f"there is a quote {quote.id} already")
        self.tables.quotes.put(quote.id, quote)

    def get(self, quote_id: QuoteId) -> Later[Quote | None]:
        return known(self.tables.quotes.get(quote_id))
