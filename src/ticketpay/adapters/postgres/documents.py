"""Charges and quotes as JSON documents: exact integers, stable keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from ticketpay.domain.kernel.ids import EventId, QuoteId, TicketTypeId, UserId, VenueId
from ticketpay.domain.money import Currency, Rate
from ticketpay.domain.pricing import Charge, ChargeKind, Quote, TicketLine

__all__ = ["charges_from", "charges_to", "dump", "quote_from", "quote_to"]


def dump(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def charges_to(charges: Iterable[Charge]) -> list[list[object]]:
    """Charges as short arrays: kind, name, ppm or null, cents, refundable, and true if estimated."""
    return [
        [
            *(c.kind.value, c.name, None if c.rate is None else c.rate.ppm, c.cents, c.refundable),
            *([True] if c.estimated else []),
        ]
        for c in charges
    ]


def charges_from(rows: Iterable[Any]) -> tuple[Charge, ...]:
    """The inverse of ``charges_to``."""
    return tuple(
        Charge(
            ChargeKind(kind),
            name,
            None if ppm is None else Rate(ppm),
            cents,
            refundable,
            *estimated,
        )
        for kind, name, ppm, cents, refundable, *estimated in rows
    )


def quote_to(quote: Quote) -> str:
    """A quote as a document."""
    tickets = [
        [t.number, str(t.type_id), t.seat, t.price_cents, charges_to(t.charges)]
        for t in quote.tickets
    ]
    return dump(
        {
            "id": str(quote.id),
            "user": str(quote.user_id),
            "event": str(quote.event_id),
            "venue": str(quote.venue_id),
            "currency": quote.currency.code,
            "tickets": tickets,
            "charges": charges_to(quote.charges),
            "jurisdiction": quote.tax_jurisdiction,
            "taxDate": quote.tax_date.isoformat(),
            "expiresAt": quote.expires_at.isoformat(),
        }
    )


def quote_from(document: Mapping[str, Any]) -> Quote:
    """The inverse of ``quote_to``."""
    return Quote(
        id=QuoteId(UUID(document["id"])),
        user_id=UserId(UUID(document["user"])),
        event_id=EventId(UUID(document["event"])),
        venue_id=VenueId(UUID(document["venue"])),
        currency=Currency(document["currency"]),
        tickets=tuple(
            TicketLine(number, TicketTypeId(UUID(type_id)), seat, cents, charges_from(charges))
            for number, type_id, seat, cents, charges in document["tickets"]
        ),
        charges=charges_from(document["charges"]),
        tax_jurisdiction=document["jurisdiction"],
        tax_date=date.fromisoformat(document["taxDate"]),
        expires_at=datetime.fromisoformat(document["expiresAt"]),
    )
