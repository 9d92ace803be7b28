"""Requests that cannot be understood never reach a use case, and so never claim a key."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from tests.entrypoints.http.driving import KEY, PAYMENTS, THING, World, code, purchase, token
from ticketpay.domain.messaging import request_hash
from ticketpay.entrypoints.http.body import BODY_BYTES_MAX, parse_json
from ticketpay.entrypoints.http.errors import MalformedJson

MIB = 1024 * 1024
CONFIRM, CANCEL = f"{PAYMENTS}/{THING}/confirm", f"{PAYMENTS}/{THING}/cancel"


@pytest.mark.spec("S12")
@pytest.mark.parametrize("authorization", ["", f"Bearer {token()}"])
def test_announced_large_bodies_are_refused(authorization: str) -> None:
    """A body that announces more than 512 KiB is refused before anything else."""
    world = World()
    response = world.post(PAYMENTS, raw=b" " * MIB, authorization=authorization)
    assert code(response) == (413, "BODY_TOO_LARGE")
    assert world.calls == 0


@pytest.mark.spec("S12")
@pytest.mark.parametrize("path", [PAYMENTS, "/api/v1/quotes", "/api/v1/webhooks/stripe"])
def test_streamed_large_bodies_are_refused(path: str) -> None:
    """A body without an announced length is counted while it arrives."""
    world, sent = World(), 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1024):
            sent += 1
            yield b" " * 64 * 1024

    headers = {"authorization": f"Bearer {token()}", "stripe-signature": "t=1"}
    response = world.send("POST", path, content=chunks(), headers=headers)
    assert code(response) == (413, "BODY_TOO_LARGE")
    assert (sent, world.calls) == (9, 0)


@pytest.mark.spec("S12")
@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
@pytest.mark.parametrize("path", [PAYMENTS, CONFIRM, "/api/v1/quotes"])
def test_bodies_are_json(path: str, media_type: str | None) -> None:
    """A body that is not announced as JSON is not read as JSON."""
    world = World()
    response = world.post(path, purchase(), content_type=media_type)
    assert code(response) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert world.calls == 0


MALFORMED = {
    "empty": (b"", "line 1 column 1 (position 0)"),
    "cut": (b'{"a": 1,\n "b"', "line 2 column 5 (position 13)"),
    "trailing": (b"{} {}", "line 1 column 4 (position 3)"),
    "not utf-8": (b'{\n"a": "\xff"}', "line 2 column 7 (position 8)"),
    "bom": (b"\xef\xbb\xbf{}", "line 1 column 1 (position 0)"),
    "nan": (b'{"a": NaN}', "NaN"),
    "infinity": (b'{"a": [-Infinity]}', "-Infinity"),
    "overflow": (b'{"a": 1e999}', "out of range"),
    "digits": (b'{"a": ' + b"9" * 5000 + b"}", "digits"),
    "same key": (b'{"a": {"b": 1, "b": 1}}', "same key twice"),
    "deep": (b"[" * 40 + b"]" * 40, "deep"),
    "very deep": (b"[" * 9_000, "deep"),
    "as deep as may be": (b"[" * 200_000, "objects and arrays"),
    "digits below": (b'{"a": ' + b"9" * 641 + b"}", "digits"),
    "many": (b'{"a": [' + b"[]," * 10_000 + b"[]]}", "objects and arrays"),
    "surrogate": (rb'{"a": "\ud800"}', "surrogate"),
    "control": (b'{"a": "\x01"}', "control character"),
}


@pytest.mark.spec("S12")
@pytest.mark.parametrize(("raw", "detail"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_json(raw: bytes, detail: str) -> None:
    """A text that is not strict JSON is refused, and its writer is told where it went wrong."""
    world = World()
    response = world.post(PAYMENTS, raw=raw, idempotency_key=None)
    assert code(response) == (400, "MALFORMED_JSON")
    assert detail in response.json()["detail"]
    assert world.calls == 0


@pytest.mark.spec("S11")
@pytest.mark.parametrize("path", [PAYMENTS, CONFIRM, CANCEL])
@pytest.mark.parametrize("key", [None, ""])
def test_mutations_need_a_key(path: str, key: str | None) -> None:
    """A mutation without a key is refused with the rule book's words, before its schema."""
    world = World()
    response = world.post(path, {}, idempotency_key=key)
    assert code(response) == (400, "IDEMPOTENCY_KEY_MISSING")
    assert response.json()["title"] == "Idempotency-Key header required"
    assert response.json()["detail"].startswith("All payment operations require")
    assert world.calls == 0


