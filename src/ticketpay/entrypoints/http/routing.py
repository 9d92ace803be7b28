"""Routing: the router, made of the table of operations.

Whoever calls an operation with roles is let in, or not, before the endpoint is reached: size of the
body, authentication, role. So no endpoint can forget to ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import attrs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ticketpay.domain.parties import Actor
from ticketpay.entrypoints.http.auth import Guard
from ticketpay.entrypoints.http.body import read_bytes
from ticketpay.entrypoints.http.operations import Operation
from ticketpay.entrypoints.http.shell import checkpoint

__all__ = ["Call", "routes"]


@attrs.frozen
class Call:
    """A request of somebody who may make it, with its body; a question's is not read."""

    request: Request
    actor: Actor
    raw: bytes


def routes(
    operations: Iterable[Operation], servants: Iterable[object], guard: Guard
) -> list[Route]:
    """A route per operation, in their order, to the method of a servant with its name.

    Raises ``LookupError`` for an operation that nobody serves, or more than one.
    """
    known = tuple(servants)
    return [
        Route(one.path, _guarded(one, _endpoint(one, known), guard), methods=[one.method])
        for one in operations
    ]


def _endpoint(operation: Operation, servants: tuple[object, ...]) -> Any:
    found = [getattr(s, operation.endpoint) for s in servants if hasattr(s, operation.endpoint)]
    if len(found) != 1:
        raise LookupError(f"{operation.endpoint} is served by {len(found)} endpoints")
    return found[0]


def _guarded(
    operation: Operation, endpoint: Any, guard: Guard
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint behind its guard; only what is public or signed is asked as it is."""
    if operation.public or operation.signed:
        return endpoint  # type: ignore[no-any-return]  # found by its name

    async def serve(request: Request) -> Response:
        raw = b""
        if operation.method != "GET":
            raw = await read_bytes(request)
            checkpoint("body")
        actor = guard.actor(request)
        actor.require(*operation.roles)
        checkpoint("caller")
        response: Response = await endpoint(Call(request, actor, raw))
        return response

    return serve
