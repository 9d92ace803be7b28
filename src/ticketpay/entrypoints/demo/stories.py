"""The buyers' stories: what each does, what should come of it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import uuid4

import attrs
import httpx

from ticketpay.entrypoints.demo.shop import Buyer, Shop

__all__ = ["STORIES", "Purchase", "Result", "Story"]

_TRIES: Final = 4


@attrs.frozen
class Purchase:
    """A paid order: who bought it, its id and how many tickets."""

    buyer: Buyer
    order: str
    tickets: int = 1


@attrs.frozen(kw_only=True)
class Result:
    """What came of a story, and the purchases that are to be fulfilled."""

    story: str
    expected: str
    actual: str
    purchases: tuple[Purchase, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it came as expected."""
        return self.expected == self.actual


@attrs.frozen(kw_only=True)
class Story:
    """Something that buyers do; ``tell`` returns what happened in the words of ``expected``."""

    name: str
    expected: str
    tell: Callable[[Shop], tuple[str, list[Purchase]]]

    def run(self, shop: Shop) -> Result:
        """Do it; a failure of the demo's own is a result too."""
        purchases: list[Purchase] = []
        try:
            actual, purchases = self.tell(shop)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            actual = f"{type(error).__name__}: {error}"
        return Result(
            story=self.name, expected=self.expected, actual=actual, purchases=tuple(purchases)
        )


def _status(answer: httpx.Response) -> str:
    """``201 completed``; for a problem the code: ``409 SOLD_OUT``."""
    body = answer.json()
    word = body.get("code") or body.get("status", "")
    return f"{answer.status_code} {word}".strip()


def _bought(buyer: Buyer, answers: Iterable[httpx.Response], tickets: int = 1) -> list[Purchase]:
    """The orders that the answers call completed, each once."""
    bodies = [answer.json() for answer in answers if answer.status_code in (200, 201)]
    orders = dict.fromkeys(body["orderId"] for body in bodies if body["status"] == "completed")
    return [Purchase(buyer, order, tickets) for order in orders]


def _plain(card: str, tickets: int = 1, delivery: str = "") -> Callable[[Shop], Any]:
    def tell(shop: Shop) -> tuple[str, list[Purchase]]:
        buyer = shop.buyer()
        answer = buyer.pay(shop.basket(tickets), card, delivery=delivery)
        return _status(answer), _bought(buyer, [answer], tickets)

    return tell


def _challenged(shop: Shop) -> tuple[str, list[Purchase]]:
    buyer = shop.buyer()
    first = buyer.pay(shop.basket(), "pm_card_threeDSecure2Required")
    secret: str = first.json().get("clientSecret", "")
    if not secret:
        return f"{_status(first)} without a client secret", []
    shop.pass_challenge(secret.split("_secret_")[0])
    last = buyer.confirm(first.json()["id"])
    return f"{_status(first)}, {_status(last)}", _bought(buyer, [last])


def _double_click(shop: Shop) -> tuple[str, list[Purchase]]:
    """Both at once; whoever is told to wait asks again, as a browser would."""
    buyer, key, basket = shop.buyer(), uuid4(), shop.basket()

    def click(_: int) -> httpx.Response:
        for _ in range(_TRIES):
            answer = buyer.pay(basket, key=key)
            if answer.status_code != 409:
                break
            _pause(answer)
        return answer

    with ThreadPoolExecutor(2) as hands:
        answers = list(hands.map(click, range(2)))
    replays = sum(a.headers.get("idempotent-replayed") == "true" for a in answers)
    bought = _bought(buyer, answers)
    told = sorted(_status(answer) for answer in answers)
    return f"{', '.join(told)}; {replays} replay, {len(bought)} order", bought


def _pause(answer: httpx.Response) -> None:
    """Wait as long as the answer asks for, at most 1 s."""
    import time

    asked = answer.headers.get("retry-after", "")
    time.sleep(min(float(asked), 1.0) if asked.isdigit() else 0.2)


def _other_body(shop: Shop) -> tuple[str, list[Purchase]]:
    buyer, key = shop.buyer(), uuid4()
    first = buyer.pay(shop.basket(1), key=key)
    second = buyer.pay(shop.basket(2), key=key)
    return f"{_status(first)}, {_status(second)}", _bought(buyer, [first])


