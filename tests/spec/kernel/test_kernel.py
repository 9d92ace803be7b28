"""Errors, instants and the state machine that everything else stands on."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum

import attrs
import pytest

from ticketpay.domain.kernel.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    TicketpayError,
    Unavailable,
)
from ticketpay.domain.kernel.fsm import InvalidTransition, Machine
from ticketpay.domain.kernel.time import day_in, month_start, require_utc, rfc3339
from ticketpay.domain.payments import Failure, PaymentDeclined

NOON = datetime(2026, 1, 31, 12, 0, 0, 123_456, tzinfo=UTC)


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    BROKEN = "broken"


class Push(StrEnum):
    GO = "go"
    STOP = "stop"
    HIT = "hit"


LIGHT = Machine(
    name="light",
    states=Light,
    events=Push,
    initial=Light.RED,
    table={
        (Light.RED, Push.GO): Light.GREEN,
        (Light.RED, Push.STOP): Light.RED,
        (Light.GREEN, Push.STOP): Light.RED,
        (Light.GREEN, Push.HIT): Light.BROKEN,
    },
)


@pytest.mark.spec("S30")
def test_machine_answers_from_its_table() -> None:
    """A machine allows exactly the pairs of its table, and knows which of them move."""
    assert LIGHT.can(Light.RED, Push.GO)
    assert not LIGHT.can(Light.BROKEN, Push.GO)
    assert Light.GREEN is LIGHT.next(Light.RED, Push.GO)
    assert [step.moves for step in LIGHT.steps()] == [True, False, True, True]


@pytest.mark.spec("S30")
def test_machine_refuses_by_name() -> None:
    """A move that the table lacks is refused as ``Invalid transition: <from> -> <event>``."""
    with pytest.raises(InvalidTransition, match=r"^Invalid transition: broken -> go$"):
        LIGHT.step(Light.BROKEN, Push.GO)


@pytest.mark.spec("S30")
def test_final_state() -> None:
    """A state is final when no event leads out of it."""
    assert [state for state in Light if LIGHT.is_final(state)] == [Light.BROKEN]


@pytest.mark.spec("S32")
def test_path_is_the_shortest_walk() -> None:
    """The path between two states is the shortest walk; none exists out of a final state."""
    path = LIGHT.path(Light.RED, Light.BROKEN)

    assert path is not None
    assert [step.after for step in path] == [Light.GREEN, Light.BROKEN]
    assert LIGHT.path(Light.RED, Light.RED) == ()
    assert LIGHT.path(Light.BROKEN, Light.RED) is None
    strict = attrs.evolve(LIGHT, corrections=frozenset({Push.HIT}))
    assert strict.path(Light.RED, Light.BROKEN) is None
    assert strict.can(Light.GREEN, Push.HIT)


@pytest.mark.spec("S08")
@pytest.mark.parametrize(
    "error",
    [
        InvalidInput(errors=(FieldError("tickets.0.quantity", "must be 1 to 20"),)),
        Unavailable("down", retry_after_seconds=7),
        PaymentDeclined(Failure("card_declined", "insufficient_funds", "No money")),
        InvalidTransition("Invalid transition: paid -> cancel"),
    ],
)
def test_errors_survive_pickling(error: TicketpayError) -> None:
    """Every error crosses a process boundary with its class, code and details."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.spec("S08")
def test_error_has_a_stable_code() -> None:
    """An error carries the code of its class unless it is given a narrower one."""
    assert Conflict().error_code == "CONFLICT"
    assert Conflict(code="SALE_CLOSED").error_code == "SALE_CLOSED"
    assert Conflict().detail == "Conflict"


@pytest.mark.spec("S04")
def test_instants_are_utc() -> None:
    """An instant without a zone, or in another zone than UTC, is refused."""
    assert require_utc(NOON) is NOON
    for wrong in (NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=1)))):
        with pytest.raises(ValueError, match="UTC"):
            require_utc(wrong)


@pytest.mark.spec("S41")
def test_instants_travel_as_rfc3339() -> None:
    """Instants travel in UTC with milliseconds and a Z."""
    assert rfc3339(NOON) == "2026-01-31T12:00:00.123Z"


@pytest.mark.spec("S18")
def test_days_and_months_name_their_zone() -> None:
    """The day and the start of the month are those of the venue, also across daylight saving."""
    late = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)

    assert day_in(late, "America/Chicago") == date(2026, 3, 31)
    assert month_start(late, "America/Chicago") == datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
    assert month_start(late, "Europe/Berlin") == datetime(2026, 3, 31, 22, 0, tzinfo=UTC)


def test_wrong_fields_are_told_where_nothing_else_is() -> None:
    """What people read names every wrong field; a detail that somebody wrote is kept."""
    wrong = (FieldError("tickets", "must be known"), FieldError("reason", "is required"))
    assert str(InvalidInput(errors=wrong)) == "tickets: must be known; reason: is required"
    assert InvalidInput(errors=wrong).detail == "Validation failed"
    assert str(InvalidInput("row 3 is wrong", errors=wrong)) == "row 3 is wrong"
    assert str(InvalidInput()) == "Validation failed"
