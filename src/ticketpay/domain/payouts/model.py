"""Balances, histories, rules and payouts: the values that the policy of payouts works on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.kernel.ids import PayoutId, UserId, VenueId
from ticketpay.domain.ledger import Bucket
from ticketpay.domain.money import Currency, Money, Rate
from ticketpay.domain.payments.failure import Failure
from ticketpay.domain.payouts.errors import PayoutAmountInvalid
from ticketpay.domain.payouts.states import PayoutState

__all__ = [
    "STANDARD_PAYOUT_RULES",
    "Balances",
    "Payable",
    "Payout",
    "PayoutRules",
    "PayoutSpeed",
    "Portion",
    "RiskLevel",
    "VenueAccount",
    "VenueHistory",
]

_NONE: Final = Rate(0)
_ALL: Final = Rate(1_000_000)


class RiskLevel(StrEnum):
    """How likely a venue's sales are to come back as chargebacks (S21)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class PayoutSpeed(StrEnum):
    """How fast a payout travels (S22)."""

    STANDARD = "standard"
    INSTANT = "instant"

    @property
    def arrival(self) -> str:
        """When the money arrives, in words for people."""
        return {
            PayoutSpeed.STANDARD: "1-2 business days",
            PayoutSpeed.INSTANT: "Within 30 minutes",
        }[self]


def _not_negative(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 0:
        raise ValueError(f"{attribute.name} cannot be negative, but is {value}")


def _in_order(what: str, *rates: Rate) -> None:
    if sorted(rates, key=lambda rate: rate.ppm) != list(rates):
        raise ValueError(f"{what} are out of order: {', '.join(map(repr, rates))}")


@attrs.frozen(kw_only=True)
class PayoutRules:
    """All figures of payouts; rates are exact, limits in cents of the payout's currency (S21, S22).

    ``minimum_cents`` is a threshold and is not deducted; ``daily_max_cents`` is of one UTC day.
    What was put into the reserve is given back after ``reserve_days``, when banks have disputed most.
    Raises ValueError for shares over 100 %, a lower share at a higher risk, or negative limits.
    """

    reserve_low: Rate = Rate(50_000)
    reserve_medium: Rate = Rate(100_000)
    reserve_high: Rate = Rate(150_000)
    minimum_cents: int = attrs.field(default=10_000, validator=_not_negative)
    daily_max_cents: int = attrs.field(default=5_000_000, validator=_not_negative)
    instant_fee: Rate = Rate(10_000)
    instant_fee_min_cents: int = attrs.field(default=0, validator=_not_negative)
    history_days: int = attrs.field(default=90, validator=_not_negative)
    chargebacks_low: Rate = Rate(3_000)
    chargebacks_high: Rate = Rate(10_000)
    young_days: int = attrs.field(default=90, validator=_not_negative)
    old_days: int = attrs.field(default=365, validator=_not_negative)
    reserve_days: int = attrs.field(default=120, validator=_not_negative)

    def __attrs_post_init__(self) -> None:
        _in_order("reserves", _NONE, self.reserve_low, self.reserve_medium, self.reserve_high, _ALL)
        _in_order("chargeback rates", Rate(1), self.chargebacks_low, self.chargebacks_high)
        _in_order("fees", _NONE, self.instant_fee, _ALL)
        if self.young_days > self.old_days:
            raise ValueError(f"{self.young_days} days are not young if {self.old_days} are old")

    def reserve(self, level: RiskLevel) -> Rate:
        """The share of the available money that stays in reserve at ``level``."""
        return {
            RiskLevel.LOW: self.reserve_low,
            RiskLevel.MEDIUM: self.reserve_medium,
            RiskLevel.HIGH: self.reserve_high,
        }[level]


STANDARD_PAYOUT_RULES: Final = PayoutRules()


@attrs.frozen(kw_only=True)
class VenueHistory:
    """What the risk level is reckoned from: whole days of age, payments of ``history_days``.

    A payment counts as disputed on the day of its dispute, so there may be more of those than paid.
    Raises ValueError for a negative count.
    """

    age_days: int = attrs.field(validator=_not_negative)
    paid_count: int = attrs.field(validator=_not_negative)
    disputed_count: int = attrs.field(validator=_not_negative)


@attrs.frozen(kw_only=True)
class Balances:
    """What a venue has in one currency, in cents; below zero ``available`` is what it owes (S20).

    Raises ValueError when another balance is negative.
    """

    currency: Currency
    available_cents: int
    reserved_cents: int = attrs.field(default=0, validator=_not_negative)
    pending_cents: int = attrs.field(default=0, validator=_not_negative)
    in_transit_cents: int = attrs.field(default=0, validator=_not_negative)


@attrs.frozen(kw_only=True)
class Payable:
    """How much can be paid out of ``available_cents``, and what must be reserved first (S21).

    ``additional_cents`` is what ``reserved`` lacks of ``required_cents``; it moves there in the
    transaction of the payout (S21 D6).
    """

    currency: Currency
    available_cents: int
    required_cents: int
    additional_cents: int
    payable_cents: int

    @property
    def is_blocked(self) -> bool:
        """Whether the venue owes money, so that no amount at all can be paid out."""
        return self.available_cents < 0


@attrs.frozen(kw_only=True)
class Payout:
    """A payout: ``amount`` leaves the venue's balance, ``net`` arrives, ``fee`` is what speed costs.

    ``account`` is where the provider sends it; ``sent`` says that it is known to have done so.
    ``moved_at`` is when it came to its state.

    Raises ``PayoutAmountInvalid`` unless 0 <= fee < amount, and ``CurrencyMismatch``.
    """

    id: PayoutId
    venue_id: VenueId
    amount: Money
    fee: Money
    speed: PayoutSpeed
    state: PayoutState
    requested_by: UserId
    account: str = ""
    created_at: datetime
    version: int = 1
    provider_payout_id: str = ""
    sent: bool = False
    failure: Failure | None = None
    moved_at: datetime = attrs.field(
        default=attrs.Factory(lambda payout: payout.created_at, takes_self=True)
    )

    def __attrs_post_init__(self) -> None:
        if not Money.zero(self.amount.currency) <= self.fee < self.amount:
            raise PayoutAmountInvalid(f"must be more than the fee of {self.fee.cents} cents")

    @property
    def net(self) -> Money:
        """What arrives at the venue's bank."""
        return self.amount - self.fee

    @property
    def key(self) -> str:
        """The idempotency key of the payout at the provider."""
        return f"payout:{self.id}"


@attrs.frozen(kw_only=True)
class VenueAccount:
    """The guard row of a venue in one currency; ``provider_account`` is where its money goes.

    ``postings`` numbers what was posted under the guard; ``reserved_at`` is when the oldest part of its
    reserve was put there, None without one.
    """

    venue_id: VenueId
    currency: Currency
    provider_account: str = ""
    postings: int = 0
    reserved_at: datetime | None = None


@attrs.frozen(kw_only=True)
class Portion:
    """Some cents of a venue: in which bucket, and under which event (empty: none)."""

    bucket: Bucket
    subject: str = ""
    cents: int = attrs.field(validator=_not_negative)
