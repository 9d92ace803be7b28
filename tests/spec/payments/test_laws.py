"""Any order and duplication of a history ends in the same state (S35)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.payments.histories import ENDS, finished, fold, shuffled, unfinished
from ticketpay.domain.payments import ProviderFact


@pytest.mark.spec("S35", "S35 D1", "S27")
@given(st.data())
def test_a_finished_history_ends_alike_in_any_order(data: st.DataObject) -> None:
    """Success and cancellation win, however the provider's facts are shuffled and repeated."""
    history = data.draw(finished())
    ending = ENDS[history[-1].status]
    end = fold(data.draw(shuffled(history)))

    assert end.state is ending
    assert end.received_cents == history[-1].received.cents


@pytest.mark.spec("S35 D1")
@given(st.data())
def test_an_open_history_ends_alike_in_any_order(data: st.DataObject) -> None:
    """While it is still open too: among facts of different seconds the newest decides."""
    history = data.draw(unfinished())

    assert fold(data.draw(shuffled(history))).state is fold(history).state


@pytest.mark.spec("S35", "S28")
@given(finished())
def test_a_fact_told_twice_changes_nothing(history: list[ProviderFact]) -> None:
    """Telling every fact of a history again leaves the payment exactly as it is."""
    once = fold(history)

    assert fold(history, once) == once


@pytest.mark.spec("S35")
@given(finished())
def test_nothing_moves_after_the_end(history: list[ProviderFact]) -> None:
    """After a final fact no other fact of its history is believed."""
    end = fold([history[-1]])

    assert fold(history[:-1], end) == end
    assert end.ref is not None
    assert end.state in ENDS.values()
