"""The bodies of refunds: what is asked for, checked without coercion (S24 D6)."""

from __future__ import annotations

from typing import Any, Final

from ticketpay.domain.kernel.errors import FieldError
from ticketpay.domain.payments import AMOUNT_CENTS_MAX
from ticketpay.domain.refunds import ASKED_REASONS, RefundReason
from ticketpay.entrypoints.http.shapes import (
    UUID_TEXT,
    Fields,
    Member,
    Record,
    array,
    integer,
    one_of,
    text,
)
from ticketpay.entrypoints.http.wire import CURRENCY

__all__ = ["PAYMENT", "REFUND", "REFUND_OF_SALE", "read_wishes"]

_TICKETS_MAX: Final = 200

PAYMENT: Final = Member("paymentId", UUID_TEXT)
_AMOUNT: Final = Member("amountCents", integer(1, AMOUNT_CENTS_MAX), required=False)
_TICKETS: Final = Member("tickets", array(integer(1, _TICKETS_MAX), _TICKETS_MAX), required=False)
_REASON: Final = Member("reason", one_of(*map(str, ASKED_REASONS)), required=False)
_OVERRIDE: Final = Member("overrideReason", text(1, 200), required=False)
_WISHES: Final = (_AMOUNT, CURRENCY, _TICKETS, _REASON, _OVERRIDE)

# Without an amount everything goes back: a misspelt one must not pass for none.
REFUND: Final = Record((PAYMENT, *_WISHES), closed=True)
REFUND_OF_SALE: Final = Record(_WISHES, closed=True)


def read_wishes(fields: Fields) -> dict[str, Any]:
    """What is asked for; raises ``InvalidInput`` naming every wrong field."""
    amount, tickets = fields.take(_AMOUNT), fields.take(_TICKETS)
    currency = fields.take(CURRENCY)
    reason, override = fields.take(_REASON), fields.take(_OVERRIDE)
    if tickets is not None and len(set(tickets)) != len(tickets):
        fields.errors.append(FieldError("tickets", "a ticket is named twice"))
    fields.raise_errors()
    return {
        "amount_cents": amount,
        "currency": currency,
        "tickets": tickets,
        "reason": RefundReason(reason or RefundReason.REQUESTED_BY_CUSTOMER),
        "override": override or "",
    }
