"""A client of the application over fake use cases that record how they were called."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import anyio
import attrs
import httpx
import structlog

from ticketpay.domain.messaging import Answer, Outcome
from ticketpay.entrypoints.http import create_app, issue_token
from ticketpay.entrypoints.http.pools import Pools
from ticketpay.entrypoints.settings import Secret, Settings
from ticketpay.entrypoints.wiring import App

SECRET = "a-secret-of-more-than-thirty-two-characters"
SETTINGS = Settings(jwt_secrets=(Secret(SECRET),))
TENANT = UUID("018f0000-0000-7000-8000-000000000001")
USER = UUID("018f0000-0000-7000-8000-000000000002")
THING = UUID("018f0000-0000-7000-8000-000000000003")
KEY = "123e4567-e89b-12d3-a456-426614174000"
PAYMENTS = "/api/v1/payments"
VIEW = {"id": str(THING), "status": "completed"}


def purchase(**changes: Any) -> dict[str, Any]:
    """A good body of POST /payments; a change to None removes the field."""
    body: dict[str, Any] = {
        "venueId": str(THING),
        "eventId": str(THING),
        "tickets": [{"ticketTypeId": str(THING), "quantity": 2}],
        "paymentMethod": {"type": "card", "token": "tok_visa"},
        "deviceFingerprint": "device",
    }
    return {name: value for name, value in {**body, **changes}.items() if value is not None}


def token(**changes: Any) -> str:
    """A good token of a customer."""
    wanted: dict[str, Any] = {
        "tenant": TENANT,
        "user": USER,
        "role": "customer",
        "lifetime_seconds": 900,
        "now": datetime.now(UTC),
        "issuer": SETTINGS.jwt_issuer,
        "audience": SETTINGS.jwt_audience,
    }
    secret = changes.pop("secret", SECRET)
    return issue_token(secret, **{**wanted, **changes})


@attrs.define
class UseCase:
    """Answers or raises ``result`` and remembers its arguments."""

    result: Any = None
    calls: list[tuple[Any, ...]] = attrs.field(factory=list)

    def __call__(self, *args: Any) -> Any:
        self.calls.append(args)
        result = self.result(*args) if callable(self.result) else self.result
        if isinstance(result, Exception):
            raise result
        return result


@attrs.define
class World:
    """The application, its use cases and what was logged."""

    settings: Settings = SETTINGS
    ready: Callable[[], bool] = lambda: True
    pools: Pools = attrs.field(factory=Pools)
    redis_state: Callable[[], str] = lambda: "off"
    give_quote: UseCase = attrs.field(factory=UseCase)
    estimate_fees: UseCase = attrs.field(factory=UseCase)
    list_sales: UseCase = attrs.field(factory=UseCase)
    show_stats: UseCase = attrs.field(factory=UseCase)
    checkout: UseCase = attrs.field(factory=lambda: UseCase(Answer(Outcome.COMPLETED, VIEW)))
    confirm: UseCase = attrs.field(factory=lambda: UseCase(Answer(Outcome.COMPLETED, VIEW)))
    cancel: UseCase = attrs.field(factory=lambda: UseCase(Answer(Outcome.COMPLETED, VIEW)))
    show_payment: UseCase = attrs.field(factory=lambda: UseCase(VIEW))
    show_order: UseCase = attrs.field(factory=lambda: UseCase(VIEW))
    webhook: UseCase = attrs.field(factory=lambda: UseCase(result=True))
    close: UseCase = attrs.field(factory=UseCase)
    admit: Any = None
    logged: list[dict[str, Any]] = attrs.field(factory=list)

    @property
    def calls(self) -> int:
        """How often any use case was called."""
        cases = (self.give_quote, self.checkout, self.confirm, self.cancel)
        readers = (self.show_payment, self.show_order, self.webhook)
        return sum(len(case.calls) for case in cases + readers)

    def asgi(self) -> Any:
        """The ASGI application."""
        unused = cast("Any", None)
        app = App(
            parts=unused,
            give_quote=cast("Any", self.give_quote),
            estimate_fees=cast("Any", self.estimate_fees),
            list_sales=cast("Any", self.list_sales),
            show_stats=cast("Any", self.show_stats),
            list_estimated_taxes=unused,
            show_rates=unused,
            redis_state=self.redis_state,
            checkout=cast("Any", self.checkout),
            confirm_payment=cast("Any", self.confirm),
            cancel_payment=cast("Any", self.cancel),
            show_payment=cast("Any", self.show_payment),
            show_order=cast("Any", self.show_order),
            receive_webhook=cast("Any", self.webhook),
            process_inbox=unused,
            relay_outbox=unused,
            replay_stream=unused,
            refunding=unused,
            venue_money=unused,
            cancel_event=unused,
            plans=unused,
            payment_desk=unused,
            order_event=unused,
            inbox_desk=unused,
            janitor=unused,
            roll_up_ledger=unused,
            trial_balance=unused,
            verify_ledger=unused,
            admit=self.admit,
            chain_audit=unused,
            purge_keys=unused,
            audit=unused,
            close=self.close,
        )
        logger = structlog.wrap_logger(None, processors=[self._log])
        return create_app(
            app, self.settings, ready=self.ready, pools=self.pools, logger=cast("Any", logger)
        )

    def _log(self, _: Any, level: str, entry: Any) -> Any:
        self.logged.append({**entry, "level": level})
        raise structlog.DropEvent

    def send(self, method: str, path: str, **wanted: Any) -> httpx.Response:
        """One request over the application."""

        async def go() -> httpx.Response:
            transport = httpx.ASGITransport(self.asgi())
            async with httpx.AsyncClient(
                transport=transport, base_url="http://shop", trust_env=False
            ) as client:
                return await client.request(method, path, **wanted)

        return anyio.run(go)

    def post(
        self, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str | None
    ) -> httpx.Response:
        """A good mutation with changed headers (underscores for hyphens, None removes)."""
        content = raw if raw is not None else json.dumps(body).encode()
        sent = {
            "authorization": f"Bearer {token()}",
            "content-type": "application/json",
            "idempotency-key": KEY,
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        known = {name: value.encode() for name, value in sent.items() if value is not None}
        return self.send("POST", path, content=content, headers=known)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """A question of a customer."""
        sent = {"authorization": f"Bearer {token()}"} | headers
        return self.send("GET", path, headers=sent)


def code(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, whose form is checked."""
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert problem["status"] == response.status_code
    return response.status_code, problem["code"]
