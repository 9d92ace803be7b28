"""Fuzzing: one property on many cases, with both outcomes; ``EXAMPLES`` says on how many.

Cases are valid data and valid data with a few edits: random bytes alone would never come near
the border between what is accepted and what is not. Hypothesis draws bytes, the dice make a case
of them; zeros make the simplest valid case, so that it shrinks to the edit that matters.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

T = TypeVar("T")

EXAMPLES = int(os.environ.get("EXAMPLES", "40"))
FUZZ = settings(settings.get_profile("ci"), max_examples=EXAMPLES)
BYTES_A_CASE = 128
ODD = (
    "0189afAFgGzZ+-_.,;:=/\\'\"{}[]()%&?!* \t\n\r\x00\x0b\x1f\x7f\x85\xa0\u2003"
    "\xe9\xb2\u0663\uff11\u017f\u212a\ufeff\U0001f3ab"
)


@attrs.define
class Dice:
    """Choices made of bytes; when those are used up, always the first one."""

    left: bytes

    @classmethod
    def of(cls, raw: bytes) -> Dice:
        """Dice that in one case of three run out early, so that the rest of it is plain."""
        return cls(raw[2 : 2 + raw[1] % 16] if raw[0] % 3 == 0 else raw[2:])

    def below(self, count: int) -> int:
        """A number from 0 on; ``count`` is at most 65 536."""
        size = 1 if count <= 256 else 2
        taken, self.left = self.left[:size], self.left[size:]
        return int.from_bytes(taken, "big") % count

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def one_in(self, count: int) -> bool:
        """True once in ``count`` times."""
        return self.below(count) == count - 1

    def some(self, options: Sequence[T], most: int) -> list[T]:
        """Up to ``most`` options, each any number of times."""
        return [self.pick(options) for _ in range(self.below(most + 1))]

    def text(self, most: int, alphabet: str = ODD) -> str:
        return "".join(self.some(alphabet, most))

    def raw(self, most: int) -> bytes:
        return bytes(self.some(range(256), most))

    def shuffled(self, items: Sequence[T]) -> list[T]:
        left, found = list(items), []
        while left:
            found.append(left.pop(self.below(len(left))))
        return found

    def edited(self, text: str, most: int = 2) -> str:
        """The text after up to ``most`` edits, each at a random place."""
        for _ in range(self.below(most + 1)):
            text = _edit(self.pick(_KINDS), text, self.below(len(text) + 1), self.pick(ODD))
        return text


_KINDS = ("insert", "drop", "double", "replace", "flip", "swap", "case", "cut", "behead", "shout")


def _edit(kind: str, text: str, at: int, odd: str) -> str:
    head, one, tail = text[:at], text[at : at + 1], text[at + 1 :]
    return {
        "insert": head + odd + one + tail,
        "drop": head + tail,
        "double": head + one * 2 + tail,
        "replace": head + odd + tail,
        "flip": head + (chr(ord(one) ^ 1) if one else "") + tail,
        "swap": head + tail[:1] + one + tail[1:],
        "case": head + one.swapcase() + tail,
        "cut": head,
        "behead": one + tail,
        "shout": text.upper(),
    }[kind]


def fuzzed(make: Callable[[Dice], T]) -> Callable[[Callable[[T], bool]], Callable[[], None]]:
    """A test of a property that says of each case whether it was accepted.

    It fails when less than one case in fifty was accepted, or refused.
    """
    cases = st.binary(min_size=BYTES_A_CASE, max_size=BYTES_A_CASE).map(
        lambda raw: make(Dice.of(raw))
    )

    def decorate(holds: Callable[[T], bool]) -> Callable[[], None]:
        outcomes: Counter[bool] = Counter()

        # Hypothesis knows a failed case again by the source of what is wrapped.
        @wraps(holds)
        def count(**case: T) -> None:
            outcomes[holds(*case.values())] += 1

        def test() -> None:
            outcomes.clear()
            FUZZ(given(cases)(count))()
            assert min(outcomes[True], outcomes[False]) >= max(1, outcomes.total() // 50), outcomes

        test.__doc__, test.__name__ = holds.__doc__, holds.__name__
        return test

    return decorate
