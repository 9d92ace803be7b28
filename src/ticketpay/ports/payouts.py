"""Ports for venue money: the guard rows, the payouts, and the provider who sends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

import attrs

from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import EventId, PayoutId, TenantId, VenueId
from ticketpay.domain.ledger import ProviderTotal
from ticketpay.domain.money import Currency
from ticketpay.domain.payments import Failure
from ticketpay.domain.payouts import Payout, PayoutEvent, PayoutState, VenueAccount, VenueHistory
from ticketpay.ports.later import Later

__all__ = ["Due", "PayoutFact", "PayoutGateway", "Payouts", "VenueAccounts"]


@attrs.frozen(kw_only=True)
class Due:
    """Money of an event that is over: ``cents`` are pending under it, of either sign."""

    venue_id: VenueId
    event_id: EventId
    currency: Currency
    cents: int


class VenueAccounts(Protocol):
    """**Protocol:** one guard row per venue and currency, locked by whoever may overdraw it.

    Balances that are read under the lock hold until the transaction ends, but for what sales add.
    """

    def get(self, venue_id: VenueId, currency: Currency) -> Later[VenueAccount]:
        """The guard row as it is, or would be, unlocked."""
        ...

    def lock(self, venue_id: VenueId, currency: Currency) -> Later[VenueAccount]:
        """The guard row, made if there was none, locked until the transaction ends."""
        ...

    def save(self, account: VenueAccount) -> None:
        """Write what was locked in this transaction."""
        ...

    def due(
        self, over_before: datetime, venue_id: VenueId, currency: Currency, limit: int
    ) -> Later[tuple[Due, ...]]:
        """What a venue has pending under events that began before then, in cents of either sign.

        A debt is due whenever its event is, and comes first; money of an event whose cancellation is
        not finished is not due.
        """
        ...

    def due_cents(self, over_before: datetime, venue_id: VenueId, currency: Currency) -> Later[int]:
        """The sum of all that is due."""
        ...

    def debts(self, venue_id: VenueId) -> Later[Mapping[str, int]]:
        """The cents per currency that the venue owes under its events, until they are released."""
        ...

    def waiting(
        self,
        over_before: datetime,
        reserved_before: datetime,
        after: tuple[VenueId, Currency] | None,
        limit: int,
    ) -> Later[tuple[tuple[VenueId, Currency], ...]]:
        """Whose money is to be released, by venue and currency, from behind ``after``.

        Those with money that is due, and those whose ``reserved_at`` is before ``reserved_before``.
        """
        ...

    def reserved_since(
        self, venue_id: VenueId, currency: Currency, since: datetime
    ) -> Later[tuple[int, datetime | None]]:
        """The cents that were put into a venue's reserve since then, and when the first of them was.

        Whatever was taken out of it.
        """
        ...

    def history(self, venue_id: VenueId, since: datetime, now: datetime) -> Later[VenueHistory]:
        """The venue's age from its first payment, its payments and chargebacks since then.

        Payments are counted up to a thousand a chargeback and a thousand more: no rate needs others.
        """
        ...


class Payouts(Protocol):
    """**Protocol:** the payouts of one tenant."""

    def add(self, payout: Payout) -> None:
        """Store a new payout."""
        ...

    def get(self, payout_id: PayoutId) -> Later[Payout | None]:
        """The payout, unlocked; None if there is none."""
        ...

    def lock(self, payout_id: PayoutId) -> Later[Payout | None]:
        """The payout, locked until the transaction ends."""
        ...

    def move(self, payout: Payout, step: Step[PayoutState, PayoutEvent], at: datetime) -> Payout:
        """Write the payout by compare-and-set and record the step; returns it with its version."""
        ...

    def day_cents(self, venue_id: VenueId, currency: Currency, now: datetime) -> Later[int]:
        """What left a venue on the UTC day of ``now``, as ``paid_out_cents`` counts it (S21 D2)."""
        ...

    def of_venue(self, venue_id: VenueId, since: datetime, limit: int) -> Later[tuple[Payout, ...]]:
        """The venue's payouts that were requested since then, newest first."""
        ...


@attrs.frozen(kw_only=True)
class PayoutFact:
    """What the provider says about a payout; failed means that its money is back.

    All but ``lost_cents``: a provider may keep what it took for the speed of a payout.
    """

    state: PayoutState
    provider_payout_id: str = ""
    failure: Failure | None = None
    lost_cents: int = 0


class PayoutGateway(Protocol):
    """**Protocol:** the provider, as far as venues are paid; errors as in ``PaymentGateway``."""

    def send(self, tenant_id: TenantId, payout: Payout) -> PayoutFact:
        """Send the money to the payout's ``account`` there and on to its bank, once.

        A payout that is known there is only read. One that came to nothing is brought back first.
        """
        ...

    def totals(self, tenant_id: TenantId) -> Iterator[ProviderTotal]:
        """What left the platform's account for each payout, negative, under the payout's id."""
        ...
