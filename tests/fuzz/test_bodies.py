"""JSON bodies: what is strict JSON, what is a purchase, and who is told what is wrong (S12, S13)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any
from uuid import UUID

import attrs
import pytest

from tests.entrypoints.http.driving import KEY, PAYMENTS, THING, purchase
from tests.fuzz import strict_json
from tests.fuzz.driving import Dice, fuzzed
from tests.fuzz.knocking import AUTHORIZATION, JSON, Answer, knock
from tests.fuzz.schemas import (
    wrong_in_anything,
    wrong_in_confirmation,
    wrong_in_purchase,
    wrong_in_quote,
)
from ticketpay.domain.messaging import request_hash
from ticketpay.entrypoints.http.body import DIGITS_MAX, parse_json
from ticketpay.entrypoints.http.errors import MalformedJson

HEADERS = (AUTHORIZATION, JSON, ("idempotency-key", KEY))
QUOTES = "/api/v1/quotes"
ACTIONS = (f"{PAYMENTS}/{THING}/confirm", f"{PAYMENTS}/{THING}/cancel")
LINE = {"ticketTypeId": str(THING), "quantity": 2}
PURCHASES: tuple[dict[str, Any], ...] = (
    purchase(),
    purchase(quoteId=str(THING), venueId=None, eventId=None, tickets=None),
    purchase(quoteId=str(THING).upper(), totalCents=99_999_999, currency="uSd"),
    purchase(tickets=[{**LINE, "seats": ["A1", "\xe92"], "priceCents": 1}, {**LINE, "seats": []}]),
    purchase(metadata={"k": "v", "\xe9" * 40: "", "z": "v" * 500}, sessionData={"x": [1.5, None]}),
    purchase(paymentMethod={"type": "ach", "paymentMethodId": "pm_1"}, deviceFingerprint="d" * 255),
    purchase(paymentMethod={"type": "paypal"}, tickets=[LINE] * 20),
)
TEXTS = (
    *(
        "",
        "x",
        "a\0",
        "\xe9",
        "\ud800",
        "\U0001f3ab",
        "0",
        "card",
        "ach",
        "USD",
        "u\u017fd",
        "EUR ",
    ),
    *(str(THING), THING.hex, f"{{{THING}}}", f"{THING}\n", f"\u0660{THING}"[:36]),
    *("A" * size for size in (32, 33, 40, 41, 255, 256, 500, 501)),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, 2, 10, 11, -1, 1.0, 1.5, 1e300, 99_999_999, 100_000_000, 10**30),
    *(
        [],
        {},
        [None],
        [[]],
        [1, 2],
        ["A", "A"],
        ["A", "B"],
        {"a": 1},
        {"type": "card"},
        [LINE] * 21,
    ),
    *({str(n): "" for n in range(size)} for size in (50, 51)),
    *({"k" * size: "v"} for size in (0, 40, 41)),
    *TEXTS,
)
RAW = (
    *(
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"-1E400",
        b"1e-999",
        b"-0",
        b"01",
        b".5",
        b"1.",
        b"9" * 5_000,
        b'"' + b"9" * 5_000 + b'"',
    ),
    *(
        rb'"\ud800"',
        rb'"\udc00\ud800"',
        rb'"\ud83c\udfab"',
        rb'"\x"',
        rb'"\u12"',
        b'"\x01"',
        b"'a'",
    ),
    *(
        b'{"a":1,"a":2}',
        rb'{"a":1,"\u0061":2}',
        b"[1,]",
        b'{"a":1,}',
        b"[" * 3_000,
        b"nul",
        b"\xff",
    ),
    *(b"[" * depth + b"]" * depth for depth in (30, 31, 32, 33)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (31, 32)),
    *(b"\xed\xa0\x80", b"\xc0\xaf", b"\xef\xbb\xbf", b"// a\n1", b"\x0c1", b"true", b"\xc2\xa01"),
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value with each of its keys."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def mutated(dice: Dice, body: dict[str, Any]) -> Any:
    """A copy of the body with up to three changes anywhere in it."""
    body = deepcopy(body)
    for _ in range(dice.pick([0, 1, 1, 1, 2, 3])):
        found = list(places(body))
        if not found or dice.one_in(40):
            return dice.pick(VALUES)
        container, key = dice.pick(found)
        _change(dice, container, key, deepcopy(dice.pick(VALUES)))
    return body


def _change(dice: Dice, container: Any, key: Any, odd: Any) -> None:
    change = dice.pick(["set", "set", "drop", "add", "edit", "double"])
    if change == "drop":
        del container[key]
    elif change == "edit" and isinstance(container[key], str):
        container[key] = dice.edited(container[key])
    elif change == "double" and isinstance(container, list):
        container.append(deepcopy(container[key]))
    elif change == "add" and isinstance(container, dict):
        container[dice.pick(["quoteId", "seats", "priceCents", "currency", "token", ""])] = odd
    else:
        container[key] = odd


def written(dice: Dice, value: Any) -> bytes:
    """The value as JSON, seldom as almost JSON."""
    plain = dice.pick([True, False])
    raw = json.dumps(value, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    if dice.one_in(8):
        raw = raw.replace(dice.pick([b"null", b"2", b"1", b'""', b'"card"']), dice.pick(RAW), 1)
    if dice.one_in(12):
        raw = dice.edited(raw.decode("latin-1")).encode("latin-1", "replace")
    return raw


@attrs.frozen
class Text:
    """What is sent as JSON."""

    raw: bytes


def text(dice: Dice) -> Text:
    """A small JSON text with odd values in it, or an odd text."""
    value = dice.pick([dice.pick(VALUES), [dice.pick(VALUES), dice.text(4)], {dice.text(2): None}])
    raw = written(dice, value)
    around = (
        dice.pick([b"", b" ", b"\t\n\r", b"\x0b", b"\xc2\xa0", b"0"]) if dice.one_in(6) else b""
    )
    return Text(dice.pick(RAW) if dice.one_in(3) else around + raw + around)


@pytest.mark.spec("S12")
@fuzzed(text)
def test_only_strict_json_is_read(sent: Text) -> bool:
    """A text is read exactly when it is strict JSON, and as the value that it stands for."""
    try:
        expected = strict_json.read(sent.raw)
    except ValueError:
        with pytest.raises(MalformedJson) as refused:
            parse_json(sent.raw)
        assert refused.value.detail
        return False
    # A representation tells 1, 1.0 and True apart, which are equal.
    assert repr(parse_json(sent.raw)) == repr(expected)
    return True


@pytest.mark.spec("S12")
@pytest.mark.parametrize("digits", [DIGITS_MAX, DIGITS_MAX + 1, 5_000])
def test_a_number_has_so_many_digits_and_a_text_any(digits: int) -> None:
    """To make a number of its digits takes ever longer; a text of digits is only a text."""
    long = "1" * digits
    assert parse_json(f'["{long}", 7, 1.5]'.encode()) == [long, 7, 1.5]
    for number in (long, f"1.{long}"):
        if digits > DIGITS_MAX:
            with pytest.raises(MalformedJson, match="too many digits"):
                parse_json(number.encode())
        else:
            assert parse_json(number.encode()) == strict_json.read(number.encode())


def body(dice: Dice) -> Text:
    """A purchase with a few changes, as JSON."""
    return Text(written(dice, mutated(dice, dice.pick(PURCHASES))))


def judged(answer: Answer, raw: bytes, wrong: Callable[[Any], Iterator[str]]) -> Any:
    """The body, if it is good; else the answer must name exactly what is wrong with it."""
    try:
        value = strict_json.read(raw)
    except ValueError:
        assert (answer.status, answer.code, answer.given) == (400, "MALFORMED_JSON", ())
        return None
    fields = sorted(wrong(value))
    assert answer.fields == fields
    if fields:
        assert (answer.status, answer.code, answer.given) == (400, "VALIDATION_ERROR", ())
    return None if fields else value


@pytest.mark.spec("S12", "S13")
@fuzzed(body)
def test_only_a_purchase_is_bought(sent: Text) -> bool:
    """A body reaches checkout exactly when it is a purchase; else each wrong field is named."""
    answer = knock(PAYMENTS, sent.raw, HEADERS)
    value = judged(answer, sent.raw, wrong_in_purchase)
    if value is None:
        return False
    (order,) = answer.given
    assert answer.status == 201
    assert order.request_hash == request_hash("POST /api/v1/payments", value)
    assert dict(order.metadata) == value.get("metadata", {})
    assert order.device_fingerprint == value["deviceFingerprint"]
    assert order.expected_total_cents == value.get("totalCents")
    assert order.quote_id == (UUID(value["quoteId"]) if "quoteId" in value else None)
    assert _told(order.demand) == _asked(value)
    return True


def _told(demand: Any) -> Any:
    if demand is None:
        return None
    lines = [(n.type_id, n.quantity, list(n.seats), n.price_cents) for n in demand.lines]
    return demand.event_id, lines


def _asked(value: Any) -> Any:
    if "tickets" not in value:
        return None
    return UUID(value["eventId"]), [
        (UUID(n["ticketTypeId"]), n["quantity"], n.get("seats", []), n.get("priceCents"))
        for n in value["tickets"]
    ]


@pytest.mark.spec("S12")
@fuzzed(body)
def test_only_a_demand_is_priced(sent: Text) -> bool:
    """A body reaches the price list exactly when it is a demand; else each wrong field is named."""
    answer = knock(QUOTES, sent.raw, HEADERS)
    value = judged(answer, sent.raw, wrong_in_quote)
    if value is None:
        return False
    assert answer.code == "NOT_FOUND"
    assert _told(answer.given[1]) == _asked(value)
    return True


@attrs.frozen
class Action:
    """A confirmation or a cancellation with its body."""

    path: str
    raw: bytes


def action(dice: Dice) -> Action:
    """An action with an empty body, an object, or anything."""
    raw = dice.pick([b"", text(dice).raw, text(dice).raw, body(dice).raw])
    return Action(dice.pick(ACTIONS), raw)


@pytest.mark.spec("S12")
@fuzzed(action)
def test_an_action_takes_an_object_or_nothing(sent: Action) -> bool:
    """A payment is confirmed or cancelled with no body or with any object; a method is read strictly."""
    answer = knock(sent.path, sent.raw, HEADERS)
    raw, confirms = sent.raw or b"{}", sent.path == ACTIONS[0]
    value = judged(answer, raw, wrong_in_confirmation if confirms else wrong_in_anything)
    if value is None:
        return False
    (command,) = answer.given
    asked = value.get("paymentMethod") if confirms else None
    found = command.method
    assert (None if found is None else found.type) == (asked and asked["type"])
    assert (None if found is None else found.token) == (asked and asked.get("token"))
    assert command.request_hash == request_hash(f"POST {sent.path}", value)
    return True
