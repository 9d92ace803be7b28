"""The payment and refund machines, against twins copied by hand from S30, S25 and amendment 0.0."""

from __future__ import annotations

import itertools
from enum import StrEnum
from typing import Any

import pytest

from ticketpay.domain.kernel.fsm import InvalidTransition, Machine
from ticketpay.domain.payments import PAYMENT_MACHINE, PaymentEvent, PaymentState
from ticketpay.domain.refunds import REFUND_MACHINE, RefundEvent, RefundState

PAYMENT_TWIN = """
pending     process       processing
pending     authorize     authorized
pending     complete      completed
pending     fail          failed
pending     cancel        cancelled
processing  process       processing
processing  authorize     authorized
processing  complete      completed
processing  fail          failed
processing  cancel        cancelled
authorized  authorize     authorized
authorized  complete      completed
authorized  fail          failed
authorized  cancel        cancelled
failed      fail          failed
failed      retry         processing
failed      process       processing
failed      authorize     authorized
failed      complete      completed
failed      cancel        cancelled
completed   complete      completed
cancelled   cancel        cancelled
cancelled   late_success  cancelled
"""
REFUND_TWIN = """
pending     process   processing
pending     complete  completed
pending     fail      failed
processing  complete  completed
processing  fail      failed
completed   fail      failed
"""


def _moves(twin: str) -> dict[tuple[str, str], str]:
    return {(a, e): b for a, e, b in (line.split() for line in twin.strip().splitlines())}


def _table(machine: Machine[Any, Any]) -> dict[tuple[str, str], str]:
    return {(str(s), str(e)): str(a) for (s, e), a in machine.table.items()}


_ILLEGAL = [
    *[
        (PAYMENT_MACHINE, *pair)
        for pair in itertools.product(PaymentState, PaymentEvent)
        if pair not in _moves(PAYMENT_TWIN)
    ],
    *[
        (REFUND_MACHINE, *pair)
        for pair in itertools.product(RefundState, RefundEvent)
        if pair not in _moves(REFUND_TWIN)
    ],
]


@pytest.mark.spec("S30")
def test_the_payment_table_is_the_rule_book() -> None:
    """The table holds exactly the payment moves of the rule book and its amendment."""
    assert _table(PAYMENT_MACHINE) == _moves(PAYMENT_TWIN)
    assert PAYMENT_MACHINE.initial is PaymentState.PENDING


@pytest.mark.spec("S30")
def test_the_refund_table_is_the_rule_book() -> None:
    """The refund table is a machine of its own, and a completed refund may still fail."""
    assert _table(REFUND_MACHINE) == _moves(REFUND_TWIN)
    assert REFUND_MACHINE.initial is RefundState.PENDING


@pytest.mark.spec("S30 D1")
@pytest.mark.parametrize(("machine", "state", "event"), _ILLEGAL)
def test_everything_else_is_refused(
    machine: Machine[Any, Any], state: StrEnum, event: StrEnum
) -> None:
    """Every move outside the table is refused by name."""
    with pytest.raises(InvalidTransition) as caught:
        machine.next(state, event)

    assert str(caught.value) == f"Invalid transition: {state} -> {event}"


@pytest.mark.spec("S30")
def test_final_states() -> None:
    """A completed or cancelled payment stays so; of refunds only a failed one does."""
    assert {s for s in PaymentState if PAYMENT_MACHINE.is_final(s)} == {
        PaymentState.COMPLETED,
        PaymentState.CANCELLED,
    }
    assert {s for s in RefundState if REFUND_MACHINE.is_final(s)} == {RefundState.FAILED}


@pytest.mark.spec("S30 D2")
def test_refunded_is_no_state() -> None:
    """Refunded and partially refunded are sums of refunds, never states of a payment."""
    assert not {"refunded", "partially_refunded", "refunding"} & {str(s) for s in PaymentState}
