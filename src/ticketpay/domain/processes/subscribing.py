"""Subscribing: the plans that venues sell by, whose fee is taken and whose cap is kept (S19, K02).

Where plans are billed, what the provider says decides (``plan_billing``). Where they are not, a plan
renews itself and nothing has to happen for it: the running period is computed when somebody asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    NotFound,
    OutcomeUnknown,
    Rejected,
    Unavailable,
)
from ticketpay.domain.kernel.ids import PaymentId, SubscriptionId, VenueId
from ticketpay.domain.messaging import Answer, Claim, ClaimStatus, KeyScope, Outcome, TimerKind
from ticketpay.domain.parties import Actor
from ticketpay.domain.payments import Failure
from ticketpay.domain.processes.answers import refusal
from ticketpay.domain.processes.plan_billing import WISH_LOOK_SECONDS, Heard, PlanCourier
from ticketpay.domain.processes.plan_views import failure_view, subscription_view
from ticketpay.domain.processes.venues import venue_for
from ticketpay.domain.subscriptions import (
    SUBSCRIPTION_MACHINE,
    Plan,
    PlanBilledElsewhere,
    PlanChangePending,
    PlanWish,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
    WishState,
    period_end,
    plan_of,
    subscribe,
    switch,
)

if TYPE_CHECKING:
    from ticketpay.domain.audit import Detail
    from ticketpay.ports.system import Clock, Ids
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["Subscribe", "SubscribeOrder"]


@attrs.frozen(kw_only=True)
class SubscribeOrder:
    """Who wants which plan for a venue, or to give it up, under which key.

    ``payment_method`` (``pm_...``) is what pays; ``entry`` is an operator's audit entry.
    """

    actor: Actor
    key: KeyScope
    request_hash: str
    venue_id: VenueId
    plan_id: str = ""
    ends: bool = False
    payment_method: str = attrs.field(default="", repr=False)
    request_id: str = ""
    entry: AuditEntry | None = None


@attrs.frozen
class _Opened:
    """What the first transaction leaves: a subscription with a pending wish, or the final answer."""

    claim: Claim
    held: Subscription | None = None
    answer: Answer | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Subscribe:
    """``POST`` and ``DELETE /venues/{id}/subscription``.

    Where plans are billed it is a process: the wish is written down, the provider is called, its
    answer is settled. A provider that does not answer is asked by the worker.
    """

    uow: UnitOfWork
    clock: Clock
    ids: Ids
    plans: Sequence[Plan]
    courier: PlanCourier

    def __call__(self, order: SubscribeOrder) -> Answer:
        """The venue's subscription, or why there is none; once per key.

        The plan that the venue has already changes nothing; another one takes its place at once.
        Raises ``Conflict`` when two give a venue its first plan at the same time, and
        ``InvalidInput`` where billing needs a payment method.
        """
        tenant = order.actor.tenant_id
        opened = self.uow.run(tenant, lambda tx: self._open(tx, order))
        if opened.answer is not None:
            return self._with_secret(order, opened.answer)
        held = opened.held
        assert held is not None, "what is not answered has a wish"
        try:
            heard = self.courier.ask(tenant, held)
        except (OutcomeUnknown, Unavailable):
            # The wish stays: the worker finds out what has become of it, or sends it.
            return self.uow.run(tenant, lambda tx: self._finish(tx, opened.claim, held))
        answer = self.uow.run(tenant, lambda tx: self._settle(tx, opened.claim, held, heard))
        return _with(answer, heard)

    def preview(self, order: SubscribeOrder) -> dict[str, object]:
        """What it would be; nothing is kept. Raises ``NotFound`` and ``PlanUnknown``."""

        def look(tx: Tx) -> dict[str, object]:
            now = self.clock.now()
            venue_for(tx, order.actor, order.venue_id, changing=True)
            held = tx.subscriptions.get(order.venue_id)()
            wanted = self._wanted(order, held, now)
            wish = wanted.pending_wish
            if wish is not None and not wish.ends:
                wanted = attrs.evolve(wanted, plan_id=wish.plan_id, wish=None, cancels_at=None)
            elif wish is not None:
                wanted = attrs.evolve(wanted, wish=None, cancels_at=period_end(wanted, now))
            return subscription_view(wanted, now)

        return self.uow.run(order.actor.tenant_id, look)

    def _open(self, tx: Tx, order: SubscribeOrder) -> _Opened:
        now = self.clock.now()
        claim = tx.idempotency.claim(order.key, order.request_hash, now)()
        claim.refuse_if_not_ours()
        finished = claim.status is ClaimStatus.FINISHED
        try:
            # Once more for every replay: who manages the venue no longer is told nothing about it.
            venue_for(tx, order.actor, order.venue_id, changing=True)
            if finished:
                return _Opened(claim, answer=claim.answer)
            held = tx.subscriptions.lock(order.venue_id)()
            if held is not None and claim.payment_id is not None:
                return self._resume(tx, claim, held, now)
            wanted = self._wanted(order, held, now)
        except (Rejected, Conflict, NotFound) as error:
            answer = refusal(error)
            if not finished:
                tx.idempotency.finish(claim, answer, now)
            return _Opened(claim, answer=answer)
        return self._write(tx, claim, order, held, wanted, now)

    def _resume(self, tx: Tx, claim: Claim, held: Subscription, now: datetime) -> _Opened:
        """The recovery point: whoever wrote the wish died; it may be decided, or replaced, by now."""
        wish = held.pending_wish
        if wish is not None and wish.key == claim.scope.key:
            return _Opened(claim, held)
        return _Opened(claim, answer=self._answer(tx, claim, held, now))

    def _write(
        self,
        tx: Tx,
        claim: Claim,
        order: SubscribeOrder,
        held: Subscription | None,
        wanted: Subscription,
        now: datetime,
    ) -> _Opened:
        if held == wanted:
            return _Opened(claim, answer=self._answer(tx, claim, wanted, now))
        starts = wanted.state is SubscriptionState.PENDING and wanted.pending_wish is None
        if held is None:
            tx.subscriptions.add(wanted)
        else:
            wanted = tx.subscriptions.save(wanted)
        if starts:
            wanted = self.courier.desk.move(tx, wanted, SubscriptionEvent.START, now)
        tx.audit.record(_entry(self.ids, order, held, now))
        if wanted.pending_wish is not None:
            due_at = now + timedelta(seconds=WISH_LOOK_SECONDS)
            tx.timers.set(tx.tenant_id, TimerKind.SUBSCRIPTION, wanted.venue_id, due_at)
            # What a key has begun is called a payment in its table.
            claim = tx.idempotency.advance(claim, PaymentId(wanted.id))
            return _Opened(claim, wanted)
        self.courier.desk.look_next(tx, wanted, now)
        return _Opened(claim, answer=self._answer(tx, claim, wanted, now))

    def _wanted(
        self, order: SubscribeOrder, held: Subscription | None, now: datetime
    ) -> Subscription:
        """The subscription as it should be: with a wish where the provider has to be asked."""
        billed = held is not None and held.provider_id != "" and not held.is_over
        if billed and self.courier.billing is None:
            raise PlanBilledElsewhere(f"the provider bills {held.provider_id if held else ''}")
        if order.ends:
            return self._given_up(order, held, now)
        plan = plan_of(order.plan_id, self.plans)
        if held is not None and held.pending_wish:
            raise PlanChangePending(f"venue {order.venue_id} has asked for another change")
        if self.courier.billing is None:
            return self._unbilled(order, plan, held, now)
        if held is not None and billed and _is_idle(held, plan, order):
            return held
        if not billed and not order.payment_method:
            raise _method_needed()
        held = held if held and not held.is_over else self._fresh(order, plan, held, now)
        return _wishing(held, order, plan.id, now)

    def _given_up(
        self, order: SubscribeOrder, held: Subscription | None, now: datetime
    ) -> Subscription:
        if held is None or held.is_over:
            raise NotFound(f"venue {order.venue_id} has no subscription")
        if held.cancels_at is not None and not held.awaits_bank:
            return held
        if held.pending_wish and not held.awaits_bank:
            raise PlanChangePending(f"venue {order.venue_id} has asked for another change")
        if not held.provider_id:
            return attrs.evolve(held, cancels_at=period_end(held, now))
        return _wishing(held, order, held.plan_id, now)

    def _unbilled(
        self, order: SubscribeOrder, plan: Plan, held: Subscription | None, now: datetime
    ) -> Subscription:
        if held is None or held.is_over:
            return self._fresh(order, plan, held, now)
        kept = held if held.plan_id == plan.id else switch(held, plan, now)
        return attrs.evolve(kept, cancels_at=None)

    def _fresh(
        self, order: SubscribeOrder, plan: Plan, held: Subscription | None, now: datetime
    ) -> Subscription:
        """A new one, in the place of one that is over; it has not begun yet."""
        fresh = subscribe(
            plan,
            subscription_id=SubscriptionId(self.ids.new()),
            venue_id=order.venue_id,
            provider_id="",
            now=now,
        )
        fresh = attrs.evolve(fresh, state=SUBSCRIPTION_MACHINE.initial)
        if held is None:
            return fresh
        return attrs.evolve(fresh, version=held.version, customer_id=held.customer_id)

    def _settle(self, tx: Tx, claim: Claim, asked: Subscription, heard: Heard) -> Answer:
        now = self.clock.now()
        ours = tx.idempotency.lock(claim)
        held = self.courier.desk.settle(tx, asked, heard, now)
        if not ours():
            raise Conflict("the idempotency key has been taken over")
        return self._answer(tx, claim, held, now)

    def _finish(self, tx: Tx, claim: Claim, asked: Subscription) -> Answer:
        ours = tx.idempotency.lock(claim)
        held = tx.subscriptions.lock(asked.venue_id)()
        assert held is not None, "subscriptions are never deleted"
        if not ours():
            raise Conflict("the idempotency key has been taken over")
        return self._answer(tx, claim, held, self.clock.now())

    def _answer(self, tx: Tx, claim: Claim, held: Subscription, now: datetime) -> Answer:
        wish, view = held.wish, subscription_view(held, now)
        if wish is None or wish.key != claim.scope.key or wish.state is WishState.DONE:
            answer = Answer(Outcome.COMPLETED, view)
        elif wish.failure is None:
            answer = Answer(Outcome.ACCEPTED, view)
        else:
            answer = Answer(Outcome.DECLINED, view | {"failure": failure_view(wish.failure)})
        tx.idempotency.finish(claim, answer, now)
        return answer

    def _with_secret(self, order: SubscribeOrder, answer: Answer) -> Answer:
        """A replayed answer that waits for the bank gets its secret from the provider again.

        Only that of its own wish: what waits now may be somebody else's.
        """
        if answer.outcome is not Outcome.ACCEPTED:
            return answer
        tenant = order.actor.tenant_id
        held = self.uow.run(tenant, lambda tx: tx.subscriptions.get(order.venue_id)())
        wish = held.pending_wish if held is not None and held.awaits_bank else None
        if held is None or wish is None or wish.ends or wish.key != order.key.key:
            return answer
        return _with(answer, self.courier.ask(tenant, attrs.evolve(held, wish=None)))


def _with(answer: Answer, heard: Heard) -> Answer:
    """With the secret that the buyer's browser needs, if the bank asks."""
    if isinstance(heard, Failure) or answer.outcome is not Outcome.ACCEPTED:
        return answer
    return attrs.evolve(answer, client_secret=heard.client_secret)


