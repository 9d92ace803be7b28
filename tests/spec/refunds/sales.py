"""Sales to refund: a paid order with its payment, and refunds of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import attrs

from tests.spec.pricing.offers import NOW, demand, offer, price
from ticketpay.domain.kernel.ids import OrderId, PaymentId, RefundId, UserId
from ticketpay.domain.money import Money
from ticketpay.domain.orders import Order
from ticketpay.domain.payments import Payment, PaymentState, ProviderRef
from ticketpay.domain.pricing import ChargeKind
from ticketpay.domain.refunds import Refund, RefundReason, RefundState, Split

REF = ProviderRef("stripe", "", livemode=False, object_id="pi_1")


def sold(prices: Sequence[int], *counts: int, kept: Sequence[ChargeKind] = ()) -> Order:
    """An order of so many tickets of each type; charges of the kinds ``kept`` cannot be refunded."""
    quote = price(offer(prices), demand(*counts))
    due = NOW + timedelta(minutes=15)
    order = Order.of(quote, order_id=OrderId(UUID(int=9)), now=NOW, expires_at=due)
    charges = tuple(attrs.evolve(c, refundable=c.kind not in kept) for c in order.charges)
    tickets = tuple(
        attrs.evolve(
            ticket,
            charges=tuple(attrs.evolve(c, refundable=c.kind not in kept) for c in ticket.charges),
        )
        for ticket in order.tickets
    )
    return attrs.evolve(order, charges=charges, tickets=tickets)


def paid(order: Order, state: PaymentState = PaymentState.COMPLETED) -> Payment:
    """The payment of the whole order, a day ago."""
    return Payment(
        id=PaymentId(UUID(int=8)),
        order_id=order.id,
        state=state,
        amount=order.total,
        user_id=order.user_id,
        event_id=order.event_id,
        venue_id=order.venue_id,
        ticket_count=order.ticket_count,
        method_type="card",
        device_fingerprint="device",
        created_at=NOW,
        sent_at=NOW,
        ref=REF,
        received_cents=order.total.cents,
        confirmed_at=NOW,
    )


def refund(
    split: Split,
    *tickets: int,
    state: RefundState = RefundState.COMPLETED,
    number: int = 1,
) -> Refund:
    """A refund of these parts and tickets."""
    return Refund(
        id=RefundId(UUID(int=number)),
        payment_id=PaymentId(UUID(int=8)),
        ref=REF,
        amount=Money(split.cents),
        reason=RefundReason.OTHER,
        state=state,
        created_at=NOW,
        split=split,
        tickets=tickets,
        requested_by=UserId(UUID(int=3)),
    )
