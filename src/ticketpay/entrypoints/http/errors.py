"""Problems (RFC 9457): one table from stable codes to statuses, for errors and refusals alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ticketpay.domain.kernel.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    Rejected,
    TicketpayError,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "STATUS_OF_CODE",
    "BodyTooLarge",
    "IdempotencyKeyInvalid",
    "IdempotencyKeyMissing",
    "MalformedJson",
    "NotStored",
    "Overloaded",
    "QueryInvalid",
    "TenantRequired",
    "UnsupportedMediaType",
    "json_response",
    "problem",
    "problem_of",
    "status_of",
]

STATUS_OF_CODE: Final[Mapping[str, int]] = {
    "VALIDATION_ERROR": 400,
    "QUERY_VALIDATION_ERROR": 400,
    "MALFORMED_JSON": 400,
    "IDEMPOTENCY_KEY_MISSING": 400,
    "IDEMPOTENCY_KEY_INVALID": 400,
    "INVALID_SIGNATURE": 400,
    "AUTH_REQUIRED": 401,
    "PAYMENT_DECLINED": 402,
    "FORBIDDEN": 403,
    "TENANT_REQUIRED": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "BALANCE_NEGATIVE": 409,
    "CONCURRENT_UPDATE": 409,
    "CONFLICT": 409,
    "ALREADY_REFUNDED": 409,
    "CHARGED_BACK": 409,
    "DAILY_LIMIT": 409,
    "DUPLICATE_IN_PROGRESS": 409,
    "EVENT_CANCELLED": 409,
    "EXCHANGE_RATES_CONFLICT": 409,
    "INSUFFICIENT_FUNDS": 409,
    "INVALID_TRANSITION": 409,
    "NOTHING_CAPTURED": 409,
    "ORDER_EXPIRED": 409,
    "PAYMENT_CANCELLED": 409,
    "PAYMENT_NOT_PAYABLE": 409,
    "PAYMENT_SUPERSEDED": 409,
    "PRICE_CHANGED": 409,
    "PURCHASE_IN_PROGRESS": 409,
    "PLAN_BILLING_OFF": 409,
    "PLAN_CHANGE_PENDING": 409,
    "QUOTE_EXPIRED": 409,
    "SEAT_UNAVAILABLE": 409,
    "REFUND_DECIDED": 409,
    "SOLD_OUT": 409,
    "TICKET_CAP_REACHED": 409,
    "TICKET_REFUNDED": 409,
    "VENUE_NOT_CONNECTED": 409,
    "BODY_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "AMOUNT_NOT_INTEGER": 422,
    "AMOUNT_REFUSED": 422,
    "CURRENCY_MISMATCH": 422,
    "CURRENCY_UNSUPPORTED": 422,
    "EVENT_NOT_ON_SALE": 422,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "MONEY_ERROR": 422,
    "PAYMENT_METHOD_UNSUPPORTED": 422,
    "PLAN_UNKNOWN": 422,
    "REFUND_TOO_LARGE": 422,
    "REFUND_WINDOW_EXPIRED": 422,
    "REJECTED": 422,
    "TAX_JURISDICTION_UNKNOWN": 422,
    "VENUE_MISMATCH": 422,
    "ZERO_WEIGHTS": 422,
    "RATE_LIMITED": 429,
    "INTERNAL_ERROR": 500,
    "LEDGER_ERROR": 500,
    "POSTING_MIXED": 500,
    "POSTING_UNBALANCED": 500,
    "TICKETPAY_ERROR": 500,
    "UNROUTED_EVENT": 500,
    "DATABASE_UNAVAILABLE": 503,
    "EXCHANGE_RATE_UNAVAILABLE": 503,
    "IDEMPOTENCY_KEY_IN_USE": 503,
    "IDEMPOTENCY_MISMATCH": 503,
    "OUTCOME_UNKNOWN": 503,
    "OVERLOADED": 503,
    "PROVIDER_MISMATCH": 503,
    "PROVIDER_UNAVAILABLE": 503,
    "UNAVAILABLE": 503,
}
"""Every code of the application that a client can meet, and its status; ``protocol`` has its own."""

_STATUS_OF_CLASS: Final[Mapping[type[TicketpayError], int]] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Rejected: 422,
    Unavailable: 503,
    OutcomeUnknown: 503,
    TicketpayError: 500,
}
_OUTCOME_UNKNOWN_RETRY_SECONDS: Final = 5
_PROBLEM_JSON: Final = "application/problem+json"


class QueryInvalid(InvalidInput):
    """A parameter of the query is wrong, unknown or repeated (S12)."""

    code = "QUERY_VALIDATION_ERROR"
    title = "Invalid query parameters"


class BodyTooLarge(InvalidInput):
    """The body has more than 512 KiB."""

    code = "BODY_TOO_LARGE"
    title = "The body is too large"


class UnsupportedMediaType(InvalidInput):
    """The body is not announced as JSON."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    title = "The body must be application/json"


