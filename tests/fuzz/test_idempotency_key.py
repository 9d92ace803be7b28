"""The ``Idempotency-Key`` header, against a reader of its own (S11)."""

from __future__ import annotations

import json
import re
from uuid import UUID

import attrs
import pytest

from tests.entrypoints.http.driving import KEY, PAYMENTS, THING, USER, purchase
from tests.fuzz.driving import Dice, fuzzed
from tests.fuzz.knocking import AUTHORIZATION, JSON, knock

PATHS = (PAYMENTS, f"{PAYMENTS}/{THING}/confirm", f"{PAYMENTS}/{THING}/cancel")
BODY = json.dumps(purchase()).encode()


def key_of(sent: list[str]) -> UUID | str:
    """The reference: the UUID of one header, bare or in quotes, or the code of the refusal."""
    if not "".join(sent):
        return "IDEMPOTENCY_KEY_MISSING"
    text = re.sub(r'^"(.*)"$', r"\1", sent[0], flags=re.DOTALL)
    digits = text.split("-")
    good = [len(part) for part in digits] == [8, 4, 4, 4, 12] and len(sent) == 1
    good = good and all(re.fullmatch("[0-9a-fA-F]+", part) for part in digits)
    return UUID("".join(digits)) if good else "IDEMPOTENCY_KEY_INVALID"


@attrs.frozen
class Ask:
    """A mutation with its key headers."""

    path: str
    keys: list[str]


def ask(dice: Dice) -> Ask:
    """A mutation whose key is good in one of its spellings, or odd."""
    good = dice.pick([KEY, KEY.upper(), str(UUID(bytes=bytes(dice.below(256) for _ in range(16))))])
    wrong = (good[:-1], good + "0", good.replace("-", ""), good.replace("-", "", 1), "")
    dressed = (f"{{{good}}}", f"urn:uuid:{good}", f"'{good}'", f"{good}, {good}", f"{good}--")
    key = dice.pick((*wrong, *dressed)) if dice.one_in(5) else good
    key = f'"{key}"' if dice.one_in(3) else key
    key = dice.edited(key) if dice.one_in(3) else key
    keys = dice.pick([[], [key, key], ["", key], [key, ""], ["", ""]]) if dice.one_in(8) else [key]
    return Ask(
        dice.pick(PATHS), [text.encode("latin-1", "replace").decode("latin-1") for text in keys]
    )


@pytest.mark.spec("S11")
@fuzzed(ask)
def test_only_a_uuid_is_a_key(asked: Ask) -> bool:
    """A mutation runs exactly when it has one UUID as its key, and runs under that very key."""
    expected = key_of(asked.keys)
    headers = [AUTHORIZATION, JSON, *(("idempotency-key", key) for key in asked.keys)]
    answer = knock(asked.path, BODY, headers)
    if isinstance(expected, str):
        assert (answer.status, answer.code, answer.given) == (400, expected, ())
        return False
    (command,) = answer.given
    assert answer.status in (200, 201)
    assert (command.key.user_id, command.key.key) == (USER, expected)
    return True
