"""Answers: what a caller is told about a payment or an order, as JSON without secrets.

The same function serves the first answer, the replay and the later question, so they agree.
"""

from __future__ import annotations

from ticketpay.domain.kernel.errors import TicketpayError
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.domain.messaging import Answer, Outcome
from ticketpay.domain.money import ExchangeRate
from ticketpay.domain.orders import Order, OrderState
from ticketpay.domain.payments import Payment, PaymentState, ProviderStatus
from ticketpay.domain.pricing import Charge, Quote, TicketLine

__all__ = ["answer_of", "exchange_view", "order_view", "payment_view", "quote_view", "refusal"]


def shown_status(payment: Payment) -> str:
    """The state, with two shades that a buyer has to know.

    One that failed asks for action, too, once its buyer has come back with a card that does.
    """
    if payment.state is PaymentState.PENDING and payment.ref is None:
        return "unknown"
    waits = payment.state in (PaymentState.PENDING, PaymentState.FAILED)
    if waits and payment.provider_status == ProviderStatus.REQUIRES_ACTION:
        return "requires_action"
    return str(payment.state)


def exchange_view(rate: ExchangeRate | None) -> dict[str, object] | None:
    """The rate that an event's prices were converted by, exactly and for people; None if none was."""
    if rate is None:
        return None
    return {
        "base": rate.base.code,
        "target": rate.target.code,
        "rate": rate.display,
        "numerator": rate.numerator,
        "denominator": rate.denominator,
        "source": rate.source,
        "date": rate.day.isoformat(),
    }


def payment_view(payment: Payment, order: Order) -> dict[str, object]:
    """A payment for its owner; amounts in cents."""
    view: dict[str, object] = {
        "id": str(payment.id),
        "orderId": str(order.id),
        "status": shown_status(payment),
        "allInCents": order.all_in.cents,
        "taxCents": order.taxes_cents,
        "amountCents": payment.amount.cents,
        "currency": payment.amount.currency.code,
        "exchangeRate": exchange_view(order.exchange),
        "ticketQuantity": payment.ticket_count,
        "createdAt": rfc3339(payment.created_at),
    }
    if view["status"] == PaymentState.FAILED and payment.failure is not None:
        view["failure"] = {
            "code": payment.failure.code,
            "declineCode": payment.failure.decline_code,
            "message": payment.failure.message,
        }
    return view


def answer_of(payment: Payment, order: Order) -> Answer:
    """The final or current answer for a payment."""
    if payment.state is PaymentState.COMPLETED:
        return Answer(Outcome.COMPLETED, payment_view(payment, order))
    if shown_status(payment) == PaymentState.FAILED:
        return Answer(Outcome.DECLINED, payment_view(payment, order))
    if payment.state is PaymentState.CANCELLED:
        expired = order.state is OrderState.EXPIRED
        code = "ORDER_EXPIRED" if expired else "PAYMENT_CANCELLED"
        title = "The order has expired" if expired else "The payment is cancelled"
        detail = f"payment {payment.id} is cancelled"
        if payment.received_cents:
            detail += "; what was paid is sent back"
        body = {"code": code, "title": title, "detail": detail}
        return Answer(Outcome.REFUSED, body)
    return Answer(Outcome.ACCEPTED, payment_view(payment, order))


def refusal(error: TicketpayError) -> Answer:
    """A domain refusal as an answer that can be stored and replayed."""
    body: dict[str, object] = {
        "code": error.error_code,
        "title": type(error).title,
        "detail": error.detail,
    }
    if error.errors:
        body["errors"] = [{"field": e.field, "message": e.message} for e in error.errors]
    return Answer(Outcome.REFUSED, body)


def _charge_view(charge: Charge) -> dict[str, object]:
    view: dict[str, object] = {
        "kind": str(charge.kind),
        "name": charge.name,
        "amountCents": charge.cents,
        "refundable": charge.refundable,
    }
    if charge.rate is not None:
        view["ratePercent"] = charge.rate.percent
    if charge.estimated:
        view["estimated"] = True
    return view


def _ticket_view(ticket: TicketLine) -> dict[str, object]:
    view: dict[str, object] = {
        "number": ticket.number,
        "ticketTypeId": str(ticket.type_id),
        "priceCents": ticket.price_cents,
        "charges": [_charge_view(c) for c in ticket.charges],
    }
    if ticket.seat is not None:
        view["seat"] = ticket.seat
    return view


def _priced(
    all_in: int, total: int, currency: str, charges: tuple[Charge, ...]
) -> dict[str, object]:
    """The all-in price comes first, as 16 CFR 464 wants it shown."""
    return {
        "allInCents": all_in,
        "currency": currency,
        "fees": [_charge_view(c) for c in charges if not c.kind.is_tax],
        "taxes": [_charge_view(c) for c in charges if c.kind.is_tax],
        "totalCents": total,
    }


def quote_view(quote: Quote) -> dict[str, object]:
    """A quote for the buyer, all-in price first."""
    prices = _priced(quote.all_in.cents, quote.total.cents, quote.currency.code, quote.charges)
    return prices | {
        "id": str(quote.id),
        "eventId": str(quote.event_id),
        "venueId": str(quote.venue_id),
        "ticketsCents": quote.tickets_cents,
        "exchangeRate": exchange_view(quote.exchange),
        "taxDate": quote.tax_date.isoformat(),
        "expiresAt": rfc3339(quote.expires_at),
        "tickets": [_ticket_view(t) for t in quote.tickets],
    }


def order_view(order: Order, payments: tuple[Payment, ...]) -> dict[str, object]:
    """An order for its owner: the receipt."""
    prices = _priced(order.all_in.cents, order.total.cents, order.currency.code, order.charges)
    return prices | {
        "id": str(order.id),
        "state": str(order.state),
        "eventId": str(order.event_id),
        "venueId": str(order.venue_id),
        "ticketsCents": order.tickets_cents,
        "exchangeRate": exchange_view(order.exchange),
        "taxDate": order.tax_date.isoformat(),
        "createdAt": rfc3339(order.created_at),
        "expiresAt": rfc3339(order.expires_at),
        "tickets": [_ticket_view(t) for t in order.tickets],
        "payments": [{"id": str(p.id), "status": shown_status(p)} for p in payments],
    }
