"""The subscription machine, against a twin that was copied by hand from S19."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.subscriptions.subscribers import subscription
from ticketpay.domain.kernel.fsm import InvalidTransition
from ticketpay.domain.subscriptions import (
    SUBSCRIPTION_MACHINE,
    SubscriptionEvent,
    SubscriptionState,
)

TWIN = """
pending    start   active
pending    fail    past_due
pending    cancel  cancelled
active     renew   active
active     fail    past_due
active     cancel  cancelled
past_due   renew   active
past_due   fail    past_due
past_due   cancel  cancelled
cancelled  cancel  cancelled
"""
MOVES = {(a, e): b for a, e, b in (line.split() for line in TWIN.strip().splitlines())}
ILLEGAL = [p for p in itertools.product(SubscriptionState, SubscriptionEvent) if p not in MOVES]


@pytest.mark.spec("S19")
def test_the_table_is_the_twin() -> None:
    """The table holds exactly the moves of a subscription; a new one is pending."""
    table = {(str(s), str(e)): str(a) for (s, e), a in SUBSCRIPTION_MACHINE.table.items()}

    assert table == MOVES
    assert SUBSCRIPTION_MACHINE.initial is SubscriptionState.PENDING


@pytest.mark.spec("S19")
@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_everything_else_is_refused(state: SubscriptionState, event: SubscriptionEvent) -> None:
    """Every move outside the table is refused by name: a cancelled subscription never comes back, and
    only a pending one starts."""
    with pytest.raises(InvalidTransition) as caught:
        SUBSCRIPTION_MACHINE.next(state, event)

    assert str(caught.value) == f"Invalid transition: {state} -> {event}"
    begun = state is not SubscriptionState.PENDING and event is SubscriptionEvent.START
    early = state is SubscriptionState.PENDING and event is SubscriptionEvent.RENEW
    assert state is SubscriptionState.CANCELLED or begun or early


@pytest.mark.spec("S19")
def test_only_cancelled_is_final() -> None:
    """A cancelled subscription stays so; one that is past due may be paid."""
    finals = {state for state in SubscriptionState if SUBSCRIPTION_MACHINE.is_final(state)}

    assert finals == {SubscriptionState.CANCELLED}


@pytest.mark.spec("S19")
@given(st.lists(st.sampled_from(SubscriptionEvent), max_size=20), st.data())
def test_a_webhook_that_comes_twice_changes_nothing(
    events: list[SubscriptionEvent], data: st.DataObject
) -> None:
    """Each event told twice in a row ends where it ends told once."""

    def end(told: list[SubscriptionEvent]) -> SubscriptionState:
        state = SUBSCRIPTION_MACHINE.initial
        for event in told:
            if SUBSCRIPTION_MACHINE.can(state, event):
                state = SUBSCRIPTION_MACHINE.next(state, event)
        return state

    twice = [again for event in events for again in [event] * data.draw(st.integers(1, 2))]

    assert end(twice) is end(events)
    assert subscription(state=end(events)).is_active == (end(events) == "active")
