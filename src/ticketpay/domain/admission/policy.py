"""The generic cell rate algorithm (ITU-T I.371) in whole microseconds.

All that is kept of a subject is its *arrival*: the instant at which everything it used will have
been earned again. A request is allowed if it pushes the arrival at most a window ahead of now.
"""

from __future__ import annotations

from ticketpay.domain.admission.model import Decision, Limit

__all__ = ["admit", "decide"]


def admit(limit: Limit, arrival_us: int | None, now_us: int) -> tuple[int | None, Decision]:
    """The arrival to keep (None: keep what there was) and the decision.

    An arrival more than a window ahead is one that a clock set back has left: a window it is.
    """
    known = now_us if arrival_us is None else arrival_us
    ahead = min(max(known - now_us, 0), limit.window_us)
    if ahead + limit.interval_us > limit.window_us:
        return None, decide(limit, ahead, allowed=False)
    ahead += limit.interval_us
    return now_us + ahead, decide(limit, ahead, allowed=True)


def decide(limit: Limit, ahead_us: int, *, allowed: bool) -> Decision:
    """The decision when the arrival is now ``ahead_us`` microseconds ahead."""
    room = limit.window_us - ahead_us
    remaining = room // limit.interval_us
    next_us = (remaining + 1) * limit.interval_us - room
    return Decision(limit=limit, allowed=allowed, remaining=remaining, next_us=next_us)
