"""State machines as data: a table (state, event) -> state drives code, tests, SQL and diagrams.

The machine decides; it performs nothing. A pair that the table lacks is refused with
``InvalidTransition``. Events that leave the state unchanged are written into the table too, so
that its complement is exactly the set of illegal moves.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import attrs

from ticketpay.domain.kernel.errors import Conflict

__all__ = ["InvalidTransition", "Machine", "Step"]

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class InvalidTransition(Conflict):
    """The state machine has no such move: ``Invalid transition: <from> -> <event>``."""

    code = "INVALID_TRANSITION"
    title = "Invalid transition"


@attrs.frozen
class Step(Generic[S, E]):
    """One move: from a state, by an event, to a state."""

    before: S
    event: E
    after: S

    @property
    def moves(self) -> bool:
        """Whether the step changes the state at all."""
        return self.before is not self.after


@attrs.frozen(eq=False)
class Machine(Generic[S, E]):
    """A finite state machine given by its table; see the module docstring.

    ``corrections`` are events that take something back: they are legal, and on no walk to a goal.
    """

    name: str
    states: type[S]
    events: type[E]
    initial: S
    table: Mapping[tuple[S, E], S]
    corrections: frozenset[E] = frozenset()
    _finals: frozenset[S] = attrs.field(init=False, repr=False)

    @_finals.default
    def _no_way_out(self) -> frozenset[S]:
        return frozenset(self.states) - {step.before for step in self.steps() if step.moves}

    def can(self, state: S, event: E) -> bool:
        """Whether ``event`` is legal in ``state``."""
        return (state, event) in self.table

    def next(self, state: S, event: E) -> S:
        """The state after ``event``; raises ``InvalidTransition`` when the table has none."""
        after = self.table.get((state, event))
        if after is None:
            raise InvalidTransition(f"Invalid transition: {state} -> {event}")
        return after

    def step(self, state: S, event: E) -> Step[S, E]:
        """``next`` with the whole move as the answer."""
        return Step(state, event, self.next(state, event))

    def steps(self) -> Iterator[Step[S, E]]:
        """Every legal move, in the order of the table."""
        for (state, event), after in self.table.items():
            yield Step(state, event, after)

    def is_final(self, state: S) -> bool:
        """Whether no event leads out of ``state``."""
        return state in self._finals

    def path(self, start: S, goal: S) -> tuple[Step[S, E], ...] | None:
        """The shortest walk from ``start`` to ``goal`` (ties by table order); None if there is none."""
        if start is goal:
            return ()
        queue: deque[tuple[S, tuple[Step[S, E], ...]]] = deque([(start, ())])
        seen = {start}
        while queue:
            state, walked = queue.popleft()
            for step in self.steps():
                if step.before is not state or step.after in seen:
                    continue
                if step.event in self.corrections:
                    continue
                if step.after is goal:
                    return (*walked, step)
                seen.add(step.after)
                queue.append((step.after, (*walked, step)))
        return None
