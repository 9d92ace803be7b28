"""Venue money: released when its event is over, shown, paid out and brought back (S20-S22).

Whatever may overdraw a venue happens under its guard row, from reading the balances to the posting.
The provider is called by the worker alone, never inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.audit import ActorKind, AuditEntry
from ticketpay.domain.kernel.errors import (
    Conflict,
    FieldError,
    NotFound,
    OutcomeUnknown,
    Unavailable,
)
from ticketpay.domain.kernel.ids import PayoutId, VenueId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.ledger import Bucket, PayoutBooks, VenueBooks
from ticketpay.domain.messaging import (
    AggregateType,
    Answer,
    KeyScope,
    Message,
    Outcome,
    TimerClaim,
    TimerKind,
)
from ticketpay.domain.money import USD, Currency, CurrencyMismatch, Money
from ticketpay.domain.parties import Actor
from ticketpay.domain.payouts import (
    PAYOUT_MACHINE,
    Balances,
    Payout,
    PayoutEvent,
    PayoutRules,
    PayoutSpeed,
    PayoutState,
    Portion,
    RiskLevel,
    VenueAccount,
    VenueNotConnected,
    check_payout,
    payable,
    payout_fee,
    recovery_order,
    reserve_surplus,
    risk_level,
)
from ticketpay.domain.processes.keyed import answered_once
from ticketpay.domain.processes.telling import message_about
from ticketpay.domain.processes.venues import venue_for

if TYPE_CHECKING:
    from ticketpay.domain.audit import Detail
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.domain.payouts import Payable
    from ticketpay.ports.payouts import PayoutFact, PayoutGateway
    from ticketpay.ports.system import Alerts, Clock, Ids
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = [
    "AskPayout",
    "CancelPayout",
    "ConnectVenue",
    "HoldRules",
    "PayoutCourier",
    "PayoutOrder",
    "PayoutWish",
    "ReleaseVenueMoney",
    "ShowVenue",
    "SyncPayout",
    "VenueMoney",
    "payout_view",
]

RELEASED_AT_ONCE: Final = 200
UNAVAILABLE_MAX: Final = 3
"""So many venues in a row that cannot be released: then it is the database, and not a venue."""
LISTED: Final = 100
LOOK_SECONDS: Final = 600
PAID_LOOK_SECONDS: Final = 24 * 3600
LOOKS_END_SECONDS: Final = 10 * 24 * 3600
"""For so long after a payout was heard of as paid it is asked about once a day."""


@attrs.frozen(kw_only=True)
class HoldRules:
    """When money of an event is released: the catalogue knows no end, so a day after its start."""

    event_hours: int = 24
    hold_days: int = 7

    def over_before(self, now: datetime) -> datetime:
        """Events that began before then are over, and their hold is, too."""
        return now - timedelta(hours=self.event_hours, days=self.hold_days)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ReleaseVenueMoney:
    """The worker's step: pending becomes available where the event is over (S20 D4)."""

    uow: UnitOfWork
    clock: Clock
    alerts: Alerts
    rules: HoldRules
    reserves: PayoutRules = attrs.field(factory=PayoutRules)

    def __call__(self, tenant: TenantId) -> int:
        """How many balances were released; a venue at a time, under its guard.

        Every venue has its turn, whoever before it could not be released.
        """
        count, after, unavailable = 0, None, 0
        while page := self._page(tenant, after):
            for venue, currency in page:
                found = self._one(tenant, venue, currency)
                unavailable = unavailable + 1 if found is None else 0
                if unavailable == UNAVAILABLE_MAX:
                    raise Unavailable("no venue's money can be released")
                count += found or 0
            after = page[-1]
        return count

    def _page(
        self, tenant: TenantId, after: tuple[VenueId, Currency] | None
    ) -> tuple[tuple[VenueId, Currency], ...]:
        before, since = self.rules.over_before(self.clock.now()), self._recent()

        def look(tx: Tx) -> tuple[tuple[VenueId, Currency], ...]:
            return tx.venue_accounts.waiting(before, since, after, RELEASED_AT_ONCE)()

        return self.uow.run(tenant, look)

    def _recent(self) -> datetime:
        return self.clock.now() - timedelta(days=self.reserves.reserve_days)

    def _one(self, tenant: TenantId, venue_id: VenueId, currency: Currency) -> int | None:
        """How many balances of a venue; None when the database could not do it now."""

        def run(tx: Tx) -> int:
            account, count = self.release(tx, venue_id, currency)
            return count + self._give_back(tx, account)

        try:
            return self.uow.run(tenant, run)
        except Exception as error:  # noqa: BLE001 - one venue's trouble must not keep the others' money
            self.alerts.raise_alert("release_fails", type(error).__name__, venue_id=str(venue_id))
            return None if isinstance(error, (Unavailable, OutcomeUnknown)) else 0

    def _give_back(self, tx: Tx, account: VenueAccount) -> int:
        """Of the reserve, what has been there long enough is available again."""
        if account.reserved_at is None or account.reserved_at >= self._recent():
            return 0
        held = _balances(tx, account)
        put = tx.venue_accounts.reserved_since(account.venue_id, account.currency, self._recent())
        recent_cents, oldest = put()
        surplus = reserve_surplus(held.reserved_cents, recent_cents)
        account = attrs.evolve(account, reserved_at=oldest)
        if surplus:
            account = attrs.evolve(account, postings=account.postings + 1)
            books = VenueBooks(venue_id=account.venue_id, currency=account.currency)
            tx.ledger.post(books.given_back(surplus, account.postings, self.clock.now()))
        tx.venue_accounts.save(account)
        return 1 if surplus else 0

    def release(self, tx: Tx, venue_id: VenueId, currency: Currency) -> tuple[VenueAccount, int]:
        """Release all that is due of one venue; its guard is locked from now on."""
        now = self.clock.now()
        account = tx.venue_accounts.lock(venue_id, currency)()
        before = self.rules.over_before(now)
        books, count = VenueBooks(venue_id=venue_id, currency=currency), 0
        while due := tx.venue_accounts.due(before, venue_id, currency, RELEASED_AT_ONCE)():
            for one in due:
                account = attrs.evolve(account, postings=account.postings + 1)
                tx.ledger.post(books.released(one.event_id, one.cents, account.postings, now))
            count += len(due)
        if count:
            account = _recover(tx, account, books, now)
            tx.venue_accounts.save(account)
        return account, count


