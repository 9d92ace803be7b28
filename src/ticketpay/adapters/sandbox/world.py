"""The world is all that the sandbox knows: accounts, timers, the schedule and the ids."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator

import attrs

from ticketpay.adapters.sandbox.clock import SandboxClock
from ticketpay.adapters.sandbox.collection import Collection
from ticketpay.adapters.sandbox.delivery import Schedule
from ticketpay.adapters.sandbox.events import Event
from ticketpay.adapters.sandbox.idempotency import KeyStore
from ticketpay.adapters.sandbox.ids import Ids
from ticketpay.adapters.sandbox.objects import Charge, Endpoint, Intent, PaymentMethod, Refund
from ticketpay.adapters.sandbox.response import Json, Rendered

__all__ = ["PLATFORM", "Account", "Call", "World"]

PLATFORM = ""
"""The name of the account of requests without a `Stripe-Account` header."""


@attrs.define(eq=False)
class Account:
    """The data of one account."""

    name: str
    intents: Collection[Intent] = attrs.field(factory=Collection)
    charges: Collection[Charge] = attrs.field(factory=Collection)
    refunds: Collection[Refund] = attrs.field(factory=Collection)
    events: Collection[Event] = attrs.field(factory=Collection)
    endpoints: dict[str, Endpoint] = attrs.field(factory=dict)
    methods: dict[str, PaymentMethod] = attrs.field(factory=dict)
    keys: KeyStore = attrs.field(factory=KeyStore)


class World:
    """Everything that a request can read or change."""

    def __init__(
        self, seed: int, clock: SandboxClock, retry_delays: tuple[float, ...], resets: int = 0
    ) -> None:
        self.ids = Ids(seed)
        self.clock = clock
        self.schedule = Schedule(seed, retry_delays, f"dlv{resets or ''}")
        self._accounts: dict[str, Account] = {}
        self._timers: list[tuple[float, int, str, str]] = []
        self._timer_count = 0

    def account(self, name: str) -> Account:
        """The account of this name, made when first used."""
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(name)
        return account

    def owner(self, intent_id: str) -> Account | None:
        """The account that has an intent; a customer's browser does not name it."""
        for account in self._accounts.values():
            if account.intents.get(intent_id) is not None:
                return account
        return None

    def listeners(self, account: Account) -> Iterator[Endpoint]:
        """The endpoints that hear of an account's events."""
        own = "connect" if account.name == PLATFORM else "none"
        for endpoint in account.endpoints.values():
            if endpoint.scope != own:
                yield endpoint
        if account.name != PLATFORM:
            for endpoint in self.account(PLATFORM).endpoints.values():
                if endpoint.scope != "account":
                    yield endpoint

    def settle_later(self, account: Account, intent_id: str, delay: float) -> None:
        """Settle a processing intent after some seconds."""
        self._timer_count += 1
        due = self.clock.now() + delay
        heapq.heappush(self._timers, (due, self._timer_count, account.name, intent_id))

    def next_timer(self) -> float | None:
        """When the next processing intent settles."""
        return self._timers[0][0] if self._timers else None

    def run_timers(self, settle: Callable[[Call, str], None]) -> None:
        """Settle every intent whose time has come."""
        while self._timers and self._timers[0][0] <= self.clock.now():
            _, _, name, intent_id = heapq.heappop(self._timers)
            settle(Call(self, self.account(name), self.clock.now()), intent_id)


@attrs.frozen(eq=False)
class Call:
    """One request being served: the world, the account and the moment."""

    world: World
    account: Account
    time: float
    request_id: str | None = None
    key: str | None = None
    host: str = "127.0.0.1"

    @property
    def now(self) -> int:
        """The Unix second of this request."""
        return int(self.time)

    def new_id(self, prefix: str) -> str:
        """A fresh id."""
        return self.world.ids.new(prefix)

    def emit(
        self, kind: str, snapshot: Rendered, intent: Intent, previous: Json | None = None
    ) -> None:
        """Record an event about an intent and schedule its deliveries."""
        account = self.account
        event = Event(
            id=self.new_id("evt"),
            type=kind,
            created=self.now,
            account=account.name or None,
            snapshot=snapshot,
            request_id=self.request_id,
            idempotency_key=self.key,
            previous=previous,
        )
        account.events.add(event.id, event, self.now, (kind,))
        self.world.schedule.plan(
            event,
            self.world.listeners(account),
            self.time,
            subject=intent.id,
            hints=_hints(intent),
        )

    def settle(self, intent: Intent) -> None:
        """Release the events that were held until the intent came to rest."""
        if intent.status in _AT_REST or intent.last_payment_error is not None:
            self.world.schedule.release(intent.id, self.time)


_AT_REST = ("succeeded", "canceled", "requires_capture")
_NO_HINTS: frozenset[str] = frozenset()


def _hints(intent: Intent) -> frozenset[str]:
    named = intent.metadata.get("sandbox_delivery")
    return frozenset(named.replace(" ", "").split(",")) if named else _NO_HINTS
