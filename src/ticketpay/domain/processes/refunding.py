"""What people do about refunds: ask for one, agree to it, refuse it, look at it (S24).

Only ``sync`` calls the provider.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.kernel.errors import Conflict, Forbidden, NotFound
from ticketpay.domain.kernel.ids import PaymentId, RefundId, TenantId
from ticketpay.domain.messaging import Answer, Outcome
from ticketpay.domain.parties import STAFF, Actor
from ticketpay.domain.processes.keyed import answered_once
from ticketpay.domain.processes.provider_facts import Case, open_case, open_order
from ticketpay.domain.processes.refund_commands import Decision, entry_of, is_buyer, may_see_payment
from ticketpay.domain.processes.refund_requests import AskRefund
from ticketpay.domain.processes.refund_views import dispute_view, refund_view
from ticketpay.domain.refunds import Refund, RefundDecided, RefundState, SamePerson

if TYPE_CHECKING:
    from ticketpay.domain.processes.refund_desk import RefundDesk
    from ticketpay.domain.processes.refund_sync import RefundSync
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["DecideRefund", "Refunding", "ShowDisputes", "ShowRefund", "SyncRefund"]

SENDING_SECONDS: Final = 24 * 3600
"""So long the worker has tried to send a refund before staff may give it up."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class DecideRefund:
    """``POST /refunds/{id}/approve`` and ``/reject``: the second person's word (S24 D4)."""

    uow: UnitOfWork
    desk: RefundDesk
    clock: Clock

    def __call__(self, decision: Decision) -> Answer:
        """The refund afterwards, or why it could not be decided; once per key.

        Raises ``Forbidden`` for buyers, also those who are staff, and for whoever asked for it.
        """

        def run(tx: Tx) -> Answer:
            now = self.clock.now()
            return answered_once(tx, decision, now, lambda: self._decide(tx, decision, now))

        return self.uow.run(decision.actor.tenant_id, run)

    def _decide(self, tx: Tx, decision: Decision, now: datetime) -> Callable[[], Answer]:
        actor = decision.actor
        known = tx.refunds.get(decision.refund_id)()
        if known is None:
            raise NotFound(f"there is no refund {decision.refund_id}")
        case = open_order(tx, open_case(tx, known.payment_id))
        if not may_see_payment(actor, case.payment):
            raise NotFound(f"there is no refund {decision.refund_id}")
        refund = tx.refunds.lock(known.id)()
        assert refund is not None, "refunds are never deleted"
        if is_buyer(actor, case.payment):
            raise Forbidden("buyers request refunds, and do not decide about them")
        if actor.user_id == refund.requested_by and decision.approve:
            raise SamePerson(f"refund {refund.id} was asked for by the same person")
        if not refund.needs_approval or refund.state is not RefundState.PENDING:
            raise RefundDecided(f"refund {refund.id} is {refund.state}")
        return lambda: self._do(tx, decision, refund, case, now)

    def _do(self, tx: Tx, decision: Decision, refund: Refund, case: Case, now: datetime) -> Answer:
        if decision.approve:
            by = decision.actor.user_id
            refund = self.desk.agree(tx, refund, case.payment, case.order, by, now)
        else:
            refund = self.desk.reject(tx, refund, case.order, now)
        action = "refund.approve" if decision.approve else "refund.reject"
        tx.audit.record(entry_of(self.desk, action, decision, refund.id, now))
        return Answer(Outcome.COMPLETED, refund_view(refund, case.order.id))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowRefund:
    """``GET /refunds/{id}`` for whoever may see its payment."""

    uow: UnitOfWork

    def __call__(self, actor: Actor, refund_id: RefundId) -> dict[str, object]:
        """The refund's view; raises ``NotFound`` for the unknown and the foreign alike."""

        def show(tx: Tx) -> dict[str, object]:
            refund = tx.refunds.get(refund_id)()
            payment = tx.payments.get(refund.payment_id)() if refund else None
            if refund is None or payment is None or not may_see_payment(actor, payment):
                raise NotFound(f"there is no refund {refund_id}")
            return refund_view(refund, payment.order_id)

        return self.uow.run(actor.tenant_id, show)

    def of_payment(self, actor: Actor, payment_id: PaymentId) -> list[dict[str, object]]:
        """Every refund of a payment, oldest first; raises ``NotFound``."""

        def show(tx: Tx) -> list[dict[str, object]]:
            payment = tx.payments.get(payment_id)()
            if payment is None or not may_see_payment(actor, payment):
                raise NotFound(f"there is no payment {payment_id}")
            refunds = tx.refunds.of_payment(payment_id)()
            return [refund_view(refund, payment.order_id) for refund in refunds]

        return self.uow.run(actor.tenant_id, show)

    def waiting(self, actor: Actor, limit: int) -> list[dict[str, object]]:
        """Refunds of the tenant that wait for a second person, oldest first, for staff only."""
        actor.require(*STAFF)

        def show(tx: Tx) -> list[dict[str, object]]:
            found = tx.refunds.waiting(limit)()
            paid = [tx.payments.get(refund.payment_id) for refund in found]
            payments = [payment() for payment in paid]
            return [
                refund_view(refund, payment.order_id)
                for refund, payment in zip(found, payments, strict=True)
                if payment is not None
            ]

        return self.uow.run(actor.tenant_id, show)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SyncRefund:
    """``ticketpay refunds sync``: ask the provider about a refund."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: RefundDesk
    clock: Clock

    def __call__(self, tenant: TenantId, refund_id: RefundId, entry: AuditEntry) -> Refund:
        """The refund afterwards.

        One that could not be sent for a day, and of which the provider knows nothing, has failed.
        Raises ``NotFound``, or ``Conflict`` while the worker may still send it.
        """
        known = self.uow.run(tenant, lambda tx: tx.refunds.get(refund_id)())
        if known is None:
            raise NotFound(f"there is no refund {refund_id}")
        if known.provider_refund_id:
            fact = self.gateway.refund(known)
            theirs, state = fact.provider_refund_id, fact.state
        else:
            theirs, state = self._missed(known)

        def settle(tx: Tx) -> Refund:
            now = self.clock.now()
            case = open_order(tx, open_case(tx, known.payment_id))
            refund = tx.refunds.lock(refund_id)()
            assert refund is not None, "refunds are never deleted"
            if refund.provider_refund_id != known.provider_refund_id:
                raise Conflict(f"refund {refund_id} has been sent just now")
            after = self.desk.apply(tx, refund, case.payment, case.order, state, theirs, now)
            details = {"before": str(refund.state), "after": str(after.state)}
            tx.audit.record(attrs.evolve(entry, at=now, details=details))
            return after

        return self.uow.run(tenant, settle)

    def _missed(self, refund: Refund) -> tuple[str, RefundState]:
        """The provider's id and state of a refund with our id, or the end of one that it has not."""
        since = refund.created_at + timedelta(seconds=SENDING_SECONDS)
        sent = refund.counts and not refund.needs_approval
        if not sent or self.clock.now() < since:
            raise Conflict(f"refund {refund.id} has not been sent yet")
        for notice in self.gateway.refunds_of(refund.ref):
            if notice.refund_id == str(refund.id):
                return notice.provider_refund_id, notice.state
        return "", RefundState.FAILED


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowDisputes:
    """``ticketpay disputes list`` for whoever may see the payment."""

    uow: UnitOfWork

    def __call__(self, actor: Actor, payment_id: PaymentId) -> list[dict[str, object]]:
        """Every dispute of a payment, oldest first; raises ``NotFound``."""

        def show(tx: Tx) -> list[dict[str, object]]:
            payment = tx.payments.get(payment_id)()
            if payment is None or not may_see_payment(actor, payment):
                raise NotFound(f"there is no payment {payment_id}")
            return [dispute_view(dispute) for dispute in tx.disputes.of_payment(payment_id)()]

        return self.uow.run(actor.tenant_id, show)

    def undecided(self, actor: Actor, limit: int) -> list[dict[str, object]]:
        """Inquiries and open disputes of the tenant, oldest first, for staff only."""
        actor.require(*STAFF)
        found = self.uow.run(actor.tenant_id, lambda tx: tx.disputes.undecided(limit)())
        return [dispute_view(dispute) for dispute in found]


@attrs.frozen(kw_only=True)
class Refunding:
    """Everything that people do about refunds."""

    ask: AskRefund
    decide: DecideRefund
    show: ShowRefund
    sync: SyncRefund
    sync_payment: RefundSync
    disputes: ShowDisputes