def _recover(tx: Tx, account: VenueAccount, books: VenueBooks, now: datetime) -> VenueAccount:
    """A debt takes from the reserve first; the rest stays a negative balance (field notes 3.5)."""
    held = _balances(tx, account)
    if held.available_cents >= 0:
        return account
    reserve = Portion(bucket=Bucket.RESERVED, cents=held.reserved_cents)
    for take in recovery_order(-held.available_cents, [reserve]):
        if take.bucket is Bucket.RESERVED:
            account = attrs.evolve(account, postings=account.postings + 1)
            tx.ledger.post(books.recovered(take.cents, account.postings, now))
    return account


def _balances(tx: Tx, account: VenueAccount) -> Balances:
    """What the venue has, read under its guard."""
    held = tx.ledger.venue_balances(account.venue_id)().get(account.currency.code, {})
    return _without(account.currency, held)


def _without(currency: Currency, held: Mapping[str, int], debt_cents: int = 0) -> Balances:
    """A venue's balances when ``debt_cents``, owed under events, are taken from what is available."""
    return Balances(
        currency=currency,
        available_cents=held.get(Bucket.AVAILABLE, 0) - debt_cents,
        reserved_cents=held.get(Bucket.RESERVED, 0),
        pending_cents=max(0, held.get(Bucket.PENDING, 0) + debt_cents),
        in_transit_cents=held.get(Bucket.IN_TRANSIT, 0),
    )


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


