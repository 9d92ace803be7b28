"""A venue asks for its money, or calls a payout off in time (S21, S22)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.errors import Conflict, FieldError
from ticketpay.domain.kernel.ids import PayoutId, VenueId
from ticketpay.domain.ledger import VenueBooks
from ticketpay.domain.messaging import Answer, KeyScope, Outcome, TimerKind
from ticketpay.domain.money import CurrencyMismatch, Money
from ticketpay.domain.parties import Actor
from ticketpay.domain.payouts import (
    PAYOUT_MACHINE,
    Payout,
    PayoutEvent,
    PayoutRules,
    PayoutSpeed,
    PayoutState,
    VenueAccount,
    VenueNotConnected,
    check_payout,
    payout_fee,
)
from ticketpay.domain.processes.keyed import answered_once
from ticketpay.domain.processes.payout_desk import (
    books_of,
    found_payout,
    move_payout,
    payout_message,
    payout_view,
)
from ticketpay.domain.processes.releasing import ReleaseVenueMoney
from ticketpay.domain.processes.venue_balances import payable_now
from ticketpay.domain.processes.venues import venue_for

if TYPE_CHECKING:
    from ticketpay.domain.audit import Detail
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.domain.payouts import Payable
    from ticketpay.ports.system import Clock, Ids
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["AskPayout", "CancelPayout", "PayoutOrder", "PayoutWish"]


@attrs.frozen(kw_only=True)
class PayoutWish:
    """How much a venue wants, and how fast."""

    venue_id: VenueId
    amount: Money
    speed: PayoutSpeed = PayoutSpeed.STANDARD


@attrs.frozen(kw_only=True)
class PayoutOrder:
    """Who wants which payout, under which key; ``entry`` is an operator's audit entry."""

    actor: Actor
    key: KeyScope
    request_hash: str
    wish: PayoutWish
    request_id: str = ""
    entry: AuditEntry | None = None


@attrs.frozen(kw_only=True, eq=False, repr=False)
class AskPayout:
    """``POST /venues/{id}/payouts`` (S21, S22)."""

    uow: UnitOfWork
    release: ReleaseVenueMoney
    clock: Clock
    ids: Ids
    rules: PayoutRules

    def __call__(self, order: PayoutOrder) -> Answer:
        """The payout, or why there is none; once per key.

        Raises ``PayoutAmountInvalid`` and ``CurrencyMismatch``; two payouts at once never exceed
        what is payable, because both hold the guard (S21 D1).
        """

        def run(tx: Tx) -> Answer:
            now = self.clock.now()
            return answered_once(tx, order, now, lambda: self._decide(tx, order, now))

        return self.uow.run(order.actor.tenant_id, run)

    def preview(self, order: PayoutOrder) -> dict[str, object]:
        """What would be paid out now; nothing is kept. Raises what it would be refused for."""

        def look(tx: Tx) -> dict[str, object]:
            venue_for(tx, order.actor, order.wish.venue_id, changing=True)
            now, wish = self.clock.now(), order.wish
            _require_currency(tx, wish)
            account = tx.venue_accounts.get(wish.venue_id, wish.amount.currency)()
            before = self.release.rules.over_before(now)
            coming = tx.venue_accounts.due_cents(before, wish.venue_id, account.currency)
            limit = payable_now(tx, account, self.rules, now, coming())
            return payout_view(self._checked(tx, order, account, limit, now))

        return self.uow.run(order.actor.tenant_id, look)

    def _decide(self, tx: Tx, order: PayoutOrder, now: datetime) -> Callable[[], Answer]:
        venue_for(tx, order.actor, order.wish.venue_id, changing=True)
        _require_currency(tx, order.wish)
        # Released money is the venue's whatever becomes of the wish.
        account, limit = self._limit(tx, order.wish)
        payout = self._checked(tx, order, account, limit, now)
        return lambda: self._begin(tx, order, payout, account, limit, now)

    def _limit(self, tx: Tx, wish: PayoutWish) -> tuple[VenueAccount, Payable]:
        account, _ = self.release.release(tx, wish.venue_id, wish.amount.currency)
        return account, payable_now(tx, account, self.rules, self.clock.now())

    def _checked(
        self, tx: Tx, order: PayoutOrder, account: VenueAccount, limit: Payable, now: datetime
    ) -> Payout:
        wish = order.wish
        today = tx.payouts.day_cents(wish.venue_id, wish.amount.currency, now)
        check_payout(wish.amount, limit, today_cents=today(), rules=self.rules)
        if not account.provider_account:
            raise VenueNotConnected(f"venue {wish.venue_id} has no account at the provider")
        return Payout(
            id=PayoutId(self.ids.new()),
            venue_id=wish.venue_id,
            amount=wish.amount,
            fee=payout_fee(wish.amount, wish.speed, self.rules),
            speed=wish.speed,
            state=PAYOUT_MACHINE.initial,
            requested_by=order.actor.user_id,
            account=account.provider_account,
            created_at=now,
        )

    def _begin(
        self,
        tx: Tx,
        order: PayoutOrder,
        payout: Payout,
        account: VenueAccount,
        limit: Payable,
        now: datetime,
    ) -> Answer:
        tx.payouts.add(payout)
        if limit.additional_cents:
            books = VenueBooks(venue_id=payout.venue_id, currency=payout.amount.currency)
            tx.ledger.post(books.reserved(limit.additional_cents, payout.id, now))
            if account.reserved_at is None:
                tx.venue_accounts.save(attrs.evolve(account, reserved_at=now))
        tx.ledger.post(books_of(payout).requested(now))
        tx.outbox.emit([payout_message(self.ids, payout, "payout.requested", now)])
        tx.timers.set(tx.tenant_id, TimerKind.PAYOUT, payout.id, now)
        tx.audit.record(_entry(self.ids, "payout.request", order, payout, now))
        return Answer(Outcome.COMPLETED, payout_view(payout))