def _last_seat(shop: Shop) -> tuple[str, list[Purchase]]:
    seat = shop.kind(seated=True).seats[-1]
    buyers = [shop.buyer() for _ in range(5)]
    with ThreadPoolExecutor(5) as crowd:
        answers = list(crowd.map(lambda buyer: buyer.pay(shop.basket(seat=seat)), buyers))
    told: dict[str, int] = {}
    for answer in answers:
        told[_status(answer)] = told.get(_status(answer), 0) + 1
    bought = [p for b, a in zip(buyers, answers, strict=True) for p in _bought(b, [a])]
    return ", ".join(f"{count} x {words}" for words, count in sorted(told.items())), bought


def _timeout(shop: Shop) -> tuple[str, list[Purchase]]:
    """The provider charges and never answers; the same key again learns what became of it."""
    buyer, key, basket = shop.buyer(), uuid4(), shop.basket()
    first = buyer.pay(basket, "pm_sandbox_timeout_after", key=key)
    for _ in range(_TRIES):
        _pause(first)
        second = buyer.pay(basket, "pm_sandbox_timeout_after", key=key)
        if second.status_code < 500:
            break
    return f"{_status(first)}, {_status(second)}", _bought(buyer, [first, second])


def _quoted(shop: Shop) -> tuple[str, list[Purchase]]:
    buyer = shop.buyer()
    quote: Mapping[str, Any] = buyer.quote(shop.basket(2))
    answer = buyer.pay({"quoteId": quote["id"]})
    paid = answer.json().get("amountCents")
    price = "as quoted" if paid == quote["totalCents"] else f"{paid} for {quote['totalCents']}"
    return f"{_status(answer)}, {price}", _bought(buyer, [answer], 2)


def _abroad(shop: Shop) -> tuple[str, list[Purchase]]:
    buyer = shop.buyer()
    quote: Mapping[str, Any] = buyer.quote({**shop.basket(2), "currency": "EUR"})
    answer = buyer.pay({"quoteId": quote["id"], "currency": "EUR"})
    body = answer.json()
    rate = body.get("exchangeRate") or {}
    paid = f"1 {rate.get('base')} = {rate.get('rate')} {body.get('currency')}"
    return f"{_status(answer)}, {paid}", _bought(buyer, [answer], 2)


_DONE: Final = "201 completed"
_CARDS: Final = ("visa", "visa_debit", "mastercard", "amex", "discover")

STORIES: Final = (
    *(
        Story(
            name=f"{card.replace('_', ' ')}, {n} ticket{'s' * (n > 1)}",
            expected=_DONE,
            tell=_plain(f"pm_card_{card}", n),
        )
        for n, card in enumerate(_CARDS, 1)
    ),
    Story(
        name="card without funds",
        expected="402 PAYMENT_DECLINED",
        tell=_plain("pm_card_visa_chargeDeclinedInsufficientFunds"),
    ),
    Story(
        name="3-D Secure challenge",
        expected="202 requires_action, 200 completed",
        tell=_challenged,
    ),
    Story(
        name="double click",
        expected="201 completed, 201 completed; 1 replay, 1 order",
        tell=_double_click,
    ),
    Story(
        name="same key, other body",
        expected="201 completed, 422 IDEMPOTENCY_KEY_REUSED",
        tell=_other_body,
    ),
    Story(
        name="five buyers, one seat",
        expected="1 x 201 completed, 4 x 409 SEAT_UNAVAILABLE",
        tell=_last_seat,
    ),
    *(
        Story(
            name=f"provider events {how}",
            expected=_DONE,
            tell=_plain("pm_card_visa", delivery=how),
        )
        for how in ("twice", "late", "reversed")
    ),
    Story(
        name="provider hangs after charging",
        expected="503 OUTCOME_UNKNOWN, 201 completed",
        tell=_timeout,
    ),
    Story(name="quote first, then pay", expected="201 completed, as quoted", tell=_quoted),
    Story(name="pays in euros", expected="201 completed, 1 USD = 0.85 EUR", tell=_abroad),
)
"""Every story of the demo, told at the same time."""
