"""Wire types: what a body must look like, checked without coercion, all errors at once (S12, S13).

Every bound is declared once, in the tables at the end: the checks and the schemas of the OpenAPI
document are made of them. Unknown fields are not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from ticketpay.domain.kernel.errors import FieldError
from ticketpay.domain.kernel.ids import EventId, QuoteId, TicketTypeId, VenueId
from ticketpay.domain.money import Currency
from ticketpay.domain.payments import AMOUNT_CENTS_MAX, PaymentMethod
from ticketpay.domain.pricing import Address, Demand, DemandLine
from ticketpay.entrypoints.http.shapes import (
    UUID_TEXT,
    Fields,
    Member,
    Record,
    Shape,
    array,
    integer,
    known,
    one_of,
    text,
    wrong,
)

__all__ = [
    "ANYTHING",
    "CONFIRMATION",
    "CURRENCY",
    "ESTIMATE",
    "PAYMENT",
    "QUOTE",
    "EstimateBody",
    "PaymentBody",
    "Record",
    "read_confirmation",
    "read_estimate",
    "read_members",
    "read_payment",
    "read_quote",
]

_LINES_MAX: Final = 20
_QUANTITY_MAX: Final = 10
_ESTIMATED_MAX: Final = _LINES_MAX * _QUANTITY_MAX
_METADATA_KEYS_MAX: Final = 50
_METADATA_KEY_MAX: Final = 40
_CURRENCIES: Final = tuple(currency.code for currency in Currency)
_METHODS: Final = ("card", "ach", "paypal", "crypto")
_COUNTRY_PATTERN: Final = "[A-Z]{2}"
_METHODS_WITH_SOURCE: Final = ("card", "ach")


@attrs.frozen(kw_only=True)
class PaymentBody:
    """A purchase as it was asked for: a demand, a quote, or a quote and its demand."""

    demand: Demand | None
    venue_id: VenueId | None
    quote_id: QuoteId | None
    method: PaymentMethod
    device_fingerprint: str
    metadata: tuple[tuple[str, str], ...]
    total_cents: int | None
    customer: Address | None
    currency: Currency | None


@attrs.frozen
class EstimateBody:
    """What an estimate is asked for: a venue, an amount in cents, a number of tickets."""

    venue_id: VenueId
    amount_cents: int
    ticket_count: int


def read_members(body: object) -> Mapping[str, object]:
    """A body without a schema of its own; raises ``InvalidInput`` unless it is an object."""
    return ANYTHING.open(body, "body").members


def read_payment(body: object) -> PaymentBody:
    """The body of ``POST /payments``; raises ``InvalidInput`` naming every wrong field."""
    fields = PAYMENT.open(body, "body")
    quote_id = fields.take(_QUOTE_ID)
    required = _QUOTE_ID.name not in fields.members
    venue, demand = _venue(fields, required=required), _demand(fields, required=required)
    method, fingerprint = fields.take(_PAYMENT_METHOD), fields.take(_FINGERPRINT)
    metadata, total = fields.take(_METADATA), fields.take(_TOTAL)
    customer, currency = fields.take(_BILLING), fields.take(CURRENCY)
    fields.raise_errors()
    return PaymentBody(
        demand=_in(currency, demand),
        venue_id=venue,
        quote_id=QuoteId(quote_id) if quote_id else None,
        method=known(method),
        device_fingerprint=known(fingerprint),
        metadata=metadata or (),
        total_cents=total,
        customer=customer,
        currency=currency,
    )


def read_confirmation(body: object) -> PaymentMethod | None:
    """The body of ``POST /payments/{id}/confirm``: another method to pay by, if there is one.

    Raises ``InvalidInput`` naming every wrong field.
    """
    fields = CONFIRMATION.open(body, "body")
    method = fields.take(_OTHER_METHOD)
    fields.raise_errors()
    return method


def read_quote(body: object) -> tuple[Demand, Address | None, VenueId | None]:
    """The body of ``POST /quotes``: demand, billing address and the venue to compare.

    Raises ``InvalidInput`` naming every wrong field.
    """
    fields = QUOTE.open(body, "body")
    venue, demand = _venue(fields, required=False), _demand(fields, required=True)
    customer, currency = fields.take(_BILLING), fields.take(CURRENCY)
    fields.raise_errors()
    return known(_in(currency, demand)), customer, venue


def read_estimate(body: object) -> EstimateBody:
    """The body of ``POST /fees/calculate``; raises ``InvalidInput`` naming every wrong field."""
    fields = ESTIMATE.open(body, "body")
    venue, amount, count = fields.take(_VENUE_ID), fields.take(_AMOUNT), fields.take(_COUNT)
    fields.raise_errors()
    return EstimateBody(VenueId(known(venue)), known(amount), known(count))


def _venue(fields: Fields, *, required: bool) -> VenueId | None:
    venue_id = fields.take(_VENUE_ID, required=required)
    return VenueId(venue_id) if venue_id else None


def _demand(fields: Fields, *, required: bool) -> Demand | None:
    """The demand; with a quote it may be left out, but then as a whole."""
    wanted = required or "eventId" in fields.members or "tickets" in fields.members
    if not wanted:
        return None
    event_id = fields.take(_EVENT_ID, required=True)
    lines = fields.take(_TICKETS, required=True)
    return Demand(EventId(event_id), lines) if event_id and lines else None


def _in(currency: Currency | None, demand: Demand | None) -> Demand | None:
    return None if demand is None else attrs.evolve(demand, currency=currency)


def _seats(value: object) -> tuple[str, ...]:
    if value == []:
        return ()
    seats = _SEAT_LABELS(value)
    if len(set(seats)) != len(seats):
        raise wrong("must not name a seat twice")
    return seats


def _currency(value: object) -> Currency:
    if not isinstance(value, str):
        raise wrong("must be text")
    # Before it is shouted: a long s in capitals is an S.
    if len(value) != 3 or not (value.isascii() and value.isalpha()):
        raise wrong("Currency must be a 3-letter ISO code")
    code = value.upper()
    if code not in _CURRENCIES:
        raise wrong(f"Currency {code} is not supported")
    return Currency(code)


def _line(value: object) -> DemandLine:
    fields = _LINE.open(value)
    type_id, quantity = fields.take(_TYPE_ID), fields.take(_QUANTITY)
    price, seats = fields.take(_PRICE), fields.take(_SEATS)
    if quantity and seats and len(seats) != quantity:
        fields.errors.append(FieldError("seats", "must name one seat per ticket"))
    fields.raise_errors()
    return DemandLine(TicketTypeId(known(type_id)), known(quantity), seats or (), price)


def _method(value: object) -> PaymentMethod:
    fields = _METHOD.open(value)
    kind = fields.take(_TYPE)
    token, method_id = fields.take(_TOKEN), fields.take(_METHOD_ID)
    sent = (_TOKEN.name in fields.members) + (_METHOD_ID.name in fields.members)
    if kind in _METHODS_WITH_SOURCE and sent != 1:
        message = "must have exactly one of token and paymentMethodId"
        fields.errors.append(FieldError("", message))
    fields.raise_errors()
    return PaymentMethod(type=known(kind), token=token, method_id=method_id)


def _address(value: object) -> Address:
    fields = _ADDRESS.open(value)
    street, city = fields.take(_STREET), fields.take(_CITY)
    state, code, country = fields.take(_STATE), fields.take(_ZIP), fields.take(_COUNTRY)
    fields.raise_errors()
    return Address(
        street=known(street),
        city=known(city),
        state=known(state),
        zip=known(code),
        country=country or "US",
    )


def _country(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(_COUNTRY_PATTERN, value):
        raise wrong("must be a two-letter ISO country")
    return value


def _metadata(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict):
        raise wrong("must be an object")
    if len(value) > _METADATA_KEYS_MAX:
        raise wrong(f"must have at most {_METADATA_KEYS_MAX} keys")
    if any(not 1 <= len(key) <= _METADATA_KEY_MAX or "\x00" in key for key in value):
        raise wrong(f"keys must have 1 to {_METADATA_KEY_MAX} characters and no NUL")
    fields = Fields(value)
    pairs = [(key, fields.take(Member(key, _METADATA_TEXT))) for key in sorted(value)]
    fields.raise_errors()
    return tuple((key, known(found)) for key, found in pairs)


def _any_case(words: tuple[str, ...]) -> str:
    """A pattern of the words in capitals or not."""
    spelt = ("".join(f"[{letter}{letter.lower()}]" for letter in word) for word in words)
    return f"^({'|'.join(spelt)})$"


_CENTS: Final = integer(1, AMOUNT_CENTS_MAX)
_SEAT_LABELS: Final = array(text(1, 32), _QUANTITY_MAX)
_METADATA_TEXT: Final = text(0, 500)

_TYPE_ID: Final = Member("ticketTypeId", UUID_TEXT)
_QUANTITY: Final = Member("quantity", integer(1, _QUANTITY_MAX))
_PRICE: Final = Member("priceCents", _CENTS, required=False)
_SEATS: Final = Member(
    "seats",
    Shape(_seats, {**_SEAT_LABELS.schema, "minItems": 0, "uniqueItems": True}),
    required=False,
)
_LINE: Final = Record((_TYPE_ID, _QUANTITY, _PRICE, _SEATS))

_TYPE: Final = Member("type", one_of(*_METHODS))
_TOKEN: Final = Member("token", text(1, 255), required=False)
_METHOD_ID: Final = Member("paymentMethodId", text(1, 255), required=False)
_METHOD: Final = Record(
    (_TYPE, _TOKEN, _METHOD_ID),
    {
        "if": {"properties": {_TYPE.name: {"enum": list(_METHODS_WITH_SOURCE)}}},
        "then": {"oneOf": [{"required": [_TOKEN.name]}, {"required": [_METHOD_ID.name]}]},
    },
)

_STREET: Final = Member("street", text(1, 200))
_CITY: Final = Member("city", text(1, 100))
_STATE: Final = Member("state", text(2, 50))
_ZIP: Final = Member("zip", text(1, 20))
_COUNTRY: Final = Member(
    "country",
    Shape(_country, {"type": "string", "pattern": f"^{_COUNTRY_PATTERN}$"}),
    required=False,
)
_ADDRESS: Final = Record((_STREET, _CITY, _STATE, _ZIP, _COUNTRY))
_BILLING: Final = Member("billingAddress", Shape(_address, _ADDRESS.schema), required=False)

_QUOTE_ID: Final = Member("quoteId", UUID_TEXT, required=False)
_EVENT_ID: Final = Member("eventId", UUID_TEXT)
_VENUE_ID: Final = Member("venueId", UUID_TEXT)
_TICKETS: Final = Member("tickets", array(Shape(_line, _LINE.schema), _LINES_MAX))
CURRENCY: Final = Member(
    "currency",
    Shape(_currency, {"type": "string", "pattern": _any_case(_CURRENCIES)}),
    required=False,
)
_PAYMENT_METHOD: Final = Member("paymentMethod", Shape(_method, _METHOD.schema))
_OTHER_METHOD: Final = _PAYMENT_METHOD.optional
_FINGERPRINT: Final = Member("deviceFingerprint", text(1, 255))
_METADATA: Final = Member(
    "metadata",
    Shape(
        _metadata,
        {
            "type": "object",
            "maxProperties": _METADATA_KEYS_MAX,
            "propertyNames": text(1, _METADATA_KEY_MAX).schema,
            "additionalProperties": _METADATA_TEXT.schema,
        },
    ),
    required=False,
)
_TOTAL: Final = Member("totalCents", _CENTS, required=False)
_WHOLE_DEMAND: Final = ("venueId", "eventId", "tickets")

ANYTHING: Final = Record(())
PAYMENT: Final = Record(
    (
        _QUOTE_ID,
        _VENUE_ID.optional,
        _EVENT_ID.optional,
        _TICKETS.optional,
        _PAYMENT_METHOD,
        _FINGERPRINT,
        _METADATA,
        _TOTAL,
        _BILLING,
        CURRENCY,
    ),
    {
        "anyOf": [{"required": ["quoteId"]}, {"required": list(_WHOLE_DEMAND)}],
        "dependentRequired": {"eventId": ["tickets"], "tickets": ["eventId"]},
    },
)
CONFIRMATION: Final = Record((_OTHER_METHOD,))
QUOTE: Final = Record((_VENUE_ID.optional, _EVENT_ID, _TICKETS, _BILLING, CURRENCY))

_AMOUNT: Final = Member("amountCents", _CENTS)
_COUNT: Final = Member("ticketCount", integer(1, _ESTIMATED_MAX))
ESTIMATE: Final = Record((_VENUE_ID, _AMOUNT, _COUNT))
