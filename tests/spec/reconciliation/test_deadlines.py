"""When to ask the provider again and when to give a sale up (S38, S39)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.payments.histories import NOW, REF, payment
from ticketpay.domain.payments import Payment, PaymentState, ProviderRef
from ticketpay.domain.reconciliation import (
    HOLD_SECONDS,
    KEY_SECONDS_MAX,
    PROCESSING_SECONDS_MAX,
    ends_at,
    first_look_at,
    held_until,
    may_expire,
    next_look_at,
)

EXPIRES = NOW + timedelta(minutes=15)
MINUTE = timedelta(minutes=1)
OPEN = [s for s in PaymentState if s not in (PaymentState.COMPLETED, PaymentState.CANCELLED)]


@pytest.mark.spec("S38")
def test_an_unanswered_charge_is_asked_after_a_minute() -> None:
    """A charge without an answer is asked at the provider after 60 seconds, and every 60 again."""
    assert first_look_at(NOW) == NOW + MINUTE
    assert next_look_at(payment(), EXPIRES, NOW) == NOW + MINUTE


@pytest.mark.spec("S38", "S38 D6")
@pytest.mark.parametrize("state", [PaymentState.PROCESSING, PaymentState.AUTHORIZED])
def test_processing_is_asked_every_ten_minutes(state: PaymentState) -> None:
    """A payment that is under way is asked every 10 minutes."""
    asked = next_look_at(payment(state=state, ref=REF), EXPIRES, NOW)

    assert asked == NOW + timedelta(minutes=10)


@pytest.mark.spec("S39")
def test_a_waiting_order_is_looked_at_when_it_expires() -> None:
    """An order that waits for its buyer is looked at when its hold ends, and each minute after."""
    waiting = payment(ref=REF)

    assert next_look_at(waiting, EXPIRES, NOW) == EXPIRES
    assert next_look_at(waiting, EXPIRES, EXPIRES) == EXPIRES + MINUTE


@pytest.mark.spec("S37", "S39 D7")
@pytest.mark.parametrize("method", ["card", "ach"])
@given(age=st.integers(-60, 10**6), late=st.integers(0, 10**6))
def test_what_failed_is_looked_at_an_hour_after_its_last_try(
    method: str, age: int, late: int
) -> None:
    """A payment that failed is looked at an hour after it was tried last, whatever it was to be
    paid by and however long its hold was; from then on each minute."""
    tried = NOW + timedelta(seconds=age)
    failed = payment(state=PaymentState.FAILED, ref=REF, method_type=method, last_try_at=tried)
    due, now = tried + timedelta(hours=1), tried + timedelta(seconds=late)

    assert next_look_at(failed, EXPIRES, now) == max(due, now + MINUTE)
    assert next_look_at(failed, EXPIRES, tried) == due


@pytest.mark.spec("S37", "S39")
@given(st.integers(0, 10**6))
def test_what_failed_does_not_end_with_its_hold(second: int) -> None:
    """Only its tries end a payment that failed; one that the provider never took ends with its hold."""
    now = EXPIRES + timedelta(seconds=second)

    assert not may_expire(payment(state=PaymentState.FAILED, ref=REF), EXPIRES, now)
    assert may_expire(payment(state=PaymentState.FAILED), EXPIRES, now)


@pytest.mark.spec("S32", "S39")
def test_when_an_end_is_an_expiry() -> None:
    """The end of an order is an expiry when its hold is over, or an hour after the last try."""
    tried = NOW + timedelta(hours=5)

    assert ends_at(payment(ref=REF), EXPIRES) == EXPIRES
    assert ends_at(payment(last_try_at=tried), EXPIRES) == EXPIRES
    assert ends_at(payment(ref=REF, last_try_at=tried), EXPIRES) == tried + timedelta(hours=1)


@pytest.mark.spec("S38 D5", "S39 D7")
@given(st.sampled_from(OPEN), st.sampled_from([None, REF]), st.integers(-(10**6), 10**6))
def test_the_next_look_is_always_ahead(
    state: PaymentState, ref: ProviderRef | None, second: int
) -> None:
    """The next look is at least a minute away, so no payment is asked in a busy loop."""
    now = NOW + timedelta(seconds=second)

    assert next_look_at(payment(state=state, ref=ref), EXPIRES, now) >= now + MINUTE


@pytest.mark.spec("S39", "S39 D2")
@pytest.mark.parametrize(
    ("held", "seconds", "expires"),
    [
        (payment(), 15 * 60 - 1, False),
        (payment(), 15 * 60, True),
        (payment(state=PaymentState.FAILED), 15 * 60, True),
        (payment(state=PaymentState.AUTHORIZED), 365 * 24 * 3600, False),
        (payment(state=PaymentState.PROCESSING), 24 * 3600 - 1, False),
        (payment(state=PaymentState.PROCESSING), 24 * 3600, True),
        (payment(state=PaymentState.PROCESSING, method_type="ach"), 24 * 3600, False),
        (payment(state=PaymentState.PROCESSING, method_type="ach"), 7 * 24 * 3600, True),
        (payment(state=PaymentState.PROCESSING, method_type="other"), 24 * 3600, True),
    ],
)
def test_what_may_expire(held: Payment, seconds: int, expires: bool) -> None:  # noqa: FBT001 - a column of the table
    """An idle order expires with its hold; processing waits 24 h (card) or 7 days (bank)."""
    assert may_expire(held, EXPIRES, NOW + timedelta(seconds=seconds)) is expires


@pytest.mark.spec("S39", "S15")
def test_limits() -> None:
    """Cards hold stock for 15 minutes, bank debits for 7 days; a key is sent for 23 hours."""
    assert HOLD_SECONDS == {"card": 900, "ach": 604_800}
    assert PROCESSING_SECONDS_MAX == {"card": 86_400, "ach": 604_800}
    assert KEY_SECONDS_MAX == 82_800


@pytest.mark.spec("S37", "S14")
@pytest.mark.parametrize(
    ("minutes", "until"), [(0, 15), (50, 65), (59, 74), (60, 75), (70, 75), (74, 75), (80, 81)]
)
@pytest.mark.parametrize("method", ["card", "ach"])
def test_a_hold_for_what_failed_ends_after_15_minutes(
    minutes: int, until: int, method: str
) -> None:
    """A hold runs through the time of the try, once; who comes back later is held no longer."""
    failed = payment(state=PaymentState.FAILED, ref=REF, method_type=method, last_try_at=NOW)

    assert held_until(failed, NOW + minutes * MINUTE) == NOW + until * MINUTE
