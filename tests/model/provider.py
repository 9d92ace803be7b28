"""The provider's side: what may happen to an intent, and what can be heard of it.

Everything that an intent ever was may be heard at any time, any number of times, in any order, or
never: a webhook, the answer to a call and what the janitor reads are the same kind of fact. So a
lost answer, a crash before it is written down, a duplicate and a reordering need no state.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache
from typing import Final
from uuid import UUID

from tests.model.scope import Event, Intent, moment, when
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.money import USD, Money
from ticketpay.domain.payments import Failure, ProviderFact, ProviderRef, ProviderStatus

__all__ = [
    "AMOUNT",
    "DECLINED",
    "ENDS",
    "NO_INTENT",
    "PAYMENT",
    "REF",
    "cancelled",
    "fact_of",
    "heard",
    "is_open",
    "latest",
    "moved",
    "word_of",
]

PAYMENT: Final = PaymentId(UUID(int=1))
AMOUNT: Final = Money(11_945, USD)
REF: Final = ProviderRef("stripe", "", livemode=False, object_id="pi_1")
DECLINED: Final = Failure("card_declined", "insufficient_funds", "No money")
NO_INTENT: Final = ("", "refused")
ENDS: Final = ("succeeded", "canceled")

_STATUS: Final = {
    "action": ProviderStatus.REQUIRES_ACTION,
    "processing": ProviderStatus.PROCESSING,
    "failed": ProviderStatus.REQUIRES_PAYMENT_METHOD,
    "authorized": ProviderStatus.REQUIRES_CAPTURE,
    "succeeded": ProviderStatus.SUCCEEDED,
    "canceled": ProviderStatus.CANCELED,
}
_AFTER: Final = {
    "": ("refused", "action", "processing", "failed", "authorized", "succeeded"),
    "action": ("processing", "failed", "authorized", "succeeded", "canceled"),
    "processing": ("failed", "authorized", "succeeded"),
    "failed": ("action", "processing", "failed", "authorized", "succeeded", "canceled"),
    "authorized": ("failed", "succeeded", "canceled"),
}


def word_of(intent: Intent) -> str:
    """Where an intent is; empty when the charge has not arrived."""
    return intent[-1].word if intent else ""


def is_open(intent: Intent) -> bool:
    """Whether an intent may still take money."""
    return word_of(intent) in ("action", "processing", "failed", "authorized")


def moved(intent: Intent, phase: int, *, ties: bool) -> Iterator[Intent]:
    """What may become of an intent next; with ``ties`` also within the second of its last event."""
    at = moment(phase, 2 * len(intent))
    for word in _AFTER.get(word_of(intent), ()):
        yield (*intent, Event(word, at))
        if ties and intent and moment(phase, 0) <= intent[-1].at:
            yield (*intent, Event(word, intent[-1].at))


def cancelled(intent: Intent, phase: int) -> Intent:
    """The intent after a request to cancel it; what cannot be cancelled stays as it is."""
    if "canceled" not in _AFTER.get(word_of(intent), ()):
        return intent
    return (*intent, Event("canceled", moment(phase, 2 * len(intent))))


@cache
def heard(intent: Intent, phase: int) -> tuple[Event, ...]:
    """Every fact that can be heard: each event, and each reading between two of them."""
    if word_of(intent) in NO_INTENT:
        return ()
    readings = [
        Event(event.word, event.at + 1)
        for event, follower in itertools.pairwise(intent)
        if follower.at > event.at + 1
    ]
    last = intent[-1]
    if len(intent) > 1 and last.word in ENDS:
        # An answer may carry a later stamp than the end that it did not see.
        readings.append(Event(intent[-2].word, last.at + 1))
    readings += [Event(last.word, last.at + 1), latest(intent, phase)]
    return tuple(sorted({*intent, *readings}, key=lambda event: event.at))


@cache
def latest(intent: Intent, phase: int) -> Event:
    """The intent as it is read now."""
    last = intent[-1]
    return Event(last.word, max(last.at, moment(phase, 2 * len(intent) - 2)) + 1)


@cache
def fact_of(event: Event) -> ProviderFact:
    """The fact as production hears it."""
    word = event.word
    return ProviderFact(
        ref=REF,
        status=_STATUS[word],
        amount=AMOUNT,
        received=AMOUNT if word == "succeeded" else Money.zero(USD),
        occurred_at=when(event.at),
        failure=DECLINED if word == "failed" else None,
        payment_id=str(PAYMENT),
    )
