"""The model is the whole provider as a pure object: requests in, answers and deliveries out."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from ticketpay.adapters.sandbox import challenge
from ticketpay.adapters.sandbox.checks import Args, validate
from ticketpay.adapters.sandbox.clock import SandboxClock
from ticketpay.adapters.sandbox.control import controlled
from ticketpay.adapters.sandbox.delivery import DEFAULT_RETRY_DELAYS, Delivery
from ticketpay.adapters.sandbox.errors import (
    SandboxError,
    server_error,
    too_many,
    unauthorized,
    unknown_path,
)
from ticketpay.adapters.sandbox.expansion import expanded
from ticketpay.adapters.sandbox.faults import SLOW_SECONDS
from ticketpay.adapters.sandbox.form import decode, digest
from ticketpay.adapters.sandbox.idempotency import Entry, checked_key
from ticketpay.adapters.sandbox.objects import Endpoint
from ticketpay.adapters.sandbox.operation import Operation
from ticketpay.adapters.sandbox.operations import routed
from ticketpay.adapters.sandbox.response import API_VERSION, Json, Response, compact
from ticketpay.adapters.sandbox.world import PLATFORM, Call, World

__all__ = ["SandboxModel"]

_CONTROL: Final = "/_sandbox/"
_CHALLENGE: Final = re.compile(r"/_sandbox/payment_intents/(\w+)/authenticate")
_NAMED: Final = re.compile(r"/_sandbox/\w+/(\w+)/\w+")
_FORM: Final = "application/x-www-form-urlencoded"
_TEST_KEYS: Final = ("sk_test_", "rk_test_")


class SandboxModel:
    """A provider without I/O: the same seed, clock and calls give the same bytes.

    `now` gives Unix seconds. It raises nothing: refusals are answers.
    """

    def __init__(
        self,
        seed: int,
        now: Callable[[], float],
        *,
        retry_delays: Iterable[float] = DEFAULT_RETRY_DELAYS,
    ) -> None:
        self._seed = seed
        self._retry_delays = tuple(retry_delays)
        self._fixed: list[tuple[str, str, tuple[str, ...]]] = []
        self.clock = SandboxClock(now)
        self._resets = 0
        self._world = World(seed, self.clock, self._retry_delays)

    def add_endpoint(self, url: str, secret: str, enabled_events: Iterable[str] = ("*",)) -> None:
        """Send the events of every account to an address; it survives a reset."""
        self._fixed.append((url, secret, tuple(enabled_events)))
        self._open_endpoint(*self._fixed[-1])

    def reset(self) -> None:
        """Forget everything but the seed and the endpoints of `add_endpoint`."""
        self.clock.reset()
        self._resets += 1
        self._world = World(self._seed, self.clock, self._retry_delays, self._resets)
        for fixed in self._fixed:
            self._open_endpoint(*fixed)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer one HTTP request; `path` may have a query string."""
        self.tick()
        given = {name.lower(): value for name, value in headers.items()}
        path, _, query = path.partition("?")
        if path.startswith(_CONTROL):
            return self._control(method, path, given, body)
        account = self._world.account(given.get("stripe-account", PLATFORM))
        account.ledger.mature(self.clock.now())
        call = Call(
            self._world,
            account,
            self.clock.now(),
            self._world.ids.new("req"),
            given.get("idempotency-key") if method == "POST" else None,
            given.get("host", "127.0.0.1"),
        )
        return _Exchange(call, given).answer(method, path, query, body)

    def hold(self, response: Response) -> None:
        """Say that a response is still on its way: its idempotency key is in use until then."""
        self._mark(response, in_flight=True)

    def release(self, response: Response) -> None:
        """Say that a response has arrived, or that the client has given up."""
        self._mark(response, in_flight=False)

    def tick(self) -> None:
        """Do what happens by itself: settlements, expiries, arrivals."""
        self._world.run_timers()

    def due_deliveries(self, limit: int | None = None) -> list[Delivery]:
        """Take the webhook deliveries that are due now; tell each result afterwards."""
        self.tick()
        return self._world.schedule.due(self.clock.now(), limit)

    def delivery_result(self, delivery_id: str, status: int | None) -> None:
        """The HTTP status an endpoint answered, or None when it did not."""
        self._world.schedule.result(delivery_id, status, self.clock.now())

    def next_delivery_at(self) -> float | None:
        """When (Unix seconds of the sandbox) something is due next: a delivery or a settlement."""
        known = (self._world.schedule.next_at(), self._world.next_timer())
        return min((at for at in known if at is not None), default=None)

    def _open_endpoint(self, url: str, secret: str, enabled_events: tuple[str, ...]) -> None:
        endpoint = Endpoint(
            id=self._world.ids.new("we"),
            created=int(self.clock.now()),
            url=url,
            secret=secret,
            enabled_events=enabled_events,
            scope="all",
        )
        self._world.account(PLATFORM).endpoints[endpoint.id] = endpoint

    def _mark(self, response: Response, *, in_flight: bool) -> None:
        if response.ticket is not None:
            account, key = response.ticket
            self._world.account(account).keys.mark(key, in_flight=in_flight)

    def _control(self, method: str, path: str, given: Mapping[str, str], body: bytes) -> Response:
        if (method, path) == ("POST", _CONTROL + "reset"):
            self.reset()
            return _plain(200, {"status": "ok"})
        asked, named = _CHALLENGE.fullmatch(path), _NAMED.fullmatch(path)
        account = self._world.owner(named[1]) if named else None
        call = Call(self._world, account or self._world.account(PLATFORM), self.clock.now())
        try:
            if asked and method == "GET":
                return challenge.shown(call, asked[1])
            if asked and given.get("content-type", "").startswith(_FORM):
                return challenge.answered(call, asked[1], body)
            return _plain(200, controlled(call, method, path, body))
        except SandboxError as error:
            return _plain(error.status, error.body)


