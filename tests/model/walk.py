"""A random walk that model and twin make together, comparing after every step."""

from __future__ import annotations

import random

from tests.model.production import Production
from tests.model.provider import heard, word_of
from tests.model.scope import Scope, Shared, Side
from tests.model.transitions import (
    ANSWERS,
    Next,
    facts,
    look,
    provider_moves,
    send_back,
    shared_moves,
)
from tests.model.twin import Twin

__all__ = ["Walk"]


class Walk:
    """Model and twin, side by side."""

    def __init__(self, seed: int) -> None:
        self.chance, self.production, self.twin = random.Random(seed), Production(), Twin()  # noqa: S311 - repeatable, not secret
        self.sides, self.shared = [Side(), Side()], Shared()
        self.steps = 0

    def step(self) -> None:
        """Something happens to both."""
        n = self.chance.choice((0, 1))
        acts = [self._provider, self._hear, self._hear, self._look, self._refund, self._common]
        self.chance.choice(acts)(n)
        self.steps += 1

    def agrees(self) -> bool:
        """Whether the rows of the twin are what the model says."""
        rows = [self.twin.side(n) for n in (0, 1)], self.twin.shared()
        return rows == (self.sides, self.shared)

    def _goes(self, n: int, step: Next) -> None:
        self.sides[n], self.shared = step.side, step.shared

    def _provider(self, n: int) -> None:
        after = list(provider_moves(Scope(), self.sides[n], self.shared))
        if after and len(self.sides[n].intent) < 5:
            self.sides[n] = self.chance.choice(after).side
            self.twin.intents[n] = self.sides[n].intent

    def _hear(self, n: int) -> None:
        side = self.sides[n]
        if word_of(side.intent) == "refused":
            self._goes(n, next(facts(self.production, side, self.shared)))
            self.twin.refuse(n)
        events = heard(side.intent, self.shared.phase)
        if events:
            event = self.chance.choice(events)
            steps = facts(self.production, side, self.shared)
            self._goes(n, list(steps)[events.index(event)])
            self.twin.hear(n, event)

    def _look(self, n: int) -> None:
        if self.sides[n].timer:
            self._goes(n, next(look(self.production, self.sides[n], self.shared)))
            self.twin.look(n)

    def _refund(self, n: int) -> None:
        side = self.sides[n]
        if side.refund_timer:
            answer = self.chance.choice(ANSWERS.get(side.sent_back, (side.sent_back,)))
            asked = side._replace(sent_back=answer)
            self._goes(n, send_back(self.production, asked, self.shared))
            self.twin.send_back(n, answer)

    def _common(self, _n: int) -> None:
        moves = list(shared_moves(self.production, self.shared))
        if not moves or self.chance.random() < 0.7:
            return
        _, after = self.chance.choice(moves)
        if after.phase != self.shared.phase:
            self.twin.phase = after.phase
        elif after.order is not self.shared.order:
            self.twin.issue()
        else:
            self.twin.rival(takes=after.stock == "gone")
        self.shared = after
