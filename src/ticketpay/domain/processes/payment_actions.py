"""Confirm and cancel: what a buyer may do to a payment that is under way (S15, S16)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.inventory import SoldOut
from ticketpay.domain.kernel.errors import FieldError, NotFound, OutcomeUnknown, TicketpayError
from ticketpay.domain.kernel.fsm import InvalidTransition
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.messaging import Answer, Claim, ClaimStatus, KeyScope, Outcome
from ticketpay.domain.orders import OrderState
from ticketpay.domain.parties import Actor
from ticketpay.domain.payments import (
    Payment,
    PaymentDeclined,
    PaymentMethod,
    PaymentMethodUnsupported,
    PaymentNotPayable,
    PaymentState,
    ProviderFact,
    ProviderRef,
    ProviderStatus,
    Superseded,
)
from ticketpay.domain.pricing import EventNotOnSale
from ticketpay.domain.processes.answers import (
    answer_of,
    order_view,
    payment_view,
    refusal,
)
from ticketpay.domain.processes.ending import cancelled_there, was_refused
from ticketpay.domain.processes.provider_facts import Case, FactDesk, open_case, open_claimed
from ticketpay.domain.processes.secrets import fresh_secret, with_secret

if TYPE_CHECKING:
    from datetime import datetime

    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.domain.orders import Order
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["CancelPayment", "ConfirmPayment", "PaymentCommand", "ShowOrder", "ShowPayment"]


@attrs.frozen(kw_only=True)
class PaymentCommand:
    """Who wants something done to which payment, under which idempotency key.

    ``method`` is what a confirmation is to be paid with, None for what the intent has already.
    """

    actor: Actor
    key: KeyScope
    request_hash: str
    payment_id: PaymentId
    request_id: str = ""
    method: PaymentMethod | None = attrs.field(default=None, repr=False)


@attrs.frozen
class _Begun:
    """``answer`` is final; ``refused`` is, unless the provider has the money of the payment."""

    claim: Claim
    payment: Payment | None = None
    answer: Answer | None = None
    refused: Answer | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class _PaymentAction:
    """The shape that both actions share: claim, call the provider, settle."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: FactDesk
    clock: Clock

    def __call__(self, command: PaymentCommand) -> Answer:
        """Do it once per key.

        Raises ``RequestInProgress``, ``IdempotencyKeyReused``, ``Unavailable`` or
        ``OutcomeUnknown``; everything else is an ``Answer``.
        """
        tenant = command.actor.tenant_id
        begun = self.uow.run(tenant, lambda tx: self._begin(tx, command))
        if begun.answer is not None:
            return fresh_secret(begun.answer, tenant, self.uow, self.gateway)
        try:
            assert begun.payment is not None, "a begun action has a payment or an answer"
            if begun.refused is not None:
                return self._look_and_refuse(command, begun.claim, begun.payment, begun.refused)
            return self._act(tenant, command, begun.claim, begun.payment)
        except Exception:
            # Whatever went wrong, the buyer may try again at once; a release that fails lapses.
            with suppress(TicketpayError):
                self.uow.run(
                    tenant, lambda tx: tx.idempotency.release(begun.claim, self.clock.now())
                )
            raise

    def _act(
        self, tenant: TenantId, command: PaymentCommand, claim: Claim, payment: Payment
    ) -> Answer:
        try:
            fact = self._ask(command, payment)
        except PaymentDeclined as error:
            declined = refusal(error)
            return self.uow.run(tenant, lambda tx: self._refuse(tx, claim, command, declined))
        answer = self.uow.run(tenant, lambda tx: self._settle(tx, claim, command, fact))
        return answer if fact is None else with_secret(answer, fact)

    def _begin(self, tx: Tx, command: PaymentCommand) -> _Begun:
        now = self.clock.now()
        claimed = tx.idempotency.claim(command.key, command.request_hash, now)
        found = tx.payments.get(command.payment_id)
        claim, payment = claimed(), found()
        claim.refuse_if_not_ours()
        if claim.status is ClaimStatus.FINISHED and claim.answer is not None:
            return _Begun(claim, answer=claim.answer)
        if payment is None or payment.user_id != command.actor.user_id:
            answer = refusal(NotFound(f"there is no payment {command.payment_id}"))
            tx.idempotency.finish(claim, answer, now)
            return _Begun(claim, answer=answer)
        claim = tx.idempotency.advance(claim, payment.id)
        if payment.ref is None and payment.state is PaymentState.CANCELLED:
            # It ended without an intent: there is nobody to ask.
            case = open_case(tx, payment.id)
            self._record(tx, command, case.payment.state, case, now)
            answer = self._answer(case)
            tx.idempotency.finish(claim, answer, now)
            return _Begun(claim, answer=answer)
        refused = self._prepare(tx, command, payment, now)
        if refused is not None:
            answer = refusal(refused)
            if payment.state is PaymentState.FAILED and payment.ref is not None:
                return _Begun(claim, payment, refused=answer)
            tx.idempotency.finish(claim, answer, now)
            return _Begun(claim, answer=answer)
        return _Begun(claim, payment)

    def _settle(
        self, tx: Tx, claim: Claim, command: PaymentCommand, fact: ProviderFact | None
    ) -> Answer:
        now = self.clock.now()
        case = open_claimed(tx, claim, command.payment_id)
        before = case.payment.state
        case = self._heard(tx, case, fact, now)
        self._record(tx, command, before, case, now)
        answer = self._answer(case)
        tx.idempotency.finish(claim, answer, now)
        return answer

    def _heard(self, tx: Tx, case: Case, fact: ProviderFact | None, now: datetime) -> Case:
        if fact is None:
            return self.desk.give_up(tx, case, now) if was_refused(case.payment) else case
        before = case.payment.state
        case = self.desk.apply(tx, case, fact, now)
        if before is case.payment.state is PaymentState.FAILED:
            # The buyer hears what was answered now, even if nothing newer was to be kept.
            said = attrs.evolve(case.payment, provider_status=str(fact.status))
            case = attrs.evolve(case, payment=said)
            if fact.status is ProviderStatus.REQUIRES_ACTION:
                self.desk.wait_for_buyer(tx, case, now)
            else:
                tx.stock.release(case.order.id)
                self.desk.set_timer(tx, case, now)
        return case

    def _look_and_refuse(
        self, command: PaymentCommand, claim: Claim, payment: Payment, refused: Answer
    ) -> Answer:
        """Refuse what had failed; if it was paid meanwhile, say what has become of it instead."""
        fact = self.gateway.retrieve(_known_ref(payment))

        def hear(tx: Tx) -> Answer:
            case, now = open_claimed(tx, claim, command.payment_id), self.clock.now()
            case = self.desk.apply(tx, case, fact, now)
            failed = case.payment.state is PaymentState.FAILED
            answer = refused if failed else self._answer(case)
            tx.idempotency.finish(claim, answer, now)
            return answer

        return self.uow.run(command.actor.tenant_id, hear)

    def _refuse(self, tx: Tx, claim: Claim, command: PaymentCommand, answer: Answer) -> Answer:
        """The provider takes no such method; the payment is what it was."""
        case, now = open_claimed(tx, claim, command.payment_id), self.clock.now()
        if case.payment.state is PaymentState.FAILED:
            tx.stock.release(case.order.id)
            self.desk.set_timer(tx, case, now)
        tx.idempotency.finish(claim, answer, now)
        return answer

    def _prepare(
        self, tx: Tx, command: PaymentCommand, payment: Payment, now: datetime
    ) -> TicketpayError | None:
        """Why nothing is asked of the provider, if nothing is."""

    def _ask(self, command: PaymentCommand, payment: Payment) -> ProviderFact | None:
        """What the provider says; None if it has no intent of the payment, and will have none."""
        raise NotImplementedError

    def _answer(self, case: Case) -> Answer:
        raise NotImplementedError

    def _record(
        self, tx: Tx, command: PaymentCommand, before: PaymentState, case: Case, now: datetime
    ) -> None:
        """Say in the audit trail who did it; most buyers' acts are told by the payment itself."""


