"""Operations: the one table of what is served, from which routes and role checks are made (S08).

Deny by default: an operation that names no roles, and is neither public nor signed, is refused.
"""

from __future__ import annotations

from typing import Final

import attrs

from ticketpay.domain.parties import Role

__all__ = ["OPERATIONS", "Operation"]

_ANYBODY: Final = tuple(Role)
_BUYERS: Final = (Role.CUSTOMER,)
_QUOTERS: Final = (Role.CUSTOMER, Role.SUPPORT, Role.ADMIN, Role.VENUE_MANAGER)


@attrs.frozen(kw_only=True)
class Operation:
    """One method of one path; ``endpoint`` names the method that serves it.

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

    def __attrs_post_init__(self) -> None:
        if bool(self.roles) + self.public + self.signed != 1:
            message = "must have either roles, or be public, or be signed"
            raise ValueError(f"{self.method} {self.path} {message}")


# The hot operations first: Starlette tries them in order.
OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/api/v1/payments",
        endpoint="pay",
        summary="Buy tickets",
        roles=_BUYERS,
        idempotent=True,
    ),
    Operation(
        method="POST",
        path="/api/v1/quotes",
        endpoint="quote",
        summary="Price an order",
        roles=_QUOTERS,
    ),
    Operation(
        method="POST",
        path="/api/v1/webhooks/stripe",
        endpoint="webhook",
        summary="Take in an event of the provider",
        signed=True,
    ),
    Operation(
        method="GET",
        path="/api/v1/payments/{id}",
        endpoint="show_payment",
        summary="Show a payment",
        roles=_ANYBODY,
    ),
    Operation(
        method="GET",
        path="/api/v1/orders/{id}",
        endpoint="show_order",
        summary="Show an order",
        roles=_ANYBODY,
    ),
    Operation(
        method="POST",
        path="/api/v1/payments/{id}/confirm",
        endpoint="confirm",
        summary="Go on after the buyer's challenge",
        roles=_BUYERS,
        idempotent=True,
    ),
    Operation(
        method="POST",
        path="/api/v1/payments/{id}/cancel",
        endpoint="cancel",
        summary="Cancel a payment",
        roles=_BUYERS,
        idempotent=True,
    ),
    Operation(
        method="POST",
        path="/api/v1/fees/calculate",
        endpoint="calculate_fees",
        summary="Estimate the fees of an amount",
        roles=_ANYBODY,
    ),
    Operation(
        method="GET",
        path="/api/v1/transactions",
        endpoint="transactions",
        summary="List sales, newest first",
        roles=_ANYBODY,
    ),
    Operation(
        method="GET",
        path="/health/live",
        endpoint="live",
        summary="The event loop turns",
        public=True,
    ),
    Operation(
        method="GET",
        path="/health/ready",
        endpoint="ready",
        summary="Requests can be served",
        public=True,
    ),
    Operation(
        method="GET",
        path="/health",
        endpoint="health",
        summary="The health of the parts",
        public=True,
    ),
    Operation(
        method="GET",
        path="/health/db",
        endpoint="database",
        summary="The database answers",
        public=True,
    ),
    Operation(
        method="GET",
        path="/info",
        endpoint="info",
        summary="What runs here",
        public=True,
    ),
    Operation(
        method="GET",
        path="/admin/stats",
        endpoint="stats",
        summary="The tenant's last 24 hours",
        roles=(Role.ADMIN,),
    ),
)
