"""Endpoints: each reads a call in a fixed order and calls one use case.

The order for mutations: size, authentication, role, content type, JSON, idempotency key, schema;
the first three happen on the way here (``routing``). Nothing that fails has claimed the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
from starlette.requests import Request
from starlette.responses import Response

from ticketpay.domain.kernel.errors import (
    TicketpayError,
)
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.messaging import Answer, KeyScope, request_hash
from ticketpay.domain.parties import Actor
from ticketpay.domain.payments import PaymentMethod, SignatureInvalid
from ticketpay.domain.processes.answers import quote_view
from ticketpay.domain.processes.checkout import PlaceOrder
from ticketpay.domain.processes.estimating import estimate_view
from ticketpay.domain.processes.exchange_rates import rates_view
from ticketpay.domain.processes.payment_actions import PaymentCommand
from ticketpay.entrypoints.http.answers import respond
from ticketpay.entrypoints.http.body import read_bytes
from ticketpay.entrypoints.http.calls import id_of, json_of, key_of, request_id_of
from ticketpay.entrypoints.http.errors import (
    NotStored,
    Overloaded,
    json_response,
)
from ticketpay.entrypoints.http.paging import Cursors
from ticketpay.entrypoints.http.pools import Pools
from ticketpay.entrypoints.http.routing import Call
from ticketpay.entrypoints.http.shell import checkpoint
from ticketpay.entrypoints.http.transactions import page_view, read_sales_query
from ticketpay.entrypoints.http.wire import (
    PaymentBody,
    read_confirmation,
    read_estimate,
    read_members,
    read_payment,
    read_quote,
)
from ticketpay.entrypoints.wiring import App

__all__ = ["Endpoints"]


@attrs.frozen(kw_only=True)
class Endpoints:
    """The endpoints of sales and webhooks, over the use cases and the pools that run them."""

    app: App
    pools: Pools
    cursors: Cursors

    async def quote(self, call: Call) -> Response:
        """``POST /api/v1/quotes``."""
        demand, customer, venue = read_quote(json_of(call))
        # Whoever names an address may wait for the tax calculator, and nobody else with him.
        pool = self.pools.reads if customer is None else self.pools.provider
        quote = await pool.run(lambda: self.app.give_quote(call.actor, demand, customer, venue))
        return json_response(quote_view(quote), 201)

    async def pay(self, call: Call) -> Response:
        """``POST /api/v1/payments``."""
        body, key = json_of(call), key_of(call)
        command = _order(call.actor, key, read_members(body), read_payment(body))
        checkpoint("order")
        answer = await self.pools.provider.run(lambda: self.app.checkout(command))
        checkpoint("sale")
        if self.app.metrics is not None:
            self.app.metrics.sale(answer)
        return respond(answer, 201)

    async def confirm(self, call: Call) -> Response:
        """``POST /api/v1/payments/{id}/confirm``."""
        return await self._act(call, "confirm", self.app.confirm_payment, read_confirmation)

    async def cancel(self, call: Call) -> Response:
        """``POST /api/v1/payments/{id}/cancel``."""
        return await self._act(call, "cancel", self.app.cancel_payment)

    async def show_payment(self, call: Call) -> Response:
        """``GET /api/v1/payments/{id}``."""
        actor, payment_id = call.actor, PaymentId(id_of(call, "payment"))
        view = await self.pools.reads.run(lambda: self.app.show_payment(actor, payment_id))
        return json_response(view)

    async def show_order(self, call: Call) -> Response:
        """``GET /api/v1/orders/{id}``."""
        actor, order_id = call.actor, OrderId(id_of(call, "order"))
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

    async def calculate_fees(self, call: Call) -> Response:
        """``POST /api/v1/fees/calculate``: an estimate, for anybody with a token."""
        actor, asked = call.actor, read_estimate(json_of(call))
        found = await self.pools.reads.run(
            lambda: self.app.estimate_fees(
                actor, asked.venue_id, asked.amount_cents, asked.ticket_count
            )
        )
        return json_response(estimate_view(found))

    async def exchange_rates(self, call: Call) -> Response:
        """``GET /api/v1/exchange-rates``: to show prices in other currencies by."""
        table = await self.pools.reads.run(lambda: self.app.show_rates(call.actor))
        return json_response(rates_view(table))

    async def transactions(self, call: Call) -> Response:
        """``GET /api/v1/transactions``: one's own sales, or a venue's."""
        actor, query = call.actor, read_sales_query(call.request, call.actor, self.cursors)
        page = await self.pools.reads.run(lambda: self.app.list_sales(actor, query))
        return json_response(page_view(page, actor, query, self.cursors))

    async def stats(self, call: Call) -> Response:
        """``GET /admin/stats``: the last 24 hours of the admin's tenant."""
        return json_response(await self.pools.reads.run(lambda: self.app.show_stats(call.actor)))

    async def _act(
        self,
        call: Call,
        verb: str,
        use_case: Callable[[PaymentCommand], Answer],
        read_method: Callable[[object], PaymentMethod | None] = lambda _: None,
    ) -> Response:
        body, key = json_of(call) if call.raw else {}, key_of(call)
        members, method = read_members(body), read_method(body)
        payment_id = PaymentId(id_of(call, "payment"))
        operation = f"POST /api/v1/payments/{payment_id}/{verb}"
        command = PaymentCommand(
            actor=call.actor,
            key=key,
            request_hash=request_hash(operation, members),
            payment_id=payment_id,
            request_id=request_id_of(call),
            method=method,
        )
        return respond(await self.pools.provider.run(lambda: use_case(command)), 200)


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
        customer=body.customer,
        currency=body.currency,
        venue_id=body.venue_id,
    )
