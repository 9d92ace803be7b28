"""Views: the JSON Schemas of what is answered, by name.

The words of an enumeration come from the domain; that the members are those of the real answers is
seen by the tests, which close every object first. Clients must expect new members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.payments.sales import SaleStatus
from ticketpay.domain.payouts import PayoutSpeed, PayoutState
from ticketpay.domain.pricing import Tier
from ticketpay.domain.pricing.model import ChargeKind
from ticketpay.domain.refunds import NOT_APPROVED, DisputeState, RefundReason, RefundState
from ticketpay.domain.subscriptions import SubscriptionState

__all__ = ["PROBLEM", "VIEWS", "Schema", "ref"]

Schema = Mapping[str, Any]

_ID: Final[Schema] = {"type": "string", "format": "uuid"}
_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_CAP: Final[Schema] = {"type": ["integer", "null"], "description": "Tickets of a month; null: any"}
_CENTS: Final[Schema] = {"type": "integer", "minimum": 0, "description": "Cents"}
_OWED: Final[Schema] = {"type": "integer", "description": "Cents; below zero what is owed"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_DAY: Final[Schema] = {"type": "string", "format": "date"}
_FLAG: Final[Schema] = {"type": "boolean"}
_CURRENCY: Final[Schema] = {"type": "string", "pattern": "^[A-Z]{3}$"}
_PERCENT: Final[Schema] = {"type": ["string", "number"], "description": "Per cent"}


def ref(name: str) -> dict[str, object]:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def _words(words: Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _object(members: Mapping[str, Schema], *optional: str) -> Schema:
    """An object; a member is always there unless it is named as optional."""
    required = [name for name in members if name not in optional]
    return {"type": "object", "properties": dict(members), "required": required}


_RATE: Final[Mapping[str, Schema]] = {
    "base": _CURRENCY,
    "target": _CURRENCY,
    "rate": {"type": "string", "description": "For people: four decimals at most"},
    "numerator": {"type": "integer", "minimum": 1},
    "denominator": {"type": "integer", "minimum": 1},
}
_EXCHANGED: Final[Schema] = {
    "anyOf": [ref("ExchangeRate"), {"type": "null"}],
    "description": "What the event's prices were converted by; null in its own currency",
}
_SHOWN: Final = _words((*PaymentState, "unknown", "requires_action"))
_PRICES: Final[Mapping[str, Schema]] = {
    "allInCents": _CENTS,
    "currency": _CURRENCY,
    "fees": _many(ref("Charge")),
    "taxes": _many(ref("Charge")),
    "totalCents": _CENTS,
    "exchangeRate": _EXCHANGED,
    "id": _ID,
    "eventId": _ID,
    "venueId": _ID,
    "ticketsCents": _CENTS,
    "taxDate": _DAY,
    "expiresAt": _TIME,
    "tickets": _many(ref("Ticket")),
}
_DAY_TOTALS: Final[Mapping[str, Schema]] = {
    "currency": _CURRENCY,
    "totalPayments": _COUNT,
    "successful": _COUNT,
    "failed": _COUNT,
    "pending": _COUNT,
    "cancelled": _COUNT,
    "revenueCents": _CENTS,
    "refundedCents": _CENTS,
}

PROBLEM: Final = _object(
    {
        "type": {"type": "string", "format": "uri-reference"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": _TEXT,
        "errors": _many(_object({"field": _TEXT, "message": _TEXT})),
        "payment": ref("Payment"),
        "subscription": ref("Subscription"),
    },
    "errors",
    "payment",
    "subscription",
)
"""RFC 9457, with the code that clients may rely on; what was declined comes with its view."""

VIEWS: Final[Mapping[str, Schema]] = {
    "Problem": PROBLEM,
    "Charge": _object(
        {
            "kind": _words(ChargeKind),
            "name": _TEXT,
            "amountCents": _CENTS,
            "refundable": _FLAG,
            "ratePercent": _PERCENT,
            "estimated": {
                "const": True,
                "description": "The tax service did not answer: the state's rate, to be settled",
            },
        },
        "ratePercent",
        "estimated",
    ),
    "Ticket": _object(
        {
            "number": {"type": "integer", "minimum": 1},
            "ticketTypeId": _ID,
            "priceCents": _CENTS,
            "charges": _many(ref("Charge")),
            "seat": _TEXT,
        },
        "seat",
    ),
    "ExchangeRate": _object({**_RATE, "source": _TEXT, "date": _DAY}),
    "ExchangeRates": _object({"source": _TEXT, "date": _DAY, "rates": _many(_object(_RATE))}),
    "Quote": _object(_PRICES),
    "Order": _object(
        {
            **_PRICES,
            "state": _words(OrderState),
            "createdAt": _TIME,
            "payments": _many(_object({"id": _ID, "status": _SHOWN})),
        }
    ),
    "Payment": _object(
        {
            "id": _ID,
            "orderId": _ID,
            "status": _SHOWN,
            "allInCents": _CENTS,
            "taxCents": _CENTS,
            "amountCents": _CENTS,
            "currency": _CURRENCY,
            "exchangeRate": _EXCHANGED,
            "ticketQuantity": {"type": "integer", "minimum": 1},
            "createdAt": _TIME,
            "failure": _object({"code": _TEXT, "declineCode": _TEXT, "message": _TEXT}),
            "clientSecret": _TEXT,
        },
        "failure",
        "clientSecret",
    ),
    "Estimate": _object(
        {
            "estimate": {"const": True},
            "tier": _words(Tier),
            "platformCents": _CENTS,
            "platformPercentage": _PERCENT,
            "gasEstimateCents": _CENTS,
            "taxCents": _CENTS,
            "totalCents": _CENTS,
            "breakdown": _object(
                {
                    "ticketPriceCents": _CENTS,
                    "platformFeeCents": _CENTS,
                    "gasEstimateCents": _CENTS,
                    "stateTaxCents": _CENTS,
                    "localTaxCents": _CENTS,
                    "totalCents": _CENTS,
                }
            ),
            "taxes": _many(
                _object({"name": _TEXT, "amountCents": _CENTS, "kind": _words(ChargeKind)})
            ),
            "taxDate": _DAY,
        }
    ),
    "Refund": _object(
        {
            "id": _ID,
            "paymentId": _ID,
            "orderId": _ID,
            "status": _words(RefundState),
            "needsApproval": _FLAG,
            "amountCents": _CENTS,
            "feesCents": _CENTS,
            "taxCents": _CENTS,
            "currency": _CURRENCY,
            "reason": _words(RefundReason),
            "tickets": _many({"type": "integer", "minimum": 1}),
            "createdAt": _TIME,
            "failureCode": {
                "const": NOT_APPROVED,
                "description": "It was rejected, or gave way, before a second person agreed",
            },
        },
        "failureCode",
    ),
    "Refunds": _object({"refunds": _many(ref("Refund"))}),
    "Dispute": _object(
        {
            "id": _ID,
            "paymentId": _ID,
            "providerDisputeId": _TEXT,
            "status": _words(DisputeState),
            "amountCents": _CENTS,
            "feeCents": _CENTS,
            "currency": _CURRENCY,
            "reason": _TEXT,
            "tickets": _many({"type": "integer", "minimum": 1}),
            "createdAt": _TIME,
        }
    ),
    "Disputes": _object({"disputes": _many(ref("Dispute"))}),
    "Payout": _object(
        {
            "id": _ID,
            "venueId": _ID,
            "status": _words(PayoutState),
            "type": _words(PayoutSpeed),
            "amountCents": _CENTS,
            "feeCents": _CENTS,
            "netCents": _CENTS,
            "currency": _CURRENCY,
            "arrival": _TEXT,
            "createdAt": _TIME,
            "failureCode": _TEXT,
        },
        "failureCode",
    ),
    "Payouts": _object({"payouts": _many(ref("Payout"))}),
    "VenueBalance": _object(
        {
            "venueId": _ID,
            "balances": _many(
                _object(
                    {
                        "currency": _CURRENCY,
                        "availableCents": _OWED,
                        "pendingCents": _CENTS,
                        "reservedCents": _CENTS,
                        "inTransitCents": _CENTS,
                        "payableCents": _CENTS,
                    }
                )
            ),
        }
    ),
    "Plans": _object(
        {
            "plans": _many(
                _object(
                    {
                        "id": _words(Tier),
                        "name": _TEXT,
                        "priceCents": _CENTS,
                        "currency": _CURRENCY,
                        "billingDays": _COUNT,
                        "feePercentage": _PERCENT,
                        "ticketsMax": _CAP,
                        "features": _many(_TEXT),
                    }
                )
            )
        }
    ),
    "Subscription": _object(
        {
            "subscriptionId": _TEXT,
            "venueId": _ID,
            "plan": _TEXT,
            "status": {"enum": [*(str(state) for state in SubscriptionState), "requires_action"]},
            "nextBillingDate": {"type": ["string", "null"], "format": "date-time"},
            "cancelsAt": _TIME,
            "pendingPlan": {"type": ["string", "null"]},
            "failure": _object({"code": _TEXT, "declineCode": _TEXT, "message": _TEXT}),
            "clientSecret": _TEXT,
            "ticketsMax": _CAP,
            "ticketsSold": _COUNT,
        },
        "cancelsAt",
        "pendingPlan",
        "failure",
        "clientSecret",
        "ticketsMax",
        "ticketsSold",
    ),
    "Sale": _object(
        {
            "id": _ID,
            "orderId": _ID,
            "eventId": _ID,
            "venueId": _ID,
            "status": _words(SaleStatus),
            "currency": _CURRENCY,
            "amountCents": _CENTS,
            "ticketsCents": _CENTS,
            "feesCents": _CENTS,
            "taxCents": _CENTS,
            "refundedCents": _CENTS,
            "ticketQuantity": {"type": "integer", "minimum": 1},
            "createdAt": _TIME,
        }
    ),
    "Sales": _object(
        {"transactions": _many(ref("Sale")), "nextCursor": {"type": ["string", "null"]}}
    ),
    "Received": _object({"received": {"const": True}, "duplicate": {"const": True}}, "duplicate"),
    "Live": _object({"status": {"const": "live"}}),
    "Ready": _object({"status": {"const": "ready"}}),
    "Health": _object(
        {
            "status": _words(("healthy", "degraded", "unhealthy")),
            "service": _TEXT,
            "timestamp": _TIME,
            "components": _object(
                {
                    "database": _words(("healthy", "unhealthy")),
                    "redis": _words(("off", "healthy", "unhealthy")),
                    "processor": _TEXT,
                }
            ),
        }
    ),
    "DatabaseHealth": _object(
        {
            "status": _words(("ok", "error")),
            "database": _words(("connected", "disconnected")),
            "service": _TEXT,
        }
    ),
    "Info": _object(
        {
            "service": _TEXT,
            "version": _TEXT,
            "processor": _TEXT,
            "features": _object(
                {"stripe": _FLAG, "livemode": _FLAG, "webhooks": _FLAG, "redis": _FLAG}
            ),
            "status": {"const": "running"},
        }
    ),
    "Stats": _object({"last24Hours": _many(_object(_DAY_TOTALS)), "timestamp": _TIME}),
    "OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]},
}
"""Every answer, by the name that the table of operations uses."""
