"""The deadlines of unfinished payments (S38 D1-D6, S39 D2, K44)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from ticketpay.domain.payments.model import Payment
from ticketpay.domain.payments.retry import retry_due_at
from ticketpay.domain.payments.states import PaymentState

__all__ = [
    "ASK_AGAIN_SECONDS",
    "DISPUTE_LOOK_SECONDS",
    "HOLD_SECONDS",
    "KEY_SECONDS_MAX",
    "PROCESSING_SECONDS_MAX",
    "ends_at",
    "first_look_at",
    "held_until",
    "may_expire",
    "may_give_up",
    "next_look_at",
]

ASK_AGAIN_SECONDS: Final = 60
"""An unanswered charge is asked at the provider after this long: twice the provider time-out."""

PROCESSING_LOOK_SECONDS: Final = 10 * 60
"""A payment in processing is asked again at this cadence (S38)."""

HOLD_SECONDS: Final[Mapping[str, int]] = {"card": 15 * 60, "ach": 7 * 24 * 3600}
"""How long stock is held for an unpaid order, by payment method (K44)."""

PROCESSING_SECONDS_MAX: Final[Mapping[str, int]] = {"card": 24 * 3600, "ach": 7 * 24 * 3600}
"""How long a payment may stay in processing before it is cancelled (S39 D2)."""

DISPUTE_LOOK_SECONDS: Final = 24 * 3600
"""How often a bank is asked about a dispute that is not decided: its end may be told and not heard."""

KEY_SECONDS_MAX: Final = 23 * 3600
"""A charge key older than this is never sent again (design 2)."""


def first_look_at(now: datetime) -> datetime:
    """When the janitor looks first at a payment whose charge was sent at ``now``."""
    return now + timedelta(seconds=ASK_AGAIN_SECONDS)


def next_look_at(payment: Payment, expires_at: datetime, now: datetime) -> datetime:
    """When to look again at an unfinished payment of an order that expires at ``expires_at``.

    One that failed is looked at when its next try is due (S37).
    """
    if payment.ref is None:
        return now + timedelta(seconds=ASK_AGAIN_SECONDS)
    if payment.state in (PaymentState.PROCESSING, PaymentState.AUTHORIZED):
        return now + timedelta(seconds=PROCESSING_LOOK_SECONDS)
    due = expires_at
    if payment.state is PaymentState.FAILED:
        due = retry_due_at(payment.last_try_at or payment.created_at)
    return max(due, now + timedelta(seconds=ASK_AGAIN_SECONDS))


def held_until(payment: Payment, now: datetime) -> datetime:
    """Until when tickets are held again for the buyer of a failed payment who pays it at ``now``.

    As long as those of a new order by card, also when a try is due meanwhile: it waits for the end
    of the hold. But once, however often the buyer comes back: a hold that begins after the try was
    due ends no later than one that had begun just before.
    """
    hold = timedelta(seconds=HOLD_SECONDS["card"])
    last = retry_due_at(payment.last_try_at or payment.created_at) + hold
    return max(min(now + hold, last), now + timedelta(seconds=ASK_AGAIN_SECONDS))


def may_expire(payment: Payment, expires_at: datetime, now: datetime) -> bool:
    """Whether an unpaid order may be given up now: the hold is over and nothing is under way.

    One whose intent has failed may not: its tries say when it is over (``retry_step``).
    """
    if payment.state is PaymentState.PROCESSING:
        limit = PROCESSING_SECONDS_MAX.get(payment.method_type, PROCESSING_SECONDS_MAX["card"])
        return now >= payment.created_at + timedelta(seconds=limit)
    if payment.state is PaymentState.AUTHORIZED:
        return False
    if payment.state is PaymentState.FAILED and payment.ref is not None:
        return False
    return now >= expires_at


def ends_at(payment: Payment, expires_at: datetime) -> datetime:
    """From when on the end of an unpaid order is an expiry, not a cancellation (S32, S39).

    An order whose payment failed outlives its hold: it holds nothing, and waits for the next try.
    """
    if payment.ref is None or payment.last_try_at is None:
        return expires_at
    return retry_due_at(payment.last_try_at)


def may_give_up(expires_at: datetime, asked_at: datetime) -> bool:
    """Whether a charge that the provider did not know at ``asked_at`` will never come.

    The last moment at which a charge is sent is ``expires_at``; twice the provider's time-out
    later it has arrived or is lost.
    """
    return asked_at >= expires_at + timedelta(seconds=ASK_AGAIN_SECONDS)
