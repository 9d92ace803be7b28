"""What is always true of a chain: it only grows, and whatever is done to it once is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.spec.audit.chains import (
    BATCHES,
    ENTRIES,
    KEYS,
    TENANT,
    Trail,
    relinked,
    resealed,
    written,
)
from ticketpay.domain.audit import (
    GENESIS,
    AuditEntry,
    Findings,
    Head,
    KeptHead,
    Linked,
    extend,
    link_hash,
)
from ticketpay.domain.kernel.ids import TenantId

Batches = list[list[AuditEntry]]
Draw = Callable[[st.SearchStrategy[Any]], Any]
FIELDS = [field.name for field in attrs.fields(AuditEntry)]
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)


@pytest.mark.spec("S09")
@given(BATCHES, st.integers(0, 9), st.booleans())
def test_an_untouched_trail_is_whole(batches: Batches, waiting: int, older: bool) -> None:  # noqa: FBT001 - drawn
    """What was chained and sealed, also by an older key at first, is whole, and counted."""
    trail = written(*batches, keys=KEYS[::-1] if older else KEYS[:1])
    report = attrs.evolve(trail, findings=Findings(waiting=waiting, strays=())).verify()
    assert (report.ok, report.differences) == (True, ())
    assert report.head == trail.head
    assert report.head.seq == sum(map(len, batches))
    assert (report.checkpoints, report.waiting) == (len(batches), waiting)


@pytest.mark.spec("S09")
@given(st.lists(ENTRIES, max_size=8), st.integers(0, 8))
def test_a_chain_only_grows(entries: list[AuditEntry], cut: int) -> None:
    """Chaining in two batches makes the links of one batch: what is there never changes."""
    first = extend(TENANT, GENESIS, entries[:cut])
    head = Head(seq=len(first), hash=first[-1].hash, checkpoints=1) if first else GENESIS
    links = extend(TENANT, GENESIS, entries)
    assert (*first, *extend(TENANT, head, entries[cut:])) == links
    assert [link.seq for link in links] == list(range(1, len(entries) + 1))
    assert [link.entry_id for link in links] == [e.id for e in entries]


@pytest.mark.spec("S09")
@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data(), one=ENTRIES, two=ENTRIES)
def test_no_field_can_change_unseen(
    name: str, data: st.DataObject, one: AuditEntry, two: AuditEntry
) -> None:
    """Two entries that differ in any one field have different hashes in the same place."""
    assume(getattr(one, name) != getattr(two, name))
    changed = attrs.evolve(one, **{name: getattr(two, name)})
    seq, previous = data.draw(st.integers(1, 10**9)), data.draw(HASHES)
    assert link_hash(TENANT, seq, previous, changed) != link_hash(TENANT, seq, previous, one)


@pytest.mark.spec("S09", "S04")
@given(ENTRIES, st.integers(1, 10**9), HASHES, HASHES, st.uuids())
def test_no_link_fits_elsewhere(
    entry: AuditEntry, seq: int, previous: str, other: str, stranger: UUID
) -> None:
    """The same entry has another hash in another place, after another link, of another tenant."""
    assume(previous != other)
    assume(stranger != TENANT)
    hashes = {
        link_hash(TENANT, seq, previous, entry),
        link_hash(TENANT, seq + 1, previous, entry),
        link_hash(TENANT, seq, other, entry),
        link_hash(TenantId(stranger), seq, previous, entry),
    }
    assert len(hashes) == 4
    assert all(len(text) == 64 for text in hashes)


@pytest.mark.spec("S09")
@given(ENTRIES, st.randoms())
def test_the_order_of_details_says_nothing(entry: AuditEntry, chance: Any) -> None:
    """A store may hand details back in any order: the hash is the same."""
    shuffled = list(entry.details.items())
    chance.shuffle(shuffled)
    back = attrs.evolve(entry, details=dict(shuffled))
    assert link_hash(TENANT, 1, GENESIS.hash, back) == link_hash(TENANT, 1, GENESIS.hash, entry)


def other(value: Any) -> Any:
    """Something else of the same kind."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, UUID):
        return UUID(int=value.int ^ 1)
    return f"{value}0"


