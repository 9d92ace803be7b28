"""What every step of a payout needs: to find and move it, to book it, to tell and to show it (S21)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.ids import PayoutId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.ledger import PayoutBooks
from ticketpay.domain.messaging import AggregateType, Message
from ticketpay.domain.payouts import PAYOUT_MACHINE, Payout, PayoutEvent
from ticketpay.domain.processes.telling import message_about

if TYPE_CHECKING:
    from ticketpay.ports.system import Ids
    from ticketpay.ports.transactions import Tx

__all__ = ["books_of", "found_payout", "move_payout", "payout_message", "payout_view"]


def payout_view(payout: Payout) -> dict[str, object]:
    """A payout for its venue; amounts in cents."""
    view: dict[str, object] = {
        "id": str(payout.id),
        "venueId": str(payout.venue_id),
        "status": str(payout.state),
        "type": str(payout.speed),
        "amountCents": payout.amount.cents,
        "feeCents": payout.fee.cents,
        "netCents": payout.net.cents,
        "currency": payout.amount.currency.code,
        "arrival": payout.speed.arrival,
        "createdAt": rfc3339(payout.created_at),
    }
    if payout.failure is not None:
        view["failureCode"] = payout.failure.code
    return view


def books_of(payout: Payout) -> PayoutBooks:
    """The ledger recipes of a payout."""
    return PayoutBooks(payout_id=payout.id, venue_id=payout.venue_id, amount=payout.amount)


def move_payout(tx: Tx, payout: Payout, event: PayoutEvent, now: datetime) -> Payout:
    """Store the payout after an event, and the move; raises ``InvalidTransition`` and ``Conflict``."""
    step = PAYOUT_MACHINE.step(payout.state, event)
    return tx.payouts.move(attrs.evolve(payout, state=step.after), step, now)


def found_payout(payout: Payout | None, payout_id: PayoutId) -> Payout:
    """The payout; raises ``NotFound`` when there is none."""
    if payout is None:
        raise NotFound(f"there is no payout {payout_id}")
    return payout


def payout_message(ids: Ids, payout: Payout, kind: str, now: datetime) -> Message:
    """What others are told of a payout, amounts in cents."""
    return message_about(
        ids,
        kind,
        AggregateType.PAYOUT,
        payout.id,
        now,
        payoutId=str(payout.id),
        venueId=str(payout.venue_id),
        amountCents=payout.amount.cents,
        feeCents=payout.fee.cents,
        currency=payout.amount.currency.code,
    )