def _known_ref(payment: Payment) -> ProviderRef:
    if payment.ref is None:
        raise OutcomeUnknown(f"the charge of payment {payment.id} is not known yet")
    return payment.ref


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConfirmPayment(_PaymentAction):
    """``POST /payments/{id}/confirm``: after the buyer's action, learn what became of it.

    With a method it pays what failed, or was not paid yet, by that (S37).
    """

    def _prepare(
        self, tx: Tx, command: PaymentCommand, payment: Payment, now: datetime
    ) -> TicketpayError | None:
        """The tickets of a payment that failed are taken again before it is paid."""
        if was_refused(payment):
            return PaymentNotPayable(
                f"payment {payment.id} was refused before it began: start a new purchase"
            )
        method = command.method
        if method is not None and method.type != payment.method_type:
            wrong = FieldError("paymentMethod.type", f"must be {payment.method_type}")
            return PaymentMethodUnsupported(
                f"payment {payment.id} is paid by {payment.method_type}, not by {method.type}",
                errors=(wrong,),
            )
        if payment.state is not PaymentState.FAILED:
            return None
        case = open_case(tx, payment.id)
        if case.order.state is not OrderState.PAYMENT_FAILED:
            taken = Superseded(f"order {case.order.id} is {case.order.state}")
            return taken if method is not None else None
        around = tx.retries.around(case.payment)()
        if around.is_over(now):
            return EventNotOnSale(f"event {payment.event_id} is not on sale")
        if around.bought_again:
            return Superseded(f"the buyer of payment {payment.id} has another order for the event")
        if not tx.stock.hold_again(case.order.id)():
            return SoldOut(f"the tickets of order {case.order.id} are gone")
        self.desk.wait_for_buyer(tx, case, now)
        return None

    def _ask(self, command: PaymentCommand, payment: Payment) -> ProviderFact:
        key = f"confirm:{command.payment_id}:{command.key.key}"
        payable = payment.state in (PaymentState.PENDING, PaymentState.FAILED)
        return self.gateway.confirm(_known_ref(payment), key, command.method if payable else None)

    def _answer(self, case: Case) -> Answer:
        return answer_of(case.payment, case.order)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CancelPayment(_PaymentAction):
    """``POST /payments/{id}/cancel``: cancelled at the provider first, then here."""

    def _ask(self, command: PaymentCommand, payment: Payment) -> ProviderFact | None:
        tenant, key = command.actor.tenant_id, f"cancel:{payment.id}:{command.key.key}"
        if payment.state is PaymentState.FAILED:
            return cancelled_there(self.gateway, tenant, payment, key)
        return self.gateway.cancel(_known_ref(payment), key)

    def _record(
        self, tx: Tx, command: PaymentCommand, before: PaymentState, case: Case, now: datetime
    ) -> None:
        tx.audit.record(
            AuditEntry(
                id=self.desk.ids.new(),
                at=now,
                actor_kind=ActorKind.USER,
                actor_id=str(command.actor.user_id),
                action="payment.cancel",
                subject_type="payment",
                subject_id=str(command.payment_id),
                details={
                    "role": str(command.actor.role),
                    "before": str(before),
                    "after": str(case.payment.state),
                },
                request_id=command.request_id,
            )
        )

    def _answer(self, case: Case) -> Answer:
        if case.payment.state is PaymentState.CANCELLED:
            return Answer(Outcome.COMPLETED, payment_view(case.payment, case.order))
        return refusal(InvalidTransition(f"Invalid transition: {case.payment.state} -> cancel"))


