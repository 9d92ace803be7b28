"""Venues, their balances and their payouts, as the tests of payouts need them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import attrs
from hypothesis import strategies as st

from ticketpay.domain.kernel.ids import PayoutId, UserId, VenueId
from ticketpay.domain.money import USD, Money, Rate
from ticketpay.domain.payouts import (
    Balances,
    Payable,
    Payout,
    PayoutRules,
    PayoutSpeed,
    PayoutState,
    RiskLevel,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CENTS = st.integers(0, 10**10)
LEVELS = st.sampled_from(RiskLevel)
SHARES = st.integers(0, 1_000_000)
RULES = st.builds(
    lambda shares, minimum, most: PayoutRules(
        reserve_low=Rate(shares[0]),
        reserve_medium=Rate(shares[1]),
        reserve_high=Rate(shares[2]),
        minimum_cents=minimum,
        daily_max_cents=most,
    ),
    st.tuples(SHARES, SHARES, SHARES).map(sorted),
    st.integers(0, 10**6),
    CENTS,
)


def balances(available_cents: int, reserved_cents: int = 0) -> Balances:
    return Balances(currency=USD, available_cents=available_cents, reserved_cents=reserved_cents)


def limit(payable_cents: int, **changes: Any) -> Payable:
    """What may be paid out, without a reserve."""
    free = Payable(
        currency=USD,
        available_cents=payable_cents,
        required_cents=0,
        additional_cents=0,
        payable_cents=payable_cents,
    )
    return attrs.evolve(free, **changes)


def payout(cents: int = 12_345, **changes: Any) -> Payout:
    fresh = Payout(
        id=PayoutId(UUID(int=1)),
        venue_id=VenueId(UUID(int=2)),
        amount=Money(cents, USD),
        fee=Money(0, USD),
        speed=PayoutSpeed.STANDARD,
        state=PayoutState.REQUESTED,
        requested_by=UserId(UUID(int=3)),
        created_at=NOW,
    )
    return attrs.evolve(fresh, **changes)
