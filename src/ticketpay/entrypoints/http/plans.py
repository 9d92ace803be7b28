"""The plans of venues over HTTP: what is offered, what a venue has, another one, or none (S19)."""

from __future__ import annotations

import attrs
from starlette.responses import Response

from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.messaging import request_hash
from ticketpay.domain.processes.subscribing import SubscribeOrder
from ticketpay.entrypoints.http.answers import respond
from ticketpay.entrypoints.http.calls import id_of, json_of, key_of, request_id_of
from ticketpay.entrypoints.http.errors import json_response
from ticketpay.entrypoints.http.plan_shapes import read_subscription
from ticketpay.entrypoints.http.pools import Pools
from ticketpay.entrypoints.http.routing import Call
from ticketpay.entrypoints.wiring import App

__all__ = ["PlanEndpoints"]


@attrs.frozen(kw_only=True)
class PlanEndpoints:
    """The endpoints of plans, over the use cases and the pools that run them."""

    app: App
    pools: Pools

    async def plans(self, _call: Call) -> Response:
        """``GET /api/v1/plans``."""
        return json_response(self.app.plans.offered())

    async def venue_subscription(self, call: Call) -> Response:
        """``GET /api/v1/venues/{id}/subscription``."""
        venue_id, show = VenueId(id_of(call, "venue")), self.app.plans.show
        return json_response(await self.pools.reads.run(lambda: show(call.actor, venue_id)))

    async def subscribe(self, call: Call) -> Response:
        """``POST /api/v1/venues/{id}/subscription``."""
        body, key = json_of(call), key_of(call)
        venue_id = VenueId(id_of(call, "venue"))
        members, plan, method = read_subscription(body)
        order = SubscribeOrder(
            actor=call.actor,
            key=key,
            request_hash=request_hash(f"subscribe {venue_id}", members),
            venue_id=venue_id,
            plan_id=plan,
            payment_method=method,
            request_id=request_id_of(call),
        )
        return await self._answered(order, 201)

    async def unsubscribe(self, call: Call) -> Response:
        """``DELETE /api/v1/venues/{id}/subscription``."""
        key, venue_id = key_of(call), VenueId(id_of(call, "venue"))
        order = SubscribeOrder(
            actor=call.actor,
            key=key,
            request_hash=request_hash(f"unsubscribe {venue_id}", {}),
            venue_id=venue_id,
            ends=True,
            request_id=request_id_of(call),
        )
        return await self._answered(order, 200)

    async def _answered(self, order: SubscribeOrder, completed: int) -> Response:
        """Where nobody is billed, nobody waits for the provider."""
        billed = self.app.parts.billing is not None
        pool = self.pools.provider if billed else self.pools.reads
        return respond(await pool.run(lambda: self.app.plans.subscribe(order)), completed)
