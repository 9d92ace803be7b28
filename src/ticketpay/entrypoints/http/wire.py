"""Wire types: what a body must look like, checked without coercion, all errors at once (S12, S13).

A *check* turns a value into a domain type or raises ``InvalidInput``, whose paths are relative to
the value; whoever checks the parts of a value collects their errors. Unknown fields are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

import attrs

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.kernel.ids import EventId, QuoteId, TicketTypeId, VenueId
from ticketpay.domain.payments import PaymentMethod
from ticketpay.domain.pricing import Demand, DemandLine
from ticketpay.entrypoints.http.auth import uuid_of

__all__ = [
    "EstimateBody",
    "PaymentBody",
    "read_estimate",
    "read_members",
    "read_payment",
    "read_quote",
]

T = TypeVar("T")
Check: TypeAlias = Callable[[object], T]

_CENTS_MAX: Final = 99_999_999
_LINES_MAX: Final = 20
_QUANTITY_MAX: Final = 10
_ESTIMATED_MAX: Final = _LINES_MAX * _QUANTITY_MAX
_METADATA_KEYS_MAX: Final = 50
_CURRENCIES: Final = ("USD", "EUR", "GBP", "CAD")
_METHODS: Final = ("card", "ach", "paypal", "crypto")
_METHODS_WITH_SOURCE: Final = ("card", "ach")


@attrs.frozen(kw_only=True)
class PaymentBody:
    """A purchase as it was asked for: a demand, a quote, or a quote and its demand."""

    demand: Demand | None
    quote_id: QuoteId | None
    method: PaymentMethod
    device_fingerprint: str
    metadata: tuple[tuple[str, str], ...]
    total_cents: int | None


@attrs.frozen
class EstimateBody:
    """What an estimate is asked for: a venue, an amount in cents, a number of tickets."""

    venue_id: VenueId
    amount_cents: int
    ticket_count: int


def read_members(body: object) -> Mapping[str, object]:
    """A body without a schema of its own; raises ``InvalidInput`` unless it is an object."""
    if not isinstance(body, dict):
        raise _wrong("must be an object", "body")
    return body


def read_payment(body: object) -> PaymentBody:
    """The body of ``POST /payments``; raises ``InvalidInput`` naming every wrong field."""
    fields = _Fields(read_members(body))
    quote_id = fields.optional("quoteId", _uuid)
    demand = _demand(fields, venue=True, required="quoteId" not in fields.members)
    method = fields.required("paymentMethod", _method)
    fingerprint = fields.required("deviceFingerprint", _text(1, 255))
    metadata = fields.optional("metadata", _metadata)
    total = fields.optional("totalCents", _integer(1, _CENTS_MAX))
    fields.optional("currency", _currency)
    fields.raise_errors()
    return PaymentBody(
        demand=demand,
        quote_id=QuoteId(quote_id) if quote_id else None,
        method=_known(method),
        device_fingerprint=_known(fingerprint),
        metadata=metadata or (),
        total_cents=total,
    )


def read_quote(body: object) -> Demand:
    """The body of ``POST /quotes``; raises ``InvalidInput`` naming every wrong field."""
    fields = _Fields(read_members(body))
    demand = _demand(fields, venue=False, required=True)
    fields.optional("currency", _currency)
    fields.raise_errors()
    return _known(demand)


def read_estimate(body: object) -> EstimateBody:
    """The body of ``POST /fees/calculate``; raises ``InvalidInput`` naming every wrong field."""
    fields = _Fields(read_members(body))
    venue = fields.required("venueId", _uuid)
    amount = fields.required("amountCents", _integer(1, _CENTS_MAX))
    count = fields.required("ticketCount", _integer(1, _ESTIMATED_MAX))
    fields.raise_errors()
    return EstimateBody(VenueId(_known(venue)), _known(amount), _known(count))


def _demand(fields: _Fields, *, venue: bool, required: bool) -> Demand | None:
    """The demand; with a quote it may be left out, but then as a whole."""
    wanted = required or "eventId" in fields.members or "tickets" in fields.members
    (fields.required if venue and required else fields.optional)("venueId", _uuid)
    if not wanted:
        return None
    event_id = fields.required("eventId", _uuid)
    lines = fields.required("tickets", _array(_line, _LINES_MAX))
    return Demand(EventId(event_id), lines) if event_id and lines else None


@attrs.frozen
class _Fields:
    """The members of one object and the errors found in them."""

    members: Mapping[str, object]
    errors: list[FieldError] = attrs.field(factory=list)

    def required(self, name: str, check: Check[T]) -> T | None:
        """The checked member; its absence is an error."""
        if name not in self.members:
            self.errors.append(FieldError(name, "is required"))
        return self.optional(name, check)

    def optional(self, name: str, check: Check[T]) -> T | None:
        """The checked member, or None when it is absent or wrong; null is not absent."""
        if name not in self.members:
            return None
        return _collect(check, self.members[name], name, self.errors)

    def raise_errors(self) -> None:
        """Raise ``InvalidInput`` with all errors found, if there are any."""
        if self.errors:
            raise InvalidInput("The body has wrong fields", errors=tuple(self.errors))


def _collect(check: Check[T], value: object, path: str, errors: list[FieldError]) -> T | None:
    try:
        return check(value)
    except InvalidInput as wrong:
        for error in wrong.errors:
            inner = f"{path}.{error.field}" if error.field else path
            errors.append(FieldError(inner, error.message))
        return None


def _wrong(message: str, path: str = "") -> InvalidInput:
    return InvalidInput("The body has wrong fields", errors=(FieldError(path, message),))


def _known(value: T | None) -> T:
    assert value is not None, "without an error every required field has a value"
    return value


def _uuid(value: object) -> UUID:
    found = uuid_of(value)
    if found is None:
        raise _wrong("must be a UUID")
    return found


def _integer(low: int, high: int) -> Check[int]:
    def check(value: object) -> int:
        # bool is a subclass of int, and 1.0 is not an integer on the wire.
        if type(value) is not int:
            raise _wrong("must be an integer")
        if not low <= value <= high:
            raise _wrong(f"must be between {low} and {high}")
        return value

    return check


def _text(low: int, high: int) -> Check[str]:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise _wrong("must be text")
        if not low <= len(value) <= high:
            raise _wrong(f"must have {low} to {high} characters")
        if "\x00" in value:
            raise _wrong("must not contain NUL")
        return value

    return check


def _one_of(*words: str) -> Check[str]:
    def check(value: object) -> str:
        if not isinstance(value, str) or value not in words:
            raise _wrong(f"must be one of {', '.join(words)}")
        return value

    return check


def _array(item: Check[T], high: int) -> Check[tuple[T, ...]]:
    def check(value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise _wrong("must be an array")
        if not 1 <= len(value) <= high:
            raise _wrong(f"must have 1 to {high} items")
        errors: list[FieldError] = []
        found = [_collect(item, one, str(index), errors) for index, one in enumerate(value)]
        if errors:
            raise InvalidInput(errors=tuple(errors))
        return tuple(_known(one) for one in found)

    return check


def _object(value: object) -> _Fields:
    if not isinstance(value, dict):
        raise _wrong("must be an object")
    return _Fields(value)


def _line(value: object) -> DemandLine:
    fields = _object(value)
    type_id = fields.required("ticketTypeId", _uuid)
    quantity = fields.required("quantity", _integer(1, _QUANTITY_MAX))
    price = fields.optional("priceCents", _integer(1, _CENTS_MAX))
    seats = fields.optional("seats", _seats)
    if quantity and seats and len(seats) != quantity:
        fields.errors.append(FieldError("seats", "must name one seat per ticket"))
    fields.raise_errors()
    return DemandLine(TicketTypeId(_known(type_id)), _known(quantity), seats or (), price)


def _seats(value: object) -> tuple[str, ...]:
    if value == []:
        return ()
    seats = _array(_text(1, 32), _QUANTITY_MAX)(value)
    if len(set(seats)) != len(seats):
        raise _wrong("must not name a seat twice")
    return seats


def _currency(value: object) -> str:
    if not isinstance(value, str):
        raise _wrong("must be text")
    # Before it is shouted: a long s in capitals is an S.
    if len(value) != 3 or not (value.isascii() and value.isalpha()):
        raise _wrong("Currency must be a 3-letter ISO code")
    code = value.upper()
    if code not in _CURRENCIES:
        raise _wrong(f"Currency {code} is not supported")
    return code


def _method(value: object) -> PaymentMethod:
    fields = _object(value)
    kind = fields.required("type", _one_of(*_METHODS))
    token = fields.optional("token", _text(1, 255))
    method_id = fields.optional("paymentMethodId", _text(1, 255))
    sent = ("token" in fields.members) + ("paymentMethodId" in fields.members)
    if kind in _METHODS_WITH_SOURCE and sent != 1:
        message = "must have exactly one of token and paymentMethodId"
        fields.errors.append(FieldError("", message))
    fields.raise_errors()
    return PaymentMethod(type=_known(kind), token=token, method_id=method_id)


def _metadata(value: object) -> tuple[tuple[str, str], ...]:
    fields = _object(value)
    if len(fields.members) > _METADATA_KEYS_MAX:
        raise _wrong(f"must have at most {_METADATA_KEYS_MAX} keys")
    if any(not 1 <= len(key) <= 40 or "\x00" in key for key in fields.members):
        raise _wrong("keys must have 1 to 40 characters and no NUL")
    pairs = [(key, fields.required(key, _text(0, 500))) for key in sorted(fields.members)]
    fields.raise_errors()
    return tuple((key, _known(text)) for key, text in pairs)
