"""A driver speaks to a model as the SDK does, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from ticketpay.adapters.sandbox import Response, SandboxModel

START = 1_700_000_000


class Hand:
    """A clock that is set by hand, in Unix seconds."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Driver:
    """Requests to one account of a model; `last` is the raw answer."""

    def __init__(self, model: SandboxModel, account: str | None = None) -> None:
        self.model = model
        self.last = Response(status=0, headers={}, body=b"")
        self.headers = {"Authorization": "Bearer sk_test_1"}
        if account is not None:
            self.headers["Stripe-Account"] = account

    def post(self, path: str, key: str | None = None, /, **params: Any) -> tuple[int, Any]:
        headers = dict(self.headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        body = urlencode(list(pairs(params))).encode()
        return self.send("POST", path, headers, body)

    def get(self, path: str, /, **params: Any) -> tuple[int, Any]:
        query = urlencode(list(pairs(params)))
        return self.send("GET", f"{path}?{query}", self.headers, b"")

    def control(self, path: str, given: dict[str, Any]) -> tuple[int, Any]:
        return self.send("POST", f"/_sandbox/{path}", {}, json.dumps(given).encode())

    def pay(
        self, method: str = "pm_card_visa", key: str | None = None, **more: Any
    ) -> tuple[int, Any]:
        base = {"amount": 500, "currency": "eur", "confirm": True, "payment_method": method}
        return self.post("/v1/payment_intents", key, **(base | more))

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Any]:
        self.last = self.model.request(method, path, headers, body)
        return self.last.status, json.loads(self.last.body) if self.last.body else None

    def kinds(self) -> list[str]:
        """The types of the account's events, oldest first."""
        return [event["type"] for event in reversed(self.get("/v1/events", limit=100)[1]["data"])]


def pairs(params: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The pairs of a form in bracket notation."""
    items = enumerate(params) if isinstance(params, list) else params.items()
    for name, value in items:
        label = f"{prefix}[{name}]" if prefix else str(name)
        if isinstance(value, dict | list):
            yield from pairs(value, label)
        else:
            yield label, str(value).lower() if isinstance(value, bool) else str(value)


def driver(seed: int = 1, **options: Any) -> tuple[Driver, Hand]:
    """A driver of a fresh model and the hand of its clock."""
    hand = Hand()
    return Driver(SandboxModel(seed, hand, **options)), hand
