"""The money of venues over HTTP: its balance, its payouts, and a new one (S20-S22)."""

from __future__ import annotations

import attrs
from starlette.responses import Response

from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.messaging import request_hash
from ticketpay.domain.processes.payout_requests import PayoutOrder, PayoutWish
from ticketpay.entrypoints.http.answers import respond
from ticketpay.entrypoints.http.calls import id_of, json_of, key_of, request_id_of
from ticketpay.entrypoints.http.errors import json_response
from ticketpay.entrypoints.http.payout_shapes import read_payout
from ticketpay.entrypoints.http.pools import Pools
from ticketpay.entrypoints.http.routing import Call
from ticketpay.entrypoints.wiring import App

__all__ = ["VenueEndpoints"]


@attrs.frozen(kw_only=True)
class VenueEndpoints:
    """The endpoints of venue money, over the use cases and the pools that run them."""

    app: App
    pools: Pools

    async def venue_balance(self, call: Call) -> Response:
        """``GET /api/v1/venues/{id}/balance``."""
        venue_id, show = VenueId(id_of(call, "venue")), self.app.venue_money.show
        return json_response(await self.pools.reads.run(lambda: show.balance(call.actor, venue_id)))

    async def venue_payouts(self, call: Call) -> Response:
        """``GET /api/v1/venues/{id}/payouts``."""
        venue_id, show = VenueId(id_of(call, "venue")), self.app.venue_money.show
        found = await self.pools.reads.run(lambda: show.payouts(call.actor, venue_id))
        return json_response({"payouts": found})

    async def pay_out(self, call: Call) -> Response:
        """``POST /api/v1/venues/{id}/payouts``."""
        body, key = json_of(call), key_of(call)
        venue_id = VenueId(id_of(call, "venue"))
        members, amount, speed = read_payout(body)
        order = PayoutOrder(
            actor=call.actor,
            key=key,
            request_hash=request_hash(f"payout {venue_id}", members),
            wish=PayoutWish(venue_id=venue_id, amount=amount, speed=speed),
            request_id=request_id_of(call),
        )
        ask = self.app.venue_money.ask
        return respond(await self.pools.reads.run(lambda: ask(order)), 201)
