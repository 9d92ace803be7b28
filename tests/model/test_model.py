"""The small world: every state of it keeps its promises, and what the model leaves out is nothing."""

from __future__ import annotations

import itertools
from enum import StrEnum
from typing import Any

import pytest

from tests.model.coverage import missing, to_reach, unexpected
from tests.model.explorer import Explorer
from tests.model.production import MACHINES, Production
from tests.model.provider import fact_of
from tests.model.scope import Event, Pay, Scope, moment
from tests.model.walk import Walk
from ticketpay.domain.kernel.fsm import InvalidTransition
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PAYMENT_MACHINE, PaymentState, policy
from ticketpay.domain.payments.policy import event_of
from ticketpay.domain.processes.janitor import Janitor
from ticketpay.domain.processes.provider_facts import FactDesk

EVERYTHING = 10_000_000


def _values(kind: Any) -> list[StrEnum]:
    return list(kind)


@pytest.mark.spec("S30", "S31", "S32", "S35")
def test_every_state_keeps_its_promises_and_every_legal_move_is_made() -> None:
    """All states of one payment with two events, and all of two payments with one, are searched;
    every move of the tables is made, but for those that belong to what comes later."""
    made = set[tuple[str, str, str]]()
    for scope, least in (
        (Scope(payments=1, events=2, ties=False), 4_400),
        (Scope(events=1), 3_200),
    ):
        explorer = Explorer(scope)
        found = explorer.run(states_max=EVERYTHING, seconds_max=150)
        assert found.broken == ""
        assert found.exhausted
        assert found.states >= least
        made |= explorer.production.covered
    assert missing(made) == []
    assert unexpected(made) == []


@pytest.mark.spec("S30 D1", "S31 D1")
def test_every_other_move_is_refused() -> None:
    """What is not in a table is refused by name: all pairs of states and events are tried."""
    refused = 0
    for machine in MACHINES:
        states, events = _values(machine.states), _values(machine.events)
        for state, event in itertools.product(states, events):
            if (state, event) not in machine.table:
                with pytest.raises(
                    InvalidTransition, match=f"^Invalid transition: {state} -> {event}$"
                ):
                    machine.step(state, event)
                refused += 1
    assert refused == 109


@pytest.mark.spec("S30", "S35")
def test_a_refused_fact_changes_nothing() -> None:
    """A fact whose move the table refuses leaves payment, order, stock, books and messages alone."""
    order_of = {
        PaymentState.COMPLETED: OrderState.PAID,
        PaymentState.FAILED: OrderState.PAYMENT_FAILED,
    }
    refused = 0
    for state, word in itertools.product(
        PaymentState, ("processing", "failed", "authorized", "canceled")
    ):
        pay = Pay(state, has_ref=True, received=state is PaymentState.COMPLETED)
        event = event_of(fact_of(Event(word, moment(0, 1))))
        assert event is not None
        if PAYMENT_MACHINE.can(state, event) or state is PaymentState.CANCELLED:
            continue
        order = order_of.get(state, OrderState.PAYMENT_PROCESSING)
        effect = Production().hear(pay, order, "held", Event(word, moment(0, 1)), 0)
        assert effect == (pay, order, "held", (), None, "", None, ())
        refused += 1
    assert refused == 5


@pytest.mark.spec("S35")
def test_the_paper_is_the_adapter() -> None:
    """Whole rows on the memory adapter, two real payments and a janitor with real claims go, step
    by step, where the model goes."""
    made = set[tuple[str, str, str]]()
    for seed in range(30):
        walk = Walk(seed)
        for _ in range(60):
            walk.step()
            assert walk.agrees(), f"seed {seed}, step {walk.steps}"
        made |= walk.production.covered
    assert len(made) >= len(to_reach()) - 3, missing(made)


@pytest.mark.spec("S35")
def test_what_is_remembered_is_what_is_called_again() -> None:
    """The memory makes times equal that compare equally; calls with the times themselves agree."""
    production, fresh, compared = Production(), Production(), 0
    explorer = Explorer(Scope(payments=1, events=2))
    explorer.run(states_max=400, seconds_max=60)
    for key, effect in list(explorer.production.heard.items()):
        assert fresh.fact_arrives(*key) == effect == production.hear(*key)
        compared += 1
    assert compared > 200


def nothing(*_what: object) -> None:
    """Forget what was to be done."""


def always(*_what: object) -> bool:
    """Say yes."""
    return True


def never(*_what: object) -> bool:
    """Say no."""
    return False


@pytest.mark.spec("S35")
@pytest.mark.parametrize(
    ("target", "name", "fault", "told"),
    [
        (FactDesk, "set_timer", nothing, "a timer is left"),
        (FactDesk, "_can_be_sold", always, "the order is paid, its stock"),
        (FactDesk, "_sync_order", lambda _self, _tx, case, *_rest: case, "the order is"),
        (Janitor, "_is_over", never, "a payment is left"),
        (policy, "_is_stale", never, "what is known got older"),
    ],
    ids=["no timer", "any order is paid", "no order follows", "nothing expires", "stale facts"],
)
def test_a_planted_bug_is_told_as_a_story(
    monkeypatch: pytest.MonkeyPatch, target: object, name: str, fault: object, told: str
) -> None:
    """A broken rule is found, and the shortest way to where it shows is told in words."""
    monkeypatch.setattr(target, name, fault)
    scope = Scope(payments=1, events=2, ties=False)
    story = Explorer(scope).run(states_max=1_000, seconds_max=60).broken
    assert told in story
    assert "BROKEN: " in story
