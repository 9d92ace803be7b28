"""``ledger verify``: debits equal credits, and the money at the provider is the money we book.

Pure: it compares what the ledger says with what the provider says and lists every difference, of
either sign (field notes S31).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from ticketpay.domain.ledger.model import PLATFORM, AccountKind, Balance

__all__ = ["CLEARING", "Booked", "LedgerReport", "ProviderTotal", "verify_ledger"]


@attrs.frozen
class Booked:
    """What the ledger says of one payment or account at the provider, in cents.

    ``held`` is there for good; of it ``clearing`` is on its way to buyers, which the provider counts
    as gone as soon as it has heard of the refund.
    """

    held: int = 0
    clearing: int = 0

    def agrees(self, there: int) -> bool:
        """Whether the provider may hold ``there`` cents."""
        return self.held - self.clearing <= there <= self.held

    def __str__(self) -> str:
        return (
            f"{self.held}, {self.clearing} of it in clearing" if self.clearing else f"{self.held}"
        )


@attrs.frozen(kw_only=True)
class ProviderTotal:
    """What the provider holds for one payment: received minus refunded and withdrawn by banks, in cents."""

    payment_id: str
    account: str
    currency: str
    cents: int


@attrs.frozen(kw_only=True)
class LedgerReport:
    """The result of a verification; ``ok`` when there is no difference."""

    differences: tuple[str, ...]
    provider_cents: Mapping[str, int]
    owed_cents: Mapping[str, int]
    earned_cents: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.differences


CLEARING: Final = (AccountKind.REFUND_CLEARING, AccountKind.PAYOUT_CLEARING)
"""Money that the provider may have sent already."""

_OWED: Final = (
    AccountKind.VENUE_PAYABLE,
    AccountKind.TAX_PAYABLE,
    AccountKind.SUSPENSE,
    AccountKind.REFUND_CLEARING,
    AccountKind.PAYOUT_CLEARING,
    AccountKind.PAYOUT_OUT,
)


def verify_ledger(
    balances: Iterable[Balance],
    booked_by_payment: Mapping[str, Booked],
    provider: Iterable[ProviderTotal],
) -> LedgerReport:
    """Compare all balances of a tenant with the provider's totals.

    ``booked_by_payment`` is, per payment id, what its entries say is at the provider.
    """
    held = list(balances)
    at_provider = list(provider)
    sums = {kind: _by_currency(b for b in held if b.account.kind is kind) for kind in AccountKind}
    differences = [
        *_unbalanced(held),
        *_nonzero(sums[AccountKind.ROUNDING]),
        *_provider_accounts(held, at_provider),
        *_payments(booked_by_payment, at_provider),
    ]
    owed: dict[str, int] = {}
    for kind in _OWED:
        for currency, cents in sums[kind].items():
            owed[currency] = owed.get(currency, 0) - cents
    earned = {c: -cents for c, cents in sums[AccountKind.PLATFORM_REVENUE].items()}
    return LedgerReport(
        differences=tuple(differences),
        provider_cents=sums[AccountKind.PROVIDER],
        owed_cents=owed,
        earned_cents=earned,
    )


def _by_currency(balances: Iterable[Balance]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for balance in balances:
        code = balance.account.currency.code
        sums[code] = sums.get(code, 0) + balance.cents
    return sums


def _unbalanced(held: Iterable[Balance]) -> list[str]:
    return [
        f"debits minus credits are {cents} cents in {currency}, not 0"
        for currency, cents in _by_currency(held).items()
        if cents
    ]


def _nonzero(rounding: Mapping[str, int]) -> list[str]:
    return [f"rounding holds {cents} cents in {c}, not 0" for c, cents in rounding.items() if cents]


def _provider_accounts(held: Iterable[Balance], totals: Iterable[ProviderTotal]) -> list[str]:
    booked: dict[tuple[str, str], Booked] = {}
    there: dict[tuple[str, str], int] = {}
    for balance in held:
        key = (balance.account.party, balance.account.currency.code)
        said = booked.get(key, Booked())
        if balance.account.kind is AccountKind.PROVIDER:
            booked[key] = attrs.evolve(said, held=said.held + balance.cents)
        elif balance.account.kind in CLEARING:
            booked[key] = attrs.evolve(said, clearing=said.clearing - balance.cents)
    for total in totals:
        key = (total.account or PLATFORM, total.currency)
        there[key] = there.get(key, 0) + total.cents
    return [
        f"provider account {key[0]} holds {there.get(key, 0)} {key[1]} cents,"
        f" the ledger says {booked.get(key, Booked())}"
        for key in sorted(booked.keys() | there.keys())
        if not booked.get(key, Booked()).agrees(there.get(key, 0))
    ]


def _payments(booked: Mapping[str, Booked], totals: Iterable[ProviderTotal]) -> list[str]:
    there: dict[str, int] = {}
    for total in totals:
        there[total.payment_id] = there.get(total.payment_id, 0) + total.cents
    return [
        f"payment {payment} holds {there.get(payment, 0)} cents at the provider,"
        f" the ledger says {booked.get(payment, Booked())}"
        for payment in sorted(booked.keys() | there.keys())
        if not booked.get(payment, Booked()).agrees(there.get(payment, 0))
    ]