@pytest.mark.spec("S11")
@pytest.mark.parametrize("path", [PAYMENTS, CONFIRM, CANCEL])
@pytest.mark.parametrize(
    "key", ["1", '"', '""', f'"{KEY}', KEY.replace("-", ""), f"{{{KEY}}}", f"urn:uuid:{KEY}"]
)
def test_keys_are_uuids(path: str, key: str) -> None:
    """A key that is not a UUID is refused with the rule book's words."""
    world = World()
    response = world.post(path, {}, idempotency_key=key)
    assert code(response) == (400, "IDEMPOTENCY_KEY_INVALID")
    assert response.json()["title"] == "Idempotency-Key must be a valid UUID"
    assert response.json()["detail"].endswith(KEY)
    assert world.calls == 0


@pytest.mark.spec("S11")
def test_both_forms_of_a_key_are_one_key() -> None:
    """A bare UUID and the same UUID as a structured-field string are the same key."""
    world = World()
    for key in (KEY, f'"{KEY}"', KEY.upper()):
        assert world.post(PAYMENTS, purchase(), idempotency_key=key).status_code == 201
    assert len({command.key for (command,) in world.checkout.calls}) == 1


@pytest.mark.spec("S11")
def test_the_hash_covers_the_whole_body() -> None:
    """Unknown fields count for the hash, the order of the keys does not."""
    world = World()
    body = purchase(sessionData={"x": 1.5})
    backwards = dict(reversed(body.items()))
    for sent in (body, backwards, purchase()):
        assert world.post(PAYMENTS, sent).status_code == 201
    first, second, other = (command.request_hash for (command,) in world.checkout.calls)
    assert first == second == request_hash("POST /api/v1/payments", body)
    assert first != other


def line(**changes: Any) -> dict[str, Any]:
    return {"tickets": [{"ticketTypeId": str(THING), "quantity": 1, **changes}]}


def method(**members: Any) -> dict[str, Any]:
    return {"paymentMethod": members}


NO_QUANTITY: list[Any] = [0, 11, -1, 1.0, True, "1", []]
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"venueId": None}, "venueId"),
    ({"venueId": "x"}, "venueId"),
    ({"eventId": None}, "eventId"),
    ({"eventId": THING.hex}, "eventId"),
    ({"eventId": 7}, "eventId"),
    ({"quoteId": "x"}, "quoteId"),
    ({"quoteId": str(THING), "tickets": None}, "tickets"),
    ({"quoteId": str(THING), "eventId": None}, "eventId"),
    ({"tickets": None}, "tickets"),
    ({"tickets": []}, "tickets"),
    ({"tickets": {}}, "tickets"),
    ({"tickets": [line()["tickets"][0]] * 21}, "tickets"),
    ({"tickets": ["x"]}, "tickets.0"),
    ({"tickets": [{"quantity": 1}]}, "tickets.0.ticketTypeId"),
    ({"tickets": [{"ticketTypeId": str(THING)}]}, "tickets.0.quantity"),
    *((line(quantity=value), "tickets.0.quantity") for value in NO_QUANTITY),
    *(
        (line(priceCents=value), "tickets.0.priceCents")
        for value in (0, 100_000_000, 1.5, "5", False)
    ),
    (line(seats="A1"), "tickets.0.seats"),
    (line(seats=[1]), "tickets.0.seats.0"),
    (line(seats=[""]), "tickets.0.seats.0"),
    (line(seats=["A" * 33]), "tickets.0.seats.0"),
    (line(seats=["A", "B"]), "tickets.0.seats"),
    (line(quantity=2, seats=["A", "A"]), "tickets.0.seats"),
    *(({"totalCents": value}, "totalCents") for value in (0, 100_000_000, 1.0, True, "1")),
    *(({"currency": value}, "currency") for value in ("XYZ", "", "dollars", 5, "u\u017fd")),
    ({"paymentMethod": None}, "paymentMethod"),
    ({"paymentMethod": "card"}, "paymentMethod"),
    (method(token="t"), "paymentMethod.type"),
    (method(type="cash", token="t"), "paymentMethod.type"),
    (method(type=["card"], token="t"), "paymentMethod.type"),
    (method(type="card"), "paymentMethod"),
    (method(type="ach"), "paymentMethod"),
    (method(type="card", token="t", paymentMethodId="p"), "paymentMethod"),
    (method(type="card", token=""), "paymentMethod.token"),
    (method(type="card", token="t" * 256), "paymentMethod.token"),
    (method(type="card", paymentMethodId=5), "paymentMethod.paymentMethodId"),
    ({"metadata": []}, "metadata"),
    ({"metadata": {str(n): "" for n in range(51)}}, "metadata"),
    ({"metadata": {"k" * 41: ""}}, "metadata"),
    ({"metadata": {"k": 5}}, "metadata.k"),
    ({"metadata": {"k": "v" * 501}}, "metadata.k"),
    ({"deviceFingerprint": None}, "deviceFingerprint"),
    ({"deviceFingerprint": ""}, "deviceFingerprint"),
    ({"deviceFingerprint": "d" * 256}, "deviceFingerprint"),
    ({"deviceFingerprint": "d\x00"}, "deviceFingerprint"),
    ({"deviceFingerprint": 5}, "deviceFingerprint"),
]


