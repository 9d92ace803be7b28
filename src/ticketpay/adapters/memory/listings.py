"""What operators look at, in memory."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import attrs

from ticketpay.adapters.memory.sales import MemorySales
from ticketpay.adapters.memory.store import TenantTables, known
from ticketpay.domain.kernel.ids import OrderId, PaymentId
from ticketpay.domain.ledger import Posting, posting_keys
from ticketpay.domain.orders import Order
from ticketpay.domain.orders.summary import OrderSummary
from ticketpay.domain.payments.history import Happening, Source
from ticketpay.domain.payments.sales import Sale
from ticketpay.ports.later import Later

__all__ = ["MemoryListings"]


@attrs.frozen
class MemoryListings:
    """``Listings`` over the tables of one tenant."""

    tables: TenantTables

    def orders(self, before: UUID, limit: int) -> Later[tuple[OrderSummary, ...]]:
        older = [order for order in self.tables.orders.values() if order.id < before]
        newest = sorted(older, key=lambda order: order.id, reverse=True)[:limit]
        return known(tuple(map(_summary, newest)))

    def payments(self, before: UUID, limit: int) -> Later[tuple[Sale, ...]]:
        older = [payment for payment in self.tables.payments.values() if payment.id < before]
        newest = sorted(older, key=lambda payment: payment.id, reverse=True)[:limit]
        return known(tuple(map(MemorySales(self.tables).sale, newest)))

    def postings(self, after: str, limit: int) -> Later[tuple[Posting, ...]]:
        keys = sorted(posting.key for posting in self.tables.postings.values())
        found = (self.tables.postings.get(key) for key in keys if key > after)
        return known(tuple(posting for posting in found if posting is not None)[:limit])

    def history(self, payment_id: PaymentId, order_id: OrderId) -> Later[tuple[Happening, ...]]:
        subjects: dict[UUID, str] = {payment_id: "payment", order_id: "order"}
        for refund in self.tables.refunds.values():
            if refund.payment_id == payment_id:
                subjects[refund.id] = "refund"
        for dispute in self.tables.disputes.values():
            if dispute.payment_id == payment_id:
                subjects[dispute.id] = "dispute"
        found = [*self._money(payment_id), *self._moves(subjects), *self._messages(subjects)]
        return known(tuple(found))

    def _money(self, payment_id: PaymentId) -> Iterator[Happening]:
        yield from self._attempts(payment_id)
        refunds = [r.id for r in self.tables.refunds.values() if r.payment_id == payment_id]
        disputes = [d.id for d in self.tables.disputes.values() if d.payment_id == payment_id]
        for posting in map(self.tables.postings.get, posting_keys(payment_id, refunds, disputes)):
            if posting is not None:
                cents = sum(entry.cents for entry in posting.entries if entry.cents > 0)
                yield Happening(
                    at=posting.posted_at,
                    source=Source.POSTING,
                    about="payment",
                    about_id=str(payment_id),
                    what=posting.key,
                    detail=str(cents),
                )

    def _attempts(self, payment_id: PaymentId) -> Iterator[Happening]:
        payment = self.tables.payments.get(payment_id)
        if payment is None:
            return
        charge = Happening(
            at=payment.sent_at,
            source=Source.ATTEMPT,
            about="payment",
            about_id=str(payment_id),
            what="charge",
            detail=payment.ref.object_id if payment.ref else "",
            number=1,
        )
        yield charge
        for number, at in enumerate(self.tables.sent_again.get(payment_id) or (), 2):
            yield attrs.evolve(charge, at=at, what="charge again", detail="", number=number)
        for retry in self.tables.retries.get(payment_id) or ():
            what, told = f"retry: {retry.action}", retry.outcome
            yield attrs.evolve(charge, at=retry.at, what=what, detail=told, number=retry.number)

    def _moves(self, subjects: dict[UUID, str]) -> Iterator[Happening]:
        for number, move in self.tables.moves.items():
            if move.subject in subjects:
                yield Happening(
                    at=move.at,
                    source=Source.MOVE,
                    about=subjects[move.subject],
                    about_id=str(move.subject),
                    what=str(move.step.event),
                    detail=f"{move.step.before} -> {move.step.after}",
                    number=number,
                )

    def _messages(self, subjects: dict[UUID, str]) -> Iterator[Happening]:
        for (key, seq), message in self.tables.messages.items():
            if subjects.get(key.aggregate_id) == str(key.aggregate_type):
                yield Happening(
                    at=message.occurred_at,
                    source=Source.MESSAGE,
                    about=str(key.aggregate_type),
                    about_id=str(key.aggregate_id),
                    what=message.type,
                    number=seq,
                )


def _summary(order: Order) -> OrderSummary:
    return OrderSummary(
        id=order.id,
        user_id=order.user_id,
        event_id=order.event_id,
        venue_id=order.venue_id,
        state=order.state,
        currency=order.currency.code,
        total_cents=order.total.cents,
        ticket_count=order.ticket_count,
        created_at=order.created_at,
        exchange=order.exchange,
    )