def _wishing(
    held: Subscription, order: SubscribeOrder, plan_id: str, now: datetime
) -> Subscription:
    """With a wish whose number no wish of the subscription had before: the version it will have.

    What is given up while the bank is asked waits for it until the provider has ended it.
    """
    wish = PlanWish(
        number=held.version + 1,
        plan_id=plan_id,
        ends=order.ends,
        method=order.payment_method,
        asked_at=now,
        key=order.key.key,
        state=WishState.WAITING if held.awaits_bank else WishState.PENDING,
    )
    return attrs.evolve(held, wish=wish)


def _is_idle(held: Subscription, plan: Plan, order: SubscribeOrder) -> bool:
    """Whether there is nothing to do: it has the plan, goes on, and another card is not named."""
    goes_on = held.is_active and held.cancels_at is None
    return goes_on and held.plan_id == plan.id and not order.payment_method


def _method_needed() -> InvalidInput:
    error = FieldError("paymentMethod", "is required: the plan is billed")
    return InvalidInput(f"{error.field} {error.message}", errors=(error,))


def _entry(ids: Ids, order: SubscribeOrder, held: Subscription | None, now: datetime) -> AuditEntry:
    before = held.plan_id if held is not None and held.is_active else None
    after = None if order.ends else order.plan_id
    details: dict[str, Detail] = {"plan": after, "before": before}
    if order.entry is not None:
        return attrs.evolve(order.entry, at=now, subject_id=str(order.venue_id), details=details)
    return AuditEntry(
        id=ids.new(),
        at=now,
        actor_kind=ActorKind.USER,
        actor_id=str(order.actor.user_id),
        action="plan.cancel" if order.ends else "plan.subscribe",
        subject_type="venue",
        subject_id=str(order.venue_id),
        details={"role": str(order.actor.role), **details},
        request_id=order.request_id,
    )
