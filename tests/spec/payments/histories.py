"""Payments, facts and the histories that a provider can produce."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs
from hypothesis import strategies as st

from ticketpay.domain.kernel.ids import EventId, OrderId, PaymentId, UserId, VenueId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    Failure,
    Payment,
    PaymentEvent,
    PaymentState,
    ProviderFact,
    ProviderRef,
    ProviderStatus,
    judge,
)
from ticketpay.domain.payments.policy import Ruling

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AMOUNT = Money(11_945, USD)
REF = ProviderRef("stripe", "", False, "pi_1")  # noqa: FBT003 - a test payment
DECLINED = Failure("card_declined", "insufficient_funds", "No money")

_FACTS = {
    "processing": ProviderStatus.PROCESSING,
    "failed": ProviderStatus.REQUIRES_PAYMENT_METHOD,
    "action": ProviderStatus.REQUIRES_ACTION,
    "authorized": ProviderStatus.REQUIRES_CAPTURE,
    "succeeded": ProviderStatus.SUCCEEDED,
    "canceled": ProviderStatus.CANCELED,
}
ENDS = {"succeeded": PaymentState.COMPLETED, "canceled": PaymentState.CANCELLED}


def payment(**changes: Any) -> Payment:
    fresh = Payment(
        id=PaymentId(UUID(int=1)),
        order_id=OrderId(UUID(int=2)),
        state=PaymentState.PENDING,
        amount=AMOUNT,
        user_id=UserId(UUID(int=3)),
        event_id=EventId(UUID(int=4)),
        venue_id=VenueId(UUID(int=5)),
        ticket_count=2,
        method_type="card",
        device_fingerprint="device",
        created_at=NOW,
        sent_at=NOW,
    )
    return attrs.evolve(fresh, **changes)


def fact(word: str, second: int = 0) -> ProviderFact:
    return ProviderFact(
        ref=REF,
        status=_FACTS[word],
        amount=AMOUNT,
        received=AMOUNT if word == "succeeded" else Money.zero(USD),
        occurred_at=NOW + timedelta(seconds=second),
        failure=DECLINED if word == "failed" else None,
        payment_id=str(payment().id),
    )


def fold(facts: Iterable[ProviderFact], start: Payment | None = None) -> Payment:
    """What ``FactDesk`` does to the payment, without its order, stock, ledger and messages."""
    held = start or payment()
    for each in facts:
        held = _applied(held, each)
    return held


def _applied(held: Payment, each: ProviderFact) -> Payment:
    verdict = judge(held, each)
    if verdict.ruling is Ruling.MOVES:
        assert verdict.event is not None
        state = PAYMENT_MACHINE.next(held.state, verdict.event)
        received = each.received.cents if verdict.event is PaymentEvent.COMPLETE else 0
        return attrs.evolve(_noted(held, each), state=state, received_cents=received)
    newer = held.last_fact_at is None or each.occurred_at > held.last_fact_at
    open_and_known = verdict.ruling is Ruling.KNOWN and not PAYMENT_MACHINE.is_final(held.state)
    if open_and_known and (held.ref is None or newer):
        return _noted(held, each)
    return held


def _noted(held: Payment, each: ProviderFact) -> Payment:
    return attrs.evolve(
        held, ref=each.ref, failure=each.failure or held.failure, last_fact_at=each.occurred_at
    )


@st.composite
def attempts(draw: st.DrawFn) -> list[str]:
    """Attempts that failed, each perhaps with a challenge and a wait before it."""
    words: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        words += draw(st.sampled_from([[], ["action"], ["processing"], ["action", "processing"]]))
        words.append("failed")
    return words


@st.composite
def finished(draw: st.DrawFn) -> list[ProviderFact]:
    """A history that ends in success or cancellation, with times that never go back."""
    words = draw(attempts())
    words += draw(st.sampled_from([[], ["action"], ["processing"], ["authorized"]]))
    words.append(draw(st.sampled_from(sorted(ENDS))))
    return _timed(words, draw(_gaps(len(words), least=0)))


@st.composite
def unfinished(draw: st.DrawFn) -> list[ProviderFact]:
    """A history that is still open, in which no two facts share a second."""
    words = [word for word in draw(attempts()) if word != "action"]
    words += draw(st.sampled_from([[], ["processing"], ["authorized"]]))
    return _timed(words, draw(_gaps(len(words), least=1)))


def _gaps(count: int, least: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(least, 3), min_size=count, max_size=count)


def _timed(words: Sequence[str], gaps: Sequence[int]) -> list[ProviderFact]:
    return [fact(word, sum(gaps[: n + 1])) for n, word in enumerate(words)]


@st.composite
def shuffled(draw: st.DrawFn, facts: list[ProviderFact]) -> list[ProviderFact]:
    """The same facts in any order, some of them twice."""
    if not facts:
        return []
    again = draw(st.lists(st.sampled_from(facts), max_size=4))
    return draw(st.permutations([*facts, *again]))
