"""Failed payments are tried again: at most three times, an hour apart, never behind money (S37)."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.spec.payments.histories import NOW, payment
from tests.spec.shapes import by_name, words
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    Circumstances,
    PaymentEvent,
    PaymentState,
    ProviderStatus,
    Retry,
    RetryAction,
    RetryDecision,
    RetryFacts,
    Superseded,
    payable_until,
    retry_step,
)
from ticketpay.domain.payments.retry import RETRIES_MAX, RETRY_SECONDS

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
ID = payment().id
STATUSES = st.sampled_from(ProviderStatus)
MAYBE_STATUSES = st.none() | STATUSES
COUNTS = st.integers(0, 5)
AGES = st.integers(-7_200, 7_200).map(lambda second: timedelta(seconds=second))
UNSETTLED = [
    ProviderStatus.REQUIRES_PAYMENT_METHOD,
    ProviderStatus.REQUIRES_CONFIRMATION,
    ProviderStatus.REQUIRES_ACTION,
    ProviderStatus.UNKNOWN,
]
UNDER_WAY = [
    ProviderStatus.SUCCEEDED,
    ProviderStatus.PROCESSING,
    ProviderStatus.REQUIRES_CAPTURE,
]


def facts(**changes: Any) -> RetryFacts:
    """A payment that failed an hour ago, and whose provider was not asked."""
    failed = RetryFacts(
        payment_id=ID,
        state=PaymentState.FAILED,
        order_state=OrderState.PAYMENT_FAILED,
        retry_count=0,
        changed_at=NOW - HOUR,
    )
    return attrs.evolve(failed, **changes)


FAILED = st.builds(
    facts,
    retry_count=COUNTS,
    changed_at=AGES.map(lambda age: NOW - age),
    buyer_asked=st.booleans(),
    provider_status=MAYBE_STATUSES,
)
ANYWHERE = st.builds(
    lambda some, state, order: attrs.evolve(some, state=state, order_state=order),
    FAILED,
    st.sampled_from(PaymentState),
    st.sampled_from(OrderState),
)


@pytest.mark.spec("S37", "S37 D2")
@pytest.mark.parametrize(
    ("status", "asked", "action", "event"),
    [
        (None, False, "look", None),
        ("requires_confirmation", False, "confirm", "retry"),
        ("requires_confirmation", True, "confirm", "retry"),
        ("requires_payment_method", False, "ask_buyer", None),
        ("requires_payment_method", True, "wait", None),
        ("requires_action", False, "wait", None),
        ("unknown", False, "wait", None),
        ("succeeded", False, "reconcile", None),
        ("processing", False, "reconcile", None),
        ("requires_capture", False, "reconcile", None),
        ("canceled", False, "cancel", "cancel"),
    ],
)
def test_what_is_due_is_decided_by_the_provider(
    status: str | None,
    asked: bool,  # noqa: FBT001 - a column of the table
    action: str,
    event: str | None,
) -> None:
    """Each status of the provider has its answer; nothing is done before the provider is asked."""
    known = None if status is None else ProviderStatus(status)
    step = retry_step(facts(provider_status=known, buyer_asked=asked), NOW)

    assert (step.action, step.event) == (action, event)


@pytest.mark.spec("S37 D1")
@given(FAILED | ANYWHERE)
def test_money_is_never_confirmed_again(some: RetryFacts) -> None:
    """Only an intent that waits for its confirmation is confirmed, and never one that succeeded."""
    if retry_step(some, NOW).action is RetryAction.CONFIRM:
        assert some.provider_status is ProviderStatus.REQUIRES_CONFIRMATION


@pytest.mark.spec("S37", "S37 D1")
@given(FAILED, st.sampled_from(UNDER_WAY))
def test_what_the_provider_settled_is_reconciled(some: RetryFacts, status: ProviderStatus) -> None:
    """Money that came, or is on its way, is reconciled: the limits of tries and time do not count."""
    step = retry_step(attrs.evolve(some, provider_status=status), NOW)

    assert step == RetryDecision(action=RetryAction.RECONCILE, retry_count=some.retry_count)
    assert step.event is None


@pytest.mark.spec("S37")
@given(FAILED)
def test_a_cancelled_intent_cancels_its_payment(some: RetryFacts) -> None:
    """An intent that the provider cancelled cancels its payment and is tried no more."""
    step = retry_step(attrs.evolve(some, provider_status=ProviderStatus.CANCELED), NOW)

    assert step == RetryDecision(action=RetryAction.CANCEL, retry_count=some.retry_count)
    assert step.event is PaymentEvent.CANCEL


@pytest.mark.spec("S37")
@given(ANYWHERE)
def test_only_a_failed_payment_of_a_failed_order_is_tried(some: RetryFacts) -> None:
    """It stops as soon as the payment has left failed or the order payment_failed, whoever moved it."""
    waits = some.state is PaymentState.FAILED and some.order_state is OrderState.PAYMENT_FAILED
    if not waits:
        stop = RetryDecision(action=RetryAction.STOP, retry_count=some.retry_count)
        assert retry_step(some, NOW) == stop


@pytest.mark.spec("S37")
@given(FAILED, st.none() | st.sampled_from(UNSETTLED))
def test_three_tries_are_the_end(some: RetryFacts, status: ProviderStatus | None) -> None:
    """An hour after three tries it is over: nobody is asked and nothing confirmed any more; before,
    it never ends."""
    step = retry_step(attrs.evolve(some, provider_status=status), NOW)
    over = some.retry_count >= 3 and NOW - some.changed_at >= HOUR

    assert (step.action is RetryAction.STOP) == over
    if some.retry_count >= 3 and not over:
        assert (step.action, step.until) == (RetryAction.WAIT, some.changed_at + HOUR)


@pytest.mark.spec("S37")
def test_the_third_try_is_the_last() -> None:
    """An hour after two tries there is a third; an hour after the third it is over."""
    assert retry_step(facts(retry_count=2), NOW).action is RetryAction.LOOK
    assert retry_step(facts(retry_count=3), NOW).action is RetryAction.STOP
    assert retry_step(facts(retry_count=3), NOW - INSTANT).action is RetryAction.WAIT


@pytest.mark.spec("S37")
def test_a_sale_is_over_when_its_event_begins() -> None:
    """At the very start nobody can pay any more, and an instant before everybody can."""
    around = Circumstances(starts_at=NOW, on_sale=True)

    assert around.is_over(NOW)
    assert not around.is_over(NOW - INSTANT)


@pytest.mark.spec("S37")
@given(FAILED, st.none() | st.sampled_from(UNSETTLED), st.sampled_from(["superseded", "over"]))
def test_what_nobody_wants_any_more_is_stopped_at_once(
    some: RetryFacts, status: ProviderStatus | None, why: str
) -> None:
    """Whose buyer has bought again, or whose event has begun, is not waited for: it stops."""
    stopped: dict[str, Any] = {why: True, "provider_status": status}
    step = retry_step(attrs.evolve(some, **stopped), NOW)

    assert step == RetryDecision(action=RetryAction.STOP, retry_count=some.retry_count)


@pytest.mark.spec("S37")
@given(ANYWHERE, st.booleans())
def test_nobody_is_charged_for_two_orders(some: RetryFacts, over: bool) -> None:  # noqa: FBT001 - drawn
    """A superseded payment is never confirmed and its buyer never asked, whatever the provider says."""
    step = retry_step(attrs.evolve(some, superseded=True, over=over), NOW)

    assert step.action not in (RetryAction.CONFIRM, RetryAction.ASK_BUYER, RetryAction.LOOK)
    assert step.key == ""


@pytest.mark.spec("S37")
@given(st.booleans(), st.booleans(), st.booleans(), st.integers(-5, 5))
def test_circumstances(bought: bool, tried: bool, on_sale: bool, second: int) -> None:  # noqa: FBT001 - drawn
    """Either purchase supersedes; a sale is over when its event begins, or is off sale."""
    starts_at = NOW + timedelta(seconds=second)
    around = Circumstances(
        starts_at=starts_at, on_sale=on_sale, bought_again=bought, tried_again=tried
    )

    assert around.superseded == (bought or tried)
    assert around.is_over(NOW) == (second <= 0 or not on_sale)


@pytest.mark.spec("S37")
@pytest.mark.parametrize(("newest", "sold"), [(None, 0), (-1, 0), (0, 0), (1, 1)])
def test_what_had_failed_is_sold_after_all_that_was_there(newest: int | None, sold: int) -> None:
    """An order that was opened before this one was sold is not newer than that, whoever waited."""
    at = None if newest is None else NOW + newest * INSTANT
    around = Circumstances(starts_at=NOW, on_sale=True, newest_at=at)

    assert around.sold_at(NOW) == NOW + sold * INSTANT


@pytest.mark.spec("S37")
@pytest.mark.parametrize(("count", "hours"), [(1, 3), (2, 2), (3, 1)])
def test_until_when_a_buyer_can_pay(count: int, hours: int) -> None:
    """Asked at the nth try a buyer has the tries that are left and an hour; never beyond the start."""
    soon, late = NOW + timedelta(minutes=5), NOW + timedelta(days=5)

    assert payable_until(count, NOW, late) == NOW + hours * HOUR
    assert payable_until(count, NOW, soon) == soon


@pytest.mark.spec("S37")
@given(st.integers(0, 2), st.none() | st.sampled_from(UNSETTLED), AGES)
def test_tries_are_an_hour_apart(count: int, status: ProviderStatus | None, age: timedelta) -> None:
    """Until an hour after the last change it waits, spends no try, and says until when."""
    changed = NOW - age
    step = retry_step(facts(retry_count=count, provider_status=status, changed_at=changed), NOW)
    early = RetryDecision(action=RetryAction.WAIT, retry_count=count, until=changed + HOUR)

    assert (step == early) == (age < HOUR)


@pytest.mark.spec("S37")
def test_the_hour_is_whole() -> None:
    """A microsecond before the hour is early; whoever comes when told is not told to wait again."""
    soon = facts(changed_at=NOW - HOUR + INSTANT)

    assert retry_step(soon, NOW).action is RetryAction.WAIT
    assert retry_step(facts(changed_at=NOW - HOUR), NOW).action is RetryAction.LOOK
    early = retry_step(facts(changed_at=NOW), NOW)
    assert early.until is not None
    assert retry_step(facts(changed_at=NOW), early.until).action is RetryAction.LOOK


@pytest.mark.spec("S37", "S37 D3")
@given(st.integers(0, 2), st.sampled_from(UNSETTLED), st.booleans())
def test_a_try_is_recorded_with_its_outcome(
    count: int,
    status: ProviderStatus,
    asked: bool,  # noqa: FBT001 - drawn
) -> None:
    """Each look that finds an open intent spends one try, and the next is an hour from now."""
    step = retry_step(
        facts(
            retry_count=count, provider_status=status, buyer_asked=asked, changed_at=NOW - 2 * HOUR
        ),
        NOW,
    )

    assert (step.retry_count, step.until) == (count + 1, NOW + HOUR)


@pytest.mark.spec("S37")
def test_to_look_spends_no_try() -> None:
    """To ask the provider costs nothing: only its answer is a try."""
    assert retry_step(facts(retry_count=2), NOW) == RetryDecision(
        action=RetryAction.LOOK, retry_count=2
    )


@pytest.mark.spec("S37")
@pytest.mark.parametrize("count", [0, 1, 2])
def test_each_confirmation_has_its_key(count: int) -> None:
    """The nth try is confirmed under ``retry:{payment}:{n}``; nothing else has a key."""
    confirm = facts(retry_count=count, provider_status=ProviderStatus.REQUIRES_CONFIRMATION)
    ask = attrs.evolve(confirm, provider_status=ProviderStatus.REQUIRES_PAYMENT_METHOD)

    assert retry_step(confirm, NOW).key == f"retry:{ID}:{count + 1}"
    assert retry_step(ask, NOW).key == ""


@pytest.mark.spec("S37")
@given(FAILED, AGES)
def test_a_lost_confirmation_is_repeated_under_its_key(some: RetryFacts, later: timedelta) -> None:
    """A try whose record was lost is made again under the same key: it confirms nothing twice."""
    step, again = retry_step(some, NOW), retry_step(some, NOW + later)

    assert (step.key != "") == (step.action is RetryAction.CONFIRM)
    if step.key and again.key:
        assert (again.key, again.retry_count) == (step.key, step.retry_count)


@pytest.mark.spec("S37 D2", "S30")
@given(FAILED | ANYWHERE)
def test_a_step_moves_by_the_machine(some: RetryFacts) -> None:
    """What a step does to the payment is a legal move of its machine, and it moves."""
    step = retry_step(some, NOW)

    if step.event is not None:
        assert PAYMENT_MACHINE.step(some.state, step.event).moves


@pytest.mark.spec("S37", "S37 D5")
@given(st.lists(st.tuples(st.integers(1, 5_000), STATUSES), min_size=1, max_size=30))
def test_no_history_tries_more_than_thrice(visits: list[tuple[int, ProviderStatus]]) -> None:
    """However often and whenever it runs: three tries an hour apart, each key and the plea once."""
    held, now, tries, steps = facts(), NOW, [NOW - HOUR], []
    for second, status in visits:
        now += timedelta(seconds=second)
        step = retry_step(held, now)
        if step.action is RetryAction.LOOK:
            step = retry_step(attrs.evolve(held, provider_status=status), now)
        steps.append(step)
        if step.action in (RetryAction.STOP, RetryAction.RECONCILE, RetryAction.CANCEL):
            break
        if step.retry_count > held.retry_count:
            tries.append(now)
            asked = held.buyer_asked or step.action is RetryAction.ASK_BUYER
            held = facts(retry_count=step.retry_count, changed_at=now, buyer_asked=asked)

    assert len(tries) <= 1 + 3
    assert all(late - soon >= HOUR for soon, late in itertools.pairwise(tries))
    assert [step.action for step in steps].count(RetryAction.ASK_BUYER) <= 1
    keys = [step.key for step in steps if step.key]
    assert len(keys) == len(set(keys))


@pytest.mark.spec("S37")
def test_the_words_and_figures_of_a_retry() -> None:
    """Each action has its word; three tries, 3,600 seconds; no two facts can be swapped."""
    assert words(RetryAction) == "wait look confirm ask_buyer reconcile cancel stop"
    assert (RETRIES_MAX, RETRY_SECONDS) == (3, 3_600)
    assert all(map(by_name, (RetryFacts, RetryDecision, Retry, Circumstances)))
    assert (Superseded.code, Superseded.title) == (
        "PAYMENT_SUPERSEDED",
        "Another order has taken the place of this payment",
    )
    assert (facts().buyer_asked, facts().provider_status) == (False, None)
    assert (facts().superseded, facts().over) == (False, False)
    retry = Retry(payment_id=ID, number=1, action=RetryAction.WAIT, at=NOW)
    assert retry.outcome == ""
    assert not Circumstances(starts_at=NOW, on_sale=True).superseded
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        facts().retry_count = 0  # type: ignore[misc] # that is what is refused
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        retry.outcome = "known"  # type: ignore[misc] # that is what is refused
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        retry_step(facts(), NOW).key = "retry"  # type: ignore[misc] # that is what is refused
