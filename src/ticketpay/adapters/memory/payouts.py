"""Venue money in memory: the guard rows and the payouts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import attrs

from ticketpay.adapters.memory.ledger import MemoryLedger
from ticketpay.adapters.memory.store import Move, Store, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import EventId, PayoutId, VenueId
from ticketpay.domain.ledger import AccountKind, Bucket, VenueBooks
from ticketpay.domain.money import Currency
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.payouts import (
    Payout,
    PayoutEvent,
    PayoutState,
    VenueAccount,
    VenueHistory,
    paid_out_cents,
)
from ticketpay.domain.refunds import DisputeState
from ticketpay.ports.later import Later
from ticketpay.ports.payouts import Due

CHARGEBACKS: Final = (DisputeState.OPEN, DisputeState.WON, DisputeState.LOST)
COUNTED_PER_DISPUTE: Final = 1_000
LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

__all__ = ["MemoryPayouts", "MemoryVenueAccounts"]


@attrs.frozen
class MemoryVenueAccounts:
    """``VenueAccounts`` over the tables of one tenant."""

    store: Store
    tables: TenantTables

    def get(self, venue_id: VenueId, currency: Currency) -> Later[VenueAccount]:
        guard = self.tables.guards.get((venue_id, currency))
        return known(guard or VenueAccount(venue_id=venue_id, currency=currency))

    def lock(self, venue_id: VenueId, currency: Currency) -> Later[VenueAccount]:
        if venue_id not in self.tables.venues:
            raise Conflict(f"there is no venue {venue_id}")
        guard = self.tables.guards.lock((venue_id, currency))
        if guard is None:
            guard = VenueAccount(venue_id=venue_id, currency=currency)
            self.tables.guards.put((venue_id, currency), guard)
        return known(guard)

    def save(self, account: VenueAccount) -> None:
        self.tables.guards.put((account.venue_id, account.currency), account)

    def due(
        self, over_before: datetime, venue_id: VenueId, currency: Currency, limit: int
    ) -> Later[tuple[Due, ...]]:
        whose = (venue_id, currency)
        found = [d for d in self._due(over_before) if (d.venue_id, d.currency) == whose]
        return known(tuple(found[:limit]))

    def due_cents(self, over_before: datetime, venue_id: VenueId, currency: Currency) -> Later[int]:
        due = self.due(over_before, venue_id, currency, len(self.tables.events))()
        return known(sum(one.cents for one in due))

    def debts(self, venue_id: VenueId) -> Later[Mapping[str, int]]:
        found: dict[str, int] = {}
        for one in self._due(LONG_AGO):
            if one.venue_id == venue_id and one.cents < 0:
                found[one.currency.code] = found.get(one.currency.code, 0) - one.cents
        return known(found)

    def _due(self, over_before: datetime) -> list[Due]:
        found = []
        for balance in MemoryLedger(self.store, self.tables).balances()():
            account = balance.account
            pending = account.bucket is Bucket.PENDING and balance.cents
            if account.kind is not AccountKind.VENUE_PAYABLE or not pending:
                continue
            event_id = EventId(UUID(account.subject))
            if balance.cents > 0 or self._is_over(event_id, over_before):
                due = Due(
                    venue_id=VenueId(UUID(account.party)),
                    event_id=event_id,
                    currency=account.currency,
                    cents=-balance.cents,
                )
                found.append(due)
        return sorted(found, key=lambda one: (one.cents > 0, str(one.event_id)))

    def waiting(
        self,
        over_before: datetime,
        reserved_before: datetime,
        after: tuple[VenueId, Currency] | None,
        limit: int,
    ) -> Later[tuple[tuple[VenueId, Currency], ...]]:
        found = {(one.venue_id, one.currency) for one in self._due(over_before)}
        for guard in self.tables.guards.values():
            if guard.reserved_at is not None and guard.reserved_at < reserved_before:
                found.add((guard.venue_id, guard.currency))
        ordered = sorted(found, key=_place)
        later = [one for one in ordered if after is None or _place(one) > _place(after)]
        return known(tuple(later[:limit]))

    def reserved_since(
        self, venue_id: VenueId, currency: Currency, since: datetime
    ) -> Later[tuple[int, datetime | None]]:
        account = VenueBooks(venue_id=venue_id, currency=currency).account(Bucket.RESERVED)
        put = [
            (-entry.cents, posting.posted_at)
            for posting in self.tables.postings.values()
            for entry in posting.entries
            if posting.posted_at >= since and entry.account == account and entry.cents < 0
        ]
        first = min((at for _, at in put), default=None)
        return known((sum(cents for cents, _ in put), first))

    def _is_over(self, event_id: EventId, over_before: datetime) -> bool:
        event, ended = self.tables.events.get(event_id), self.tables.cancellations.get(event_id)
        waits = ended is not None and ended.finished_at is None
        return event is not None and event.starts_at < over_before and not waits

    def history(self, venue_id: VenueId, since: datetime, now: datetime) -> Later[VenueHistory]:
        mine = [p for p in self.tables.payments.values() if p.venue_id == venue_id]
        first = min((p.created_at for p in mine), default=now)
        paid = [p for p in mine if p.state is PaymentState.COMPLETED and p.created_at >= since]
        age = max(0, (now - first).days)
        ids = {payment.id for payment in mine}
        disputed = [
            d
            for d in self.tables.disputes.values()
            if d.payment_id in ids and d.state in CHARGEBACKS and d.created_at >= since
        ]
        count = min(len(paid), COUNTED_PER_DISPUTE * (len(disputed) + 1))
        return known(VenueHistory(age_days=age, paid_count=count, disputed_count=len(disputed)))


def _place(one: tuple[VenueId, Currency]) -> tuple[str, str]:
    return str(one[0]), one[1].code


@attrs.frozen
class MemoryPayouts:
    """``Payouts`` over the tables of one tenant."""

    store: Store
    tables: TenantTables

    def add(self, payout: Payout) -> None:
        if self.tables.payouts.lock(payout.id) is not None:
            raise Conflict(f"there is a payout {payout.id} already")
        if payout.venue_id not in self.tables.venues:
            raise Conflict(f"there is no venue {payout.venue_id}")
        self.tables.payouts.put(payout.id, payout)

    def get(self, payout_id: PayoutId) -> Later[Payout | None]:
        return known(self.tables.payouts.get(payout_id))

    def lock(self, payout_id: PayoutId) -> Later[Payout | None]:
        return known(self.tables.payouts.lock_found(payout_id))

    def move(self, payout: Payout, step: Step[PayoutState, PayoutEvent], at: datetime) -> Payout:
        stored = self.tables.payouts.lock_found(payout.id)
        if stored is None or (stored.state, stored.version) != (step.before, payout.version):
            raise Conflict(f"payout {payout.id} has been moved by somebody else")
        moved = attrs.evolve(payout, state=step.after, version=payout.version + 1, moved_at=at)
        self.tables.payouts.put(payout.id, moved)
        self.tables.moves.put(self.store.number(), Move(subject=payout.id, step=step, at=at))
        return moved

    def day_cents(self, venue_id: VenueId, currency: Currency, now: datetime) -> Later[int]:
        mine = (p for p in self.tables.payouts.values() if p.venue_id == venue_id)
        return known(paid_out_cents(mine, currency=currency, now=now))

    def of_venue(self, venue_id: VenueId, since: datetime, limit: int) -> Later[tuple[Payout, ...]]:
        mine = [
            p
            for p in self.tables.payouts.values()
            if p.venue_id == venue_id and p.created_at >= since
        ]
        mine.sort(key=lambda p: (p.created_at, p.id), reverse=True)
        return known(tuple(mine[:limit]))