def _may_read(actor: Actor, order: Order) -> bool:
    return actor.user_id == order.user_id or actor.is_staff


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowPayment:
    """``GET /payments/{id}`` for the owner, support and admins."""

    uow: UnitOfWork

    def __call__(self, actor: Actor, payment_id: PaymentId) -> dict[str, object]:
        """The payment's view; raises ``NotFound`` for the unknown and the foreign alike."""

        def show(tx: Tx) -> dict[str, object]:
            payment = tx.payments.get(payment_id)()
            order = tx.orders.get(payment.order_id)() if payment else None
            if payment is None or order is None or not _may_read(actor, order):
                raise NotFound(f"there is no payment {payment_id}")
            return payment_view(payment, order)

        return self.uow.run(actor.tenant_id, show)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowOrder:
    """``GET /orders/{id}`` for the owner, support and admins."""

    uow: UnitOfWork

    def __call__(self, actor: Actor, order_id: OrderId) -> dict[str, object]:
        """The order's view with its payments; raises ``NotFound``."""

        def show(tx: Tx) -> dict[str, object]:
            found, paid = tx.orders.get(order_id), tx.payments.of_order(order_id)
            order = found()
            if order is None or not _may_read(actor, order):
                raise NotFound(f"there is no order {order_id}")
            return order_view(order, paid())

        return self.uow.run(actor.tenant_id, show)
