"""Disputes: a buyer's bank asks for its money, and takes it before anybody has decided.

An *inquiry* only asks and moves no money. A dispute is *open* from the moment at which its funds were
withdrawn; it ends when they come back (*won*) or stay away (*lost*). Of a snapshot that says less than
is known already nothing is learned, so events may come in any order and any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.kernel.fsm import Machine
from ticketpay.domain.kernel.ids import DisputeId, PaymentId
from ticketpay.domain.money import Money
from ticketpay.domain.payments.facts import ProviderRef
from ticketpay.domain.refunds.model import Split

__all__ = ["DISPUTE_MACHINE", "Dispute", "DisputeEvent", "DisputeState", "charged_back_cents"]


class DisputeState(StrEnum):
    """Where a dispute is."""

    INQUIRY = "inquiry"
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


class DisputeEvent(StrEnum):
    """What can happen to a dispute."""

    WITHDRAW = "withdraw"
    WIN = "win"
    LOSE = "lose"
    CLOSE = "close"
    DIVIDE = "divide"


_S = DisputeState
_E = DisputeEvent

DISPUTE_MACHINE: Final = Machine(
    name="dispute",
    states=DisputeState,
    events=DisputeEvent,
    initial=_S.INQUIRY,
    table={
        (_S.INQUIRY, _E.WITHDRAW): _S.OPEN,
        (_S.INQUIRY, _E.CLOSE): _S.CLOSED,
        (_S.OPEN, _E.WITHDRAW): _S.OPEN,
        (_S.OPEN, _E.WIN): _S.WON,
        (_S.OPEN, _E.LOSE): _S.LOST,
        # The provider's fee may be told when all is over.
        (_S.WON, _E.WITHDRAW): _S.WON,
        (_S.LOST, _E.WITHDRAW): _S.LOST,
        # A refund that stood beside it has failed: whose money it was is decided anew.
        (_S.LOST, _E.DIVIDE): _S.LOST,
    },
)


@attrs.frozen(kw_only=True)
class Dispute:
    """A dispute about ``amount`` of a payment, perhaps a part of it; ``ref`` is its intent.

    ``fee_cents`` is what the provider takes for it, beside the amount and whoever wins. ``split``
    says whose money a lost one was, None for money that never became a sale; ``tickets`` are the
    numbers of those that it voids.
    """

    id: DisputeId
    payment_id: PaymentId
    ref: ProviderRef
    provider_dispute_id: str
    amount: Money
    reason: str
    state: DisputeState
    created_at: datetime
    fee_cents: int = 0
    split: Split | None = None
    tickets: tuple[int, ...] = ()
    version: int = 1

    @property
    def counts(self) -> bool:
        """Whether its money is away: withdrawn and not given back."""
        return self.state in (DisputeState.OPEN, DisputeState.LOST)


def charged_back_cents(disputes: Iterable[Dispute]) -> int:
    """What disputes have taken and not given back."""
    return sum(dispute.amount.cents for dispute in disputes if dispute.counts)