def payout_view(payout: Payout) -> dict[str, object]:
    """A payout for its venue; amounts in cents."""
    view: dict[str, object] = {
        "id": str(payout.id),
        "venueId": str(payout.venue_id),
        "status": str(payout.state),
        "type": str(payout.speed),
        "amountCents": payout.amount.cents,
        "feeCents": payout.fee.cents,
        "netCents": payout.net.cents,
        "currency": payout.amount.currency.code,
        "arrival": payout.speed.arrival,
        "createdAt": rfc3339(payout.created_at),
    }
    if payout.failure is not None:
        view["failureCode"] = payout.failure.code
    return view


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
            limit = _limit(tx, account, self.rules, now, coming())
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
        return account, _limit(tx, account, self.rules, self.clock.now())

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
        tx.ledger.post(_books(payout).requested(now))
        tx.outbox.emit([_message(self.ids, payout, "payout.requested", now)])
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
            payout = _found(tx.payouts.lock(payout_id)(), payout_id)
            if payout.state is PayoutState.CANCELLED:
                return payout
            if not PAYOUT_MACHINE.can(payout.state, PayoutEvent.CANCEL):
                raise Conflict(f"payout {payout_id} is {payout.state}")
            moved = _moved(tx, payout, PayoutEvent.CANCEL, now)
            tx.ledger.post(_books(payout).cancelled(now))
            tx.outbox.emit([_message(self.ids, moved, "payout.cancelled", now)])
            tx.timers.clear(tx.tenant_id, TimerKind.PAYOUT, payout.id)
            tx.audit.record(attrs.evolve(entry, at=now))
            return moved

        return self.uow.run(tenant, cancel)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SyncPayout:
    """``ticketpay payouts sync``: the worker asks the provider about a payout now."""

    uow: UnitOfWork
    clock: Clock

    def __call__(self, tenant: TenantId, payout_id: PayoutId, entry: AuditEntry) -> Payout:
        """The payout as it is before the worker has asked; raises ``NotFound``."""

        def look(tx: Tx) -> Payout:
            now = self.clock.now()
            payout = _found(tx.payouts.lock(payout_id)(), payout_id)
            tx.audit.record(attrs.evolve(entry, at=now))
            if not payout.state.is_undone:
                tx.timers.set(tx.tenant_id, TimerKind.PAYOUT, payout_id, now)
            return payout

        return self.uow.run(tenant, look)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ConnectVenue:
    """``ticketpay payouts connect``: where a venue's money goes."""

    uow: UnitOfWork
    clock: Clock

    def __call__(
        self,
        tenant: TenantId,
        venue_id: VenueId,
        currency: Currency,
        account: str,
        entry: AuditEntry,
    ) -> VenueAccount:
        """The guard row with its account; raises ``NotFound`` for an unknown venue."""

        def connect(tx: Tx) -> VenueAccount:
            if tx.catalog.place(venue_id)() is None:
                raise NotFound(f"there is no venue {venue_id}")
            guard = tx.venue_accounts.lock(venue_id, currency)()
            connected = attrs.evolve(guard, provider_account=account)
            tx.venue_accounts.save(connected)
            tx.audit.record(attrs.evolve(entry, at=self.clock.now()))
            return connected

        return self.uow.run(tenant, connect)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ShowVenue:
    """``GET /venues/{id}/balance`` and ``/payouts``."""

    uow: UnitOfWork
    clock: Clock
    rules: PayoutRules

    def balance(self, actor: Actor, venue_id: VenueId) -> dict[str, object]:
        """What the venue has per currency and what is payable, in cents; raises ``NotFound``.

        A debt under an event counts at once, though it is taken at the next release.
        """

        def show(tx: Tx) -> dict[str, object]:
            venue_for(tx, actor, venue_id, changing=False)
            balances, owed = tx.ledger.venue_balances(venue_id), tx.venue_accounts.debts(venue_id)
            level = _risk(tx, venue_id, self.rules, self.clock.now())
            held, debts = balances() or {USD.code: {}}, owed()
            rows = [
                self._row(_without(Currency(code), held[code], debts.get(code, 0)), level)
                for code in sorted(held)
            ]
            return {"venueId": str(venue_id), "balances": rows}

        return self.uow.run(actor.tenant_id, show)

    def _row(self, held: Balances, level: RiskLevel) -> dict[str, object]:
        limit = payable(held, level, self.rules)
        return {
            "currency": held.currency.code,
            "availableCents": held.available_cents,
            "pendingCents": held.pending_cents,
            "reservedCents": held.reserved_cents,
            "inTransitCents": held.in_transit_cents,
            "payableCents": limit.payable_cents,
        }

    def account(self, actor: Actor, venue_id: VenueId, currency: Currency) -> VenueAccount:
        """Where the venue's money goes; raises ``NotFound``."""

        def show(tx: Tx) -> VenueAccount:
            venue_for(tx, actor, venue_id, changing=False)
            return tx.venue_accounts.get(venue_id, currency)()

        return self.uow.run(actor.tenant_id, show)

    def payout(self, actor: Actor, payout_id: PayoutId) -> dict[str, object]:
        """One payout; raises ``NotFound``."""

        def show(tx: Tx) -> dict[str, object]:
            payout = _found(tx.payouts.get(payout_id)(), payout_id)
            venue_for(tx, actor, payout.venue_id, changing=False)
            return payout_view(payout)

        return self.uow.run(actor.tenant_id, show)

    def payouts(self, actor: Actor, venue_id: VenueId) -> list[dict[str, object]]:
        """The newest payouts, newest first; raises ``NotFound``."""

        def show(tx: Tx) -> list[dict[str, object]]:
            venue_for(tx, actor, venue_id, changing=False)
            long_ago = self.clock.now() - timedelta(days=3650)
            found = tx.payouts.of_venue(venue_id, long_ago, LISTED)()
            return [payout_view(payout) for payout in found]

        return self.uow.run(actor.tenant_id, show)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PayoutCourier:
    """The worker's step for one payout: sent once, asked about until it has its end (S21)."""

    uow: UnitOfWork
    gateway: PayoutGateway
    clock: Clock
    ids: Ids
    alerts: Alerts

    def __call__(self, claim: TimerClaim) -> None:
        """Bring it one step further; raises what the provider raises."""
        tenant, payout_id = claim.tenant_id, PayoutId(claim.subject_id)
        begun = self.uow.run(tenant, lambda tx: self._begin(tx, payout_id))
        if begun is None:
            self.uow.run(tenant, lambda tx: tx.timers.clear(tenant, TimerKind.PAYOUT, payout_id))
            return
        fact = self.gateway.send(tenant, begun)
        self.uow.run(tenant, lambda tx: self._settle(tx, claim, payout_id, fact))

    def _begin(self, tx: Tx, payout_id: PayoutId) -> Payout | None:
        """From here on the provider may have sent it, so it cannot be cancelled any more."""
        now = self.clock.now()
        payout = _found(tx.payouts.lock(payout_id)(), payout_id)
        if payout.state.is_undone:
            return None
        if payout.state is PayoutState.REQUESTED:
            payout = _moved(tx, payout, PayoutEvent.PROCESS, now)
            tx.ledger.post(_books(payout).processed(now))
        return payout

    def _settle(self, tx: Tx, claim: TimerClaim, payout_id: PayoutId, fact: PayoutFact) -> None:
        now = self.clock.now()
        payout = _found(tx.payouts.lock(payout_id)(), payout_id)
        if not tx.timers.lock(claim)():
            return
        payout = self._apply(tx, payout, fact, now)
        late = payout.moved_at + timedelta(seconds=LOOKS_END_SECONDS)
        if payout.state.is_undone or (payout.state is PayoutState.PAID and now >= late):
            tx.timers.clear(tx.tenant_id, TimerKind.PAYOUT, payout_id)
            return
        paid = payout.state is PayoutState.PAID
        wait = PAID_LOOK_SECONDS if paid else LOOK_SECONDS
        tx.timers.postpone(claim, now + timedelta(seconds=wait), "on its way")

    def _apply(self, tx: Tx, payout: Payout, fact: PayoutFact, now: datetime) -> Payout:
        books, before = _books(payout), payout.state
        event = {
            PayoutState.PROCESSING: PayoutEvent.PROCESS,
            PayoutState.PAID: PayoutEvent.PAY,
            PayoutState.FAILED: PayoutEvent.FAIL,
        }[fact.state]
        if not PAYOUT_MACHINE.can(before, event):
            return payout
        step = PAYOUT_MACHINE.step(before, event)
        # What the provider kept a part of has been there, whoever heard of it.
        arrived = fact.state is not PayoutState.FAILED or fact.lost_cents > 0
        if arrived and not payout.sent:
            tx.ledger.post(books.sent(now))
        if not step.moves and (payout.sent or not arrived):
            return payout
        noted = attrs.evolve(
            payout,
            provider_payout_id=fact.provider_payout_id or payout.provider_payout_id,
            failure=fact.failure,
            sent=payout.sent or arrived,
        )
        moved = _moved(tx, noted, event, now)
        if step.moves:
            self._end(tx, moved, before, fact.lost_cents, now)
        return moved

    def _end(self, tx: Tx, moved: Payout, before: PayoutState, lost: int, now: datetime) -> None:
        books = _books(moved)
        if moved.state is PayoutState.PAID:
            tx.ledger.post(books.paid(now))
        elif moved.state is PayoutState.FAILED:
            if before is PayoutState.PAID:
                tx.ledger.post(books.returned(now, lost_cents=lost))
            else:
                tx.ledger.post(books.failed(now, sent=moved.sent, lost_cents=lost))
            code = moved.failure.code if moved.failure else ""
            self.alerts.raise_alert("payout_failed", code, payout_id=str(moved.id))
        tx.outbox.emit([_message(self.ids, moved, f"payout.{moved.state}", now)])


