"""Everything that can happen next, to one payment or to what the payments share.

What happens to one payment depends on it and on the shared part alone, never on the other
payment: production reads no more than that. So moves are worked out per (side, shared).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.model.production import Effect, Production
from tests.model.provider import heard, moved, word_of
from tests.model.scope import (
    CRASH,
    DAY_LATER,
    EVENT,
    FREE,
    LATE,
    Event,
    Left,
    Scope,
    Shared,
    Side,
)
from tests.model.sheet import Broken

__all__ = [
    "Next",
    "endings",
    "heal_shared",
    "heal_side",
    "provider_moves",
    "shared_moves",
    "side_moves",
]

ANSWERS: Final = {"": ("completed", "processing", "failed"), "processing": ("completed", "failed")}


class Next(NamedTuple):
    """What happened, in words, what is then, and what it takes of the scope."""

    story: str
    side: Side
    shared: Shared
    cost: Left = FREE


def side_moves(model: Production, side: Side, shared: Shared) -> Iterator[Next]:
    """Everything that we can do about one payment; the state itself may come back."""
    yield from facts(model, side, shared)
    if side.timer:
        yield from look(model, side, shared)
    if side.refund_timer:
        yield from _refunds(model, side, shared)


def provider_moves(scope: Scope, side: Side, shared: Shared) -> Iterator[Next]:
    """Everything that the provider can do about one payment."""
    late = not side.intent and shared.phase == DAY_LATER
    arrives = "" if side.intent else "the charge arrives: "
    # What was read in a later second cannot be followed by something in the same one.
    ties = scope.ties and (not side.intent or side.pay.last <= side.intent[-1].at)
    for intent in moved(side.intent, shared.phase, ties=ties):
        after = side._replace(intent=intent)
        yield Next(
            f"{arrives}the intent is {word_of(intent)}", after, shared, LATE if late else EVENT
        )


def shared_moves(model: Production, shared: Shared) -> Iterator[tuple[str, Shared]]:
    """Time passes, somebody else takes or returns the stock, the tickets are issued."""
    if shared.phase < DAY_LATER:
        yield "time passes", shared._replace(phase=shared.phase + 1)
    if shared.stock == "released":
        yield "somebody else takes the tickets", shared._replace(stock="gone")
    if shared.stock == "gone":
        yield "somebody else returns the tickets", shared._replace(stock="released")
    issued = model.issue(shared.order)
    if issued is not shared.order:
        yield "the tickets are issued", shared._replace(order=issued)


def facts(model: Production, side: Side, shared: Shared) -> Iterator[Next]:
    if word_of(side.intent) == "refused":
        story = "we hear that the charge is refused"
        try:
            effect = model.refuse(side.pay, shared.order, shared.stock, shared.phase)
        except Broken as error:
            raise Broken(f"{story}: {error}") from error
        yield _after(story, side, shared, effect)
    for event in heard(side.intent, shared.phase):
        yield _hears(model, side, shared, event)


def _hears(model: Production, side: Side, shared: Shared, event: Event) -> Next:
    story = f"we hear {event.word} of moment {event.at}"
    try:
        effect = model.hear(side.pay, shared.order, shared.stock, event, shared.phase)
    except Broken as error:
        raise Broken(f"{story}: {error}") from error
    return _after(story, side, shared, effect)


def look(model: Production, side: Side, shared: Shared) -> Iterator[Next]:
    try:
        effect, intent = model.look(side.pay, shared.order, shared.stock, side.intent, shared.phase)
    except Broken as error:
        raise Broken(f"the janitor looks: {error}") from error
    seen = side._replace(intent=intent)
    yield _after("the janitor looks", seen, shared, effect)
    if intent != side.intent:
        yield Next("the janitor cancels the intent and crashes", seen, shared, CRASH)


def _refunds(model: Production, side: Side, shared: Shared) -> Iterator[Next]:
    for answer in ANSWERS.get(side.sent_back, (side.sent_back,)):
        asked = side._replace(sent_back=answer)
        yield send_back(model, asked, shared)
        if asked != side:
            yield Next(f"the refund is {answer}, and the janitor crashes", asked, shared, CRASH)


def send_back(model: Production, side: Side, shared: Shared) -> Next:
    story = f"the janitor asks for the refund: {side.sent_back}"
    try:
        effect = model.send_back(side.pay, side.refund, side.sent_back, shared.phase)
    except Broken as error:
        raise Broken(f"{story}: {error}") from error
    effect = effect._replace(order=shared.order, stock=shared.stock)
    return _after(story, side._replace(refund=""), shared, effect)


def _after(story: str, side: Side, shared: Shared, effect: Effect) -> Next:
    if effect.posted and not set(side.books).isdisjoint(effect.posted):
        raise Broken(f"{story}, and {effect.posted} is booked again")
    if side.refund and effect.refund:
        raise Broken(f"{story}, and the payment is refunded again")
    after = Side(
        effect.pay,
        side.intent,
        tuple(sorted((*side.books, *effect.posted))) if effect.posted else side.books,
        side.timer if effect.timer is None else effect.timer,
        effect.refund or side.refund,
        side.refund_timer if effect.refund_timer is None else effect.refund_timer,
        side.sent_back,
    )
    if (effect.order, effect.stock) == shared[:2]:
        return Next(story, after, shared)
    return Next(story, after, Shared(effect.order, effect.stock, shared.phase))


def heal_side(model: Production, side: Side, shared: Shared) -> Next | None:
    """What a healed world does next for a payment, if anything: all is heard, timers ring."""
    for step in _healing(model, side, shared):
        if (step.side, step.shared) != (side, shared):
            return step
    return None


def _healing(model: Production, side: Side, shared: Shared) -> Iterator[Next]:
    if word_of(side.intent) == "refused":
        yield from facts(model, side, shared)
    elif side.intent:
        yield _hears(model, side, shared, side.intent[-1])
    if side.timer:
        yield next(look(model, side, shared))
    if side.refund_timer:
        answer = side.sent_back if side.sent_back in ("completed", "failed") else "completed"
        yield send_back(model, side._replace(sent_back=answer), shared)


def heal_shared(model: Production, shared: Shared) -> Shared | None:
    """What a healed world does next for all: tickets are issued, time passes."""
    issued = model.issue(shared.order)
    if issued is not shared.order:
        return shared._replace(order=issued)
    if shared.phase < DAY_LATER:
        return shared._replace(phase=shared.phase + 1)
    return None


def endings(side: Side, shared: Shared) -> list[Next]:
    """How the provider may end what only it can end: all of these are tried."""
    if word_of(side.intent) not in ("processing", "authorized"):
        return []
    return [
        Next(f"the intent is {word_of(intent)}", side._replace(intent=intent), shared)
        for intent in moved(side.intent, shared.phase, ties=False)
        if word_of(intent) in ("succeeded", "failed", "canceled")
    ]
