"""Fees: the platform's percentage by tier and the fixed price per issued ticket (S18)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import attrs

from ticketpay.domain.kernel.errors import FieldError, InvalidInput
from ticketpay.domain.money import Rate

__all__ = ["FeeBreakdown", "FeeSchedule", "Tier", "calculate_fees"]


class Tier(StrEnum):
    """A venue's fee tier, by its sales of the current calendar month (K02)."""

    STARTER = "starter"
    PRO = "pro"
    ENTERPRISE = "enterprise"


@attrs.frozen(kw_only=True)
class FeeSchedule:
    """All fee figures; volumes and prices in cents, exclusive upper bounds (S18, part 1)."""

    starter: Rate = Rate(82_000)
    pro: Rate = Rate(79_000)
    enterprise: Rate = Rate(75_000)
    starter_volume_max_cents: int = 1_000_000
    pro_volume_max_cents: int = 10_000_000
    issuing_cents: int = 50
    platform_fee_refundable: bool = True
    issuing_fee_refundable: bool = False

    def tier(self, monthly_volume_cents: int) -> Tier:
        """The tier of a venue that sold ``monthly_volume_cents`` so far this month."""
        if monthly_volume_cents < self.starter_volume_max_cents:
            return Tier.STARTER
        if monthly_volume_cents < self.pro_volume_max_cents:
            return Tier.PRO
        return Tier.ENTERPRISE

    def rate(self, tier: Tier) -> Rate:
        """The platform's share at ``tier``."""
        return {Tier.STARTER: self.starter, Tier.PRO: self.pro, Tier.ENTERPRISE: self.enterprise}[
            tier
        ]


STANDARD_FEES: Final = FeeSchedule()


@attrs.frozen(kw_only=True)
class FeeBreakdown:
    """The answer of the calculator, all in cents (S18)."""

    ticket_cents: int
    platform_cents: int
    platform_rate: Rate
    issuing_cents: int
    state_tax_cents: int
    local_tax_cents: int

    @property
    def tax_cents(self) -> int:
        """State and local tax."""
        return self.state_tax_cents + self.local_tax_cents

    @property
    def total_cents(self) -> int:
        """Everything together."""
        return self.ticket_cents + self.platform_cents + self.issuing_cents + self.tax_cents


def calculate_fees(
    ticket_cents: int,
    ticket_count: int,
    tier: Tier,
    *,
    schedule: FeeSchedule = STANDARD_FEES,
    state_tax: Rate = Rate(70_000),  # noqa: B008 - a frozen value, the figure of S18
    local_tax: Rate = Rate(22_500),  # noqa: B008 - a frozen value, the figure of S18
) -> FeeBreakdown:
    """The pure calculator of S18: fees and taxes on ``ticket_cents`` for ``ticket_count`` tickets.

    Each part is rounded by itself, half-up to the cent. Raises ``InvalidInput`` that names each
    argument that is no whole number of cents or tickets, or no tier.
    """
    _check_arguments(ticket_cents, ticket_count, tier)
    rate = schedule.rate(tier)
    return FeeBreakdown(
        ticket_cents=ticket_cents,
        platform_cents=rate.of_cents(ticket_cents),
        platform_rate=rate,
        issuing_cents=schedule.issuing_cents * ticket_count,
        state_tax_cents=state_tax.of_cents(ticket_cents),
        local_tax_cents=local_tax.of_cents(ticket_cents),
    )


def _check_arguments(ticket_cents: object, ticket_count: object, tier: object) -> None:
    wrong = []
    # Whoever calls may not check types, and a float would stay one in every sum.
    if type(ticket_cents) is not int or ticket_cents < 0:
        wrong.append(FieldError("ticket_cents", "must be an integer, at least 0"))
    if type(ticket_count) is not int or ticket_count < 0:
        wrong.append(FieldError("ticket_count", "must be an integer, at least 0"))
    if tier not in list(Tier):
        wrong.append(FieldError("tier", f"must be one of {', '.join(Tier)}"))
    if wrong:
        raise InvalidInput(errors=tuple(wrong))
