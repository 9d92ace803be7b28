"""A refund is asked for: by amount, by tickets, or all that is left (S24).

Support and admins refund any sale of their tenant, venue managers those of their venues; buyers only
request, also those who are staff. Above a limit for what was refunded of a payment without a second
person, and for every buyer's request, a second person decides. The money is sent by the worker.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.kernel.errors import FieldError, InvalidInput, NotFound
from ticketpay.domain.kernel.ids import PaymentId, RefundId
from ticketpay.domain.messaging import Answer, Outcome
from ticketpay.domain.money import CurrencyMismatch, Money
from ticketpay.domain.parties import Actor, Role
from ticketpay.domain.payments import Payment
from ticketpay.domain.processes.keyed import answered_once
from ticketpay.domain.processes.provider_facts import Case, open_case, open_order
from ticketpay.domain.processes.refund_commands import (
    RefundRequest,
    entry_of,
    is_buyer,
    may_see_payment,
)
from ticketpay.domain.processes.refund_views import refund_view
from ticketpay.domain.refunds import (
    REFUND_MACHINE,
    Dispute,
    NothingCaptured,
    Refund,
    Refundable,
    RefundReason,
    RefundRules,
    RefundWindowExpired,
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
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["AskRefund"]


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
            entry = entry_of(self.desk, "refund.request", told, refund.id, now)
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
        if is_buyer(request.actor, payment) and request.reason is RefundReason.FRAUDULENT:
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
        return is_buyer(actor, payment) or alone + cents > self.rules.approval_cents

    def _check_window(self, request: RefundRequest, payment: Payment, now: datetime) -> None:
        if not _may_override(request, payment):
            check_window(payment, self.rules, now)

    def _in_time(self, payment: Payment, now: datetime) -> bool:
        try:
            check_window(payment, self.rules, now)
        except RefundWindowExpired:
            return False
        return True


def _may_override(request: RefundRequest, payment: Payment) -> bool:
    actor = request.actor
    return bool(request.override) and actor.role is Role.ADMIN and not is_buyer(actor, payment)


def _open_whole(tx: Tx, payment_id: PaymentId, actor: Actor) -> Case:
    """The locked case with the order's tickets; raises ``NotFound`` for the foreign, too."""
    case = open_case(tx, payment_id)
    if not may_see_payment(actor, case.payment):
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
