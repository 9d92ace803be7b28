"""Everything about the money of venues: connected, shown, released, paid out (S20-S22).

Whatever may overdraw a venue happens under its guard row, from reading the balances to the posting.
The provider is called by the worker alone, never inside a transaction.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.kernel.errors import NotFound
from ticketpay.domain.kernel.ids import PayoutId, VenueId
from ticketpay.domain.money import USD, Currency
from ticketpay.domain.parties import Actor
from ticketpay.domain.payouts import Balances, PayoutRules, RiskLevel, VenueAccount, payable
from ticketpay.domain.processes.payout_courier import SyncPayout
from ticketpay.domain.processes.payout_desk import found_payout, payout_view
from ticketpay.domain.processes.payout_requests import AskPayout, CancelPayout
from ticketpay.domain.processes.releasing import ReleaseVenueMoney
from ticketpay.domain.processes.venue_balances import recovered, risk_of, settled
from ticketpay.domain.processes.venues import venue_for

if TYPE_CHECKING:
    from ticketpay.domain.kernel.ids import TenantId
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["ConnectVenue", "ShowVenue", "VenueMoney"]

LISTED: Final = 100


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

        A debt under an event counts at once, though it is taken at the next release, from the reserve
        first.
        """

        def show(tx: Tx) -> dict[str, object]:
            venue_for(tx, actor, venue_id, changing=False)
            balances, owed = tx.ledger.venue_balances(venue_id), tx.venue_accounts.debts(venue_id)
            level = risk_of(tx, venue_id, self.rules, self.clock.now())
            held, debts = balances() or {USD.code: {}}, owed()
            rows = [
                self._row(recovered(settled(Currency(code), held[code], debts.get(code, 0))), level)
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
            payout = found_payout(tx.payouts.get(payout_id)(), payout_id)
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


@attrs.frozen(kw_only=True)
class VenueMoney:
    """Everything about the money of venues."""

    release: ReleaseVenueMoney
    ask: AskPayout
    cancel: CancelPayout
    connect: ConnectVenue
    sync: SyncPayout
    show: ShowVenue
