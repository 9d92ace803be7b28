"""Sales: what a payment looks like to its buyer and its venue, with its order and its refunds (S17).

Nothing is stored for it: amounts never change after creation (D4), and the status is derived from
the payment's state, its completed refunds and the order's state.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import attrs

from ticketpay.domain.kernel.ids import EventId, OrderId, PaymentId, UserId, VenueId
from ticketpay.domain.money import Currency
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments.states import PaymentState

__all__ = [
    "NEWEST",
    "DayTotals",
    "Sale",
    "SaleCount",
    "SaleKey",
    "SaleStatus",
    "day_totals",
    "sale_status",
]


class SaleStatus(StrEnum):
    """What became of a sale (S17, 3.11, and ``cancelled``, which the source lacks)."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


_STATUS: Final = {
    PaymentState.PENDING: SaleStatus.PENDING,
    PaymentState.PROCESSING: SaleStatus.PROCESSING,
    PaymentState.AUTHORIZED: SaleStatus.PROCESSING,
    PaymentState.COMPLETED: SaleStatus.COMPLETED,
    PaymentState.FAILED: SaleStatus.FAILED,
    PaymentState.CANCELLED: SaleStatus.CANCELLED,
}


def sale_status(state: PaymentState, order: OrderState, refunded_cents: int) -> SaleStatus:
    """The status from the payment's state and its refunds; only what was completed is refunded.

    Whether that was all is the ``order``'s word: what was sold as not refundable is kept.
    """
    if state is not PaymentState.COMPLETED or refunded_cents == 0:
        return _STATUS[state]
    whole = order is OrderState.REFUNDED
    return SaleStatus.REFUNDED if whole else SaleStatus.PARTIALLY_REFUNDED


@attrs.frozen(order=True)
class SaleKey:
    """The place of a sale in a list: when its payment was created, then by its id."""

    created_at: datetime
    payment_id: UUID


NEWEST: Final = SaleKey(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=(1 << 128) - 1))
"""Before every sale: a list, newest first, begins after it."""


@attrs.frozen(kw_only=True)
class Sale:
    """One payment with the prices of its order; all amounts in cents."""

    payment_id: PaymentId
    order_id: OrderId
    user_id: UserId
    event_id: EventId
    venue_id: VenueId
    state: PaymentState
    order_state: OrderState
    currency: Currency
    amount_cents: int
    received_cents: int
    tickets_cents: int
    fees_cents: int
    taxes_cents: int
    refunded_cents: int
    ticket_count: int
    created_at: datetime

    @property
    def key(self) -> SaleKey:
        """Its place in a list."""
        return SaleKey(self.created_at, self.payment_id)

    @property
    def status(self) -> SaleStatus:
        """What became of it."""
        return sale_status(self.state, self.order_state, self.refunded_cents)


@attrs.frozen(kw_only=True)
class SaleCount:
    """How many payments of one currency are in one state, and their money in cents."""

    currency: Currency
    state: PaymentState
    count: int
    received_cents: int
    refunded_cents: int


@attrs.frozen(kw_only=True)
class DayTotals:
    """The sales of a period in one currency (S07 D7, D9); revenue is before refunds, in cents."""

    currency: Currency
    total: int
    successful: int
    failed: int
    pending: int
    cancelled: int
    revenue_cents: int
    refunded_cents: int


_PENDING: Final = (PaymentState.PENDING, PaymentState.PROCESSING, PaymentState.AUTHORIZED)


def day_totals(counts: Iterable[SaleCount]) -> tuple[DayTotals, ...]:
    """One entry per currency, by its code; every payment is counted in exactly one column."""
    by_currency: dict[Currency, list[SaleCount]] = {}
    for count in counts:
        by_currency.setdefault(count.currency, []).append(count)
    return tuple(
        _totals(currency, by_currency[currency])
        for currency in sorted(by_currency, key=lambda one: one.code)
    )


def _totals(currency: Currency, counts: list[SaleCount]) -> DayTotals:
    def number(*states: PaymentState) -> int:
        return sum(one.count for one in counts if one.state in states)

    paid = [one for one in counts if one.state is PaymentState.COMPLETED]
    return DayTotals(
        currency=currency,
        total=number(*PaymentState),
        successful=number(PaymentState.COMPLETED),
        failed=number(PaymentState.FAILED),
        pending=number(*_PENDING),
        cancelled=number(PaymentState.CANCELLED),
        revenue_cents=sum(one.received_cents for one in paid),
        refunded_cents=sum(one.refunded_cents for one in paid),
    )
