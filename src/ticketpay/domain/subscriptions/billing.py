"""What the provider says about a subscription, and what that means for ours (S19, S27).

A fact is the whole of what was true there when it was asked for, never a difference. Whoever asks
has read our version before and applies the answer to that version only, so the newest one counts
without a comparison of clocks; whatever else was heard is only a reason to ask again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.money import Money
from ticketpay.domain.payments import Failure
from ticketpay.domain.subscriptions.model import PlanWish, Subscription, WishState
from ticketpay.domain.subscriptions.states import SubscriptionEvent, SubscriptionState

__all__ = [
    "NEVER_SENT",
    "WISH_OVER",
    "BillingFact",
    "BillingStatus",
    "PaidInvoice",
    "after_fact",
    "billing_event",
]


class BillingStatus(StrEnum):
    """Where a subscription is at the provider; incomplete ones wait for the card's bank."""

    INCOMPLETE = "incomplete"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    ENDED = "ended"


@attrs.frozen(kw_only=True)
class PaidInvoice:
    """One period of a plan that a venue has paid for, by the provider's id of the invoice."""

    id: str
    plan_id: str
    amount: Money
    paid_at: datetime


@attrs.frozen(kw_only=True)
class BillingFact:
    """A subscription as it is at the provider.

    ``paid`` says whether the running period is paid, ``invoices`` are all that the venue ever paid,
    of this subscription or of one before it. ``client_secret`` is never stored.
    """

    provider_id: str
    customer_id: str
    status: BillingStatus
    plan_id: str
    period_end: datetime
    cancels_at: datetime | None
    paid: bool
    invoices: tuple[PaidInvoice, ...] = ()
    client_secret: str = attrs.field(default="", repr=False)


WISH_OVER: Final = timedelta(hours=25)
"""So long after a wish no request under its keys can take effect any more."""

NEVER_SENT: Final = Failure("never_sent", message="The provider never heard of it")
"""Why a wish came to nothing whose request can take effect no more."""

_ENDED: Final = Failure("subscription_ended", message="The subscription has ended")


def billing_event(held: Subscription, fact: BillingFact) -> SubscriptionEvent | None:
    """What has happened to ours if the fact is true; None where it changes no state (S27).

    A cancelled one never comes back; one that is paid for another period is renewed. A plan that
    nobody bills goes on when what was to replace it has ended.
    """
    state, events = held.state, SubscriptionEvent
    if state is SubscriptionState.CANCELLED or fact.status is BillingStatus.INCOMPLETE:
        return None
    if fact.status is BillingStatus.ENDED:
        return None if held.is_given else events.CANCEL
    if fact.status is BillingStatus.PAST_DUE:
        return None if state is SubscriptionState.PAST_DUE else events.FAIL
    if state is SubscriptionState.PENDING:
        return events.START
    longer = fact.paid and fact.period_end > held.current_period_end and not held.is_given
    return events.RENEW if longer or state is SubscriptionState.PAST_DUE else None


def after_fact(held: Subscription, fact: BillingFact, number: int = 0) -> Subscription:
    """Ours with what the fact tells beside its state; wish ``number`` is decided by it, if any.

    The end of a period that is not paid is not written down: it is no renewal yet. A plan that
    nobody bills is replaced once the other one is active, never by one that waits for the bank.
    """
    wish = _after_wish(held, fact, number)
    if held.is_given and fact.status in (BillingStatus.INCOMPLETE, BillingStatus.ENDED):
        waits = wish is not None and wish.state is WishState.WAITING
        known = fact.provider_id if waits else ""
        return attrs.evolve(held, provider_id=known, customer_id=fact.customer_id, wish=wish)
    unpaid = fact.status is BillingStatus.ACTIVE and not fact.paid
    return attrs.evolve(
        held,
        provider_id=fact.provider_id,
        customer_id=fact.customer_id,
        plan_id=fact.plan_id,
        current_period_end=held.current_period_end if unpaid else fact.period_end,
        cancels_at=fact.cancels_at,
        wish=wish,
    )


def _after_wish(held: Subscription, fact: BillingFact, number: int) -> PlanWish | None:
    wish = held.pending_wish
    if wish is None or wish.number != number:
        return held.wish
    if fact.status is BillingStatus.INCOMPLETE:
        starts = held.is_given or held.state is SubscriptionState.PENDING
        return attrs.evolve(wish, state=WishState.WAITING) if starts else wish
    if wish.ends:
        ends = fact.status is BillingStatus.ENDED or fact.cancels_at is not None
        return wish.decided(None if ends else NEVER_SENT)
    return wish.decided(_ENDED if fact.status is BillingStatus.ENDED else None)