def edited(draw: Draw, value: Any, *names: str) -> Any:
    """The value with something else in one of these fields."""
    name = draw(st.sampled_from(names))
    return attrs.evolve(value, **{name: other(getattr(value, name))})


def replaced(trail: Trail, place: int, linked: Linked) -> Trail:
    row = list(trail.linked)
    row[place] = linked
    return attrs.evolve(trail, linked=tuple(row))


def drawn_place(trail: Trail, draw: Draw, less: int = 1) -> int:
    return int(draw(st.integers(0, len(trail.linked) - less)))


def chained(trail: Trail) -> list[AuditEntry]:
    return [linked.entry for linked in trail.linked if linked.entry is not None]


def edit_entry(trail: Trail, draw: Draw) -> Trail:
    place = drawn_place(trail, draw)
    was, name = chained(trail)[place], draw(st.sampled_from(FIELDS))
    now = draw(ENTRIES.map(lambda e: getattr(e, name)).filter(lambda v: v != getattr(was, name)))
    return replaced(
        trail, place, Linked(trail.linked[place].link, attrs.evolve(was, **{name: now}))
    )


def lose_entry(trail: Trail, draw: Draw) -> Trail:
    place = drawn_place(trail, draw)
    return replaced(trail, place, Linked(trail.linked[place].link, None))


def edit_link(trail: Trail, draw: Draw) -> Trail:
    place = drawn_place(trail, draw)
    was = trail.linked[place]
    return replaced(
        trail, place, attrs.evolve(was, link=edited(draw, was.link, "seq", "entry_id", "hash"))
    )


def lose_link(trail: Trail, draw: Draw) -> Trail:
    place = drawn_place(trail, draw)
    return attrs.evolve(trail, linked=trail.linked[:place] + trail.linked[place + 1 :])


def repeat_link(trail: Trail, draw: Draw) -> Trail:
    place = drawn_place(trail, draw)
    return attrs.evolve(trail, linked=trail.linked[: place + 1] + trail.linked[place:])


def swap_links(trail: Trail, draw: Draw) -> Trail:
    row, place = list(trail.linked), drawn_place(trail, draw, less=2)
    row[place], row[place + 1] = row[place + 1], row[place]
    return attrs.evolve(trail, linked=tuple(row))


def truncate(trail: Trail, draw: Draw) -> Trail:
    return attrs.evolve(trail, linked=trail.linked[: drawn_place(trail, draw)])


def swap_and_relink(trail: Trail, draw: Draw) -> Trail:
    """Two neighbours change places, and all hashes are made anew."""
    row, place = chained(trail), drawn_place(trail, draw, less=2)
    row[place], row[place + 1] = row[place + 1], row[place]
    return relinked(trail, row)


def edit_and_relink(trail: Trail, draw: Draw) -> Trail:
    return relinked(trail, chained(edit_entry(trail, draw)))


def insert_and_relink(trail: Trail, draw: Draw) -> Trail:
    row = chained(trail)
    row.insert(drawn_place(trail, draw), draw(ENTRIES))
    return relinked(trail, row)


def lose_and_relink(trail: Trail, draw: Draw) -> Trail:
    row = chained(trail)
    del row[drawn_place(trail, draw)]
    return relinked(trail, row)


def edit_head(trail: Trail, draw: Draw) -> Trail:
    return attrs.evolve(trail, head=edited(draw, trail.head, "seq", "hash", "checkpoints"))


def edit_checkpoint(trail: Trail, draw: Draw) -> Trail:
    points = list(trail.checkpoints)
    place = draw(st.integers(0, len(points) - 1))
    points[place] = edited(draw, points[place], "number", "seq", "hash", "at", "key_id", "seal")
    return attrs.evolve(trail, checkpoints=tuple(points))


