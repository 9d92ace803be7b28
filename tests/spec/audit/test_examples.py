"""What verification says of one tampering each, and who may seal with what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import attrs
import pytest

from tests.spec.audit.chains import KEYS, START, TENANT, Trail, entry, grown, resealed, written
from ticketpay.domain.audit import (
    GENESIS,
    ChainCheck,
    Findings,
    KeptHead,
    Linked,
    seal,
)
from ticketpay.domain.kernel.ids import TenantId

TRAIL = written(2, 2)
SECOND = TRAIL.linked[1].link
LOST = UUID(int=99)


def without(place: int) -> Trail:
    return attrs.evolve(TRAIL, linked=TRAIL.linked[:place] + TRAIL.linked[place + 1 :])


def with_second(linked: Linked) -> Trail:
    return attrs.evolve(TRAIL, linked=(TRAIL.linked[0], linked, *TRAIL.linked[2:]))


def with_head(**changes: Any) -> Trail:
    return attrs.evolve(TRAIL, head=attrs.evolve(TRAIL.head, **changes))


BROKEN_SECOND = "link 2 does not follow from its entry and the link before"
BROKEN_THIRD = "link 3 does not follow from its entry and the link before"
FOUND = {
    "an entry is edited": (with_second(Linked(SECOND, entry(2, reason="x"))), [BROKEN_SECOND]),
    "an entry is replaced by its like": (
        with_second(Linked(attrs.evolve(SECOND, entry_id=LOST), entry(2))),
        [BROKEN_SECOND],
    ),
    "an entry is lost": (
        with_second(Linked(SECOND, None)),
        ["the entry of link 2 is missing or cannot be read"],
    ),
    "a hash is edited": (
        with_second(Linked(attrs.evolve(SECOND, hash="f" * 64), entry(2))),
        [BROKEN_SECOND, "link 2 is not what its checkpoint says", BROKEN_THIRD],
    ),
    "the first link is lost": (
        without(0),
        ["link 1 is missing: after 0 comes 2", BROKEN_SECOND],
    ),
    "a link is lost": (without(1), ["link 2 is missing: after 1 comes 3", BROKEN_THIRD]),
    "the last link is lost": (
        without(3),
        ["the chain ends at 3, the head says 4", "checkpoint 2 is at 4, the chain ends at 3"],
    ),
    "the head is one link too far": (
        with_head(seq=5),
        ["the chain ends at 4, the head says 5", "the last checkpoint is not at the head"],
    ),
    "the head has another hash": (
        with_head(hash="f" * 64),
        ["the chain ends at 4, the head says 4", "the last checkpoint is not at the head"],
    ),
    "the head has more checkpoints": (
        with_head(checkpoints=3),
        ["2 checkpoints are there, the head says 3"],
    ),
    "the head has fewer checkpoints": (
        with_head(checkpoints=1),
        ["2 checkpoints are there, the head says 1"],
    ),
    "a checkpoint is repeated": (
        attrs.evolve(resealed(TRAIL, 0, KEYS[0], seq=4, hash=TRAIL.head.hash), linked=TRAIL.linked),
        ["the checkpoints are not in the order of the chain"],
    ),
    "a checkpoint is sealed over another hash": (
        resealed(TRAIL, 0, KEYS[0], hash="f" * 64),
        ["link 2 is not what its checkpoint says"],
    ),
    "a seal is broken": (
        attrs.evolve(
            TRAIL, checkpoints=(TRAIL.checkpoints[0], attrs.evolve(TRAIL.checkpoints[1], seal="é"))
        ),
        ["the seal of checkpoint 2 is broken"],
    ),
    "a seal is of an unknown key": (
        resealed(TRAIL, 0, b"another key"),
        ["checkpoint 1 is sealed with an unknown key"],
    ),
    "a later seal is without a key": (
        resealed(TRAIL, 1, b""),
        [
            "checkpoint 2 is sealed without a key, an earlier one with",
            "checkpoint 2, the last, is sealed without a key",
        ],
    ),
    "entries lie about": (
        attrs.evolve(TRAIL, findings=Findings(waiting=3, strays=(LOST, UUID(int=98)))),
        [
            f"entry {LOST} is neither in the chain nor waiting for it",
            f"entry {UUID(int=98)} is neither in the chain nor waiting for it",
        ],
    ),
}


@pytest.mark.spec("S09")
@pytest.mark.parametrize("what", FOUND)
def test_each_tampering_is_told_from_the_others(what: str) -> None:
    """The report says what is wrong and where, each thing once, and walks on to the end."""
    trail, differences = FOUND[what]
    assert trail.verify().differences == tuple(differences)
    assert not trail.verify().ok


@pytest.mark.spec("S09")
def test_an_empty_chain_is_whole() -> None:
    """Without links the head is that of no link, and no checkpoint is expected."""
    report = Trail().verify(KeptHead(hash=GENESIS.hash, seq=0), KeptHead(hash=GENESIS.hash))
    assert (report.ok, report.head, report.checkpoints) == (True, GENESIS, 0)
    assert report.head.hash == "0" * 64
    assert (GENESIS.seq, GENESIS.checkpoints) == (0, 0)


@pytest.mark.spec("S09")
@pytest.mark.parametrize(
    ("kept", "differences"),
    [
        (KeptHead(hash=SECOND.hash), []),
        (KeptHead(hash=SECOND.hash, seq=2), []),
        (KeptHead(hash=TRAIL.head.hash, seq=4), []),
        (KeptHead(hash="f" * 64), ["no link has the hash of the kept head"]),
        (KeptHead(hash=SECOND.hash, seq=3), ["link 3 is not what the kept head says"]),
        (KeptHead(hash=GENESIS.hash, seq=1), ["link 1 is not what the kept head says"]),
        (KeptHead(hash=SECOND.hash, seq=5), ["the kept head is at 5, the chain ends at 4"]),
        (
            KeptHead(hash="f" * 64, seq=4),
            ["link 4 is not what the kept head says", "no link has the hash of the kept head"],
        ),
    ],
)
def test_a_kept_head_is_of_this_chain(kept: KeptHead, differences: list[str]) -> None:
    """A kept hash that no link has, or another link than it says, is a difference."""
    assert TRAIL.verify(kept).differences == tuple(differences)
    assert TRAIL.verify(KeptHead(hash=SECOND.hash), kept).differences == tuple(differences)


@pytest.mark.spec("S09")
def test_old_keys_still_open_old_seals() -> None:
    """A seal holds with any known key; without keys it cannot be checked, and is not."""
    trail = written(1, 1, 1, keys=KEYS[::-1])
    assert trail.verify().ok
    assert trail.verify(keys=KEYS[::-1]).ok
    assert trail.verify(keys=()).ok
    assert trail.verify(keys=KEYS[:1]).differences == (
        "checkpoint 1 is sealed with an unknown key",
    )
    assert resealed(trail, 1, b"another key").verify(keys=()).ok


@pytest.mark.spec("S09")
def test_a_chain_from_before_the_keys_is_whole() -> None:
    """Seals without a key are checked, too, and may come first; where a key is set, not last."""
    bare = written(1, 1, keys=(b"",))
    assert [point.key_id for point in bare.checkpoints] == ["", ""]
    assert bare.verify(keys=()).ok
    assert bare.verify().differences == ("checkpoint 2, the last, is sealed without a key",)
    assert grown(bare, [entry(3)]).verify().ok
    broken = attrs.evolve(bare.checkpoints[0], seal="0" * 64)
    forged = attrs.evolve(bare, checkpoints=(broken, bare.checkpoints[1]))
    assert forged.verify(keys=()).differences == ("the seal of checkpoint 1 is broken",)


@pytest.mark.spec("S09")
def test_keys_never_go_again() -> None:
    """After a seal with a key none is without, not even when another one with a key follows."""
    trail = resealed(written(1, 1, 1), 1, b"")
    after = "checkpoint 2 is sealed without a key, an earlier one with"
    assert trail.verify().differences == (after,)
    assert resealed(written(1, 1, 1, 1), 1, b"").verify(keys=()).differences == (after,)
    both = resealed(trail, 2, b"").verify(keys=()).differences
    assert both == (after, after.replace("2", "3"))


@pytest.mark.spec("S09", "S04")
def test_another_tenants_chain_is_not_ours() -> None:
    """A chain that is whole for its tenant is broken from its first link and seal on for others."""
    report = TRAIL.verify(tenant=TenantId(UUID(int=8)))
    assert report.differences == (
        *(f"link {n} does not follow from its entry and the link before" for n in (1, 2, 3, 4)),
        "the seal of checkpoint 1 is broken",
        "the seal of checkpoint 2 is broken",
    )


@pytest.mark.spec("S09")
def test_a_walk_goes_on_where_the_chain_has_grown() -> None:
    """Whoever chains during a walk does no harm: it reads on from its number, and expects anew."""
    longer = grown(TRAIL, [entry(5), entry(6)])
    check = ChainCheck(tenant=TENANT, keys=KEYS)
    assert check.seq == 0
    check.want(TRAIL.checkpoints)
    for linked in longer.linked[:3]:
        check.see(linked)
    assert check.seq == 3
    check.want(resealed(longer, 2, KEYS[0], hash="f" * 64).checkpoints)
    for linked in longer.linked[check.seq :]:
        check.see(linked)
    report = check.report(longer.head, longer.checkpoints, longer.findings)
    assert report.differences == ("link 6 is not what its checkpoint says",)


@pytest.mark.spec("S09")
def test_a_check_without_keys_or_kept_heads_compares_the_chain_alone() -> None:
    """Keys and kept heads may be left out."""
    check = ChainCheck(tenant=TENANT)
    for linked in TRAIL.linked:
        check.see(linked)
    assert check.report(TRAIL.head, TRAIL.checkpoints, TRAIL.findings).ok


@pytest.mark.spec("S09")
def test_a_seal_is_of_the_head() -> None:
    """A checkpoint says what the head says, when, and under which key; its number is the head's."""
    checkpoint = seal(TENANT, TRAIL.head, START, KEYS[0])
    assert (checkpoint.number, checkpoint.seq, checkpoint.hash) == (2, 4, TRAIL.head.hash)
    assert (checkpoint.at, checkpoint.key_id) == (START, TRAIL.checkpoints[0].key_id)
    assert seal(TENANT, TRAIL.head, START, KEYS[0]) == checkpoint