class MalformedJson(InvalidInput):
    """The body cannot be read as strict JSON."""

    code = "MALFORMED_JSON"
    title = "The body is not valid JSON"


class IdempotencyKeyMissing(InvalidInput):
    """A mutation without a key (S11 rule 1)."""

    code = "IDEMPOTENCY_KEY_MISSING"
    title = "Idempotency-Key header required"


class IdempotencyKeyInvalid(InvalidInput):
    """A key that is not a UUID (S11 rule 2)."""

    code = "IDEMPOTENCY_KEY_INVALID"
    title = "Idempotency-Key must be a valid UUID"


class TenantRequired(Forbidden):
    """A token without a tenant (S08)."""

    code = "TENANT_REQUIRED"
    title = "Tenant context required"


class Overloaded(Unavailable):
    """Too many requests wait for a thread already."""

    code = "OVERLOADED"
    title = "Too many requests are waiting"


class NotStored(TicketpayError):
    """A genuine webhook could not be stored; the provider will send it again (S26 D3)."""

    code = "INTERNAL_ERROR"
    title = "Internal server error"


def status_of(error: TicketpayError) -> int:
    """The HTTP status of an error: by its code, else by its nearest known class."""
    known = STATUS_OF_CODE.get(error.error_code)
    if known is not None:
        return known
    return next(_STATUS_OF_CLASS[cls] for cls in type(error).__mro__ if cls in _STATUS_OF_CLASS)


def json_response(
    body: Mapping[str, object],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """A response with compact JSON."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return Response(text, status, headers, media_type)


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    errors: tuple[Mapping[str, str], ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An RFC 9457 problem; ``code`` is what clients may rely on."""
    body: dict[str, object] = {
        "type": problem_type(code),
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if errors:
        body["errors"] = errors
    return json_response(body, status, headers, _PROBLEM_JSON)


def problem_type(code: str) -> str:
    """The problem's URI reference."""
    return f"/problems/{code.lower().replace('_', '-')}"


def problem_of(error: Exception) -> Response:
    """The problem that a caller is told about; what is ours is never explained to them."""
    if isinstance(error, HTTPException):
        return _routing_problem(error)
    if not isinstance(error, TicketpayError):
        return problem(500, "INTERNAL_ERROR", "Internal server error", "Internal server error")
    status = status_of(error)
    if status == 500:
        return problem(500, "INTERNAL_ERROR", "Internal server error", "Internal server error")
    title = type(error).title
    secret = error.error_code == "PROVIDER_MISMATCH"
    errors = tuple({"field": e.field, "message": e.message} for e in error.errors)
    return problem(
        status,
        error.error_code,
        title,
        title if secret else error.detail,
        errors=errors,
        headers=_headers(status, error),
    )


def _headers(status: int, error: TicketpayError) -> dict[str, str]:
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if status == 413:
        return {"Connection": "close"}
    if isinstance(error, OutcomeUnknown):
        return {"Retry-After": str(_OUTCOME_UNKNOWN_RETRY_SECONDS)}
    seconds = getattr(error, "retry_after_seconds", 1 if status == 503 else None)
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _routing_problem(error: HTTPException) -> Response:
    if error.status_code == 405:
        title = "Method not allowed"
        return problem(405, "METHOD_NOT_ALLOWED", title, title, headers=error.headers)
    return problem(404, "NOT_FOUND", "Not found", "There is no such resource")
