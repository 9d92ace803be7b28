"""Cursors, sizes and filters of the sandbox's lists, against a walk through everything (S67)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any
from urllib.parse import quote_plus

import attrs
import pytest

from tests.adapters.sandbox.driving import START, Driver, driver
from tests.fuzz.driving import Dice, fuzzed

OTHER = "acct_other"
FILTERS: dict[str, tuple[str, ...]] = {
    "/v1/payment_intents": ("customer", "created"),
    "/v1/charges": ("payment_intent", "created"),
    "/v1/refunds": ("charge", "payment_intent", "created"),
    "/v1/events": ("type", "types", "created"),
    "/v1/webhook_endpoints": (),
}
PAGE = ("limit", "starting_after", "ending_before")
WHOLE = re.compile("-?[0-9]{1,18}")

Json = dict[str, Any]


@attrs.frozen
class Shop:
    """Two accounts, and everything in them by path, oldest first."""

    accounts: dict[str | None, Driver]
    objects: dict[tuple[str | None, str], list[Json]]

    @property
    def idents(self) -> list[str]:
        return [item["id"] for items in self.objects.values() for item in items]

    def foreign(self, account: str | None) -> list[str]:
        """The ids of what is not this account's."""
        return [
            item["id"] for key in self.objects if key[0] != account for item in self.objects[key]
        ]


@cache
def shop() -> Shop:
    """Nine intents, six charges, five refunds and three endpoints, over some seconds."""
    ours, hand = driver()
    theirs = Driver(ours.model, OTHER)
    for number, stripe in enumerate([ours, ours, theirs, ours, ours, theirs, ours, ours, theirs]):
        hand.now += number % 3
        customer = {"customer": "cus_odd" if number % 2 else "cus_even"} if number % 4 else {}
        sold = stripe.pay("pm_card_visa" if number % 3 else "pm_card_chargeDeclined", **customer)[1]
        if number % 3:
            stripe.post("/v1/refunds", payment_intent=sold["id"], amount=100)
    for stripe in (ours, theirs, ours):
        address = {"url": "http://127.0.0.1/", "enabled_events": ["*"]}
        assert stripe.post("/v1/webhook_endpoints", **address)[0] == 200
    accounts: dict[str | None, Driver] = {None: ours, OTHER: theirs}
    objects = {(name, path): _all(accounts[name], path) for name in accounts for path in FILTERS}
    assert len({item["id"] for items in objects.values() for item in items}) > 50
    return Shop(accounts, objects)


def _all(stripe: Driver, path: str) -> list[Json]:
    status, page = stripe.get(path, limit=100)
    assert (status, page["has_more"]) == (200, False)
    return list(reversed(page["data"]))


@attrs.frozen
class Question:
    """A list that is asked for."""

    account: str | None
    path: str
    params: tuple[tuple[str, str], ...]

    def ask(self) -> tuple[int, Any]:
        """Status and body of the answer."""
        stripe = shop().accounts[self.account]
        query = "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in self.params)
        return stripe.send("GET", f"{self.path}?{query}", stripe.headers, b"")


def page(asked: Question) -> tuple[list[str], bool] | None:
    """The reference: ids of the page and whether there is more, or None for a refusal."""
    items, params = shop().objects[asked.account, asked.path], dict(asked.params)
    if not all(_known(name, asked.path) for name in params):
        return None
    if not all(_readable(name, text, items) for name, text in params.items()):
        return None
    if {"starting_after", "ending_before"} <= params.keys() or _both_types(params):
        return None
    idents = [item["id"] for item in items]
    first = idents.index(params["ending_before"]) + 1 if "ending_before" in params else 0
    last = idents.index(params["starting_after"]) if "starting_after" in params else len(items)
    found = [item["id"] for item in items[first:last] if _matches(item, params)]
    size = int(params.get("limit", "10"))
    taken = found[:size] if "ending_before" in params else found[max(0, len(found) - size) :]
    return taken[::-1], len(found) > size


def _known(name: str, path: str) -> bool:
    if re.fullmatch(r"types\[[0-9]\]", name) or name in BOUNDS:
        return name.partition("[")[0] in FILTERS[path]
    return name in (*PAGE, *FILTERS[path])


def _readable(name: str, text: str, items: Iterable[Json]) -> bool:
    if name == "limit":
        return WHOLE.fullmatch(text) is not None and 1 <= int(text) <= 100
    if name in PAGE:
        return text in [item["id"] for item in items]
    if name.startswith("created"):
        return name in ("created", *BOUNDS) and WHOLE.fullmatch(text) is not None
    return 0 < len(text) <= 5_000


def _both_types(params: dict[str, str]) -> bool:
    return "type" in params and any(name.startswith("types") for name in params)


BOUNDS = {f"created[{name}]": name for name in ("gt", "gte", "lt", "lte")}


def _matches(item: Json, params: dict[str, str]) -> bool:
    types = [text for name, text in params.items() if name.startswith("types[")]
    if types and item["type"] not in types:
        return False
    if "type" in params and not _is_kind(item["type"], params["type"]):
        return False
    same = [name for name in ("customer", "charge", "payment_intent") if name in params]
    if any(item[name] != params[name] for name in same):
        return False
    at = item.get("created", 0)
    tests = {"gt": at.__gt__, "gte": at.__ge__, "lt": at.__lt__, "lte": at.__le__}
    bounds = [tests[BOUNDS[name]](int(text)) for name, text in params.items() if name in BOUNDS]
    return all(bounds) and ("created" not in params or at == int(params["created"]))


def _is_kind(kind: str, wanted: str) -> bool:
    return kind == wanted or (wanted.endswith(".*") and kind.startswith(wanted[:-1]))


