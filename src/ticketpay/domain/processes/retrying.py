"""Retrying: a payment that failed is tried again, its buyer asked, or its order given up (S37).

One look: the provider is asked; a transaction decides, takes the tickets again and writes the try
down; the provider confirms or cancels; a second transaction records what came of it. Both check
that the claim is still ours, and whether the buyer has bought again meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.messaging import AggregateType, Message, TimerClaim
from ticketpay.domain.payments import (
    Circumstances,
    PaymentEvent,
    PaymentState,
    ProviderFact,
    ProviderRef,
    Retry,
    RetryAction,
    RetryDecision,
    RetryFacts,
    event_of,
    payable_until,
    retry_step,
)
from ticketpay.domain.processes.provider_facts import Case, FactDesk, open_case
from ticketpay.domain.processes.telling import message_about

if TYPE_CHECKING:
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["SOLD_OUT", "RetryPayment"]

SOLD_OUT: Final = "sold_out"
"""The outcome of a try for which there are no tickets: nobody is charged or asked."""

_ANSWERED: Final = (PaymentEvent.COMPLETE, PaymentEvent.FAIL)


@attrs.frozen
class _Look:
    """What the deciding transaction sees: the tries so far, and the one that has no outcome yet."""

    made: tuple[Retry, ...]
    around: Circumstances

    @property
    def begun(self) -> Retry | None:
        return self.made[-1] if self.made and not self.made[-1].outcome else None

    @property
    def count(self) -> int:
        return len(self.made) - (self.begun is not None)

    def facts(self, case: Case, fact: ProviderFact, now: datetime) -> RetryFacts:
        payment = case.payment
        return RetryFacts(
            payment_id=payment.id,
            state=payment.state,
            order_state=case.order.state,
            retry_count=self.count,
            changed_at=payment.last_try_at or payment.created_at,
            buyer_asked=any(one.action is RetryAction.ASK_BUYER for one in self.made),
            provider_status=fact.status,
            superseded=self.around.superseded,
            over=self.around.is_over(now),
        )


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RetryPayment:
    """The janitor's step for a payment that failed; see the module docstring."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: FactDesk
    clock: Clock

    def __call__(self, claim: TimerClaim, ref: ProviderRef) -> None:
        """Look once; the timer rings again for the next try, or is gone.

        Raises ``Unavailable`` and ``OutcomeUnknown``: the next look repeats the try with its key.
        """
        tenant = claim.tenant_id
        fact = self.gateway.retrieve(ref)
        step = self.uow.run(tenant, lambda tx: self._decide(tx, claim, fact))
        if step is None:
            return
        if step.action is RetryAction.CONFIRM:
            fact = self.gateway.confirm(ref, step.key)
        else:
            # A key of its own per look: the provider would replay an old refusal for a day.
            fact = self.gateway.cancel(ref, f"expire:{claim.subject_id}:{claim.epoch}")
        self.uow.run(tenant, lambda tx: self._settle(tx, claim, step, fact))

    def _decide(self, tx: Tx, claim: TimerClaim, fact: ProviderFact) -> RetryDecision | None:
        """What the provider is to do: confirm or cancel; None if nothing, or nothing any more."""
        case = open_case(tx, PaymentId(claim.subject_id))
        mine = tx.timers.lock(claim)
        made, around = tx.retries.of_payment(case.payment.id), tx.retries.around(case.payment)
        if not mine():
            return None
        now, look = self.clock.now(), _Look(made(), around())
        step = retry_step(look.facts(case, fact, now), now)
        if step.action is RetryAction.STOP:
            return step
        if look.begun and step.action is not RetryAction.CONFIRM:
            # Whoever began it never heard the answer.
            self._confirmed(tx, case, fact, now)
            return None
        if step.action is RetryAction.CONFIRM and tx.stock.hold_again(case.order.id)():
            tx.retries.add(_retry(case, step, now))
            return step
        if step.retry_count > look.count:
            self._try(tx, case, look, step, fact, now)
        else:
            if step.action is RetryAction.WAIT:
                # Whoever wanted to pay it has had the time of a hold.
                tx.stock.release(case.order.id)
            self.desk.set_timer(tx, self.desk.apply(tx, case, fact, now), now)
        return None

    def _try(
        self,
        tx: Tx,
        case: Case,
        look: _Look,
        step: RetryDecision,
        fact: ProviderFact,
        now: datetime,
    ) -> None:
        """A try for which the provider is not needed: it only asks the buyer, or waits."""
        wanted = step.action is not RetryAction.WAIT
        there = wanted and tx.stock.hold_again(case.order.id)()
        asks = there and step.action is RetryAction.ASK_BUYER
        action = step.action if asks else RetryAction.WAIT
        outcome = SOLD_OUT if wanted and not there else str(fact.status)
        retry = _retry(case, attrs.evolve(step, action=action), now)
        tx.retries.add(attrs.evolve(retry, outcome=outcome))
        # It may have been begun, as a confirmation that never reached the provider.
        tx.retries.end(case.payment.id, outcome)
        # A payment that has failed holds nothing, whoever may have wanted to pay it meanwhile.
        tx.stock.release(case.order.id)
        case = self._touched(tx, case, now)
        case = self.desk.apply(tx, case, fact, now)
        if asks:
            tx.outbox.emit([self._plea(case, look.around, step.retry_count, now)])
        self.desk.set_timer(tx, case, now)

    def _settle(self, tx: Tx, claim: TimerClaim, step: RetryDecision, fact: ProviderFact) -> None:
        case = open_case(tx, PaymentId(claim.subject_id))
        if not tx.timers.lock(claim)():
            return
        now = self.clock.now()
        if step.action is RetryAction.CONFIRM:
            self._confirmed(tx, case, fact, now)
        else:
            self.desk.set_timer(tx, self.desk.apply(tx, case, fact, now), now)

    def _confirmed(self, tx: Tx, case: Case, fact: ProviderFact, now: datetime) -> None:
        """What came of a confirmation: its try has an outcome, and ``fact`` is applied."""
        tx.retries.end(case.payment.id, str(fact.status))
        case = self._touched(tx, case, now)
        if event_of(fact) in _ANSWERED:
            case = self.desk.retry(tx, case, now)
        case = self.desk.apply(tx, case, fact, now)
        if case.payment.state is PaymentState.FAILED:
            tx.stock.release(case.order.id)
        self.desk.set_timer(tx, case, now)

    def _touched(self, tx: Tx, case: Case, now: datetime) -> Case:
        payment = attrs.evolve(case.payment, last_try_at=now)
        return attrs.evolve(case, payment=tx.payments.save(payment, None, now))

    def _plea(self, case: Case, around: Circumstances, count: int, now: datetime) -> Message:
        """Ids only: whoever sends the link knows the buyer."""
        payment = case.payment
        return message_about(
            self.desk.ids,
            "payment.method_requested",
            AggregateType.PAYMENT,
            payment.id,
            now,
            paymentId=str(payment.id),
            orderId=str(payment.order_id),
            userId=str(payment.user_id),
            amountCents=payment.amount.cents,
            currency=payment.amount.currency.code,
            expiresAt=rfc3339(payable_until(count, now, around.starts_at)),
        )


def _retry(case: Case, step: RetryDecision, now: datetime) -> Retry:
    return Retry(payment_id=case.payment.id, number=step.retry_count, action=step.action, at=now)