@attrs.frozen(kw_only=True)
class VenueMoney:
    """Everything about the money of venues."""

    release: ReleaseVenueMoney
    ask: AskPayout
    cancel: CancelPayout
    connect: ConnectVenue
    sync: SyncPayout
    show: ShowVenue


def _limit(
    tx: Tx, account: VenueAccount, rules: PayoutRules, now: datetime, coming_cents: int = 0
) -> Payable:
    """What is payable; ``coming_cents`` are due to be released."""
    level, held = _risk(tx, account.venue_id, rules, now), _balances(tx, account)
    with_due = attrs.evolve(held, available_cents=held.available_cents + coming_cents)
    return payable(with_due, level, rules)


def _risk(tx: Tx, venue_id: VenueId, rules: PayoutRules, now: datetime) -> RiskLevel:
    since = now - timedelta(days=rules.history_days)
    return risk_level(tx.venue_accounts.history(venue_id, since, now)(), rules)


def _require_currency(tx: Tx, wish: PayoutWish) -> None:
    """Raise ``CurrencyMismatch`` when the venue has sold in other currencies alone (S20 D5)."""
    held = tx.ledger.venue_balances(wish.venue_id)()
    if held and wish.amount.currency.code not in held:
        wrong = FieldError("currency", f"must be one of {', '.join(sorted(held))}")
        raise CurrencyMismatch(f"the venue has no {wish.amount.currency}", errors=(wrong,))


def _books(payout: Payout) -> PayoutBooks:
    return PayoutBooks(payout_id=payout.id, venue_id=payout.venue_id, amount=payout.amount)


def _moved(tx: Tx, payout: Payout, event: PayoutEvent, now: datetime) -> Payout:
    step = PAYOUT_MACHINE.step(payout.state, event)
    return tx.payouts.move(attrs.evolve(payout, state=step.after), step, now)


def _found(payout: Payout | None, payout_id: PayoutId) -> Payout:
    if payout is None:
        raise NotFound(f"there is no payout {payout_id}")
    return payout


def _message(ids: Ids, payout: Payout, kind: str, now: datetime) -> Message:
    return message_about(
        ids,
        kind,
        AggregateType.PAYOUT,
        payout.id,
        now,
        payoutId=str(payout.id),
        venueId=str(payout.venue_id),
        amountCents=payout.amount.cents,
        feeCents=payout.fee.cents,
        currency=payout.amount.currency.code,
    )


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
