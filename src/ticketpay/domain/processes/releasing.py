"""Money of events that are over becomes available; debts and reserves follow (S20 D4, S21 D6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import OutcomeUnknown, Unavailable
from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.ledger import Bucket, VenueBooks
from ticketpay.domain.money import Currency
from ticketpay.domain.payouts import (
    PayoutRules,
    Portion,
    VenueAccount,
    recovery_order,
    reserve_surplus,
)
from ticketpay.domain.processes.venue_balances import balances_of

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.system import Alerts, Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["HoldRules", "ReleaseVenueMoney"]

RELEASED_AT_ONCE: Final = 200
UNAVAILABLE_MAX: Final = 3
"""So many venues in a row that cannot be released: then it is the database, and not a venue."""


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
        held = balances_of(tx, account)
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
    held = balances_of(tx, account)
    if held.available_cents >= 0:
        return account
    reserve = Portion(bucket=Bucket.RESERVED, cents=held.reserved_cents)
    for take in recovery_order(-held.available_cents, [reserve]):
        if take.bucket is Bucket.RESERVED:
            account = attrs.evolve(account, postings=account.postings + 1)
            tx.ledger.post(books.recovered(take.cents, account.postings, now))
    return account
