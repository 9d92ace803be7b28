"""The payout machine, against a twin copied by hand from S21 and field notes 3.5."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketpay.domain.kernel.fsm import InvalidTransition
from ticketpay.domain.payouts import PAYOUT_MACHINE, PayoutEvent, PayoutState

TWIN = """
requested   process  processing
requested   cancel   cancelled
processing  process  processing
processing  pay      paid
processing  fail     failed
paid        pay      paid
paid        fail     failed
failed      fail     failed
cancelled   cancel   cancelled
"""
MOVES = {(a, e): b for a, e, b in (line.split() for line in TWIN.strip().splitlines())}
ILLEGAL = [pair for pair in itertools.product(PayoutState, PayoutEvent) if pair not in MOVES]


def _fold(events: list[PayoutEvent], state: PayoutState) -> PayoutState:
    """What is told is heeded where the table has it, and superseded elsewhere."""
    for event in events:
        state = PAYOUT_MACHINE.next(state, event) if PAYOUT_MACHINE.can(state, event) else state
    return state


@pytest.mark.spec("S21")
def test_the_table_is_the_rule_book() -> None:
    """A payout is requested, processed, and paid or failed; a paid one may still come back."""
    table = {(str(s), str(e)): str(a) for (s, e), a in PAYOUT_MACHINE.table.items()}

    assert table == MOVES
    assert PAYOUT_MACHINE.initial is PayoutState.REQUESTED
    assert (PAYOUT_MACHINE.states, PAYOUT_MACHINE.events) == (PayoutState, PayoutEvent)


@pytest.mark.spec("S21")
@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_everything_else_is_refused(state: PayoutState, event: PayoutEvent) -> None:
    """Every move outside the table is refused by name."""
    with pytest.raises(InvalidTransition) as caught:
        PAYOUT_MACHINE.next(state, event)

    assert str(caught.value) == f"Invalid transition: {state} -> {event}"


@pytest.mark.spec("S21")
def test_only_an_undone_payout_is_final() -> None:
    """The end of a payout is that its money came back: nothing sends it away again."""
    assert {s for s in PayoutState if PAYOUT_MACHINE.is_final(s)} == {
        s for s in PayoutState if s.is_undone
    }


@pytest.mark.spec("S21")
def test_a_payout_that_is_on_its_way_is_not_cancelled() -> None:
    """A payout is cancelled before the provider is called, once or twice, and never after."""
    cancelled = PAYOUT_MACHINE.next(PayoutState.REQUESTED, PayoutEvent.CANCEL)

    assert not PAYOUT_MACHINE.step(cancelled, PayoutEvent.CANCEL).moves
    assert [s for s in PayoutState if PAYOUT_MACHINE.can(s, PayoutEvent.CANCEL)] == [
        PayoutState.REQUESTED,
        PayoutState.CANCELLED,
    ]


@pytest.mark.spec("S21")
@given(
    st.sampled_from([[PayoutEvent.PAY], [PayoutEvent.FAIL], [PayoutEvent.PAY, PayoutEvent.FAIL]]),
    st.data(),
)
def test_what_the_bank_says_ends_alike_in_any_order(
    said: list[PayoutEvent], data: st.DataObject
) -> None:
    """However the bank's words are shuffled and repeated, a payout that came back has failed."""
    again = data.draw(st.lists(st.sampled_from([*said, PayoutEvent.PROCESS])))
    told = data.draw(st.permutations([*said, *again]))
    ending = PayoutState.FAILED if PayoutEvent.FAIL in said else PayoutState.PAID

    assert _fold(told, PayoutState.PROCESSING) is ending


@pytest.mark.spec("S21")
@given(st.lists(st.sampled_from(PayoutEvent)))
def test_money_returns_at_most_once(events: list[PayoutEvent]) -> None:
    """In any history the money of a payout comes back at most once, and then stays."""
    states = [_fold(events[:count], PAYOUT_MACHINE.initial) for count in range(len(events) + 1)]
    undone = [state.is_undone for state in states]

    assert undone == sorted(undone)