class _Exchange:
    """One request and the making of its answer."""

    def __init__(self, call: Call, given: Mapping[str, str]) -> None:
        self._call = call
        self._given = given

    def answer(self, method: str, path: str, query: str, body: bytes) -> Response:
        try:
            self._admit()
            operation, ident = routed(method, path)
            if operation is None:
                raise unknown_path(method, path)
            text = "&".join(filter(None, (query, body.decode("utf-8", "replace"))))
            if method == "POST":
                return self._write(operation, ident, path, text)
            args = validate(decode(text), operation.schema, operation.required)
            return self._respond(200, self._run(operation, ident, args))
        except SandboxError as error:
            return self._refuse(error)

    def _admit(self) -> None:
        kind, _, credentials = self._given.get("authorization", "").partition(" ")
        key = _basic_user(credentials) if kind.lower() == "basic" else credentials.strip()
        if not key or kind.lower() not in ("bearer", "basic"):
            raise unauthorized("You did not provide an API key.")
        if not key.startswith(_TEST_KEYS):
            raise unauthorized(f"Invalid API Key provided: {key[:8]}***. Only test keys are known.")
        name = self._call.account.name
        if name != PLATFORM and not name.startswith("acct_"):
            message = f"The provided key does not have access to account '{name}'."
            raise SandboxError(403, "invalid_request_error", message, code="account_invalid")

    def _write(self, operation: Operation, ident: str, path: str, text: str) -> Response:
        key, entry = self._call.key, None
        if key is not None:
            fingerprint = digest(f"{path}&{text}")
            entry = self._call.account.keys.claim(checked_key(key), fingerprint, self._call.time)
            if entry.status is not None:
                return self._replay(entry.status, entry)
        try:
            args = validate(decode(text), operation.schema, operation.required)
            if operation.check is not None:
                operation.check(self._call.account, ident, args)
        except SandboxError:
            if key is not None and entry is not None:
                self._call.account.keys.forget(key, entry)
            raise
        return self._execute(operation, ident, args, entry)

    def _execute(
        self, operation: Operation, ident: str, args: Args, entry: Entry | None
    ) -> Response:
        fault = self._planned(operation) or self._fault(operation, ident, args, entry)
        if fault == "timeout_before":
            return self._silence()
        if fault == "rate_limited":
            raise too_many()
        status, body = 0, b""
        if fault != "error_500_before":
            status, body = self._outcome(operation, ident, args)
        if fault in ("error_500_before", "error_500_after"):
            status, body = 500, _encoded(server_error().body)
        if entry is not None:
            entry.store(status, body, self._call.request_id or "")
        if fault == "timeout_after":
            return self._silence()
        return self._respond(status, body, delay=SLOW_SECONDS if fault == "slow" else 0.0)

    def _planned(self, operation: Operation) -> str | None:
        """The next fault that a control request has planned for the operation."""
        planned = self._call.world.faults.get(operation.name)
        return planned.pop(0) if planned else None

    def _fault(
        self, operation: Operation, ident: str, args: Args, entry: Entry | None
    ) -> str | None:
        if operation.fault is None or (entry is not None and entry.faulted):
            return None
        fault = operation.fault(self._call.account, ident, args)
        if fault is not None and entry is not None:
            entry.faulted = True
        return fault

    def _outcome(self, operation: Operation, ident: str, args: Args) -> tuple[int, bytes]:
        try:
            return 200, self._run(operation, ident, args)
        except SandboxError as error:
            return error.status, _encoded(error.body)

    def _run(self, operation: Operation, ident: str, args: Args) -> bytes:
        result = operation.run(self._call, ident, args)
        expand = args.get("expand")
        if not expand:
            return result.json().encode("ascii")
        return _encoded(expanded(self._call.account, result.render(), expand))

    def _silence(self) -> Response:
        return Response(status=0, headers={}, body=b"", hang=True, ticket=self._ticket())

    def _replay(self, status: int, entry: Entry) -> Response:
        more = {"idempotent-replayed": "true", "original-request": entry.request_id}
        return self._respond(status, entry.body, more)

    def _refuse(self, error: SandboxError) -> Response:
        more = {"stripe-should-retry": "true"} if error.status == 409 else None
        return self._respond(error.status, _encoded(error.body), more)

    def _respond(
        self,
        status: int,
        body: bytes,
        more: Mapping[str, str] | None = None,
        delay: float = 0.0,
    ) -> Response:
        headers = {
            "content-type": "application/json",
            "request-id": self._call.request_id or "",
            "stripe-version": self._given.get("stripe-version", API_VERSION),
        }
        if self._call.key is not None:
            headers["idempotency-key"] = self._call.key
        if self._call.account.name != PLATFORM:
            headers["stripe-account"] = self._call.account.name
        if status == 500:
            headers["stripe-should-retry"] = "false"
        headers.update(more or {})
        ticket = self._ticket() if delay else None
        return Response(
            status=status, headers=headers, body=body, delay_seconds=delay, ticket=ticket
        )

    def _ticket(self) -> tuple[str, str] | None:
        key = self._call.key
        return None if key is None else (self._call.account.name, key)


def _basic_user(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode("ascii").partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _plain(status: int, shown: Json) -> Response:
    return Response(
        status=status, headers={"content-type": "application/json"}, body=_encoded(shown)
    )


def _encoded(shown: Json) -> bytes:
    return compact(shown).encode("ascii")
