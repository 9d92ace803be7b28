"""The rate limit in exact microseconds, against what it means."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.admission.traces import NOW_US, Trace, draw, ours, verdict
from ticketpay.domain.admission import Decision, Limit, admit

SECOND_US = 1_000_000
TEN_A_MINUTE = Limit(name="payments", burst=10, period_us=60 * SECOND_US)


@pytest.mark.spec("S10")
def test_ten_a_minute_are_ten_at_once_and_one_more_every_six_seconds() -> None:
    """The eleventh is refused until six seconds after the first; then it is one at a time."""
    at_once = Trace(TEN_A_MINUTE, (NOW_US,) * 11, back=False)
    assert ours(at_once) == [(True, 9 - n, 6 * SECOND_US) for n in range(10)] + [
        (False, 0, 6 * SECOND_US)
    ]
    later = [NOW_US + 6 * SECOND_US - 1, NOW_US + 6 * SECOND_US, NOW_US + 6 * SECOND_US]
    assert ours(Trace(TEN_A_MINUTE, (NOW_US,) * 10 + tuple(later), back=False))[10:] == [
        (False, 0, 1),
        (True, 0, 6 * SECOND_US),
        (False, 0, 6 * SECOND_US),
    ]


@pytest.mark.spec("S10")
@given(st.integers())
def test_it_is_what_counting_and_a_bucket_of_tokens_say(seed: int) -> None:
    """Every answer of drawn traces is the one of two references that do not share its code."""
    trace = draw(random.Random(seed), length=30)  # noqa: S311 - repeatable, not secret
    assert verdict(trace, ours(trace)) == ""


@pytest.mark.spec("S10")
@given(st.integers(1, 50), st.integers(1, 10**9), st.lists(st.integers(0, 10**8), max_size=60))
def test_no_stretch_of_time_has_more_than_a_burst_and_what_was_earned(
    burst: int, period_us: int, steps: list[int]
) -> None:
    """Between any two instants at most burst + time / interval requests are allowed."""
    limit = Limit(name="drawn", burst=burst, period_us=period_us)
    kept, now, allowed = None, NOW_US, []
    for step in steps:
        now += step
        arrival, decision = admit(limit, kept, now)
        if decision.allowed:
            kept = arrival
            allowed.append(now)
    for first, since in enumerate(allowed):
        for last, until in enumerate(allowed[first:], first):
            earned = (until - since) // limit.interval_us
            assert last - first + 1 <= burst + earned


LIMITS = st.builds(
    Limit, name=st.just("drawn"), burst=st.integers(1, 50), period_us=st.integers(1, 10**9)
)


def asked(limit: Limit, arrival_us: int | None, instants: list[int]) -> tuple[int | None, Decision]:
    """What is kept after requests at these instants, and the answer to the last."""
    for now_us in instants:
        arrival, decision = admit(limit, arrival_us, now_us)
        arrival_us = arrival_us if arrival is None else arrival
    return arrival_us, decision


@pytest.mark.spec("S10")
@given(LIMITS, st.lists(st.integers(0, 10**8), min_size=1, max_size=60))
def test_a_decision_keeps_its_promises(limit: Limit, steps: list[int]) -> None:
    """So many more as remain are allowed at once, then none until the very microsecond it said."""
    now = NOW_US + sum(steps)
    kept, told = asked(limit, None, [NOW_US + sum(steps[:n]) for n in range(1, len(steps) + 1)])
    assert told.limit == limit
    for left in reversed(range(told.remaining)):
        kept, decision = asked(limit, kept, [now])
        assert (decision.allowed, decision.remaining) == (True, left)
    arrival, refused = admit(limit, kept, now)
    assert (arrival, refused.allowed, refused.limit) == (None, False, limit)
    assert refused.next_us == told.next_us
    assert not admit(limit, kept, now + refused.next_us - 1)[1].allowed
    assert admit(limit, kept, now + refused.next_us)[1].allowed


@pytest.mark.spec("S10")
@given(LIMITS, st.integers(0, 60), st.lists(st.integers(0, 10**6), max_size=20))
def test_a_refusal_costs_nothing(limit: Limit, before: int, steps: list[int]) -> None:
    """However often somebody knocks while refused, nothing is kept of it: the wait is no longer."""
    kept, told = asked(limit, None, [NOW_US] * (limit.burst + 1 + before))
    assert not told.allowed
    for step in steps:
        at = min(step, told.next_us - 1)
        arrival, refused = admit(limit, kept, NOW_US + at)
        assert (arrival, refused.next_us) == (None, told.next_us - at)


@pytest.mark.spec("S10")
@given(LIMITS)
def test_an_interval_is_never_shorter_than_what_was_said(limit: Limit) -> None:
    """A burst takes its period to earn, and less than one microsecond a request longer."""
    assert 0 <= limit.window_us - limit.period_us < limit.burst
    assert limit.window_us == limit.burst * limit.interval_us


@pytest.mark.spec("S10")
@given(LIMITS, st.integers(0, 10**10))
def test_seconds_are_the_fewest_that_are_not_early(limit: Limit, next_us: int) -> None:
    """Whoever waits the seconds has waited the microseconds; one second less would be too early."""
    seconds = Decision(limit=limit, allowed=False, remaining=0, next_us=next_us).next_seconds
    assert (seconds - 1) * SECOND_US < next_us <= seconds * SECOND_US


@pytest.mark.spec("S10")
@pytest.mark.parametrize(("next_us", "seconds"), [(1, 1), (10**6, 1), (10**6 + 1, 2), (0, 0)])
def test_a_whole_second_is_not_rounded(next_us: int, seconds: int) -> None:
    """Exactly a second is one second, a microsecond more is two."""
    decision = Decision(limit=TEN_A_MINUTE, allowed=False, remaining=0, next_us=next_us)
    assert decision.next_seconds == seconds


def test_the_references_find_what_is_wrong() -> None:
    """An answer that is off by one request or one microsecond is seen."""
    trace = Trace(TEN_A_MINUTE, (NOW_US,) * 11, back=False)
    right = ours(trace)
    assert verdict(trace, right) == ""
    for wrong in ((True, 0, 6 * SECOND_US), (False, 1, 6 * SECOND_US), (False, 0, 6_000_001)):
        assert verdict(trace, [*right[:10], wrong]) != ""


@pytest.mark.spec("S10")
def test_a_clock_set_back_costs_at_most_one_window() -> None:
    """An arrival left by a clock that was a year ahead is taken for a whole window."""
    kept = NOW_US + 365 * 24 * 3600 * SECOND_US
    _, decision = admit(TEN_A_MINUTE, kept, NOW_US)
    assert (decision.allowed, decision.next_us) == (False, 6 * SECOND_US)
    assert TEN_A_MINUTE.window_us == 60 * SECOND_US


@pytest.mark.parametrize(
    ("name", "burst", "period_us"),
    [
        ("", 1, 1),
        ("a:b", 1, 1),
        ("A", 1, 1),
        ("a\n", 1, 1),
        ("9", 1, 1),
        ("a" * 33, 1, 1),
        ("a", 0, 1),
        ("a", 10**11 + 1, 1),
        ("a", 1, 0),
        ("a", 1, 24 * 3600 * SECOND_US + 1),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(name: str, burst: int, period_us: int) -> None:
    """Names that could leave their key, and figures out of range, raise ValueError."""
    with pytest.raises(ValueError, match=r"cannot be named|a burst is|a period is"):
        Limit(name=name, burst=burst, period_us=period_us)


def test_an_interval_is_rounded_up_and_seconds_are_too() -> None:
    """Seven in a second earn one in 142,858 microseconds; who waits the seconds is not early."""
    limit = Limit(name="seven", burst=7, period_us=SECOND_US)
    assert limit.interval_us == 142_858
    _, decision = admit(limit, None, NOW_US)
    assert (decision.next_us, decision.next_seconds) == (142_858, 1)
    assert limit.window_us < 2**53 - NOW_US
