"""The small world of the model check: what a state is made of, in small hashable tuples.

A state is two payments (``Side``), each with its intent at the provider, what they share
(``Shared``), and what the scope still allows (``Left``). Time has three phases: the hold runs; it
is over; a day has passed, and with it all tries of what has failed. A moment is ``phase * 16 + place``; the n-th event of an intent takes
the even place 2n, what is read of the intent after it 2n + 1.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import attrs

from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PaymentState, Retry, RetryAction
from ticketpay.domain.payments.retry import RETRIES_MAX

__all__ = [
    "CRASH",
    "DAY_LATER",
    "EVENT",
    "EXPIRES_AT",
    "FREE",
    "LATE",
    "MOMENTS",
    "NOW",
    "PLACES",
    "Event",
    "Intent",
    "Left",
    "Pay",
    "Scope",
    "Shared",
    "Side",
    "looks_at",
    "moment",
    "now_in",
    "phase_of",
    "tries_in",
    "when",
]

NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EXPIRES_AT: Final = NOW + timedelta(minutes=15)
DAY_LATER: Final = 2
_STARTS: Final = (NOW, EXPIRES_AT, NOW + timedelta(hours=25))
PLACES: Final = 16
MOMENTS: Final = PLACES * len(_STARTS)


class Event(NamedTuple):
    """What happened to an intent, and when."""

    word: str
    at: int


Intent = tuple[Event, ...]
"""The history of an intent at the provider; ``refused`` means that there is none."""


class Pay(NamedTuple):
    """What a payment remembers, as far as anything depends on it; ``last`` is -1 before any fact.

    ``tried`` is the phase of its last failure, -1 without one.
    """

    state: PaymentState
    has_ref: bool = False
    has_failed: bool = False
    received: bool = False
    last: int = -1
    tried: int = -1


class Side(NamedTuple):
    """A payment with its books, timers and refund, and its intent with the refund of it."""

    pay: Pay = Pay(PaymentState.PENDING)
    intent: Intent = ()
    books: tuple[str, ...] = ()
    timer: bool = True
    refund: str = ""
    refund_timer: bool = False
    sent_back: str = ""


class Shared(NamedTuple):
    """What the payments share: the order, its stock (held, released, gone or sold), the phase."""

    order: OrderState = OrderState.PAYMENT_PENDING
    stock: str = "held"
    phase: int = 0


class Left(NamedTuple):
    """What may still happen of what the scope bounds."""

    events: int
    crashes: int
    late: int

    def less(self, cost: Left) -> Left | None:
        """What is left then; None when it is too much."""
        left = Left(*(have - pay for have, pay in zip(self, cost, strict=True)))
        return left if min(left) >= 0 else None


FREE: Final = Left(0, 0, 0)
EVENT: Final = Left(1, 0, 0)
CRASH: Final = Left(0, 1, 0)
LATE: Final = Left(1, 0, 1)
"""The costs of a move: an event at the provider, a crash, a charge that arrives too late."""


@attrs.frozen(kw_only=True)
class Scope:
    """How small the world is; facts are duplicated, reordered and lost without a limit.

    ``events`` happen at the provider, on both intents together; ``crashes`` lose the answer to an
    effect of the janitor; ``late`` charges arrive after they were given up; with ``ties`` two
    events of an intent may share a second.
    """

    payments: int = 2
    events: int = 4
    crashes: int = 1
    late: int = 1
    ties: bool = True

    @property
    def left(self) -> Left:
        """What may happen from the beginning on."""
        return Left(self.events, self.crashes, self.late)


def moment(phase: int, place: int) -> int:
    """The moment of a place in a phase."""
    return phase * PLACES + place


def when(at: int) -> datetime:
    """A moment as the provider tells it, in whole seconds."""
    phase, place = divmod(at, PLACES)
    return _STARTS[phase] + timedelta(seconds=place)


def now_in(phase: int) -> datetime:
    """Our time in a phase: after everything that has happened in it."""
    return _STARTS[phase] + timedelta(seconds=30)


def phase_of(now: datetime) -> int:
    """The phase of our time."""
    return max(phase for phase, start in enumerate(_STARTS) if start <= now)


def looks_at(phase: int, late_looks: int = 0) -> datetime:
    """When the janitor looks in a phase: in the last one, two hours after whatever was before."""
    return now_in(phase) + timedelta(hours=2 * (late_looks + 1) if phase == DAY_LATER else 0)


def tries_in(phase: int, payment_id: PaymentId) -> tuple[Retry, ...]:
    """The tries of a payment that has failed: a day later all have been made, and were in vain."""
    if phase < DAY_LATER:
        return ()
    wait = Retry(payment_id=payment_id, number=1, action=RetryAction.WAIT, at=NOW, outcome="vain")
    return tuple(attrs.evolve(wait, number=number) for number in range(1, RETRIES_MAX + 1))
