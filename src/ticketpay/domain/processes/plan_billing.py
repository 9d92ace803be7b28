"""The billing of plans: the one way in which a fact about a subscription changes anything (S19, S27).

The answer to a request, the worker's look and what a webhook leads to all end here. In one
transaction the state moves, what was paid is booked, a message is emitted and the next look is set.
A webhook is only a reason to look: what counts is what the provider says when it is asked.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import Unavailable
from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.ledger import plan_posting
from ticketpay.domain.messaging import AggregateType, Message, TimerClaim, TimerKind
from ticketpay.domain.payments import Failure, PaymentDeclined
from ticketpay.domain.processes.telling import message_about
from ticketpay.domain.subscriptions import (
    NEVER_SENT,
    SUBSCRIPTION_MACHINE,
    WISH_OVER,
    BillingFact,
    BillingStatus,
    Plan,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
    after_fact,
    billing_event,
    plan_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.billing import PlanBilling
    from ticketpay.ports.system import Alerts, Clock, Ids
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["Heard", "PlanCourier", "PlanDesk"]

WISH_LOOK_SECONDS: Final = 60
"""Whoever asked waits 30 seconds for the provider; a minute later the worker asks."""

BANK_LOOK_SECONDS: Final = 600
UNPAID_LOOK_SECONDS: Final = 3_600
PAST_DUE_LOOK_SECONDS: Final = 24 * 3_600
MARGIN_SECONDS: Final = 2 * 3_600
"""An invoice is collected an hour after its period has begun; then a lost webhook does not matter."""

_TOLD: Final = {
    SubscriptionEvent.START: "subscription.started",
    SubscriptionEvent.RENEW: "subscription.renewed",
    SubscriptionEvent.FAIL: "subscription.past_due",
    SubscriptionEvent.CANCEL: "subscription.cancelled",
}

Heard = BillingFact | Failure
"""What the provider says: how it is, or why there is nothing."""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PlanDesk:
    """Applies what was heard inside the caller's transaction; the subscription is locked."""

    ids: Ids
    alerts: Alerts

    def settle(self, tx: Tx, asked: Subscription, heard: Heard, now: datetime) -> Subscription:
        """The subscription after what was heard about ``asked``, which was read before the question.

        If somebody has heard something since then, nobody knows which is newer: it is asked again.
        """
        held = tx.subscriptions.lock(asked.venue_id)()
        assert held is not None, "subscriptions are never deleted"
        wish = asked.pending_wish
        if isinstance(heard, Failure):
            pending = held.pending_wish
            if wish and pending and (held.id, pending.number) == (asked.id, wish.number):
                return self.decline(tx, held, heard, now)
            return held
        if held.id != asked.id or held.version != asked.version:
            tx.timers.set(tx.tenant_id, TimerKind.SUBSCRIPTION, held.venue_id, now)
            return held
        return self._apply(tx, held, heard, wish.number if wish else 0, now)

    def decline(self, tx: Tx, held: Subscription, why: Failure, now: datetime) -> Subscription:
        """Nothing was granted: the former plan goes on, and what never was is over.

        What was not ended may have been paid: the next look says how it is.
        """
        assert held.wish is not None, "only a wish is declined"
        starts = not held.wish.ends
        known = "" if starts and held.is_given else held.provider_id
        after = attrs.evolve(held, provider_id=known, wish=held.wish.decided(why))
        over = starts and held.state is SubscriptionState.PENDING
        saved = self.move(tx, after, SubscriptionEvent.CANCEL if over else None, now)
        self.look_next(tx, saved, now)
        return saved

    def move(
        self, tx: Tx, held: Subscription, event: SubscriptionEvent | None, now: datetime
    ) -> Subscription:
        """Write it down, with what has happened to it, and tell it."""
        if event is None:
            return tx.subscriptions.save(held)
        step = SUBSCRIPTION_MACHINE.step(held.state, event)
        saved = tx.subscriptions.save(attrs.evolve(held, state=step.after), step, now)
        never_was = step.before is SubscriptionState.PENDING and event is SubscriptionEvent.CANCEL
        if not never_was:
            tx.outbox.emit([self._message(saved, _TOLD[event], now)])
        return saved

    def _apply(
        self, tx: Tx, held: Subscription, fact: BillingFact, number: int, now: datetime
    ) -> Subscription:
        event = billing_event(held, fact)
        if held.is_over:
            saved = tx.subscriptions.save(held)
        else:
            saved = self.move(tx, after_fact(held, fact, number), event, now)
        self._book(tx, saved, fact, now)
        self._alert(held, saved, fact, event)
        self.look_next(tx, saved, now, paid=fact.paid)
        return saved

    def _alert(
        self,
        held: Subscription,
        saved: Subscription,
        fact: BillingFact,
        event: SubscriptionEvent | None,
    ) -> None:
        """Tell a person what only a person can put right."""
        ended, venue = fact.status is BillingStatus.ENDED, str(saved.venue_id)
        if held.is_over and not ended:
            # Ours never comes back, and the provider may go on billing for nothing.
            self.alerts.raise_alert("plan_lives_on", fact.provider_id, venue_id=venue)
        unbegun = held.is_given or held.state is SubscriptionState.PENDING
        if fact.paid and unbegun and ended:
            # The buyer paid what was being given up; what to do with the money, a person decides.
            self.alerts.raise_alert("plan_paid_and_ended", "", venue_id=venue)
        if event is SubscriptionEvent.FAIL:
            self.alerts.raise_alert("plan_unpaid", saved.plan_id, venue_id=venue)

    def _book(self, tx: Tx, held: Subscription, fact: BillingFact, now: datetime) -> None:
        """Each paid invoice once: the lock of the subscription is held since before they were read."""
        known = {paid.id for paid in tx.plan_invoices.of_venue(held.venue_id)()}
        for paid in fact.invoices:
            if paid.id not in known:
                tx.plan_invoices.add(held.venue_id, paid)
                tx.ledger.post(
                    plan_posting(
                        invoice_id=paid.id,
                        plan_id=paid.plan_id,
                        amount=paid.amount,
                        posted_at=now,
                    )
                )

    def look_next(self, tx: Tx, held: Subscription, now: datetime, *, paid: bool = True) -> None:
        """Set the timer of the subscription, or clear it."""
        due_at = _next_look(held, now, paid=paid)
        if due_at is None:
            tx.timers.clear(tx.tenant_id, TimerKind.SUBSCRIPTION, held.venue_id)
        else:
            tx.timers.set(tx.tenant_id, TimerKind.SUBSCRIPTION, held.venue_id, due_at)

    def _message(self, held: Subscription, kind: str, now: datetime) -> Message:
        return message_about(
            self.ids,
            kind,
            AggregateType.SUBSCRIPTION,
            held.id,
            now,
            subscriptionId=str(held.id),
            venueId=str(held.venue_id),
            plan=held.plan_id,
        )


