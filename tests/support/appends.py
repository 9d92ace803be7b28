"""Appended unique integers: a small checker of what transactions saw (after Elle's list-append).

Every transaction appends integers that nobody else appends, and reads lists. From the final lists
the order of all appends is known, so that what each transaction read says whom it came after.
READ COMMITTED forbids cycles of writes (G0), reads of what was rolled back (G1a) or overwritten by
its own writer (G1b), and cycles of writes and reads (G1c). A list that was locked before it was
read forbids more: nothing comes between the read and the append.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import attrs

__all__ = ["Seen", "anomalies"]

Lists = Mapping[str, Sequence[int]]


@attrs.frozen(kw_only=True)
class Seen:
    """One transaction: what it appended and read per list; ``ended`` is ok, aborted or unknown.

    ``locked`` names the lists that it locked before reading them and appending to them.
    """

    name: str
    ended: str
    appended: Mapping[str, Sequence[int]]
    read: Mapping[str, Sequence[int]]
    locked: frozenset[str] = frozenset()


def anomalies(history: Sequence[Seen], final: Lists) -> list[str]:
    """Everything in ``history`` that the final lists contradict, in words; empty when all is well."""
    writers = {number: seen for seen in history for of in seen.appended.values() for number in of}
    return [
        *_lost(history, final),
        *_invented(writers, final),
        *_reads(history, writers, final),
        *_cycles(history, writers, final),
    ]


def _lost(history: Sequence[Seen], final: Lists) -> Iterator[str]:
    for seen in history:
        for key, numbers in seen.appended.items():
            there = [number for number in final.get(key, ()) if number in numbers]
            if seen.ended == "ok" and there != list(numbers):
                yield f"{seen.name} was acknowledged, but {key} has {there} of {list(numbers)}"
            if seen.ended == "aborted" and there:
                yield f"{seen.name} was rolled back, but {key} has {there}"
            if there and there != list(numbers):
                yield f"{seen.name} is only half there: {there} of {list(numbers)} in {key}"


def _invented(writers: Mapping[int, Seen], final: Lists) -> Iterator[str]:
    for key, numbers in final.items():
        if len(set(numbers)) != len(numbers):
            yield f"{key} holds a number twice"
        for number in numbers:
            if number not in writers or number not in writers[number].appended.get(key, ()):
                yield f"{number} in {key} was appended by nobody"


def _reads(history: Sequence[Seen], writers: Mapping[int, Seen], final: Lists) -> Iterator[str]:
    for seen in history:
        if seen.ended == "aborted":
            continue
        for key, numbers in seen.read.items():
            yield from _read(seen, key, list(numbers), writers, list(final.get(key, ())))


def _read(
    seen: Seen, key: str, numbers: list[int], writers: Mapping[int, Seen], final: list[int]
) -> Iterator[str]:
    if final[: len(numbers)] != numbers:
        yield f"{seen.name} read {numbers} in {key}, which is no beginning of {final} (G1a, lost)"
        return
    last = writers[numbers[-1]] if numbers else seen
    if last is not seen and list(last.appended[key])[-1] != numbers[-1]:
        yield f"{seen.name} read {key} in the middle of {last.name} (G1b)"
    if key in seen.locked and seen.ended == "ok":
        mine = list(seen.appended.get(key, ()))
        if mine and final[len(numbers) : len(numbers) + len(mine)] != mine:
            yield f"{seen.name} locked {key}, and somebody came between (lost update)"


def _cycles(history: Sequence[Seen], writers: Mapping[int, Seen], final: Lists) -> Iterator[str]:
    after: dict[str, set[str]] = {seen.name: set() for seen in history}
    for numbers in final.values():
        known = [writers[number].name for number in numbers if number in writers]
        for one, next_one in pairwise(known):
            if one != next_one:
                after[next_one].add(one)
    for seen in history:
        for numbers in seen.read.values():
            if numbers and numbers[-1] in writers and writers[numbers[-1]] is not seen:
                after[seen.name].add(writers[numbers[-1]].name)
    try:
        tuple(TopologicalSorter(after).static_order())
    except CycleError as error:
        yield f"a circle of transactions, each after the other: {error.args[1]} (G0 or G1c)"
