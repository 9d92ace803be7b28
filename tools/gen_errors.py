"""Write docs/reference/errors.md: every stable code, its status, its title, and what to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.entrypoints.http.errors import STATUS_OF_CODE, problem_type
from ticketpay.entrypoints.http.protocol import PROBLEMS

__all__ = ["PAGE", "REMEDIES", "STATUSES", "main", "rendered", "titles"]

PAGE: Final = Path(__file__).parents[1] / "docs/reference/errors.md"
# Loading these defines every error that a request can raise; no use case loads subscriptions yet.
_RAISERS: Final = (
    "ticketpay.domain.subscriptions",
    "ticketpay.entrypoints.bootstrap",
    "ticketpay.entrypoints.http",
)
_HEAD: Final = """# Errors

Written by `python tools/gen_errors.py` from the tables that answer requests. An answer is `application/problem+json` (RFC 9457).
Clients may rely on `code`. A `5xx` that is ours says no more than its title; under the
request's id the log has the type of the error and the lines of code that it came through.

| Code | Status | Title | What to do |
|---|---|---|---|
"""
_WITHOUT_CLASS: Final[Mapping[str, str]] = {
    "DATABASE_UNAVAILABLE": "Temporarily unavailable",
    "IDEMPOTENCY_KEY_IN_USE": "The payment provider is at work on the same request",
    "IDEMPOTENCY_MISMATCH": "The payment provider knows another request by this key",
    "METHOD_NOT_ALLOWED": "Method not allowed",
    "ORDER_EXPIRED": "The order has expired",
    "PAYMENT_CANCELLED": "The payment is cancelled",
}
_SAME_KEY: Final = "Repeat with the same Idempotency-Key after Retry-After."
_OURS: Final = "Tell us the X-Request-ID. A repeat with the same key is safe."
_NEW_ORDER: Final = "Start a new purchase with a new key."
_AMOUNT: Final = "Send integers of cents in a currency that the event sells in."
REMEDIES: Final[Mapping[str, str]] = {
    "MALFORMED_REQUEST": "Send HTTP/1.1: mostly something between client and server has broken it.",
    "REQUEST_TIMEOUT": "Send the whole request faster. A money request may be repeated under its key.",
    "URL_TOO_LONG": "Shorten the URL.",
    "HEADERS_TOO_LARGE": "Send fewer or shorter headers.",
    "VALIDATION_ERROR": "Correct the fields that `errors` names.",
    "QUERY_VALIDATION_ERROR": "Correct the query parameters that `errors` names.",
    "MALFORMED_JSON": "Send one strict JSON object in UTF-8, without duplicate keys.",
    "IDEMPOTENCY_KEY_MISSING": "Send a new UUID per purchase as Idempotency-Key.",
    "IDEMPOTENCY_KEY_INVALID": "Send a UUID as Idempotency-Key.",
    "INVALID_SIGNATURE": "Check the webhook secret and the clock.",
    "AUTH_REQUIRED": "Send a bearer token that has not run out.",
    "PAYMENT_DECLINED": "Ask the buyer for another card. Use a new key.",
    "FORBIDDEN": "Use a token with a role that may do this.",
    "TENANT_REQUIRED": "Use a token with a tenant.",
    "NOT_FOUND": "Check the id. A foreign thing looks like an unknown one.",
    "METHOD_NOT_ALLOWED": "Use a method that `Allow` lists.",
    "BALANCE_NEGATIVE": "Wait for later sales to make the debt good, or settle it.",
    "CONCURRENT_UPDATE": "Nothing has happened. Repeat with the same Idempotency-Key.",
    "CONFLICT": "Read the state again, then decide.",
    "ALREADY_REFUNDED": "Nothing: the money has gone back, or is on its way.",
    "PLAN_BILLING_OFF": "Start the service with PLAN_BILLING=stripe, or end the plan at the provider.",
    "PLAN_CHANGE_PENDING": "Wait until the provider has decided; `GET` shows it.",
    "CHARGED_BACK": "Nothing: the buyer's bank has the money. Answer the dispute at the provider.",
    "NOTHING_CAPTURED": "Cancel the payment; nothing was taken.",
    "REFUND_DECIDED": "Nothing: somebody has decided already.",
    "VENUE_NOT_CONNECTED": "Connect the venue's account with `ticketpay payouts connect`.",
    "TICKET_REFUNDED": "Leave out the tickets that are refunded.",
    "REFUND_TOO_LARGE": "Ask for at most what `detail` says is left.",
    "REFUND_WINDOW_EXPIRED": "An admin may refund with an `overrideReason`.",
    "PLAN_UNKNOWN": "Choose one of the plans that are listed.",
    "TICKET_CAP_REACHED": "Wait for the next month, or choose a larger plan.",
    "EVENT_CANCELLED": "Nothing: its sales are refunded already, or on their way.",
    "EXCHANGE_RATES_CONFLICT": "Load the right rates as another source: what is loaded stays.",
    "DAILY_LIMIT": "Ask for less, or wait for the next UTC day.",
    "DUPLICATE_IN_PROGRESS": "Wait for the first request, then repeat with the same key.",
    "INSUFFICIENT_FUNDS": "Ask for at most what the balance shows as payable.",
    "INVALID_TRANSITION": "Read the state again. The step is not possible from it.",
    "ORDER_EXPIRED": _NEW_ORDER,
    "PAYMENT_CANCELLED": _NEW_ORDER,
    "PAYMENT_SUPERSEDED": "Nothing: the buyer has another order for the event.",
    "PRICE_CHANGED": "Show the buyer the new price and ask again.",
    "PURCHASE_IN_PROGRESS": "Wait for the buyer's other purchase to end.",
    "QUOTE_EXPIRED": "Ask for a new quote.",
    "SEAT_UNAVAILABLE": "Choose other seats.",
    "SOLD_OUT": "Choose fewer tickets or another type.",
    "BODY_TOO_LARGE": "Send at most 512 KiB.",
    "UNSUPPORTED_MEDIA_TYPE": "Send Content-Type: application/json.",
    "AMOUNT_NOT_INTEGER": _AMOUNT,
    "AMOUNT_REFUSED": "Change the order: the provider takes no payment of this amount.",
    "CURRENCY_MISMATCH": _AMOUNT,
    "CURRENCY_UNSUPPORTED": _AMOUNT,
    "VENUE_MISMATCH": "Send the venue of the event, or leave `venueId` out of what has a quote.",
    "PAYMENT_NOT_PAYABLE": "Start a new purchase with a new key, or cancel the payment.",
    "EVENT_NOT_ON_SALE": "Choose another event, or wait until it is on sale.",
    "IDEMPOTENCY_KEY_REUSED": "Use a new key for a new body.",
    "MONEY_ERROR": _AMOUNT,
    "PAYMENT_METHOD_UNSUPPORTED": "Use one of the payment methods of the event.",
    "REJECTED": "Change the request: the same one is refused again.",
    "TAX_JURISDICTION_UNKNOWN": "Load a tax rule for the venue's state, or correct the venue.",
    "ZERO_WEIGHTS": "Give at least one part a weight over zero.",
    "RATE_LIMITED": "Wait for Retry-After seconds.",
    "INTERNAL_ERROR": _OURS,
    "LEDGER_ERROR": _OURS,
    "POSTING_MIXED": _OURS,
    "POSTING_UNBALANCED": _OURS,
    "TICKETPAY_ERROR": _OURS,
    "UNROUTED_EVENT": "Give the event type a route; the process does not start without.",
    "OUTCOME_UNKNOWN": f"{_SAME_KEY} Never use a new key: money may have moved.",
    "DATABASE_UNAVAILABLE": "Try again after Retry-After; a money request under the same key.",
    "EXCHANGE_RATE_UNAVAILABLE": f"{_SAME_KEY} An operator loads rates with `ticketpay rates load`.",
    "IDEMPOTENCY_KEY_IN_USE": _SAME_KEY,
    "IDEMPOTENCY_MISMATCH": _OURS,
    "OVERLOADED": _SAME_KEY,
    "PROVIDER_MISMATCH": "Compare the provider's account and keys with the settings.",
    "PROVIDER_UNAVAILABLE": _SAME_KEY,
    "UNAVAILABLE": _SAME_KEY,
}


STATUSES: Final[Mapping[str, int]] = {
    **{code: status for status, (code, _) in PROBLEMS.items()},
    **STATUS_OF_CODE,
}
"""The status of every code: of the connection, which knows no application, and of the application."""


def rendered() -> str:
    """The page as it should be."""
    named = titles()
    rows = [
        f"| <a id='{problem_type(code).rpartition('/')[2]}'></a>`{code}` | {status} "
        f"| {named.get(code, '-')} | {REMEDIES.get(code, '-')} |\n"
        for code, status in STATUSES.items()
    ]
    return _HEAD + "".join(rows)


def titles() -> dict[str, str]:
    """The title of every code that an error class bears."""
    for name in _RAISERS:
        import_module(name)
    # The title on the wire is the status's phrase, which is not the same in every Python.
    of_wire = dict(PROBLEMS.values())
    of_classes = {cls.code: cls.title for cls in _classes(TicketpayError)}
    return {**of_wire, **_WITHOUT_CLASS, **of_classes}


def _classes(root: type[TicketpayError]) -> Iterator[type[TicketpayError]]:
    # Subclasses first: the last to speak is the class that the code is named for.
    for cls in sorted(root.__subclasses__(), key=lambda cls: cls.__qualname__):
        yield from _classes(cls)
    yield root


def main() -> int:
    """Write the page."""
    PAGE.write_text(rendered(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
