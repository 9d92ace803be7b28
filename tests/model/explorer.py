"""Breadth first over all states; a state is one number: two sides and the shared part, counted.

Sides and shared parts are numbered as they are met, so a state of the search is a small integer
and a move an addition. The first state that breaks a promise is told as the shortest story.
From every state the healed world is followed, too, until it comes to rest.
"""

from __future__ import annotations

import itertools
import time
from array import array
from collections.abc import Hashable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

import attrs

from tests.model.invariants import Gist, check_end, check_order, check_side, gist_of
from tests.model.production import Production
from tests.model.scope import FREE, Left, Scope, Shared, Side
from tests.model.sheet import Broken
from tests.model.transitions import (
    Next,
    endings,
    heal_shared,
    heal_side,
    provider_moves,
    shared_moves,
    side_moves,
)

__all__ = ["Explorer", "Found"]

BITS: Final = 20
MASK: Final = (1 << BITS) - 1
LEFT_BITS: Final = 8
LEFT_MASK: Final = (1 << LEFT_BITS) - 1
FIRST: Final = 2 * BITS
"""A state is first side, second side, shared part and what is left, from the highest bits down."""

REST_MAX: Final = 100
"""In a healed world that many steps lead to rest, or none do."""

T = TypeVar("T", bound=Hashable)
Move = tuple[int, int, Left]
"""A side's number, the shared part's number, and the cost."""


class Told(Exception):
    """A broken promise with its story."""


@attrs.frozen(kw_only=True)
class Found:
    """What a search came to in how many seconds of CPU; ``broken`` is empty or a story."""

    states: int
    transitions: int
    depth: int
    seconds: float
    exhausted: bool
    broken: str = ""


class Numbers(Generic[T]):
    """Values and their numbers, given as they are met."""

    def __init__(self) -> None:
        self.values: list[T] = []
        self._numbers: dict[T, int] = {}

    def of(self, value: T) -> int:
        """The number of a value."""
        number = self._numbers.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


class Steps(NamedTuple):
    """Where a side can go, to be added to the other side; ``moves`` includes what stays."""

    as_first: tuple[int, ...]
    as_second: tuple[int, ...]
    moves: int


