"""Buyers who repeat their keys until they are answered, whatever happens to the servers."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid4

import attrs
import httpx

from tests.support.databases import Shop
from ticketpay.entrypoints.http import issue_token
from ticketpay.entrypoints.stack import DevelopmentStack

BUYERS: Final = 3
ANSWER_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 120.0
CARDS: Final = ("pm_card_visa", "pm_card_visa", "pm_sandbox_slow")
"""The slow one is charged at once and answered three seconds later: a strike in between is likely."""
LEAVES_PERCENT: Final = 25
"""How many of the buyers that meet a failure go away for good."""


def token_for(stack: DevelopmentStack, shop: Shop) -> str:
    """A customer of the shop's tenant."""
    return issue_token(
        stack.environment["JWT_SECRET"],
        tenant=shop.tenant.id,
        user=uuid4(),
        role="customer",
        lifetime_seconds=3_600,
        now=datetime.now(UTC),
        issuer="tickettoken",
        audience="tickettoken-platform",
    )


def wish(shop: Shop, card: str = "pm_card_visa") -> dict[str, Any]:
    """The body of a purchase of one standing ticket."""
    return {
        "venueId": str(shop.event.venue_id),
        "eventId": str(shop.event.id),
        "tickets": [{"ticketTypeId": str(shop.standing.id), "quantity": 1}],
        "paymentMethod": {"type": "card", "paymentMethodId": card},
        "deviceFingerprint": "crash",
    }


def client(seconds: float = 10.0) -> httpx.Client:
    """A client that does not read all certificates first: everybody is on the loopback address."""
    return httpx.Client(timeout=seconds, verify=False)  # noqa: S501 - plain HTTP


@attrs.define(eq=False)
class Buyer:
    """One customer at the APIs ``urls``, any of them for each try."""

    urls: tuple[str, ...]
    token: str
    body: dict[str, Any]
    rng: Random
    http: httpx.Client = attrs.field(factory=lambda: client(ANSWER_SECONDS))

    def ask(self, url: str, key: UUID) -> httpx.Response:
        """One try."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": str(key)}
        return self.http.post(f"{url}/api/v1/payments", json=self.body, headers=headers)

    def buy(self, key: UUID, leaves_percent: int = 0) -> str | None:
        """The order, once a try is answered with it; None for a buyer who left after a failure."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.ask(self.rng.choice(self.urls), key)
            except httpx.TransportError:
                pass
            else:
                if answer.status_code == 201:
                    return str(answer.json()["orderId"])
                assert answer.status_code in (409, 503), f"{answer.status_code} {answer.text}"
            if self.rng.randrange(100) < leaves_percent:
                return None
            time.sleep(0.15)
        raise AssertionError(f"key {key} was not answered in {PATIENCE_SECONDS:.0f} s")


@attrs.define(eq=False)
class Market:
    """Buyers at work on threads of their own until the market closes."""

    stack: DevelopmentStack
    shop: Shop
    urls: tuple[str, ...]
    seed: int
    sold: dict[UUID, str] = attrs.field(factory=dict)
    left: set[UUID] = attrs.field(factory=set)
    cards: dict[UUID, str] = attrs.field(factory=dict)
    token: str = attrs.field(init=False)
    _closing: threading.Event = attrs.field(factory=threading.Event)
    _pool: ThreadPoolExecutor = attrs.field(factory=lambda: ThreadPoolExecutor(BUYERS))
    _shopping: list[Future[None]] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.token = token_for(self.stack, self.shop)

    def keys(self) -> set[UUID]:
        """Every key that was ever used."""
        return self.left | set(self.sold)

    def buyer(self, seed: int) -> Buyer:
        """A buyer whose choices follow from ``seed``."""
        rng = Random(seed)  # noqa: S311 - a schedule, not a secret
        return Buyer(self.urls, self.token, wish(self.shop), rng)

    def probe(self, url: str | None) -> str:
        """Buy now, at ``url`` if there is one, and return the order; counts as a sale."""
        buyer, key = self.buyer(self.seed), uuid4()
        with buyer.http:
            buyer.urls = (url,) if url else self.urls
            order = buyer.buy(key)
        assert order is not None, "a patient buyer does not leave"
        self.sold[key] = order
        return order

    def replay(self, key: UUID) -> str:
        """What a repetition of a sale is answered."""
        buyer = self.buyer(self.seed)
        buyer.body = wish(self.shop, self.cards.get(key, CARDS[0]))
        with buyer.http:
            return str(buyer.buy(key))

    def _shop_on(self, seed: int) -> None:
        buyer = self.buyer(seed)
        with buyer.http:
            while not self._closing.wait(buyer.rng.uniform(0.25, 0.55)):
                key = uuid4()
                self.cards[key] = buyer.rng.choice(CARDS)
                buyer.body = wish(self.shop, self.cards[key])
                order = buyer.buy(key, LEAVES_PERCENT)
                if order is None:
                    self.left.add(key)
                else:
                    self.sold[key] = order

    def __enter__(self) -> Self:
        self._shopping = [
            self._pool.submit(self._shop_on, self.seed * BUYERS + n) for n in range(BUYERS)
        ]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let everybody finish; whatever a buyer met that may not be is raised here."""
        self._closing.set()
        self._pool.shutdown()
        if error is None:
            for one in self._shopping:
                one.result()
