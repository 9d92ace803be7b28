"""What S12 and S13 say of a body, told once more: the paths of its wrong fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "wrong_in_anything",
    "wrong_in_confirmation",
    "wrong_in_purchase",
    "wrong_in_quote",
]

Paths = Iterator[str]
Judge = Callable[[Any, str], Paths]
UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def wrong_in_anything(body: Any) -> Paths:
    """Nothing in an object."""
    if not isinstance(body, dict):
        yield "body"


def wrong_in_confirmation(body: Any) -> Paths:
    """The paths of all wrong fields of a confirmation."""
    if not isinstance(body, dict):
        yield "body"
        return
    yield from _member(body, "paymentMethod", method, needed=False)


def wrong_in_quote(body: Any) -> Paths:
    """The wrong fields of a question for a price."""
    if not isinstance(body, dict):
        yield "body"
        return
    yield from _member(body, "venueId", uuid, needed=False)
    yield from _wrong_in_demand(body)
    yield from _member(body, "currency", currency, needed=False)


def wrong_in_purchase(body: Any) -> Paths:
    """The wrong fields of a purchase; with a quote its demand is left out or whole."""
    if not isinstance(body, dict):
        yield "body"
        return
    quoted = "quoteId" in body
    yield from _member(body, "quoteId", uuid, needed=False)
    yield from _member(body, "venueId", uuid, needed=not quoted)
    if not quoted or "eventId" in body or "tickets" in body:
        yield from _wrong_in_demand(body)
    yield from _member(body, "paymentMethod", method, needed=True)
    yield from _member(body, "deviceFingerprint", text(1, 255), needed=True)
    yield from _member(body, "metadata", metadata, needed=False)
    yield from _member(body, "totalCents", number(1, 99_999_999), needed=False)
    yield from _member(body, "currency", currency, needed=False)


def _wrong_in_demand(body: dict[str, Any]) -> Paths:
    yield from _member(body, "eventId", uuid, needed=True)
    yield from _member(body, "tickets", lines, needed=True)


def _member(
    body: dict[str, Any], name: str, judge: Judge, *, needed: bool, within: str = ""
) -> Paths:
    path = within + name
    if name in body:
        yield from judge(body[name], path)
    elif needed:
        yield path


def uuid(value: Any, path: str) -> Paths:
    if not (isinstance(value, str) and UUID.fullmatch(value) and value.isascii()):
        yield path


def number(low: int, high: int) -> Judge:
    def judge(value: Any, path: str) -> Paths:
        if not (isinstance(value, int) and not isinstance(value, bool) and low <= value <= high):
            yield path

    return judge


def text(low: int, high: int) -> Judge:
    def judge(value: Any, path: str) -> Paths:
        if not (isinstance(value, str) and low <= len(value) <= high and "\0" not in value):
            yield path

    return judge


def currency(value: Any, path: str) -> Paths:
    known = [
        a + b + c
        for code in ("Uu Ss Dd", "Ee Uu Rr", "Gg Bb Pp", "Cc Aa Dd")
        for x, y, z in [code.split()]
        for a in x
        for b in y
        for c in z
    ]
    if value not in known:
        yield path


def lines(value: Any, path: str) -> Paths:
    if not (isinstance(value, list) and 1 <= len(value) <= 20):
        yield path
        return
    for index, line in enumerate(value):
        yield from _wrong_in_line(line, f"{path}.{index}")


def _wrong_in_line(line: Any, path: str) -> Paths:
    if not isinstance(line, dict):
        yield path
        return
    within = path + "."
    wrong_count = list(_member(line, "quantity", number(1, 10), needed=True, within=within))
    wrong_seats = list(_member(line, "seats", seats, needed=False, within=within))
    yield from _member(line, "ticketTypeId", uuid, needed=True, within=within)
    yield from wrong_count
    yield from _member(line, "priceCents", number(1, 99_999_999), needed=False, within=within)
    yield from wrong_seats
    named = line.get("seats")
    if not wrong_count and not wrong_seats and named and len(named) != line["quantity"]:
        yield within + "seats"


def seats(value: Any, path: str) -> Paths:
    if not (isinstance(value, list) and len(value) <= 10):
        yield path
        return
    wrong = [found for n, seat in enumerate(value) for found in text(1, 32)(seat, f"{path}.{n}")]
    yield from wrong
    if not wrong and len(set(value)) < len(value):
        yield path


def method(value: Any, path: str) -> Paths:
    if not isinstance(value, dict):
        yield path
        return
    kind = value.get("type")
    if kind not in ("card", "ach", "paypal", "crypto"):
        yield path + ".type"
    for source in ("token", "paymentMethodId"):
        yield from _member(value, source, text(1, 255), needed=False, within=path + ".")
    if kind in ("card", "ach") and ("token" in value) == ("paymentMethodId" in value):
        yield path


def metadata(value: Any, path: str) -> Paths:
    if not isinstance(value, dict) or len(value) > 50 or any(map(_odd_key, value)):
        yield path
        return
    for key, item in value.items():
        yield from text(0, 500)(item, f"{path}.{key}")


def _odd_key(key: str) -> bool:
    return not 1 <= len(key) <= 40 or "\0" in key