def lose_checkpoint(trail: Trail, draw: Draw) -> Trail:
    points = list(trail.checkpoints)
    del points[draw(st.integers(0, len(points) - 1))]
    return attrs.evolve(trail, checkpoints=tuple(points))


def swap_checkpoints(trail: Trail, draw: Draw) -> Trail:
    return attrs.evolve(trail, checkpoints=trail.checkpoints[::-1])


def seal_without_key(trail: Trail, draw: Draw) -> Trail:
    """A seal by somebody who does not have the keys; only the first may be from before the keys."""
    place = draw(st.integers(0, len(trail.checkpoints) - 1))
    key = draw(st.sampled_from([b"", b"another key"])) if place else b"another key"
    return resealed(trail, place, key)


def leave_stray(trail: Trail, draw: Draw) -> Trail:
    strays = tuple(draw(st.lists(st.uuids(), min_size=1, max_size=3)))
    return attrs.evolve(trail, findings=Findings(waiting=0, strays=strays))


TAMPERINGS = (
    edit_entry,
    lose_entry,
    edit_link,
    lose_link,
    repeat_link,
    swap_links,
    truncate,
    swap_and_relink,
    edit_and_relink,
    insert_and_relink,
    lose_and_relink,
    edit_head,
    edit_checkpoint,
    lose_checkpoint,
    swap_checkpoints,
    seal_without_key,
    leave_stray,
)


@pytest.mark.spec("S09")
@pytest.mark.parametrize("tamper", TAMPERINGS)
@settings(max_examples=25)
@given(batches=BATCHES, data=st.data())
def test_whatever_is_done_to_a_chain_is_found(
    tamper: Callable[[Trail, Draw], Trail], batches: Batches, data: st.DataObject
) -> None:
    """After one edit, loss, repetition, insertion, swap or truncation a trail is not whole."""
    report = tamper(written(*batches), data.draw).verify()
    assert not report.ok
    assert report.differences
    assert all(report.differences)


@pytest.mark.spec("S09")
@given(BATCHES, st.booleans(), st.data())
def test_a_kept_head_holds_for_good(batches: Batches, plain: bool, data: st.DataObject) -> None:  # noqa: FBT001 - drawn
    """Whatever head was kept, the chain that has grown since agrees with it, link by link."""
    trail = written(*batches)
    link = data.draw(st.sampled_from(trail.linked)).link
    kept = KeptHead(hash=link.hash, seq=None if plain else link.seq)
    report = trail.verify(KeptHead(hash=GENESIS.hash), kept, kept)
    assert (report.ok, report.differences) == (True, ())


@pytest.mark.spec("S09")
@given(BATCHES, st.booleans())
def test_a_kept_head_finds_what_looks_whole(batches: Batches, plain: bool) -> None:  # noqa: FBT001 - drawn
    """A trail rolled back to a checkpoint, by a restored dump, is whole by itself: a head that was
    kept elsewhere tells."""
    trail, earlier = written(*batches), written(*batches[:-1])
    kept = KeptHead(hash=trail.head.hash, seq=None if plain else trail.head.seq)
    assert trail.verify(kept).ok
    assert earlier.verify().ok
    assert len(earlier.verify(kept).differences) == 1


@pytest.mark.spec("S09")
@given(BATCHES, st.booleans(), st.data())
def test_a_kept_head_finds_even_who_has_the_key(
    batches: Batches,
    plain: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    """Whoever writes everything anew, with the key, is whole by itself: a head kept from then on
    tells."""
    trail = written(*batches)
    forger = chained(edit_entry(trail, data.draw))
    forged = written(forger[: len(batches[0])], forger[len(batches[0]) :])
    kept = KeptHead(hash=trail.head.hash, seq=None if plain else trail.head.seq)
    assert forged.verify().ok
    assert not forged.verify(kept).ok