@attrs.frozen(kw_only=True, eq=False, repr=False)
class CancelPayout:
    """``ticketpay payouts cancel``: as long as the provider has not been asked; idempotent."""

    uow: UnitOfWork
    clock: Clock
    ids: Ids

    def __call__(self, tenant: TenantId, payout_id: PayoutId, entry: AuditEntry) -> Payout:
        """The cancelled payout; raises ``NotFound``, or ``Conflict`` when it is on its way."""

        def cancel(tx: Tx) -> Payout:
            now = self.clock.now()
            payout = found_payout(tx.payouts.lock(payout_id)(), payout_id)
            if payout.state is PayoutState.CANCELLED:
                return payout
            if not PAYOUT_MACHINE.can(payout.state, PayoutEvent.CANCEL):
                raise Conflict(f"payout {payout_id} is {payout.state}")
            moved = move_payout(tx, payout, PayoutEvent.CANCEL, now)
            tx.ledger.post(books_of(payout).cancelled(now))
            tx.outbox.emit([payout_message(self.ids, moved, "payout.cancelled", now)])
            tx.timers.clear(tx.tenant_id, TimerKind.PAYOUT, payout.id)
            tx.audit.record(attrs.evolve(entry, at=now))
            return moved

        return self.uow.run(tenant, cancel)


def _require_currency(tx: Tx, wish: PayoutWish) -> None:
    """Raise ``CurrencyMismatch`` when the venue has sold in other currencies alone (S20 D5)."""
    held = tx.ledger.venue_balances(wish.venue_id)()
    if held and wish.amount.currency.code not in held:
        wrong = FieldError("currency", f"must be one of {', '.join(sorted(held))}")
        raise CurrencyMismatch(f"the venue has no {wish.amount.currency}", errors=(wrong,))


def _entry(ids: Ids, action: str, order: PayoutOrder, payout: Payout, now: datetime) -> AuditEntry:
    details: dict[str, Detail] = {"cents": payout.amount.cents, "venue": str(payout.venue_id)}
    if order.entry is not None:
        return attrs.evolve(order.entry, at=now, subject_id=str(payout.id), details=details)
    return AuditEntry(
        id=ids.new(),
        at=now,
        actor_kind=ActorKind.USER,
        actor_id=str(order.actor.user_id),
        action=action,
        subject_type="payout",
        subject_id=str(payout.id),
        details={"role": str(order.actor.role), **details},
        request_id=order.request_id,
    )
