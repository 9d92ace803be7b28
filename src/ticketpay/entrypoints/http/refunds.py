"""Refunds over HTTP (S24): asked for by buyers and staff, decided by a second person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from starlette.responses import Response

from ticketpay.domain.kernel.ids import PaymentId, RefundId
from ticketpay.domain.messaging import request_hash
from ticketpay.domain.processes.refund_commands import Decision, RefundRequest
from ticketpay.entrypoints.http.answers import respond
from ticketpay.entrypoints.http.calls import id_of, json_of, key_of, request_id_of
from ticketpay.entrypoints.http.errors import json_response
from ticketpay.entrypoints.http.pools import Pools
from ticketpay.entrypoints.http.refund_shapes import (
    PAYMENT,
    REFUND,
    REFUND_OF_SALE,
    read_wishes,
)
from ticketpay.entrypoints.http.routing import Call
from ticketpay.entrypoints.http.shapes import known
from ticketpay.entrypoints.http.wire import read_members
from ticketpay.entrypoints.wiring import App

__all__ = ["RefundEndpoints"]


@attrs.frozen(kw_only=True)
class RefundEndpoints:
    """The endpoints of refunds, over the use cases and the pools that run them."""

    app: App
    pools: Pools

    async def refund(self, call: Call) -> Response:
        """``POST /api/v1/refunds``."""
        body, key = json_of(call), key_of(call)
        fields = REFUND.open(body, "body")
        payment = fields.take(PAYMENT)
        wishes = read_wishes(fields)
        return await self._ask(call, key, PaymentId(known(payment)), fields.members, wishes)

    async def refund_sale(self, call: Call) -> Response:
        """``POST /api/v1/transactions/{id}/refund``: the same for the sale in the path."""
        body, key = json_of(call) if call.raw else {}, key_of(call)
        fields = REFUND_OF_SALE.open(body, "body")
        wishes = read_wishes(fields)
        payment = PaymentId(id_of(call, "payment"))
        return await self._ask(call, key, payment, fields.members, wishes)

    async def approve_refund(self, call: Call) -> Response:
        """``POST /api/v1/refunds/{id}/approve``."""
        return await self._decide(call, approve=True)

    async def reject_refund(self, call: Call) -> Response:
        """``POST /api/v1/refunds/{id}/reject``."""
        return await self._decide(call, approve=False)

    async def show_refund(self, call: Call) -> Response:
        """``GET /api/v1/refunds/{id}``."""
        refund_id = RefundId(id_of(call, "refund"))
        show = self.app.refunding.show
        return json_response(await self.pools.reads.run(lambda: show(call.actor, refund_id)))

    async def payment_refunds(self, call: Call) -> Response:
        """``GET /api/v1/payments/{id}/refunds``."""
        payment_id = PaymentId(id_of(call, "payment"))
        show = self.app.refunding.show
        found = await self.pools.reads.run(lambda: show.of_payment(call.actor, payment_id))
        return json_response({"refunds": found})

    async def payment_disputes(self, call: Call) -> Response:
        """``GET /api/v1/payments/{id}/disputes``."""
        payment_id, show = PaymentId(id_of(call, "payment")), self.app.refunding.disputes
        found = await self.pools.reads.run(lambda: show(call.actor, payment_id))
        return json_response({"disputes": found})

    async def _ask(
        self,
        call: Call,
        key: Any,
        payment_id: PaymentId,
        members: Mapping[str, object],
        wishes: Mapping[str, Any],
    ) -> Response:
        request = RefundRequest(
            actor=call.actor,
            key=key,
            request_hash=request_hash(f"refund {payment_id}", members),
            payment_id=payment_id,
            request_id=request_id_of(call),
            **wishes,
        )
        ask = self.app.refunding.ask
        return respond(await self.pools.reads.run(lambda: ask(request)), 201)

    async def _decide(self, call: Call, *, approve: bool) -> Response:
        members = read_members(json_of(call)) if call.raw else {}
        key, refund_id = key_of(call), RefundId(id_of(call, "refund"))
        verb = "approve" if approve else "reject"
        decision = Decision(
            actor=call.actor,
            key=key,
            request_hash=request_hash(f"{verb} {refund_id}", members),
            refund_id=refund_id,
            approve=approve,
            request_id=request_id_of(call),
        )
        decide = self.app.refunding.decide
        return respond(await self.pools.reads.run(lambda: decide(decision)), 200)