NUMBERS = (
    "",
    "0",
    "1",
    "2",
    "3",
    "5",
    "100",
    "101",
    "-1",
    "+1",
    "1.0",
    "1e1",
    " 1",
    "\uff11",
    "01",
    "9" * 19,
)


def question(dice: Dice) -> Question:
    """A list with up to four parameters, most of them good."""
    account, path = dice.pick([None, None, OTHER]), dice.pick(list(FILTERS))
    names = [*PAGE, *PAGE, *FILTERS[path], *FILTERS[path]]
    if dice.one_in(20):
        names += ["page", "customer", "type", "limit[]", "Limit"]
    asked = dict(_param(dice, dice.pick(names), account, path) for _ in range(dice.below(5)))
    if "created" in asked:
        asked = {name: text for name, text in asked.items() if name not in BOUNDS}
    return Question(account, path, tuple(asked.items()))


def _param(dice: Dice, name: str, account: str | None, path: str) -> tuple[str, str]:
    if name == "limit":
        return name, dice.pick(NUMBERS[1:8] if dice.below(4) else NUMBERS)
    if name == "created":
        number = str(START + dice.below(10)) if dice.below(8) else dice.pick(NUMBERS)
        return dice.pick([name, *BOUNDS, *BOUNDS]), number
    if name in ("type", "types"):
        kinds = (
            "charge.succeeded",
            "payment_intent.*",
            "payment_intent.created",
            "nothing",
            "*",
            "",
        )
        return (f"types[{dice.below(3)}]" if name == "types" else name), dice.pick(kinds)
    if name == "customer":
        return name, dice.pick(["cus_even", "cus_odd", "cus_none", ""])
    own = [item["id"] for item in shop().objects[account, path]]
    if name not in PAGE:
        own = [str(item[name]) for item in shop().objects[account, path] if item.get(name)]
    ident = dice.pick(own or [""]) if dice.below(5) else dice.pick([*shop().idents, "", "None"])
    return name, dice.edited(ident) if dice.one_in(15) else ident


@pytest.mark.spec("S67")
@fuzzed(question)
def test_a_page_is_what_a_walk_finds(asked: Question) -> bool:
    """A page holds exactly what a walk through the account's objects finds, or is refused."""
    status, answer = asked.ask()
    expected = page(asked)
    if expected is None:
        assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
        return False
    assert status == 200, answer
    assert ([item["id"] for item in answer["data"]], answer["has_more"]) == expected
    return True


NAMES = (
    *PAGE,
    *("customer", "charge", "payment_intent", "type", "types", "types[]", "expand[]", "expand[0]"),
    *("created", "created[gte]", "created[]", "created[gte][lt]", "created[gte", "created]gte["),
    *("", "[", "]", "[]", "][", "limit[", "limit[limit]", "a[b][c]", "types[0][0]", "expand[][]"),
)
STEPS = ("data", "latest_charge", "payment_intent", "charge", "customer", "object", "id", "", "*")


@attrs.frozen
class Request:
    """A GET whose query nobody has written with care."""

    account: str | None
    path: str
    ident: str
    query: str


def request(dice: Dice) -> Request:
    """A list or an object of either account, with odd parameters."""
    path = dice.pick(list(FILTERS))
    ident = dice.pick(shop().idents) if dice.below(2) else ""
    if dice.below(2):
        ident = dice.pick([item["id"] for item in shop().objects[None, path]])
    ident = dice.edited(ident) if dice.one_in(8) else ident
    pairs = [f"{dice.pick(NAMES)}={_value(dice)}" for _ in range(dice.pick([0, 0, 1, 1, 2]))]
    pairs += [f"expand[]={_expansion(dice)}" for _ in range(dice.below(2))]
    query = dice.pick(["&", "&", "&&", ";", "?"]).join(pairs)
    return Request(dice.pick([None, None, OTHER]), path, quote_plus(ident), _odd(dice, query))


def _value(dice: Dice) -> str:
    texts = ("1", "5", "", "%", "%zz", "%ff", "+", "%00", "%F0%9F%8E%AB", "9" * 18, "9" * 5_000)
    return dice.pick([dice.pick(shop().idents), dice.pick(texts), dice.text(3)])


def _expansion(dice: Dice) -> str:
    """Around the circle of an intent and its charge, as often as one likes."""
    circle = dice.pick([["latest_charge", "payment_intent"], ["payment_intent", "latest_charge"]])
    steps = (circle * 1_000)[: dice.pick([1, 1, 2, 3, 4, 5, 2_000])]
    if dice.one_in(5):
        steps.insert(dice.below(len(steps)), dice.pick(STEPS))
    return ".".join(dice.pick([["data"], []]) + steps)


def _odd(dice: Dice, query: str) -> str:
    return dice.edited(query) if dice.one_in(3) else query


@pytest.mark.spec("S67")
@fuzzed(request)
def test_nobody_is_shown_another_accounts_objects(asked: Request) -> bool:
    """Whatever is asked, the answer is a refusal or shows objects of the asking account only."""
    path = f"{asked.path}/{asked.ident}" if asked.ident else asked.path
    stripe = shop().accounts[asked.account]
    status, answer = stripe.send("GET", f"{path}?{asked.query}", stripe.headers, b"")
    own = {item["id"] for item in shop().objects[asked.account, asked.path]}
    if status != 200:
        assert status in (400, 404), answer
        assert answer["error"]["type"] == "invalid_request_error"
        return False
    shown = [answer["id"]] if asked.ident else [item["id"] for item in answer["data"]]
    assert own.issuperset(shown)
    assert not any(ident in stripe.last.body.decode() for ident in shop().foreign(asked.account))
    return True
