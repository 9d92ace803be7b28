"""Charges and quotes as JSON documents: exact integers, stable keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from ticketpay.domain.kernel.ids import EventId, QuoteId, TicketTypeId, UserId, VenueId
from ticketpay.domain.money import Currency, ExchangeRate, Rate
from ticketpay.domain.pricing import Charge, ChargeKind, Quote, TicketLine

__all__ = [
    "charges_from",
    "charges_to",
    "dump",
    "exchange_from",
    "exchange_to",
    "quote_from",
    "quote_to",
]


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


def exchange_to(rate: ExchangeRate | None) -> dict[str, object]:
    """A rate as named values; its target is the currency of what it is stored with."""
    return {
        "base": rate and rate.base.code,
        "numerator": rate and rate.numerator,
        "denominator": rate and rate.denominator,
        "source": rate and rate.source,
        "day": rate and rate.day,
    }


def exchange_from(target: str, values: Sequence[Any]) -> ExchangeRate | None:
    """The inverse of ``exchange_to``, in the order of its values."""
    base, numerator, denominator, source, day = values
    if base is None:
        return None
    return ExchangeRate(
        base=Currency(base),
        target=Currency(target),
        numerator=numerator,
        denominator=denominator,
        source=source,
        day=day,
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
            "exchange": None if quote.exchange is None else _exchange_row(quote.exchange),
        }
    )


def _exchange_row(rate: ExchangeRate) -> list[object]:
    base, numerator, denominator, source, _ = exchange_to(rate).values()
    return [base, numerator, denominator, source, rate.day.isoformat()]


def _quoted_exchange(target: str, row: Sequence[Any] | None) -> ExchangeRate | None:
    """Quotes of earlier releases have none."""
    return exchange_from(target, [*row[:4], date.fromisoformat(row[4])]) if row else None


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
        exchange=_quoted_exchange(document["currency"], document.get("exchange")),
    )
