"""The janitor: whatever is unfinished after its deadline is asked at the provider (S38, S39).

A payment without an answer is looked for by its metadata; one that is under way is read again; an
order whose hold is over is cancelled at the provider first and only then expired. Money that came
too late is sent back, and that of a cancelled event. The janitor charges no buyer, but where a payment
that failed is tried again (``processes.retrying``); what a venue has wished for its plan is sent under
the wish's own keys.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown, TicketpayError, Unavailable
from ticketpay.domain.kernel.ids import EventId, PaymentId, RefundId, TenantId
from ticketpay.domain.messaging import TimerClaim, TimerKind, backoff_seconds
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    Payment,
    PaymentState,
    ProviderFact,
    ProviderStatus,
)
from ticketpay.domain.processes.cancelling import RefundCancelled
from ticketpay.domain.processes.ending import was_refused
from ticketpay.domain.processes.provider_facts import Case, FactDesk, open_case, open_order
from ticketpay.domain.processes.refund_sync import RefundSync
from ticketpay.domain.processes.retrying import RetryPayment
from ticketpay.domain.reconciliation import DISPUTE_LOOK_SECONDS, may_expire, may_give_up
from ticketpay.domain.refunds import DISPUTE_MACHINE, Refund, RefundState

if TYPE_CHECKING:
    from ticketpay.domain.orders import Order
    from ticketpay.domain.processes.payout_courier import PayoutCourier
    from ticketpay.domain.processes.plan_billing import PlanCourier
    from ticketpay.ports.payments import PaymentGateway, RefundFact
    from ticketpay.ports.system import Alerts, Clock, Ids, Random
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["Janitor"]

LEASE_SECONDS: Final = 180
LAST_LOOK_SECONDS: Final = 24 * 3600
CHASE_SECONDS: Final = 600
REFUND_LOOK_SECONDS: Final = 600
_SENT: Final = (RefundState.COMPLETED, RefundState.FAILED)
_UNDER_WAY: Final = (ProviderStatus.REQUIRES_CAPTURE, ProviderStatus.PROCESSING)
ALERT_EVERY: Final = 5
"""Somebody is told after every so many tries that the provider did not answer."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Janitor:
    """The worker's step: claim due timers and bring each subject one step further."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: FactDesk
    clock: Clock
    ids: Ids
    random: Random
    alerts: Alerts
    payouts: PayoutCourier | None = None
    plans: PlanCourier | None = None
    cancelled: RefundCancelled = attrs.field(init=False)
    retried: RetryPayment = attrs.field(init=False)

    @cancelled.default
    def _(self) -> RefundCancelled:
        desk = self.desk.refunds
        return RefundCancelled(uow=self.uow, desk=desk, clock=self.clock, alerts=self.alerts)

    @retried.default
    def _(self) -> RetryPayment:
        return RetryPayment(uow=self.uow, gateway=self.gateway, desk=self.desk, clock=self.clock)

    def __call__(self, limit: int = 50) -> int:
        """Work on up to ``limit`` due timers of each database; returns how many were claimed."""
        now = self.clock.now()
        found = self.uow.everywhere(lambda tx: tx.timers.claim_due(now, LEASE_SECONDS, limit)())
        claims = [claim for claims in found for claim in claims]
        for claim in claims:
            try:
                self._handle(claim)
            except Exception as error:  # noqa: BLE001 - its database is away: the claim lapses by itself
                self._tell("janitor_stuck", claim, error)
        return len(claims)

    def _handle(self, claim: TimerClaim) -> None:
        try:
            if claim.kind is TimerKind.PAYMENT:
                self._look_at_payment(claim)
            elif claim.kind is TimerKind.PAYOUT:
                self._send_payout(claim)
            elif claim.kind is TimerKind.SUBSCRIPTION:
                self._look_at_plan(claim)
            elif claim.kind is TimerKind.EVENT:
                self.cancelled(claim)
            else:
                self._send_back(claim)
        except (Unavailable, OutcomeUnknown) as error:
            if claim.attempts and claim.attempts % ALERT_EVERY == 0:
                self._tell("janitor_stuck", claim, error)
            self._again(claim, error)
        except Exception as error:  # noqa: BLE001 - one poisonous timer must not starve the others
            self._tell("janitor_refused", claim, error)
            self._again(claim, error)

    def _tell(self, kind: str, claim: TimerClaim, error: Exception) -> None:
        detail = str(error) if isinstance(error, TicketpayError) else ""
        self.alerts.raise_alert(
            kind, f"{type(error).__name__} {detail}".strip(), subject=str(claim.subject_id)
        )

    def _again(self, claim: TimerClaim, error: Exception) -> None:
        wait = backoff_seconds(claim.attempts, self.random.ppm())
        due_at = self.clock.now() + timedelta(seconds=wait)

        def postpone(tx: Tx) -> None:
            if tx.timers.lock(claim)():
                tx.timers.postpone(claim, due_at, type(error).__name__)

        self.uow.run(claim.tenant_id, postpone)

    def _look_at_payment(self, claim: TimerClaim) -> None:
        tenant, payment_id = claim.tenant_id, PaymentId(claim.subject_id)
        case = self.uow.run(tenant, lambda tx: _read(tx, payment_id))
        if _is_done(case.payment):
            self._look_at_disputes(claim, case.payment.event_id)
            return
        if case.payment.state is PaymentState.FAILED and case.payment.ref is not None:
            self.retried(claim, case.payment.ref)
            return
        asked_at = self.clock.now()
        fact = self._ask(tenant, case, claim)
        self.uow.run(tenant, lambda tx: self._settle(tx, claim, fact, asked_at))

    def _look_at_disputes(self, claim: TimerClaim, event_id: EventId) -> None:
        """The end of a dispute may be told and never heard: until then the bank is asked every day.

        Once more when it has ended: what was refunded there since may have been refused here before,
        and a cancelled event is gone over again, before the timer that makes somebody do so is gone.
        """
        tenant, payment_id = claim.tenant_id, PaymentId(claim.subject_id)

        def is_undecided(tx: Tx) -> bool:
            found = tx.disputes.of_payment(payment_id)()
            return any(not DISPUTE_MACHINE.is_final(dispute.state) for dispute in found)

        if self.uow.run(tenant, lambda tx: tx.disputes.of_payment(payment_id)()):
            self._sync(tenant, payment_id)
            if not self.uow.run(tenant, is_undecided):
                self.cancelled.go_over_again(tenant, event_id)

        def settle(tx: Tx) -> None:
            # Whoever opens another dispute meanwhile holds the payment, and has set the timer anew.
            open_case(tx, payment_id)
            if not tx.timers.lock(claim)():
                return
            if is_undecided(tx):
                due_at = self.clock.now() + timedelta(seconds=DISPUTE_LOOK_SECONDS)
                tx.timers.set(tenant, TimerKind.PAYMENT, payment_id, due_at)
            else:
                tx.timers.clear(tenant, TimerKind.PAYMENT, payment_id)

        self.uow.run(tenant, settle)

    def _ask(self, tenant: TenantId, case: Case, claim: TimerClaim) -> ProviderFact | None:
        """The provider's word; the intent is cancelled there when the order may be given up."""
        payment, order = case.payment, case.order
        if payment.ref is None:
            fact = self.gateway.find(tenant, payment.id, payment.sent_at)
        else:
            fact = self.gateway.retrieve(payment.ref)
        if fact is None or not self._is_over(payment, order, fact):
            return fact
        # A key of its own per try: the provider would replay an old refusal for a day.
        return self.gateway.cancel(fact.ref, f"expire:{payment.id}:{claim.epoch}")

    def _is_over(self, payment: Payment, order: Order, fact: ProviderFact) -> bool:
        if not fact.status.is_open:
            return False
        if payment.state is PaymentState.CANCELLED:
            return True
        now = self.clock.now()
        if payment.state is PaymentState.AUTHORIZED:
            # The hold on the money may have ended unheard of; as long as it stands, it is kept.
            return fact.status not in _UNDER_WAY and now >= order.expires_at
        return may_expire(payment, order.expires_at, now)

    def _settle(
        self, tx: Tx, claim: TimerClaim, fact: ProviderFact | None, asked_at: datetime
    ) -> None:
        now = self.clock.now()
        case = open_case(tx, PaymentId(claim.subject_id))
        if not tx.timers.lock(claim)():
            return
        if fact is not None:
            case = self.desk.apply(tx, case, fact, now)
        elif case.payment.ref is None and self._is_lost(tx, case, asked_at):
            self._give_up(tx, case, now)
            return
        self._look_again(tx, case, fact, now)

    def _is_lost(self, tx: Tx, case: Case, asked_at: datetime) -> bool:
        """Whether no charge will come; one that was refused does not outlive the sale of its event."""
        if may_give_up(case.order.expires_at, asked_at):
            return True
        return was_refused(case.payment) and tx.retries.around(case.payment)().is_over(asked_at)

    def _give_up(self, tx: Tx, case: Case, now: datetime) -> None:
        """The provider never saw the charge; a day later it is asked once more, to be sure."""
        if case.payment.state is PaymentState.CANCELLED:
            tx.timers.clear(tx.tenant_id, TimerKind.PAYMENT, case.payment.id)
            return
        self.desk.give_up(tx, case, now)
        last_look = now + timedelta(seconds=LAST_LOOK_SECONDS)
        tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, case.payment.id, last_look)

    def _look_again(self, tx: Tx, case: Case, fact: ProviderFact | None, now: datetime) -> None:
        payment = case.payment
        if payment.state is PaymentState.CANCELLED and fact is not None and fact.status.is_open:
            due_at = now + timedelta(seconds=CHASE_SECONDS)
            tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, payment.id, due_at)
        else:
            self.desk.set_timer(tx, case, now)

    def _send_payout(self, claim: TimerClaim) -> None:
        if self.payouts is None:
            raise Unavailable("nothing here sends payouts")
        self.payouts(claim)

    def _look_at_plan(self, claim: TimerClaim) -> None:
        if self.plans is None:
            raise Unavailable("nothing here looks after plans")
        self.plans(claim)

    def _send_back(self, claim: TimerClaim) -> None:
        tenant, refund_id = claim.tenant_id, RefundId(claim.subject_id)
        refund = self.uow.run(tenant, lambda tx: _found(tx.refunds.get(refund_id)(), refund_id))
        if _is_refused(refund):
            self._look_behind(refund, tenant)
        if refund.needs_approval or refund.state in _SENT:
            self.uow.run(tenant, lambda tx: tx.timers.clear(tenant, TimerKind.REFUND, refund_id))
            return
        fact = self.gateway.refund(refund)
        self.uow.run(tenant, lambda tx: self._settle_refund(tx, claim, refund.payment_id, fact))

    def _look_behind(self, refund: Refund, tenant: TenantId) -> None:
        """What the provider refuses has often been refunded there already, by somebody else."""
        self._sync(tenant, refund.payment_id)

    def _sync(self, tenant: TenantId, payment_id: PaymentId) -> None:
        sync = RefundSync(uow=self.uow, gateway=self.gateway, desk=self.desk, clock=self.clock)
        sync(tenant, payment_id)

    def _settle_refund(
        self, tx: Tx, claim: TimerClaim, payment_id: PaymentId, fact: RefundFact
    ) -> None:
        now, refund_id = self.clock.now(), RefundId(claim.subject_id)
        case = open_order(tx, open_case(tx, payment_id))
        refund = _found(tx.refunds.lock(refund_id)(), refund_id)
        if not tx.timers.lock(claim)():
            return
        after = self.desk.refunds.apply(
            tx, refund, case.payment, case.order, fact.state, fact.provider_refund_id, now
        )
        if _is_refused(after):
            tx.timers.set(claim.tenant_id, TimerKind.REFUND, refund.id, now)
        elif fact.state in (RefundState.COMPLETED, RefundState.FAILED):
            tx.timers.clear(claim.tenant_id, TimerKind.REFUND, refund.id)
        else:
            again = now + timedelta(seconds=REFUND_LOOK_SECONDS)
            tx.timers.postpone(claim, again, "the provider is working on it")


def _is_done(payment: Payment) -> bool:
    """Whether the provider has nothing left to say about a payment."""
    if payment.state is PaymentState.CANCELLED:
        return payment.received_cents > 0
    return PAYMENT_MACHINE.is_final(payment.state)


def _is_refused(refund: Refund) -> bool:
    """Whether the provider will not make it: it has failed, and there is none."""
    return refund.state is RefundState.FAILED and not refund.provider_refund_id


def _read(tx: Tx, payment_id: PaymentId) -> Case:
    payment = tx.payments.get(payment_id)()
    if payment is None:
        raise NotFound(f"there is no payment {payment_id}")
    order = tx.orders.get(payment.order_id)()
    assert order is not None, "a payment cannot exist without its order"
    return Case(payment, order)


def _found(refund: Refund | None, refund_id: RefundId) -> Refund:
    if refund is None:
        raise NotFound(f"there is no refund {refund_id}")
    return refund
