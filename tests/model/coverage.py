"""Which moves of the machines the search must make, and which belong to what comes later.

A move that nobody makes today is named here with its reason; the search fails when it makes one of
these, or does not make one of the others.
"""

from __future__ import annotations

from typing import Final

from tests.model.production import MACHINES

__all__ = ["NOT_YET", "missing", "to_reach", "unexpected"]

Made = tuple[str, str, str]

_ASKED: Final = "people ask for refunds of sales; the simulator plays them"

NOT_YET: Final[dict[Made, str]] = {
    ("payment", "failed", "retry"): "the simulator plays what is charged again (S37)",
    ("order", "created", "submit"): "checkout creates and submits in one transaction: no fact",
    ("order", "created", "cancel"): "no order rests in created",
    ("order", "created", "expire"): "no order rests in created",
    ("order", "paid", "refund_part"): _ASKED,
    ("order", "paid", "refund"): _ASKED,
    ("order", "fulfilled", "refund_part"): _ASKED,
    ("order", "fulfilled", "refund"): _ASKED,
    ("order", "partially_refunded", "refund_part"): _ASKED,
    ("order", "partially_refunded", "refund"): _ASKED,
    ("order", "partially_refunded", "issue"): _ASKED,
    ("order", "partially_refunded", "refund_fail"): _ASKED,
    ("order", "refunded", "refund_fail"): _ASKED,
    ("order", "refunded", "issue"): _ASKED,
    ("refund", "completed", "fail"): _ASKED,
}


def to_reach() -> set[Made]:
    """Every legal move that something makes today."""
    legal = {
        (machine.name, str(state), str(event))
        for machine in MACHINES
        for state, event in machine.table
    }
    return legal - NOT_YET.keys()


def missing(made: set[Made]) -> list[Made]:
    """Moves that should have been made and were not."""
    return sorted(to_reach() - made)


def unexpected(made: set[Made]) -> list[Made]:
    """Moves that were made although nobody should, or that no table has."""
    return sorted(made - to_reach())
