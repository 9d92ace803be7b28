"""Who wants what about a refund, whether they may, and what the audit trail keeps of it (S24)."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.ids import PaymentId, RefundId
from ticketpay.domain.messaging import KeyScope
from ticketpay.domain.money import Currency
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import Payment
from ticketpay.domain.refunds import RefundReason

if TYPE_CHECKING:
    from ticketpay.domain.processes.refund_desk import RefundDesk

__all__ = ["Decision", "RefundRequest", "entry_of", "is_buyer", "may_see_payment"]


@attrs.frozen(kw_only=True)
class RefundRequest:
    """Who wants what back: tickets by number, or an amount in cents, or with neither the rest.

    ``currency`` is only ever compared with the payment's.
    ``override`` is an admin's reason for refunding after the window; ``entry`` is the audit entry of
    an operator, who acts under the name that it says.
    """

    actor: Actor
    key: KeyScope
    request_hash: str
    payment_id: PaymentId
    amount_cents: int | None = None
    currency: Currency | None = None
    tickets: tuple[int, ...] | None = None
    reason: RefundReason = RefundReason.REQUESTED_BY_CUSTOMER
    override: str = ""
    request_id: str = ""
    entry: AuditEntry | None = None


@attrs.frozen(kw_only=True)
class Decision:
    """Who agrees to a refund that waits for it, or does not."""

    actor: Actor
    key: KeyScope
    request_hash: str
    refund_id: RefundId
    approve: bool
    request_id: str = ""
    entry: AuditEntry | None = None


def may_see_payment(actor: Actor, payment: Payment) -> bool:
    """Whether it is theirs, of a venue that they manage, or they are staff."""
    if actor.role is Role.VENUE_MANAGER:
        return actor.manages(payment.venue_id)
    return actor.is_staff or actor.user_id == payment.user_id


def is_buyer(actor: Actor, payment: Payment) -> bool:
    """Whoever bought it is its buyer, whatever else they are."""
    return actor.role is Role.CUSTOMER or actor.user_id == payment.user_id


def entry_of(
    desk: RefundDesk,
    action: str,
    command: RefundRequest | Decision,
    refund_id: RefundId,
    now: datetime,
) -> AuditEntry:
    """What the audit trail keeps: who acted in which role, or as which operator, and why."""
    if command.entry is not None:
        return attrs.evolve(command.entry, at=now, subject_id=str(refund_id))
    return AuditEntry(
        id=desk.ids.new(),
        at=now,
        actor_kind=ActorKind.USER,
        actor_id=str(command.actor.user_id),
        action=action,
        subject_type="refund",
        subject_id=str(refund_id),
        reason=command.override if isinstance(command, RefundRequest) else "",
        details={"role": str(command.actor.role)},
        request_id=command.request_id,
    )
