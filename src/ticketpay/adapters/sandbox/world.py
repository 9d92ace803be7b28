"""The world is all that the sandbox knows: accounts, timers, the schedule and the ids."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs

from ticketpay.adapters.sandbox.clock import SandboxClock
from ticketpay.adapters.sandbox.collection import Collection
from ticketpay.adapters.sandbox.delivery import Schedule
from ticketpay.adapters.sandbox.events import Event
from ticketpay.adapters.sandbox.idempotency import KeyStore
from ticketpay.adapters.sandbox.ids import Ids
from ticketpay.adapters.sandbox.ledger import CATEGORIES, Ledger
from ticketpay.adapters.sandbox.objects import Charge, Endpoint, Intent, PaymentMethod
from ticketpay.adapters.sandbox.records import Record
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
    events: Collection[Event] = attrs.field(factory=Collection)
    endpoints: dict[str, Endpoint] = attrs.field(factory=dict)
    methods: dict[str, PaymentMethod] = attrs.field(factory=dict)
    keys: KeyStore = attrs.field(factory=KeyStore)
    ledger: Ledger = attrs.field(factory=Ledger)
    records: dict[str, Collection[Record]] = attrs.field(factory=dict)
    followers: dict[str, Callable[[Call, Intent], object]] = attrs.field(factory=dict)
    """What else happens when an intent comes to rest."""

    def of(self, kind: str) -> Collection[Record]:
        """The records of a kind: `refund`, `payout` and so on."""
        if kind == "balance_transaction":
            return self.ledger.entries
        return self.records.setdefault(kind, Collection())

    @property
    def refunds(self) -> Collection[Record]:
        """The refunds of the account."""
        return self.of("refund")

    def find(self, ident: str) -> Rendered | None:
        """The object with this id, whatever it is."""
        found: Rendered | None = self.intents.get(ident) or self.charges.get(ident)
        for collection in (self.ledger.entries, *self.records.values()):
            found = found or collection.get(ident)
        return found or self.methods.get(ident)


class World:
    """Everything that a request can read or change."""

    def __init__(
        self, seed: int, clock: SandboxClock, retry_delays: tuple[float, ...], resets: int = 0
    ) -> None:
        self.ids = Ids(seed)
        self.more_ids = Ids(seed + 1_000_003)
        self.faults: dict[str, list[str]] = {}
        self.clock = clock
        self.schedule = Schedule(seed, retry_delays, f"dlv{resets or ''}")
        self._accounts: dict[str, Account] = {}
        self._timers: list[tuple[float, int, str, Callable[[Call], object]]] = []
        self._timer_count = 0

    def account(self, name: str) -> Account:
        """The account of this name, made when first used."""
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(name)
        return account

    def owner(self, ident: str) -> Account | None:
        """The account that has an object; a browser and a control request do not name it."""
        for account in self._accounts.values():
            if account.find(ident) is not None:
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

    def later(self, account: Account, due: float, action: Callable[[Call], object]) -> None:
        """Do something in an account at a Unix second."""
        self._timer_count += 1
        heapq.heappush(self._timers, (due, self._timer_count, account.name, action))

    def next_timer(self) -> float | None:
        """When something happens by itself next."""
        return self._timers[0][0] if self._timers else None

    def run_timers(self) -> None:
        """Do everything whose time has come, at the moment of now."""
        while self._timers and self._timers[0][0] <= self.clock.now():
            _, _, name, action = heapq.heappop(self._timers)
            action(Call(self, self.account(name), self.clock.now()))


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

    def fresh(self, prefix: str) -> str:
        """A fresh id of the money after the sale; they do not disturb those of the sale."""
        return self.world.more_ids.new(prefix)

    def at(self, account: str) -> Call:
        """The same moment in another account, without the request."""
        return attrs.evolve(self, account=self.world.account(account), request_id=None, key=None)

    def add(self, record: Record, *tags: str) -> Record:
        """Keep a new record."""
        self.account.of(record.kind).add(record.id, record, self.now, tags)
        return record

    def change(self, record: Record, **changes: Any) -> Record:
        """Keep and return the next version of a record."""
        new = record.but(**changes)
        self.account.of(new.kind).replace(new.id, new)
        return new

    def post(
        self, kind: str, amount: int, currency: str, source: str | None, **more: Any
    ) -> Record:
        """Book cents in the account's ledger, at once available unless `available_on` is given."""
        fee = sum(part["amount"] for part in more.get("fee_details", ()))
        available_on = max(self.now, more.get("available_on", self.now))
        fields: Json = {
            "id": more.get("id") or self.fresh("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": available_on,
            "balance_type": "payments",
            "created": self.now,
            "currency": currency,
            "description": None,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [],
            "net": amount - fee,
            "reporting_category": CATEGORIES[kind],
            "source": source,
            "status": "available" if available_on <= self.time else "pending",
            "type": kind,
        }
        entry = Record(fields | more | {"available_on": available_on})
        self.account.ledger.post(entry, self.time, (source, kind) if source else (kind,))
        return entry

    def emit(
        self,
        kind: str,
        snapshot: Rendered,
        intent: Intent | None = None,
        previous: Json | None = None,
    ) -> None:
        """Record an event, of an intent or of another object, and schedule its deliveries."""
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
        hints = _hints(intent.metadata) if intent is not None else _own_hints(snapshot)
        self.world.schedule.plan(
            event,
            self.world.listeners(account),
            self.time,
            subject="" if intent is None else intent.id,
            hints=hints,
        )

    def settle(self, intent: Intent) -> None:
        """Release the events that were held until the intent came to rest."""
        if intent.status in _AT_REST or intent.last_payment_error is not None:
            self.world.schedule.release(intent.id, self.time)
            follower = self.account.followers.get(intent.id)
            if follower is not None:
                follower(self, intent)


_AT_REST = ("succeeded", "canceled", "requires_capture")
_NO_HINTS: frozenset[str] = frozenset()


def _own_hints(snapshot: Rendered) -> frozenset[str]:
    """What the metadata of an object asks for; only an intent's events can be held back."""
    shown = snapshot.shown if isinstance(snapshot, Record) else {}
    return _hints(shown.get("metadata") or {}) - {"reversed"}


def _hints(metadata: Mapping[str, str]) -> frozenset[str]:
    named = metadata.get("sandbox_delivery")
    return frozenset(named.replace(" ", "").split(",")) if named else _NO_HINTS
