"""Retry: what to do next with a payment that failed - pure, for the one scheduler of S37.

A *try* is a look at the provider that finds the intent open: it is confirmed again, or its buyer is
asked for another method, or there is nothing for us to do. Tries are an hour apart and at most
three; an hour after the last one it is over. An intent that is settled, or on its way, is never
confirmed: it is reconciled. A payment is *superseded* when its buyer has bought for the same event
again, or tries to: it is neither confirmed nor asked for any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments.facts import ProviderStatus
from ticketpay.domain.payments.states import PaymentEvent, PaymentState

__all__ = [
    "RETRIES_MAX",
    "RETRY_SECONDS",
    "Circumstances",
    "Retry",
    "RetryAction",
    "RetryDecision",
    "RetryFacts",
    "Superseded",
    "payable_until",
    "retry_due_at",
    "retry_step",
]

RETRIES_MAX: Final = 3
"""How often a failed payment is tried again (S37)."""

RETRY_SECONDS: Final = 3600
"""How long nothing must have changed before the next try (S37)."""


class RetryAction(StrEnum):
    """What is to be done with a failed payment."""

    WAIT = "wait"
    LOOK = "look"
    CONFIRM = "confirm"
    ASK_BUYER = "ask_buyer"
    RECONCILE = "reconcile"
    CANCEL = "cancel"
    STOP = "stop"


class Superseded(Conflict):
    """The buyer has another order for the event, so a payment that was declined is over (S37)."""

    code = "PAYMENT_SUPERSEDED"
    title = "Another order has taken the place of this payment"


_EVENT_OF: Final[Mapping[RetryAction, PaymentEvent]] = {
    RetryAction.CONFIRM: PaymentEvent.RETRY,
    RetryAction.CANCEL: PaymentEvent.CANCEL,
}

_SETTLED: Final[Mapping[ProviderStatus | None, RetryAction]] = {
    ProviderStatus.SUCCEEDED: RetryAction.RECONCILE,
    ProviderStatus.PROCESSING: RetryAction.RECONCILE,
    ProviderStatus.REQUIRES_CAPTURE: RetryAction.RECONCILE,
    ProviderStatus.CANCELED: RetryAction.CANCEL,
}


@attrs.frozen(kw_only=True)
class Retry:
    """One try, as it is kept; ``outcome`` is what the provider said then, empty until it is known."""

    payment_id: PaymentId
    number: int
    action: RetryAction
    at: datetime
    outcome: str = ""


@attrs.frozen(kw_only=True)
class Circumstances:
    """What else there is about a payment that failed: its event, and its buyer's other purchases.

    ``bought_again``: another order of the buyer for the event is under way, or was paid since this
    one began. ``tried_again``: a later one has failed as well. ``newest_at`` is when the newest of
    them was opened, None if there is none.
    """

    starts_at: datetime
    on_sale: bool
    bought_again: bool = False
    tried_again: bool = False
    newest_at: datetime | None = None

    @property
    def superseded(self) -> bool:
        """Whether the buyer's wish is another order's by now."""
        return self.bought_again or self.tried_again

    def is_over(self, now: datetime) -> bool:
        """Whether tickets of the event are sold no more."""
        return now >= self.starts_at or not self.on_sale

    def sold_at(self, now: datetime) -> datetime:
        """When this one is sold: not before any order that was there when it was (S37).

        ``now`` may be older, by a wait for locks or by another machine's clock; an order that is
        paid later must see that this one was sold since it began.
        """
        return max(now, self.newest_at or now)


@attrs.frozen(kw_only=True)
class RetryFacts:
    """All that decides on a retry.

    ``changed_at`` is the last change of the payment or of its ``retry_count``;
    ``provider_status`` is None as long as the provider was not asked; ``buyer_asked`` says whether
    the buyer was ever asked for another method; ``superseded`` and ``over`` say that nobody wants
    this order any more, and that nobody can have it.
    """

    payment_id: PaymentId
    state: PaymentState
    order_state: OrderState
    retry_count: int
    changed_at: datetime
    buyer_asked: bool = False
    provider_status: ProviderStatus | None = None
    superseded: bool = False
    over: bool = False


@attrs.frozen(kw_only=True)
class RetryDecision:
    """What to do, and the ``retry_count`` to record with its outcome (S37 D3).

    ``until`` is when to come back, None where nothing is left to come back for, or where the
    provider's fact decides; ``key`` is the idempotency key of a confirmation, else empty.
    """

    action: RetryAction
    retry_count: int
    until: datetime | None = None
    key: str = ""

    @property
    def event(self) -> PaymentEvent | None:
        """The event that moves the payment, None if none does (S37 D2)."""
        return _EVENT_OF.get(self.action)


def retry_step(facts: RetryFacts, now: datetime) -> RetryDecision:
    """The next step of the retries of one payment at ``now`` (S37, S30).

    LOOK wants the provider asked, outside of any transaction, and the step taken again with its
    answer. What the provider has settled comes before every limit. STOP wants the intent cancelled.
    """
    failed = facts.state is PaymentState.FAILED
    if not failed or facts.order_state is not OrderState.PAYMENT_FAILED:
        return _decided(facts, RetryAction.STOP)
    settled = _SETTLED.get(facts.provider_status)
    if settled is not None:
        return _decided(facts, settled)
    if facts.superseded or facts.over:
        return _decided(facts, RetryAction.STOP)
    due = retry_due_at(facts.changed_at)
    if now < due:
        return _decided(facts, RetryAction.WAIT, until=due)
    if facts.retry_count >= RETRIES_MAX:
        return _decided(facts, RetryAction.STOP)
    if facts.provider_status is None:
        return _decided(facts, RetryAction.LOOK)
    return _tried(facts, facts.provider_status, now)


def retry_due_at(changed_at: datetime) -> datetime:
    """When a payment is looked at next that failed, or was tried again, at ``changed_at`` (S37)."""
    return changed_at + timedelta(seconds=RETRY_SECONDS)


def payable_until(retry_count: int, now: datetime, starts_at: datetime) -> datetime:
    """Until when a buyer who is asked at ``now`` can pay: the end of all tries, or of the sale."""
    left = RETRIES_MAX - retry_count + 1
    return min(now + left * timedelta(seconds=RETRY_SECONDS), starts_at)


def _tried(facts: RetryFacts, status: ProviderStatus, now: datetime) -> RetryDecision:
    number = facts.retry_count + 1
    action, key = RetryAction.WAIT, ""
    if status is ProviderStatus.REQUIRES_CONFIRMATION:
        action, key = RetryAction.CONFIRM, f"retry:{facts.payment_id}:{number}"
    elif status is ProviderStatus.REQUIRES_PAYMENT_METHOD and not facts.buyer_asked:
        action = RetryAction.ASK_BUYER
    return RetryDecision(action=action, retry_count=number, until=retry_due_at(now), key=key)


def _decided(
    facts: RetryFacts, action: RetryAction, *, until: datetime | None = None
) -> RetryDecision:
    return RetryDecision(action=action, retry_count=facts.retry_count, until=until)
