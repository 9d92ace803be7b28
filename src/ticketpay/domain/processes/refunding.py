"""What people do about refunds: ask for one, agree to it, refuse it, look at it (S24).

Support and admins refund any sale of their tenant, venue managers those of their venues; buyers only
request, also those who are staff. Above a limit for what was refunded of a payment without a second
person, and for every buyer's request, a second person decides. The money is sent by the worker; only
``sync`` calls the provider.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.errors import (
    Conflict,
    FieldError,
    Forbidden,
    InvalidInput,
    NotFound,
)
from ticketpay.domain.kernel.ids import OrderId, PaymentId, RefundId, TenantId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.messaging import Answer, KeyScope, Outcome
from ticketpay.domain.money import Currency, CurrencyMismatch, Money
from ticketpay.domain.parties import STAFF, Actor, Role
from ticketpay.domain.payments import Payment
from ticketpay.domain.processes.keyed import answered_once
from ticketpay.domain.processes.provider_facts import Case, open_case, open_order
from ticketpay.domain.refunds import (
    NOT_APPROVED,
    REFUND_MACHINE,
    Dispute,
    NothingCaptured,
    Refund,
    Refundable,
    RefundDecided,
    RefundReason,
    RefundRules,
    RefundState,
    RefundWindowExpired,
    SamePerson,
    Split,
    charged_back_cents,
    check_amount,
    check_window,
    is_suspended,
    refundable_of,
    suspended_cents,
    voiding_the_rest,
)

if TYPE_CHECKING:
    from ticketpay.domain.processes.refund_desk import RefundDesk
    from ticketpay.domain.processes.refund_sync import RefundSync
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = [
    "AskRefund",
    "DecideRefund",
    "Decision",
    "RefundRequest",
    "Refunding",
    "ShowDisputes",
    "ShowRefund",
    "dispute_view",
    "refund_view",
]

SENDING_SECONDS: Final = 24 * 3600
"""So long the worker has tried to send a refund before staff may give it up."""


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


def refund_view(refund: Refund, order_id: OrderId) -> dict[str, object]:
    """A refund for its buyer and for staff; amounts in cents."""
    split = refund.split or Split()
    return {
        "id": str(refund.id),
        "paymentId": str(refund.payment_id),
        "orderId": str(order_id),
        "status": str(refund.state),
        "needsApproval": refund.needs_approval and refund.counts,
        "amountCents": refund.amount.cents,
        "feesCents": split.fees_cents,
        "taxCents": split.taxes_cents,
        "currency": refund.amount.currency.code,
        "reason": str(refund.reason),
        "tickets": list(refund.tickets),
        "createdAt": rfc3339(refund.created_at),
        **({} if refund.counts or not refund.needs_approval else {"failureCode": NOT_APPROVED}),
    }


def dispute_view(dispute: Dispute) -> dict[str, object]:
    """A dispute for staff; amounts in cents, tickets those that it has voided."""
    return {
        "id": str(dispute.id),
        "paymentId": str(dispute.payment_id),
        "providerDisputeId": dispute.provider_dispute_id,
        "status": str(dispute.state),
        "amountCents": dispute.amount.cents,
        "feeCents": dispute.fee_cents,
        "currency": dispute.amount.currency.code,
        "reason": dispute.reason,
        "tickets": list(dispute.tickets),
        "createdAt": rfc3339(dispute.created_at),
    }


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AskRefund:
    """``POST /refunds``."""

    uow: UnitOfWork
    desk: RefundDesk
    clock: Clock
    rules: RefundRules

    def __call__(self, request: RefundRequest) -> Answer:
        """The refund, or why there is none; once per key.

        Raises ``InvalidInput`` for amounts and tickets that cannot be, ``RequestInProgress`` and
        ``IdempotencyKeyReused``; everything else is an ``Answer``.
        """

        def run(tx: Tx) -> Answer:
            now = self.clock.now()
            return answered_once(tx, request, now, lambda: self._decide(tx, request, now))

        return self.uow.run(request.actor.tenant_id, run)

    def preview(self, request: RefundRequest) -> dict[str, object]:
        """What would be refunded now; nothing is kept. Raises what it would be refused for."""

        def look(tx: Tx) -> dict[str, object]:
            case, refund = self._planned(tx, request, self.clock.now())
            return refund_view(refund, case.order.id)

        return self.uow.run(request.actor.tenant_id, look)

    def _planned(self, tx: Tx, request: RefundRequest, now: datetime) -> tuple[Case, Refund]:
        case = _open_whole(tx, request.payment_id, request.actor)
        payment_id = case.payment.id
        refunds, disputes = tx.refunds.of_payment(payment_id), tx.disputes.of_payment(payment_id)
        everything = tx.cancellations.get(case.payment.event_id)() is not None
        refund = self._refund(request, case, refunds(), disputes(), now, everything=everything)
        return case, refund

    def _decide(self, tx: Tx, request: RefundRequest, now: datetime) -> Callable[[], Answer]:
        case, refund = self._planned(tx, request, now)

        def begin() -> Answer:
            self.desk.begin(tx, refund, case.payment, case.order, now)
            cents, payment = refund.amount.cents, str(refund.payment_id)
            late = refund.split is not None and not self._in_time(case.payment, now)
            told = request if late else attrs.evolve(request, override="")
            entry = _entry(self.desk, "refund.request", told, refund.id, now)
            details = {**entry.details, "cents": cents, "payment": payment}
            details |= {"override": True} if late else {}
            tx.audit.record(attrs.evolve(entry, details=details))
            return Answer(Outcome.COMPLETED, refund_view(refund, case.order.id))

        return begin

    def _refund(
        self,
        request: RefundRequest,
        case: Case,
        refunds: tuple[Refund, ...],
        disputes: tuple[Dispute, ...],
        now: datetime,
        *,
        everything: bool,
    ) -> Refund:
        """``everything`` of a cancelled event: what was sold as not refundable, too."""
        payment = case.payment
        _check_currency(request, payment)
        if _is_buyer(request.actor, payment) and request.reason is RefundReason.FRAUDULENT:
            raise InvalidInput(errors=(FieldError("reason", "is not for buyers to give"),))
        split: Split | None = None
        tickets: tuple[int, ...] = ()
        if is_suspended(payment):
            cents = _suspended(request, payment, refunds, disputes)
        else:
            left = refundable_of(
                payment, case.order, refunds, disputes=disputes, everything=everything
            )
            split, tickets = _wanted(request, left)
            self._check_window(request, payment, now)
            cents = split.cents
        if payment.ref is None:
            raise NothingCaptured(f"payment {payment.id} has no charge")
        refund = Refund(
            id=RefundId(self.desk.ids.new()),
            payment_id=payment.id,
            ref=payment.ref,
            amount=Money(cents, payment.amount.currency),
            reason=request.reason,
            state=REFUND_MACHINE.initial,
            created_at=now,
            split=split,
            tickets=tickets,
            requested_by=request.actor.user_id,
            needs_approval=self._needs_approval(request.actor, payment, refunds, cents),
        )
        return voiding_the_rest(refund, payment, case.order, refunds, disputes=disputes)

    def _needs_approval(
        self, actor: Actor, payment: Payment, refunds: tuple[Refund, ...], cents: int
    ) -> bool:
        """The limit is one payment's: it is not passed in small parts.

        What waits is not counted: it gets its second person.
        """
        alone = sum(
            r.amount.cents
            for r in refunds
            if r.counts and r.requested_by and not r.approved_by and not r.needs_approval
        )
        return _is_buyer(actor, payment) or alone + cents > self.rules.approval_cents

    def _check_window(self, request: RefundRequest, payment: Payment, now: datetime) -> None:
        if not _may_override(request, payment):
            check_window(payment, self.rules, now)

    def _in_time(self, payment: Payment, now: datetime) -> bool:
        try:
            check_window(payment, self.rules, now)
        except RefundWindowExpired:
            return False
        return True


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
        if not _may_see(actor, case.payment):
            raise NotFound(f"there is no refund {decision.refund_id}")
        refund = tx.refunds.lock(known.id)()
        assert refund is not None, "refunds are never deleted"
        if _is_buyer(actor, case.payment):
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
        tx.audit.record(_entry(self.desk, action, decision, refund.id, now))
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
            if refund is None or payment is None or not _may_see(actor, payment):
                raise NotFound(f"there is no refund {refund_id}")
            return refund_view(refund, payment.order_id)

        return self.uow.run(actor.tenant_id, show)

    def of_payment(self, actor: Actor, payment_id: PaymentId) -> list[dict[str, object]]:
        """Every refund of a payment, oldest first; raises ``NotFound``."""

        def show(tx: Tx) -> list[dict[str, object]]:
            payment = tx.payments.get(payment_id)()
            if payment is None or not _may_see(actor, payment):
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
            if payment is None or not _may_see(actor, payment):
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


def _may_see(actor: Actor, payment: Payment) -> bool:
    if actor.role is Role.VENUE_MANAGER:
        return payment.venue_id in actor.venues
    return actor.is_staff or actor.user_id == payment.user_id


def _is_buyer(actor: Actor, payment: Payment) -> bool:
    """Whoever bought it is its buyer, whatever else they are."""
    return actor.role is Role.CUSTOMER or actor.user_id == payment.user_id


def _may_override(request: RefundRequest, payment: Payment) -> bool:
    actor = request.actor
    return bool(request.override) and actor.role is Role.ADMIN and not _is_buyer(actor, payment)


def _open_whole(tx: Tx, payment_id: PaymentId, actor: Actor) -> Case:
    """The locked case with the order's tickets; raises ``NotFound`` for the foreign, too."""
    case = open_case(tx, payment_id)
    if not _may_see(actor, case.payment):
        raise NotFound(f"there is no payment {payment_id}")
    return open_order(tx, case)


