"""Endpoints: each reads a request in a fixed order and calls one use case.

The order for mutations: size, authentication, role, content type, JSON, idempotency key, schema.
Nothing that fails on the way has claimed the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import attrs
from starlette.requests import Request
from starlette.responses import Response

from ticketpay.domain.kernel.errors import (
    NotFound,
    TicketpayError,
    Unavailable,
)
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.messaging import Answer, KeyScope, request_hash
from ticketpay.domain.parties import Actor
from ticketpay.domain.payments import SignatureInvalid
from ticketpay.domain.processes.answers import quote_view
from ticketpay.domain.processes.checkout import PlaceOrder
from ticketpay.domain.processes.payment_actions import PaymentCommand
from ticketpay.entrypoints.bootstrap import App
from ticketpay.entrypoints.http.answers import respond
from ticketpay.entrypoints.http.auth import Guard, uuid_of
from ticketpay.entrypoints.http.body import parse_json, read_bytes, require_json
from ticketpay.entrypoints.http.errors import (
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    NotStored,
    Overloaded,
    json_response,
)
from ticketpay.entrypoints.http.operations import roles_of
from ticketpay.entrypoints.http.pools import Pools
from ticketpay.entrypoints.http.wire import PaymentBody, read_members, read_payment, read_quote

__all__ = ["Endpoints"]

_KEY_MISSING: Final = "All payment operations require an Idempotency-Key header with a UUID value"
_KEY_INVALID: Final = "Use a UUID v4 format like: 123e4567-e89b-12d3-a456-426614174000"


@attrs.frozen(kw_only=True)
class Endpoints:
    """Every endpoint, over the use cases and the pools that run them."""

    app: App
    guard: Guard
    pools: Pools
    ready_probe: Callable[[], bool]

    async def quote(self, request: Request) -> Response:
        """``POST /api/v1/quotes``."""
        actor, raw = await self._caller(request, "quote")
        demand = read_quote(_json(request, raw))
        quote = await self.pools.reads.run(lambda: self.app.give_quote(actor, demand))
        return json_response(quote_view(quote), 201)

    async def pay(self, request: Request) -> Response:
        """``POST /api/v1/payments``."""
        actor, raw = await self._caller(request, "pay")
        body = _json(request, raw)
        key = _key(request, actor)
        command = _order(actor, key, read_members(body), read_payment(body))
        answer = await self.pools.provider.run(lambda: self.app.checkout(command))
        return respond(answer, 201)

    async def confirm(self, request: Request) -> Response:
        """``POST /api/v1/payments/{id}/confirm``."""
        return await self._act(request, "confirm", self.app.confirm_payment)

    async def cancel(self, request: Request) -> Response:
        """``POST /api/v1/payments/{id}/cancel``."""
        return await self._act(request, "cancel", self.app.cancel_payment)

    async def show_payment(self, request: Request) -> Response:
        """``GET /api/v1/payments/{id}``."""
        actor = self.guard.actor(request)
        actor.require(*roles_of("show_payment"))
        payment_id = PaymentId(_id(request, "payment"))
        view = await self.pools.reads.run(lambda: self.app.show_payment(actor, payment_id))
        return json_response(view)

    async def show_order(self, request: Request) -> Response:
        """``GET /api/v1/orders/{id}``."""
        actor = self.guard.actor(request)
        actor.require(*roles_of("show_order"))
        order_id = OrderId(_id(request, "order"))
        view = await self.pools.reads.run(lambda: self.app.show_order(actor, order_id))
        return json_response(view)

    async def webhook(self, request: Request) -> Response:
        """``POST /api/v1/webhooks/stripe``: anything but 200 makes the provider send it again."""
        raw = await read_bytes(request)
        signature = request.headers.get("stripe-signature", "")
        if not signature:
            raise SignatureInvalid("The stripe-signature header is missing")
        try:
            fresh = await self.pools.webhooks.run(lambda: self.app.receive_webhook(raw, signature))
        except (SignatureInvalid, Overloaded):
            raise
        except TicketpayError as error:
            raise NotStored from error
        return json_response({"received": True} if fresh else {"received": True, "duplicate": True})

    async def live(self, _: Request) -> Response:
        """``GET /health/live``: the event loop turns."""
        return json_response({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """``GET /health/ready``: requests can be served."""
        if not await self.pools.reads.run(self.ready_probe):
            raise Unavailable("The service is not ready")
        return json_response({"status": "ready"})

    async def _act(
        self, request: Request, verb: str, use_case: Callable[[PaymentCommand], Answer]
    ) -> Response:
        actor, raw = await self._caller(request, verb)
        body = _json(request, raw) if raw else {}
        key = _key(request, actor)
        members = read_members(body)
        payment_id = PaymentId(_id(request, "payment"))
        operation = f"POST /api/v1/payments/{payment_id}/{verb}"
        command = PaymentCommand(
            actor=actor,
            key=key,
            request_hash=request_hash(operation, members),
            payment_id=payment_id,
        )
        return respond(await self.pools.provider.run(lambda: use_case(command)), 200)

    async def _caller(self, request: Request, endpoint: str) -> tuple[Actor, bytes]:
        raw = await read_bytes(request)
        actor = self.guard.actor(request)
        actor.require(*roles_of(endpoint))
        return actor, raw


def _json(request: Request, raw: bytes) -> object:
    require_json(request)
    return parse_json(raw)


def _key(request: Request, actor: Actor) -> KeyScope:
    """The caller's key, bare or as a quoted structured-field string (S11 rules 1 and 2)."""
    sent = request.headers.getlist("idempotency-key")
    if not any(sent):
        raise IdempotencyKeyMissing(_KEY_MISSING)
    text = sent[0]
    quoted = len(text) > 2 and text[0] == text[-1] == '"'
    key = uuid_of(text[1:-1] if quoted else text)
    if key is None or len(sent) != 1:
        raise IdempotencyKeyInvalid(_KEY_INVALID)
    return KeyScope(actor.user_id, key)


def _id(request: Request, kind: str) -> UUID:
    found = uuid_of(request.path_params["id"])
    if found is None:
        raise NotFound(f"There is no such {kind}")
    return found


def _order(
    actor: Actor, key: KeyScope, members: Mapping[str, object], body: PaymentBody
) -> PlaceOrder:
    return PlaceOrder(
        actor=actor,
        key=key,
        request_hash=request_hash("POST /api/v1/payments", members),
        demand=body.demand,
        quote_id=body.quote_id,
        method=body.method,
        device_fingerprint=body.device_fingerprint,
        metadata=body.metadata,
        expected_total_cents=body.total_cents,
    )
