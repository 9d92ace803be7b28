"""Lists of sales in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import attrs

from ticketpay.adapters.memory.store import TenantTables, known
from ticketpay.domain.kernel.ids import PaymentId, UserId, VenueId
from ticketpay.domain.money import Currency
from ticketpay.domain.payments import Payment, PaymentState
from ticketpay.domain.payments.sales import Sale, SaleCount, SaleKey
from ticketpay.domain.refunds import RefundState
from ticketpay.ports.later import Later

__all__ = ["MemorySales"]


@attrs.frozen
class MemorySales:
    """``Sales`` over the tables of one tenant."""

    tables: TenantTables

    def of_user(self, user_id: UserId, after: SaleKey, limit: int) -> Later[tuple[Sale, ...]]:
        return known(self._page(lambda payment: payment.user_id == user_id, after, limit))

    def of_venue(self, venue_id: VenueId, after: SaleKey, limit: int) -> Later[tuple[Sale, ...]]:
        return known(self._page(lambda payment: payment.venue_id == venue_id, after, limit))

    def counts(self, since: datetime) -> Later[tuple[SaleCount, ...]]:
        found: dict[tuple[Currency, PaymentState], list[Payment]] = {}
        for payment in self.tables.payments.values():
            if payment.created_at >= since:
                found.setdefault((payment.amount.currency, payment.state), []).append(payment)
        return known(
            tuple(
                SaleCount(
                    currency=currency,
                    state=state,
                    count=len(payments),
                    received_cents=sum(payment.received_cents for payment in payments),
                    refunded_cents=sum(self._refunded(payment.id) for payment in payments),
                )
                for (currency, state), payments in found.items()
            )
        )

    def _page(
        self, wanted: Callable[[Payment], bool], after: SaleKey, limit: int
    ) -> tuple[Sale, ...]:
        sales = [self.sale(p) for p in self.tables.payments.values() if wanted(p)]
        older = [sale for sale in sales if sale.key < after]
        return tuple(sorted(older, key=lambda sale: sale.key, reverse=True)[:limit])

    def sale(self, payment: Payment) -> Sale:
        """The payment as its buyer and its venue see it."""
        order = self.tables.orders.get(payment.order_id)
        assert order is not None, "a payment is stored with its order"
        return Sale(
            payment_id=payment.id,
            order_id=payment.order_id,
            user_id=payment.user_id,
            event_id=payment.event_id,
            venue_id=payment.venue_id,
            state=payment.state,
            order_state=order.state,
            currency=payment.amount.currency,
            amount_cents=payment.amount.cents,
            received_cents=payment.received_cents,
            tickets_cents=order.tickets_cents,
            fees_cents=order.fees_cents,
            taxes_cents=order.taxes_cents,
            refunded_cents=self._refunded(payment.id),
            ticket_count=payment.ticket_count,
            created_at=payment.created_at,
        )

    def _refunded(self, payment_id: PaymentId) -> int:
        return sum(
            refund.amount.cents
            for refund in self.tables.refunds.values()
            if refund.payment_id == payment_id and refund.state is RefundState.COMPLETED
        )
