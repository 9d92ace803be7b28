"""Quotes in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.adapters.postgres.documents import quote_from, quote_to
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.ids import QuoteId
from ticketpay.domain.pricing import Quote

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresQuotes"]

_SQL: Final = load("quotes")


@attrs.frozen
class PostgresQuotes:
    """Fulfils ``Quotes``."""

    session: Session

    def add(self, quote: Quote) -> None:
        demand = quote.demand()
        seats = demand.seats
        self.session.write(
            _SQL["add"],
            {
                "tenant": self.session.tenant_id,
                "id": quote.id,
                "user": quote.user_id,
                "event": quote.event_id,
                "types": list(demand.type_ids),
                "seat_types": [type_id for type_id, _ in seats],
                "seats": [label for _, label in seats],
                "document": quote_to(quote),
                "expires_at": quote.expires_at,
            },
        )

    def get(self, quote_id: QuoteId) -> Later[Quote | None]:
        values = {"tenant": self.session.tenant_id, "id": quote_id}
        return self.session.read(
            _SQL["get"], values, lambda rows: quote_from(rows[0][0]) if rows else None
        )