def _check_currency(request: RefundRequest, payment: Payment) -> None:
    paid = payment.amount.currency
    if request.currency not in (None, paid):
        wrong = FieldError("currency", f"must be {paid}")
        raise CurrencyMismatch(f"payment {payment.id} was paid in {paid}", errors=(wrong,))


def _wanted(request: RefundRequest, left: Refundable) -> tuple[Split, tuple[int, ...]]:
    if request.tickets is not None:
        split = left.of_tickets(request.tickets)
        if request.amount_cents not in (None, split.cents):
            wrong = FieldError("amountCents", f"the tickets come to {split.cents}")
            raise InvalidInput(errors=(wrong,))
        return split, request.tickets
    if request.amount_cents is not None:
        return left.of_amount(request.amount_cents), ()
    return left.whole()


def _suspended(
    request: RefundRequest,
    payment: Payment,
    refunds: tuple[Refund, ...],
    disputes: tuple[Dispute, ...],
) -> int:
    """Money of a sale that was over: so many cents of it, or all that is not under way (S30)."""
    if request.tickets is not None:
        raise InvalidInput(errors=(FieldError("tickets", "were not sold: refund an amount"),))
    left = suspended_cents(payment, refunds, disputes)
    cents = max(1, left) if request.amount_cents is None else request.amount_cents
    check_amount(cents, left, disputed=charged_back_cents(disputes) > 0)
    return cents


def _entry(
    desk: RefundDesk,
    action: str,
    command: RefundRequest | Decision,
    refund_id: RefundId,
    now: datetime,
) -> AuditEntry:
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
