"""Cancelled events in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from ticketpay.adapters.memory.store import TenantTables, known
from ticketpay.domain.catalog import Cancellation, CancellationProgress, EventCancelled, MoneyBack
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import EventId, PaymentId
from ticketpay.domain.payments import Payment, PaymentState
from ticketpay.domain.refunds import Refund, RefundReason, RefundState
from ticketpay.ports.later import Later

__all__ = ["MemoryCancellations"]


@attrs.frozen
class MemoryCancellations:
    """``Cancellations`` over the tables of one tenant."""

    tables: TenantTables

    def start(self, cancellation: Cancellation) -> None:
        tables, event_id = self.tables, cancellation.event_id
        if tables.cancellations.lock(event_id) is not None:
            raise EventCancelled(f"event {event_id} is cancelled already")
        event = tables.events.lock_found(event_id)
        if event is None:
            raise Conflict(f"there is no event {event_id}")
        tables.cancellations.put(event_id, cancellation)
        tables.events.put(event_id, attrs.evolve(event, on_sale=False))
        for type_id in sorted(tables.types_of.get(event_id) or ()):
            tables.stock.lock_found(type_id)

    def get(self, event_id: EventId) -> Later[Cancellation | None]:
        return known(self.tables.cancellations.get(event_id))

    def lock(self, event_id: EventId) -> Later[Cancellation | None]:
        return known(self.tables.cancellations.lock_found(event_id))

    def save(self, cancellation: Cancellation) -> None:
        self.tables.cancellations.put(cancellation.event_id, cancellation)

    def to_look_at(
        self, event_id: EventId, after: PaymentId | None, limit: int
    ) -> Later[tuple[PaymentId, ...]]:
        found = [
            payment.id
            for payment in self._payments(event_id)
            if payment.state is not PaymentState.CANCELLED
            and (after is None or payment.id > after)
            and not self._is_back(payment)
        ]
        return known(tuple(sorted(found)[:limit]))

    def _is_back(self, payment: Payment) -> bool:
        done = _cents(refund for refund in self._refunds(payment) if _is_done(refund))
        return 0 < payment.received_cents <= done

    def progress(self, event_id: EventId) -> Later[CancellationProgress]:
        payments = list(self._payments(event_id))
        paid = [p for p in payments if p.state is PaymentState.COMPLETED]
        refunds = {p.id: self._refunds(p) for p in paid}
        begun = {i: _cents(r for r in rs if r.counts) for i, rs in refunds.items()}
        done = {i: _cents(r for r in rs if _is_done(r)) for i, rs in refunds.items()}
        left = [p for p in paid if begun[p.id] < p.received_cents]
        over = (PaymentState.COMPLETED, PaymentState.CANCELLED)
        return known(
            CancellationProgress(
                orders=len(paid),
                begun=len(paid) - len(left),
                refunded=sum(done[p.id] >= p.received_cents for p in paid),
                failed=sum(any(map(_has_failed, refunds[p.id])) for p in left),
                unfinished=sum(p.state not in over for p in payments),
                money=_money(paid, begun, done),
            )
        )

    def _payments(self, event_id: EventId) -> Iterable[Payment]:
        return (p for p in self.tables.payments.values() if p.event_id == event_id)

    def _refunds(self, payment: Payment) -> list[Refund]:
        """Those that nobody has to agree to any more."""
        refunds = self.tables.refunds.values()
        return [r for r in refunds if r.payment_id == payment.id and not r.needs_approval]


def _money(
    paid: list[Payment], begun: Mapping[PaymentId, int], done: Mapping[PaymentId, int]
) -> tuple[MoneyBack, ...]:
    currencies = sorted({p.amount.currency for p in paid}, key=lambda currency: currency.code)
    return tuple(
        MoneyBack(
            currency=currency,
            cents=sum(p.received_cents for p in paid if p.amount.currency is currency),
            begun_cents=sum(begun[p.id] for p in paid if p.amount.currency is currency),
            refunded_cents=sum(done[p.id] for p in paid if p.amount.currency is currency),
        )
        for currency in currencies
    )


def _cents(refunds: Iterable[Refund]) -> int:
    return sum(refund.amount.cents for refund in refunds)


def _is_done(refund: Refund) -> bool:
    return refund.state is RefundState.COMPLETED


def _has_failed(refund: Refund) -> bool:
    return refund.reason == RefundReason.EVENT_CANCELLED and not refund.counts