def _next_look(held: Subscription, now: datetime, *, paid: bool) -> datetime | None:
    """When the provider has to be asked again, whatever it sends until then; None for never."""
    if held.is_over:
        return None
    if held.pending_wish or held.state is SubscriptionState.PENDING:
        return now + timedelta(seconds=BANK_LOOK_SECONDS)
    if not held.provider_id:
        return held.cancels_at
    if held.state is SubscriptionState.PAST_DUE:
        return now + timedelta(seconds=PAST_DUE_LOOK_SECONDS)
    due_at = held.current_period_end + timedelta(seconds=MARGIN_SECONDS)
    late = not paid or due_at <= now
    return now + timedelta(seconds=UNPAID_LOOK_SECONDS) if late else due_at


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PlanCourier:
    """Asks the provider for what a venue wishes, or how it is, and settles it; for the worker, too."""

    uow: UnitOfWork
    desk: PlanDesk
    clock: Clock
    plans: Sequence[Plan]
    billing: PlanBilling | None = None

    def ask(self, tenant: TenantId, held: Subscription) -> Heard:
        """What the provider says, outside of any transaction; raises what the provider raises."""
        wish = held.pending_wish
        if self.billing is None:
            return self._unasked(held)
        try:
            if wish is None:
                return self.billing.retrieve(tenant, held)
            if wish.ends:
                return self.billing.end(tenant, held)
            plan = plan_of(wish.plan_id, self.plans)
            starts = not held.provider_id or held.awaits_bank
            send = self.billing.start if starts else self.billing.switch
            return send(tenant, held, plan)
        except PaymentDeclined as refused:
            return refused.failure

    def _unasked(self, held: Subscription) -> Heard:
        """Where billing is off, an old wish about nothing that the provider knows was never sent."""
        wish = held.pending_wish
        if wish is None or held.provider_id or self.clock.now() - wish.asked_at < WISH_OVER:
            raise Unavailable("PLAN_BILLING is off: nothing here bills plans")
        return NEVER_SENT

    def __call__(self, claim: TimerClaim) -> None:
        """The worker's step for the subscription of one venue; raises what the provider raises."""
        tenant, venue_id = claim.tenant_id, VenueId(claim.subject_id)
        held = self.uow.run(tenant, lambda tx: tx.subscriptions.get(venue_id)())
        if held is None or not (held.provider_id or held.pending_wish):
            self.uow.run(tenant, lambda tx: self._end_unbilled(tx, claim, venue_id))
            return
        heard = self.ask(tenant, held)
        self.uow.run(tenant, lambda tx: self._settle(tx, claim, held, heard))

    def _settle(self, tx: Tx, claim: TimerClaim, asked: Subscription, heard: Heard) -> None:
        tx.subscriptions.lock(asked.venue_id)()
        if tx.timers.lock(claim)():
            self.desk.settle(tx, asked, heard, self.clock.now())

    def _end_unbilled(self, tx: Tx, claim: TimerClaim, venue_id: VenueId) -> None:
        """A plan that nobody bills ends when its venue was told that it would."""
        held = tx.subscriptions.lock(venue_id)()
        if not tx.timers.lock(claim)():
            return
        now = self.clock.now()
        if held is None:
            tx.timers.clear(tx.tenant_id, TimerKind.SUBSCRIPTION, venue_id)
            return
        billed = held.provider_id or held.pending_wish
        ends = held.cancels_at is not None and held.cancels_at <= now
        if ends and not billed and not held.is_over:
            held = self.desk.move(tx, held, SubscriptionEvent.CANCEL, now)
        self.desk.look_next(tx, held, now)
