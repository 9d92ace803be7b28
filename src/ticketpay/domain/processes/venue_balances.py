"""What a venue has in one currency, and what of it is payable; amounts in cents (S20, S21)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.kernel.ids import VenueId
from ticketpay.domain.ledger import Bucket
from ticketpay.domain.money import Currency
from ticketpay.domain.payouts import (
    Balances,
    PayoutRules,
    RiskLevel,
    VenueAccount,
    payable,
    risk_level,
)

if TYPE_CHECKING:
    from ticketpay.domain.payouts import Payable
    from ticketpay.ports.transactions import Tx

__all__ = ["balances_of", "payable_now", "recovered", "risk_of", "settled"]


def balances_of(tx: Tx, account: VenueAccount) -> Balances:
    """What the venue has, read under its guard."""
    held = tx.ledger.venue_balances(account.venue_id)().get(account.currency.code, {})
    return settled(account.currency, held)


def settled(currency: Currency, held: Mapping[str, int], debt_cents: int = 0) -> Balances:
    """A venue's balances when ``debt_cents``, owed under events, are taken from what is available."""
    return Balances(
        currency=currency,
        available_cents=held.get(Bucket.AVAILABLE, 0) - debt_cents,
        reserved_cents=held.get(Bucket.RESERVED, 0),
        pending_cents=max(0, held.get(Bucket.PENDING, 0) + debt_cents),
        in_transit_cents=held.get(Bucket.IN_TRANSIT, 0),
    )


def recovered(held: Balances) -> Balances:
    """The same when a debt has taken what is reserved, as it does at the release (S20 D3)."""
    taken = min(held.reserved_cents, max(0, -held.available_cents))
    return attrs.evolve(
        held,
        available_cents=held.available_cents + taken,
        reserved_cents=held.reserved_cents - taken,
    )


def payable_now(
    tx: Tx, account: VenueAccount, rules: PayoutRules, now: datetime, coming_cents: int = 0
) -> Payable:
    """What is payable; ``coming_cents`` are due to be released."""
    level, held = risk_of(tx, account.venue_id, rules, now), balances_of(tx, account)
    with_due = attrs.evolve(held, available_cents=held.available_cents + coming_cents)
    return payable(recovered(with_due), level, rules)


def risk_of(tx: Tx, venue_id: VenueId, rules: PayoutRules, now: datetime) -> RiskLevel:
    """How risky the venue is, by what it has sold and what banks have taken back (S21)."""
    since = now - timedelta(days=rules.history_days)
    return risk_level(tx.venue_accounts.history(venue_id, since, now)(), rules)
