"""The ledger in memory: postings are only ever added; a balance is checkpoint + tail."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ticketpay.adapters.memory.store import Store, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.ledger import Account, AccountKind, Balance, Booked, Posting, PostingMixed
from ticketpay.domain.ledger.verification import CLEARING
from ticketpay.ports.later import Later

__all__ = ["MemoryLedger"]


@attrs.frozen
class MemoryLedger:
    """``LedgerBook`` over the tables of one tenant."""

    store: Store
    tables: TenantTables

    def post(self, posting: Posting) -> None:
        if self.tables.postings.lock(posting.key) is not None:
            raise Conflict(f"{posting.key} is booked already")
        if any(entry.account.currency is not posting.currency for entry in posting.entries):
            raise PostingMixed(f"posting {posting.key} mixes currencies")
        self.tables.postings.put(posting.key, posting)
        self.tables.tail.put(self.store.number(), posting)

    def balances(self) -> Later[tuple[Balance, ...]]:
        sums = self._sums()
        return known(tuple(Balance(account=a, cents=sums[a]) for a in sorted(sums, key=_name)))

    def booked_by_payment(self) -> Later[Mapping[str, Booked]]:
        booked: dict[str, Booked] = {}
        for posting in self.tables.postings.values():
            payment = posting.key.split(":")[1]
            for entry in posting.entries:
                said = booked.get(payment, Booked())
                if entry.account.kind is AccountKind.PROVIDER:
                    booked[payment] = attrs.evolve(said, held=said.held + entry.cents)
                elif entry.account.kind in CLEARING:
                    booked[payment] = attrs.evolve(said, clearing=said.clearing - entry.cents)
        return known({payment: said for payment, said in booked.items() if said != Booked()})

    def venue_balances(self, venue_id: VenueId) -> Later[Mapping[str, Mapping[str, int]]]:
        found: dict[str, dict[str, int]] = {}
        for account, cents in self._sums().items():
            if account.kind is AccountKind.VENUE_PAYABLE and account.party == str(venue_id):
                buckets = found.setdefault(account.currency.code, {})
                buckets[str(account.bucket)] = buckets.get(str(account.bucket), 0) - cents
        return known(found)

    def roll_up(self, limit: int) -> Later[int]:
        tail = self.tables.tail
        free = [(number, posting) for number, posting in tail.items() if tail.is_free(number)]
        oldest = sorted(free, key=lambda row: row[0])[:limit]
        moved: dict[Account, int] = {}
        for number, posting in oldest:
            tail.drop(number)
            for entry in posting.entries:
                moved[entry.account] = moved.get(entry.account, 0) + entry.cents
        for account in sorted(moved, key=_name):
            before = self.tables.checkpoints.lock(account) or 0
            self.tables.checkpoints.put(account, before + moved[account])
        return known(len(oldest))

    def _sums(self) -> dict[Account, int]:
        sums = dict(self.tables.checkpoints.items())
        for posting in self.tables.tail.values():
            for entry in posting.entries:
                sums[entry.account] = sums.get(entry.account, 0) + entry.cents
        return sums


def _name(account: Account) -> tuple[str, ...]:
    return (
        str(account.kind),
        account.party,
        account.subject,
        account.currency.code,
        str(account.bucket),
    )
