"""Operations: the one table of what is served (S08).

The router, the role checks, the OpenAPI document and the matrix of the tests are made of it. Deny
by default: an operation that names no roles, and is neither public nor signed, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from ticketpay.domain.parties import Role
from ticketpay.entrypoints.http.payout_shapes import PAYOUT
from ticketpay.entrypoints.http.plan_shapes import SUBSCRIPTION
from ticketpay.entrypoints.http.query import Check
from ticketpay.entrypoints.http.refund_shapes import REFUND, REFUND_OF_SALE
from ticketpay.entrypoints.http.transactions import SALES_QUERY
from ticketpay.entrypoints.http.wire import ANYTHING, CONFIRMATION, ESTIMATE, PAYMENT, QUOTE, Record

__all__ = ["HTML", "OPERATIONS", "Operation"]

HTML: Final = "text/html"
"""In place of the name of a view: a page."""

_ANYBODY: Final = tuple(Role)
_BUYERS: Final = (Role.CUSTOMER,)
_QUOTERS: Final = (Role.CUSTOMER, Role.SUPPORT, Role.ADMIN, Role.VENUE_MANAGER)
_ADMINS: Final = (Role.ADMIN,)
_DECIDERS: Final = (Role.VENUE_MANAGER, Role.SUPPORT, Role.ADMIN)
_PAYEES: Final = (Role.VENUE_MANAGER, Role.ADMIN)
_REFUNDERS: Final = (Role.CUSTOMER, *_DECIDERS)

_CALLER_CODES: Final = ("AUTH_REQUIRED", "TENANT_REQUIRED", "FORBIDDEN")
_BODY_CODES: Final = (
    "BODY_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "MALFORMED_JSON",
    "VALIDATION_ERROR",
)
_KEY_CODES: Final = (
    "IDEMPOTENCY_KEY_MISSING",
    "IDEMPOTENCY_KEY_INVALID",
    "IDEMPOTENCY_KEY_REUSED",
    "DUPLICATE_IN_PROGRESS",
    "CONCURRENT_UPDATE",
)
_EVERYWHERE: Final = ("RATE_LIMITED", "INTERNAL_ERROR")
_WORKING: Final = ("OVERLOADED", "UNAVAILABLE", "DATABASE_UNAVAILABLE")
_PRICING: Final = (
    "NOT_FOUND",
    "EVENT_NOT_ON_SALE",
    "VENUE_MISMATCH",
    "TAX_JURISDICTION_UNKNOWN",
    "SEAT_UNAVAILABLE",
)
_CURRENCIES: Final = ("CURRENCY_MISMATCH", "EXCHANGE_RATE_UNAVAILABLE")
_AT_THE_PROVIDER: Final = (
    "CONFLICT",
    "INVALID_TRANSITION",
    "OUTCOME_UNKNOWN",
    "IDEMPOTENCY_KEY_IN_USE",
    "IDEMPOTENCY_MISMATCH",
    "PROVIDER_MISMATCH",
    "PROVIDER_UNAVAILABLE",
    "PAYMENT_DECLINED",
    "ORDER_EXPIRED",
    "PAYMENT_CANCELLED",
)

_REFUSED_REFUNDS: Final = (
    "NOT_FOUND",
    "CONFLICT",
    "NOTHING_CAPTURED",
    "ALREADY_REFUNDED",
    "CHARGED_BACK",
    "TICKET_REFUNDED",
    "CURRENCY_MISMATCH",
    "REFUND_TOO_LARGE",
    "REFUND_WINDOW_EXPIRED",
)


@attrs.frozen(kw_only=True)
class Operation:
    """One method of one path; ``endpoint`` names the method that serves it.

    ``answers`` maps statuses to names of views, ``refusals`` are the codes of its own problems.
    Raises ``ValueError`` unless exactly one of ``roles``, ``public`` and ``signed`` is given.
    """

    method: str
    path: str
    endpoint: str
    summary: str
    roles: tuple[Role, ...] = ()
    public: bool = False
    signed: bool = False
    idempotent: bool = False
    body: Record | None = None
    query: Mapping[str, Check] = attrs.field(factory=dict)
    answers: Mapping[int, str] = attrs.field(factory=dict)
    refusals: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        if bool(self.roles) + self.public + self.signed != 1:
            message = "must have either roles, or be public, or be signed"
            raise ValueError(f"{self.method} {self.path} {message}")

    @property
    def codes(self) -> tuple[str, ...]:
        """Every code that this operation can answer with, in the order of its checks."""
        codes = (
            *(_CALLER_CODES if self.roles else ()),
            *(_BODY_CODES if self.body is not None else ()),
            *(_KEY_CODES if self.idempotent else ()),
            *(("QUERY_VALIDATION_ERROR",) if self.query else ()),
            *self.refusals,
            *(_WORKING if self.roles or self.signed else ()),
            *_EVERYWHERE,
        )
        return tuple(dict.fromkeys(codes))


# The hot operations first: Starlette tries them in order.
OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/api/v1/payments",
        endpoint="pay",
        summary="Buy tickets",
        roles=_BUYERS,
        idempotent=True,
        body=PAYMENT,
        answers={201: "Payment", 202: "Payment"},
        refusals=(
            *_PRICING,
            *_AT_THE_PROVIDER,
            "SOLD_OUT",
            "TICKET_CAP_REACHED",
            "PRICE_CHANGED",
            "QUOTE_EXPIRED",
            "PURCHASE_IN_PROGRESS",
            "AMOUNT_REFUSED",
            *_CURRENCIES,
            "PAYMENT_METHOD_UNSUPPORTED",
        ),
    ),
    Operation(
        method="POST",
        path="/api/v1/quotes",
        endpoint="quote",
        summary="Price an order",
        roles=_QUOTERS,
        body=QUOTE,
        answers={201: "Quote"},
        refusals=(*_PRICING, "PRICE_CHANGED", "AMOUNT_REFUSED", *_CURRENCIES),
    ),
    Operation(
        method="POST",
        path="/api/v1/webhooks/stripe",
        endpoint="webhook",
        summary="Take in an event of the provider",
        signed=True,
        answers={200: "Received"},
        refusals=("BODY_TOO_LARGE", "INVALID_SIGNATURE"),
    ),
    Operation(
        method="GET",
        path="/api/v1/payments/{id}",
        endpoint="show_payment",
        summary="Show a payment",
        roles=_ANYBODY,
        answers={200: "Payment"},
        refusals=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/api/v1/orders/{id}",
        endpoint="show_order",
        summary="Show an order",
        roles=_ANYBODY,
        answers={200: "Order"},
        refusals=("NOT_FOUND",),
    ),
    Operation(
        method="POST",
        path="/api/v1/payments/{id}/confirm",
        endpoint="confirm",
        summary="Go on after the buyer's challenge, or pay by another method",
        roles=_BUYERS,
        idempotent=True,
        body=CONFIRMATION,
        answers={200: "Payment", 202: "Payment"},
        refusals=(
            "NOT_FOUND",
            *_AT_THE_PROVIDER,
            "EVENT_NOT_ON_SALE",
            "PAYMENT_METHOD_UNSUPPORTED",
            "PAYMENT_NOT_PAYABLE",
            "PAYMENT_SUPERSEDED",
            "SOLD_OUT",
        ),
    ),
    Operation(
        method="POST",
        path="/api/v1/payments/{id}/cancel",
        endpoint="cancel",
        summary="Cancel a payment",
        roles=_BUYERS,
        idempotent=True,
        body=ANYTHING,
        answers={200: "Payment", 202: "Payment"},
        refusals=("NOT_FOUND", *_AT_THE_PROVIDER),
    ),
    Operation(
        method="POST",
        path="/api/v1/refunds",
        endpoint="refund",
        summary="Refund a sale, or request it",
        roles=_REFUNDERS,
        idempotent=True,
        body=REFUND,
        answers={201: "Refund"},
        refusals=_REFUSED_REFUNDS,
    ),
    Operation(
        method="POST",
        path="/api/v1/transactions/{id}/refund",
        endpoint="refund_sale",
        summary="Refund the sale of this payment, or request it",
        roles=_REFUNDERS,
        idempotent=True,
        body=REFUND_OF_SALE,
        answers={201: "Refund"},
        refusals=_REFUSED_REFUNDS,
    ),
    Operation(
        method="GET",
        path="/api/v1/refunds/{id}",
        endpoint="show_refund",
        summary="Show a refund",
        roles=_ANYBODY,
        answers={200: "Refund"},
        refusals=("NOT_FOUND",),
    ),
    Operation(
        method="POST",
        path="/api/v1/refunds/{id}/approve",
        endpoint="approve_refund",
        summary="Agree to a refund that waits for it",
        roles=_DECIDERS,
        idempotent=True,
        body=ANYTHING,
        answers={200: "Refund"},
        refusals=("NOT_FOUND", "CONFLICT", "REFUND_DECIDED"),
    ),
    Operation(
        method="POST",
        path="/api/v1/refunds/{id}/reject",
        endpoint="reject_refund",
        summary="Refuse a refund that waits for approval",
        roles=_DECIDERS,
        idempotent=True,
        body=ANYTHING,
        answers={200: "Refund"},
        refusals=("NOT_FOUND", "CONFLICT", "REFUND_DECIDED"),
    ),
    Operation(
        method="GET",
        path="/api/v1/payments/{id}/refunds",
        endpoint="payment_refunds",
        summary="List the refunds of a payment, oldest first",
        roles=_ANYBODY,
        answers={200: "Refunds"},
        refusals=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/api/v1/payments/{id}/disputes",
        endpoint="payment_disputes",
        summary="List the disputes of a payment, oldest first",
        roles=_DECIDERS,
        answers={200: "Disputes"},
        refusals=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/api/v1/venues/{id}/balance",
        endpoint="venue_balance",
        summary="Show what a venue has, and what of it is payable",
        roles=_DECIDERS,
        answers={200: "VenueBalance"},
        refusals=("NOT_FOUND",),
    ),
    Operation(
        method="GET",
        path="/api/v1/venues/{id}/payouts",
        endpoint="venue_payouts",
        summary="List the newest payouts of a venue, newest first",
        roles=_DECIDERS,
        answers={200: "Payouts"},
        refusals=("NOT_FOUND",),
    ),
    Operation(
        method="POST",
        path="/api/v1/venues/{id}/payouts",
        endpoint="pay_out",
        summary="Pay a venue out",
        roles=_PAYEES,
        idempotent=True,
        body=PAYOUT,
        answers={201: "Payout"},
        refusals=(
            "NOT_FOUND",
            "CONFLICT",
            "BALANCE_NEGATIVE",
            "CURRENCY_MISMATCH",
            "INSUFFICIENT_FUNDS",
            "DAILY_LIMIT",
            "VENUE_NOT_CONNECTED",
        ),
    ),
    Operation(
        method="GET",
        path="/api/v1/plans",
        endpoint="plans",
        summary="List the plans of venues",
        roles=_DECIDERS,
        answers={200: "Plans"},
    ),
    Operation(
        method="GET",
        path="/api/v1/venues/{id}/subscription",
        endpoint="venue_subscription",
        summary="Show the plan of a venue, and what it has sold this month",
        roles=_DECIDERS,
        answers={200: "Subscription"},
        refusals=("NOT_FOUND",),
    ),
    Operation(
        method="POST",
        path="/api/v1/venues/{id}/subscription",
        endpoint="subscribe",
        summary="Give a venue a plan, or another one",
        roles=_PAYEES,
        idempotent=True,
        body=SUBSCRIPTION,
        answers={201: "Subscription", 202: "Subscription"},
        refusals=(
            "PAYMENT_DECLINED",
            "NOT_FOUND",
            "CONFLICT",
            "PLAN_BILLING_OFF",
            "PLAN_CHANGE_PENDING",
            "PLAN_UNKNOWN",
        ),
    ),
    Operation(
        method="DELETE",
        path="/api/v1/venues/{id}/subscription",
        endpoint="unsubscribe",
        summary="Give up the plan of a venue at the end of its period",
        roles=_PAYEES,
        idempotent=True,
        answers={200: "Subscription", 202: "Subscription"},
        refusals=("NOT_FOUND", "CONFLICT", "PLAN_BILLING_OFF", "PLAN_CHANGE_PENDING"),
    ),
    Operation(
        method="POST",
        path="/api/v1/fees/calculate",
        endpoint="calculate_fees",
        summary="Estimate the fees of an amount",
        roles=_ANYBODY,
        body=ESTIMATE,
        answers={200: "Estimate"},
        refusals=("NOT_FOUND", "TAX_JURISDICTION_UNKNOWN"),
    ),
    Operation(
        method="GET",
        path="/api/v1/exchange-rates",
        endpoint="exchange_rates",
        summary="List the rates that prices are converted by now",
        roles=_ANYBODY,
        answers={200: "ExchangeRates"},
        refusals=("EXCHANGE_RATE_UNAVAILABLE",),
    ),
    Operation(
        method="GET",
        path="/api/v1/transactions",
        endpoint="transactions",
        summary="List sales, newest first",
        roles=_ANYBODY,
        query=SALES_QUERY,
        answers={200: "Sales"},
    ),
    Operation(
        method="GET",
        path="/health/live",
        endpoint="live",
        summary="The event loop turns",
        public=True,
        answers={200: "Live"},
    ),
    Operation(
        method="GET",
        path="/health/ready",
        endpoint="ready",
        summary="Requests can be served",
        public=True,
        answers={200: "Ready"},
        refusals=("UNAVAILABLE", "OVERLOADED", "DATABASE_UNAVAILABLE"),
    ),
    Operation(
        method="GET",
        path="/health",
        endpoint="health",
        summary="The health of the parts",
        public=True,
        answers={200: "Health", 503: "Health"},
    ),
    Operation(
        method="GET",
        path="/health/db",
        endpoint="database",
        summary="The database answers",
        public=True,
        answers={200: "DatabaseHealth", 503: "DatabaseHealth"},
    ),
    Operation(
        method="GET",
        path="/info",
        endpoint="info",
        summary="What runs here",
        public=True,
        answers={200: "Info"},
    ),
    Operation(
        method="GET",
        path="/admin/stats",
        endpoint="stats",
        summary="The tenant's last 24 hours",
        roles=_ADMINS,
        answers={200: "Stats"},
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        endpoint="openapi_json",
        summary="This document",
        public=True,
        answers={200: "OpenApi"},
    ),
    Operation(
        method="GET",
        path="/docs",
        endpoint="docs",
        summary="This document for people",
        public=True,
        answers={200: HTML},
    ),
)