@pytest.mark.spec("S12")
@pytest.mark.parametrize(("changes", "field"), WRONG)
def test_wrong_fields_are_named(changes: dict[str, Any], field: str) -> None:
    """A wrong field is named by its dotted path, and nothing is coerced."""
    world = World()
    response = world.post(PAYMENTS, purchase(**changes))
    assert code(response) == (400, "VALIDATION_ERROR")
    assert response.json()["title"] == "Validation failed"
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert world.calls == 0


@pytest.mark.spec("S12")
@pytest.mark.parametrize("field", ["venueId", "eventId", "tickets", "metadata", "totalCents"])
def test_null_is_wrong(field: str) -> None:
    """A null is not an absent field."""
    world = World()
    response = world.post(PAYMENTS, {**purchase(), field: None})
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert world.calls == 0


@pytest.mark.spec("S12")
def test_all_wrong_fields_at_once() -> None:
    """Every wrong field is named in one answer, with a message each."""
    world = World()
    body = {"eventId": 1, "tickets": [{"quantity": 0}, {"quantity": "2"}], "currency": "XYZ"}
    response = world.post(PAYMENTS, body)
    errors = {error["field"]: error["message"] for error in response.json()["errors"]}
    assert errors == {
        "venueId": "is required",
        "eventId": "must be a UUID",
        "tickets.0.ticketTypeId": "is required",
        "tickets.0.quantity": "must be between 1 and 10",
        "tickets.1.ticketTypeId": "is required",
        "tickets.1.quantity": "must be an integer",
        "paymentMethod": "is required",
        "deviceFingerprint": "is required",
        "currency": "Currency XYZ is not supported",
    }
    assert world.calls == 0


@pytest.mark.spec("S12")
@pytest.mark.parametrize("body", [[], 5, "text", None, True])
@pytest.mark.parametrize("path", [PAYMENTS, CONFIRM, "/api/v1/quotes"])
def test_bodies_are_objects(path: str, body: object) -> None:
    """A body that is valid JSON but no object fails the schema."""
    world = World()
    assert code(world.post(path, raw=json.dumps(body).encode())) == (400, "VALIDATION_ERROR")
    assert world.calls == 0


@pytest.mark.spec("S13")
@pytest.mark.parametrize("currency", ["USD", "eur", "Gbp", "CAD"])
def test_supported_currencies(currency: str) -> None:
    """The four supported currencies are known in any case."""
    assert World().post(PAYMENTS, purchase(currency=currency)).status_code == 201


@pytest.mark.spec("S12")
def test_quotes_have_a_schema_too() -> None:
    """A quote needs an event and tickets, and no key."""
    world = World()
    response = world.post("/api/v1/quotes", {"venueId": 1}, idempotency_key=None)
    assert code(response) == (400, "VALIDATION_ERROR")
    fields = {error["field"] for error in response.json()["errors"]}
    assert fields == {"venueId", "eventId", "tickets"}
    assert world.calls == 0


@pytest.mark.spec("S12")
@pytest.mark.parametrize("end", [b"[]", b"{}", b'{"a":[]}', b"9" * 600, b'"x"', b"1e9"])
def test_no_body_holds_the_event_loop(end: bytes) -> None:
    """Whatever half a MiB is made of, little Python runs to read or refuse it: others wait meanwhile."""
    raw = b'{"a": [' + (end + b",") * (BODY_BYTES_MAX // (len(end) + 1) - 8) + end + b"]}"
    assert BODY_BYTES_MAX * 0.99 < len(raw) <= BODY_BYTES_MAX
    called = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal called
        called += event == "call"

    sys.setprofile(count)
    with suppress(MalformedJson):
        parse_json(raw)
    sys.setprofile(None)
    assert called < 140_000
