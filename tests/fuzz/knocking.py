"""A knock at the application's door: one request without a client, a thread or a loop.

Nothing on the way waits once the pools work at once, so that a thousand knocks cost a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import attrs

from tests.entrypoints.http.driving import World, token
from ticketpay.domain.kernel.errors import NotFound

__all__ = ["AUTHORIZATION", "JSON", "Answer", "knock"]

T = TypeVar("T")

JSON = ("content-type", "application/json")
AUTHORIZATION = ("authorization", f"Bearer {token(lifetime_seconds=86_400)}")


class AtOnce:
    """Pools that run their work where they are asked."""

    @property
    def reads(self) -> AtOnce:
        return self

    provider = webhooks = reads

    async def run(self, work: Callable[[], T]) -> T:
        return work()


@attrs.frozen
class Answer:
    """Status and body of an answer, and what the use cases were given."""

    status: int
    body: Any
    given: tuple[Any, ...]

    @property
    def code(self) -> str:
        """The code of a problem; empty for a success."""
        return str(self.body["code"]) if self.status >= 400 else ""

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names, each with a message."""
        assert all(error["message"] for error in self.body.get("errors", ()))
        return sorted(error["field"] for error in self.body.get("errors", ()))


@cache
def door() -> tuple[World, Any]:
    """An application whose use cases take whatever reaches them; no event has a quote."""
    world = World(pools=cast("Any", AtOnce()))
    world.give_quote.result = NotFound("event")
    return world, world.asgi()


def knock(path: str, body: bytes, headers: Sequence[tuple[str, str]]) -> Answer:
    """The answer to a POST; fails when it is a failure of ours or no proper problem."""
    world, app = door()
    cases = (world.give_quote, world.checkout, world.confirm, world.cancel)
    world.logged.clear()
    for case in cases:
        case.calls.clear()
    start, *rest = _messages(app, path, body, headers)
    given = tuple(argument for case in cases for call in case.calls for argument in call)
    answer = Answer(start["status"], json.loads(b"".join(part["body"] for part in rest)), given)
    assert answer.status < 500, answer
    if answer.status >= 400:
        assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
        assert {"type", "title", "status", "detail", "code"} <= answer.body.keys()
        assert answer.body["detail"]
        assert answer.body["status"] == answer.status
    return answer


def _messages(
    app: Any, path: str, body: bytes, headers: Sequence[tuple[str, str]]
) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []
    named = [(name.encode(), text.encode("latin-1")) for name, text in headers]
    scope = {"type": "http", "method": "POST", "path": path, "headers": named, "root_path": ""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    try:
        app({**scope, "query_string": b""}, receive, send).send(None)
    except StopIteration:
        return sent
    raise AssertionError("the application waits for something")