class Explorer:
    """One search; ``production`` knows every call and every move that was made."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.production = scope, Production()
        self.states, self._parents = array("Q"), array("L")
        self.transitions = self.depth = 0
        self._sides, self._shared = Numbers[Side | None](), Numbers[Shared]()
        self._left, self._gists = Numbers[Left](), Numbers[Gist | None]()
        self._gist_of = array("L")
        self._moves: dict[int, list[Move]] = {}
        self._provider_moves: dict[int, list[Move]] = {}
        self._steps: dict[int, Steps] = {}
        self._common: dict[int, tuple[int, ...]] = {}
        self._healing: dict[int, int] = {}
        self._common_healing: dict[int, int] = {}
        self._fits: set[int] = set()
        self._rests: set[int] = set()

    def run(self, *, states_max: int, seconds_max: float) -> Found:
        """Search until nothing new is found, a bound is met or a promise is broken.

        ``seconds_max`` are seconds of CPU, so that a busy machine searches as far as an idle one.
        """
        begun, broken, exhausted = time.process_time(), "", False
        try:
            exhausted = self._search(states_max, begun + seconds_max)
        except Told as story:
            broken = str(story)
        return Found(
            states=len(self.states),
            transitions=self.transitions,
            depth=self.depth,
            seconds=time.process_time() - begun,
            exhausted=exhausted,
            broken=broken,
        )

    def _search(self, states_max: int, stop_at: float) -> bool:
        states, seen = self.states, {self._start()}
        self._admit(seen, 0)
        place, layer_ends = 0, 1
        while place < len(states):
            if place == layer_ends:
                self.depth, layer_ends = self.depth + 1, len(states)
            if len(states) >= states_max or (not place & 255 and time.process_time() > stop_at):
                return False
            try:
                new = self._after(states[place]) - seen
            except Broken as error:
                raise Told(self._story(place, f"BROKEN: {error}")) from error
            if new:
                seen |= new
                self._admit(new, place)
            place += 1
        return True

    def _start(self) -> int:
        first = self._side(Side())
        second = self._side(Side() if self.scope.payments == 2 else None)
        rest = self._shared.of(Shared()) << LEFT_BITS | self._left.of(self.scope.left)
        return first << FIRST | second << BITS | rest

    def _after(self, state: int) -> set[int]:
        """Every state that follows."""
        first, second, rest = state >> FIRST, state >> BITS & MASK, state & MASK
        one = self._steps.get(first << BITS | rest) or self._worked_out(first, rest)
        two = self._steps.get(second << BITS | rest) or self._worked_out(second, rest)
        common = self._common.get(rest)
        if common is None:
            common = self._worked_out_for_both(rest)
        self.transitions += one.moves + two.moves + len(common)
        beside, before, both = second << BITS, first << FIRST, state ^ rest
        after = {step | beside for step in one.as_first}
        after.update([step | before for step in two.as_second])
        after.update([step | both for step in common])
        return after

    def _worked_out(self, side: int, rest: int) -> Steps:
        """The moves that what is left allows."""
        key, left = side << BITS | rest >> LEFT_BITS, self._left.values[rest & LEFT_MASK]
        moves = self._moves_of(key)
        if left.events:
            moves = [*moves, *self._provider_moves_of(key)]
        found, count = set[tuple[int, int]](), 0
        for after, shared, cost in moves:
            then = left if cost is FREE else left.less(cost)
            if then is not None:
                count += 1
                found.add((after, shared << LEFT_BITS | self._left.of(then)))
        found.discard((side, rest))
        steps = self._steps[side << BITS | rest] = Steps(
            tuple(after << FIRST | then for after, then in found),
            tuple(after << BITS | then for after, then in found),
            count,
        )
        return steps

    def _moves_of(self, key: int) -> list[Move]:
        moves = self._moves.get(key)
        if moves is None:
            side, shared = self._sides.values[key >> BITS], self._shared.values[key & MASK]
            found = side_moves(self.production, side, shared) if side else ()
            moves = self._moves[key] = self._moves_in(found)
        return moves

    def _provider_moves_of(self, key: int) -> list[Move]:
        moves = self._provider_moves.get(key)
        if moves is None:
            side, shared = self._sides.values[key >> BITS], self._shared.values[key & MASK]
            found = provider_moves(self.scope, side, shared) if side else ()
            moves = self._provider_moves[key] = self._moves_in(found)
        return moves

    def _moves_in(self, steps: Iterable[Next]) -> list[Move]:
        return [
            (self._side(step.side, step.story), self._shared.of(step.shared), step.cost)
            for step in steps
        ]

    def _worked_out_for_both(self, rest: int) -> tuple[int, ...]:
        moves = shared_moves(self.production, self._shared.values[rest >> LEFT_BITS])
        left = rest & LEFT_MASK
        self._common[rest] = tuple(self._shared.of(after) << LEFT_BITS | left for _, after in moves)
        return self._common[rest]

    def _side(self, side: Side | None, story: str = "") -> int:
        number = self._sides.of(side)
        if number == len(self._gist_of):
            try:
                if side is not None:
                    check_side(side)
            except Broken as error:
                raise Broken(f"{story}: {error}") from error
            self._gist_of.append(self._gists.of(gist_of(side) if side else None))
        return number

    def _admit(self, new: Iterable[int], parent: int) -> None:
        """New states: told if one breaks a promise, or if the healed world does from there."""
        states, parents = self.states, self._parents
        try:
            for state in new:
                states.append(state)
                parents.append(parent)
                self._check(state)
                if state not in self._rests:
                    self._heal(state)
        except Broken as error:
            raise Told(self._story(len(states) - 1, f"BROKEN: {error}")) from error

    def _check(self, state: int) -> None:
        """The order's promises, once for all states that look the same to them."""
        one, two = self._gist_of[state >> FIRST], self._gist_of[state >> BITS & MASK]
        fit = one << FIRST | two << BITS | (state & MASK) >> LEFT_BITS
        if fit not in self._fits:
            gists = [gist for n in (one, two) if (gist := self._gists.values[n]) is not None]
            check_order(gists, self._values(state)[1])
            self._fits.add(fit)

    def _heal(self, state: int) -> None:
        try:
            self._follow(state)
        except Broken as error:
            raise Broken(f"healed from here on: {error}") from error

    def _follow(self, state: int) -> None:
        """Heal the world from here: whatever the provider decides, it must come to rest."""
        walked, rests = list[int](), self._rests
        while state not in rests:
            walked.append(state)
            if len(walked) > REST_MAX:
                raise Broken("the world does not come to rest")
            healed = self._healed(state)
            if healed < 0:
                ends = self._ends(state)
                for end in ends:
                    self._follow(end)
                if not ends:
                    check_end(*self._values(state))
                break
            state = healed
        rests.update(walked)

    def _healed(self, state: int) -> int:
        """What follows in a healed world; -1 when all depends on the provider or nothing is left."""
        second, rest = state >> BITS & MASK, state & MASK
        left, shared = rest & LEFT_MASK, rest >> LEFT_BITS
        healing = self._healing
        key = state >> FIRST << BITS | shared
        one = healing[key] if key in healing else self._healed_side(key)
        if one >= 0:
            return one | second << BITS | left
        key = second << BITS | shared
        two = healing[key] if key in healing else self._healed_side(key)
        if two >= 0:
            return state >> FIRST << FIRST | two >> FIRST << BITS | two & MASK | left
        if shared not in self._common_healing:
            then = heal_shared(self.production, self._shared.values[shared])
            self._common_healing[shared] = -1 if then is None else self._shared.of(then)
        common = self._common_healing[shared]
        return -1 if common < 0 else state ^ rest | common << LEFT_BITS | left

    def _healed_side(self, key: int) -> int:
        side, shared = self._sides.values[key >> BITS], self._shared.values[key & MASK]
        step = heal_side(self.production, side, shared) if side else None
        self._healing[key] = -1 if step is None else self._numbered(step)
        return self._healing[key]

    def _ends(self, state: int) -> list[int]:
        """What the provider may make of the first intent that only it can end."""
        sides, shared = self._values(state)
        left = state & LEFT_MASK
        for n, side in enumerate(sides):
            ends = [self._numbered(step) for step in endings(side, shared)]
            if ends and n == 0:
                return [end | (state & MASK << BITS) | left for end in ends]
            if ends:
                before = state >> FIRST << FIRST
                return [before | end >> FIRST << BITS | end & MASK | left for end in ends]
        return []

    def _numbered(self, step: Next) -> int:
        """A side and a shared part as they stand in a state."""
        side = self._side(step.side, step.story)
        return side << FIRST | self._shared.of(step.shared) << LEFT_BITS

    def _values(self, state: int) -> tuple[list[Side], Shared]:
        numbers = (state >> FIRST, state >> BITS & MASK)
        sides = [side for n in numbers if (side := self._sides.values[n]) is not None]
        return sides, self._shared.values[(state & MASK) >> LEFT_BITS]

    def _story(self, place: int, end: str) -> str:
        """The shortest way to a state, in words, and what is wrong with it."""
        path = [place]
        while path[-1]:
            path.append(self._parents[path[-1]])
        states = [self.states[place] for place in reversed(path)]
        lines = [self._words(*pair) for pair in itertools.pairwise(states)]
        sides, shared = self._values(states[-1])
        lines += [end, *map(str, sides), str(shared)]
        return "\n".join(f"{number:3}. {line}" for number, line in enumerate(lines, 1))

    def _words(self, before: int, after: int) -> str:
        sides, shared = self._values(before)
        wanted = self._values(after)
        for n, side in enumerate(sides):
            ours = side_moves(self.production, side, shared)
            for step in itertools.chain(ours, provider_moves(self.scope, side, shared)):
                if ([*sides[:n], step.side, *sides[n + 1 :]], step.shared) == wanted:
                    return f"payment {n + 1}: {step.story}"
        moves = shared_moves(self.production, shared)
        return next(story for story, then in moves if then == wanted[1])
