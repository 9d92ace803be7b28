"""The subscription state machine (S19), driven by what the provider says of its invoices.

It is pending until its first period is paid. A repeated fact is written down and moves nothing. A cancelled subscription stays so: whoever comes
back subscribes anew.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ticketpay.domain.kernel.fsm import Machine

__all__ = ["SUBSCRIPTION_MACHINE", "SubscriptionEvent", "SubscriptionState"]


class SubscriptionState(StrEnum):
    """Where a subscription is."""

    PENDING = "pending"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    CANCELLED = "cancelled"


class SubscriptionEvent(StrEnum):
    """What can happen to it: the first period is paid, another one is, or is not, or there is none."""

    START = "start"
    RENEW = "renew"
    FAIL = "fail"
    CANCEL = "cancel"


_S = SubscriptionState
_E = SubscriptionEvent

SUBSCRIPTION_MACHINE: Final = Machine(
    name="subscription",
    states=SubscriptionState,
    events=SubscriptionEvent,
    initial=_S.PENDING,
    table={
        (_S.PENDING, _E.START): _S.ACTIVE,
        (_S.PENDING, _E.FAIL): _S.PAST_DUE,
        (_S.PENDING, _E.CANCEL): _S.CANCELLED,
        (_S.ACTIVE, _E.RENEW): _S.ACTIVE,
        (_S.ACTIVE, _E.FAIL): _S.PAST_DUE,
        (_S.ACTIVE, _E.CANCEL): _S.CANCELLED,
        (_S.PAST_DUE, _E.RENEW): _S.ACTIVE,
        (_S.PAST_DUE, _E.FAIL): _S.PAST_DUE,
        (_S.PAST_DUE, _E.CANCEL): _S.CANCELLED,
        (_S.CANCELLED, _E.CANCEL): _S.CANCELLED,
    },
)
