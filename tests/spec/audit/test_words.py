"""The words, bounds, shapes and the canonical form of the trail: older chains rely on them."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import attrs
import pytest

from tests.spec.audit.chains import entry
from tests.spec.shapes import by_name, words
from ticketpay.domain.audit import (
    GENESIS,
    TEXT_MAX,
    ActorKind,
    AuditEntry,
    AuditReport,
    ChainCheck,
    Checkpoint,
    Findings,
    Head,
    KeptHead,
    link_hash,
    seal,
)
from ticketpay.domain.kernel.ids import TenantId

TENANT = TenantId(UUID(int=7))
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TEXTS = ["actor_id", "subject_type", "subject_id", "reason", "request_id"]


@pytest.mark.spec("S09")
def test_the_words_of_actors() -> None:
    """Each kind of actor is stored under its word."""
    assert words(ActorKind) == "user operator worker system"


@pytest.mark.spec("S09")
@pytest.mark.parametrize(
    "value", [AuditEntry, Head, KeptHead, Checkpoint, Findings, AuditReport, ChainCheck]
)
def test_values_are_built_by_name(value: type[attrs.AttrsInstance]) -> None:
    """Of the values of the trail no two fields can be swapped."""
    assert by_name(value)


@pytest.mark.spec("S09")
def test_what_an_entry_may_leave_out() -> None:
    """An entry needs no reason, no details and no request."""
    plain = entry()

    assert (plain.reason, plain.details, plain.request_id) == ("", {}, "")


@pytest.mark.spec("S09")
def test_the_hash_of_a_link_never_changes() -> None:
    """The hash is SHA-256 over the hash before and the entry as sorted, escaped, compact JSON."""
    chained = entry(
        12,
        at=NOON,
        reason='ä "☃"\n',
        details={"paid": True, "after": None, "cents": 5, "before": "new"},
        request_id="r-1",
    )
    said = (
        '["ticketpay.audit.1","00000000-0000-0000-0000-000000000007",3,'
        '"00000000-0000-0000-0000-00000000000c","2026-03-01T12:00:00.000000+00:00",'
        '"operator","ops@desk","payment.cancel","payment","p-12",'
        r'"\u00e4 \"\u2603\"\n",'
        '{"after":null,"before":"new","cents":5,"paid":true},"r-1"]'
    )
    previous = "ab" * 32

    wanted = hashlib.sha256((previous + said).encode()).hexdigest()

    assert link_hash(TENANT, 3, previous, chained) == wanted


@pytest.mark.spec("S09")
def test_the_seal_of_a_checkpoint_never_changes() -> None:
    """The seal is HMAC-SHA-256 over the rest; a key is named by 16 digits that tell nothing of it."""
    key = b"the key of today, thirty-two bytes"
    name = hmac.new(key, b"ticketpay.audit.key", hashlib.sha256).hexdigest()[:16]
    said = (
        '["ticketpay.audit.1","00000000-0000-0000-0000-000000000007",2,4,'
        f'"{"cd" * 32}","2026-03-01T12:00:00.000000+00:00","{name}"]'
    )
    head = Head(seq=4, hash="cd" * 32, checkpoints=2)

    assert seal(TENANT, head, NOON, key) == Checkpoint(
        number=2,
        seq=4,
        hash="cd" * 32,
        at=NOON,
        key_id=name,
        seal=hmac.new(key, said.encode(), hashlib.sha256).hexdigest(),
    )
    assert seal(TENANT, head, NOON, b"").key_id == ""


@pytest.mark.spec("S09")
def test_the_chain_begins_with_zeros() -> None:
    """The head of a chain without links has 64 zeros for a hash."""
    assert Head(seq=0, hash="0" * 64, checkpoints=0) == GENESIS


@pytest.mark.spec("S09")
@pytest.mark.parametrize(
    "good",
    [
        *({name: "x" * 500} for name in TEXTS),
        *({name: ""} for name in TEXTS),
        {"reason": "ä ☃ 𝄞 \n"},
        {"action": "a.b"},
        {"action": "card_reader.pair_again.by_hand"},
        {"details": {str(n): n for n in range(20)}},
        {"details": {"x" * 500: "y" * 500}},
        {"details": {"text": "", "integer": -(2**60), "flag": False, "nothing": None}},
    ],
)
def test_what_can_be_kept_exactly_is_accepted(good: dict[str, Any]) -> None:
    """Up to 500 characters of any script and 20 exact details are kept as they are."""
    kept = entry(**good)

    assert {name: getattr(kept, name) for name in good} == good
    assert TEXT_MAX == 500


@pytest.mark.spec("S09")
@pytest.mark.parametrize(
    "wrong",
    [
        *({name: "x" * 501} for name in TEXTS),
        *({name: "a\0b"} for name in TEXTS),
        *({name: "\ud800"} for name in TEXTS),
        *({"action": action} for action in ("Cancel", "cancel", "a.", ".b", "a.b\n", "a.B", "1.b")),
        {"details": {"share": 0.1}},
        {"details": {"list": [1]}},
        {"details": {"a": "\0"}},
        {"details": {"\0": "a"}},
        {"details": {"a": "x" * 501}},
        {"details": {"x" * 501: None}},
        {"details": {str(n): n for n in range(21)}},
        {"at": NOON.replace(tzinfo=None)},
        {"at": NOON.astimezone(timezone(timedelta(hours=1)))},
    ],
)
def test_an_entry_that_could_not_be_kept_exactly_is_refused(wrong: dict[str, Any]) -> None:
    """Floats, lists, NULs, lone surrogates, long texts and local times never reach a store."""
    with pytest.raises(ValueError, match=r"."):
        entry(**wrong)
