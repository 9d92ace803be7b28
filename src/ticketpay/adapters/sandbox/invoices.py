"""An invoice is what a subscription costs for one period, paid by the customer's card.

The first one is paid while the customer is there, so the card's bank may ask; the others are not.
`POST /v1/invoices/{id}/pay` tries again.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ticketpay.adapters.sandbox import intents, schemas
from ticketpay.adapters.sandbox.checks import Args, Schema, filled
from ticketpay.adapters.sandbox.errors import SandboxError, invalid
from ticketpay.adapters.sandbox.objects import Intent
from ticketpay.adapters.sandbox.operation import Operation, found, listing, reading, writing
from ticketpay.adapters.sandbox.records import Record
from ticketpay.adapters.sandbox.response import Json
from ticketpay.adapters.sandbox.world import Call

__all__ = ["ROUTES", "bill", "card", "void"]

_ENDED: Final = ("canceled", "incomplete_expired")
_UNDER_WAY: Final = ("requires_action", "processing")


def bill(call: Call, subscription: Record, reason: str) -> Record:
    """Make the invoice of the running period and try to collect it; the subscription after that."""
    invoice = call.add(Record(_made(call, subscription, reason)), subscription.id)
    subscription = call.change(subscription, latest_invoice=invoice.id)
    call.emit("invoice.created", invoice)
    call.emit("invoice.finalized", invoice)
    return _collect(call, subscription, invoice)


def void(call: Call, subscription: Record) -> None:
    """Nobody can pay the latest invoice any more."""
    invoice = found(call.account, "invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        _give_up(call, invoice)
        call.emit("invoice.voided", call.change(invoice, status="void"))


def card(customer: Record, own: str | None) -> str | None:
    """What pays: the subscription's own card, or the customer's."""
    named: str | None = own or customer["invoice_settings"]["default_payment_method"]
    return named


def _collect(call: Call, subscription: Record, invoice: Record) -> Record:
    customer = found(call.account, "customer", subscription["customer"])
    args: Args = {
        "amount": invoice["amount_due"],
        "currency": invoice["currency"],
        "confirm": True,
        "customer": customer.id,
        "payment_method": card(customer, subscription["default_payment_method"]),
        "off_session": subscription["status"] != "incomplete",
    }
    _give_up(call, invoice)
    try:
        intent = intents.create(call, "", args)
    except SandboxError as error:
        refused = error.body["error"].get("payment_intent") or {}
        _pays(call, invoice, refused.get("id"))
        return _unpaid(call, invoice)
    _pays(call, invoice, intent.id)
    if intent.status in _UNDER_WAY:
        call.account.followers[intent.id] = partial(_came_to_rest, ident=invoice.id)
        if intent.status == "requires_action":
            call.emit("invoice.payment_action_required", invoice)
        return subscription
    return _paid(call, invoice)


def _came_to_rest(call: Call, intent: Intent, ident: str) -> None:
    """The bank has answered, or the intent was given up."""
    invoice = found(call.account, "invoice", ident)
    if intent.status == "succeeded":
        del call.account.followers[intent.id]
        _paid(call, invoice)
    elif intent.last_payment_error is not None and intent.status == "requires_payment_method":
        _unpaid(call, invoice)


def _paid(call: Call, invoice: Record) -> Record:
    paid = {"amount_paid": invoice["amount_due"], "amount_remaining": 0, "status": "paid"}
    times = invoice["status_transitions"] | {"paid_at": call.now}
    count = invoice["attempt_count"] + 1
    invoice = call.change(
        invoice, attempt_count=count, attempted=True, status_transitions=times, **paid
    )
    for each in _payments(call, invoice):
        if each["status"] == "open":
            times = each["status_transitions"] | {"paid_at": call.now}
            amount = invoice["amount_paid"]
            call.change(each, status="paid", amount_paid=amount, status_transitions=times)
    call.emit("invoice.paid", invoice)
    call.emit("invoice.payment_succeeded", invoice)
    return _moved(call, invoice, "active")


def _unpaid(call: Call, invoice: Record) -> Record:
    count = invoice["attempt_count"] + 1
    invoice = call.change(invoice, attempt_count=count, attempted=True)
    call.emit("invoice.payment_failed", invoice)
    return _moved(call, invoice, "past_due")


def _moved(call: Call, invoice: Record, status: str) -> Record:
    """The subscription follows its invoice; an incomplete one stays so until it is paid."""
    ident = invoice["parent"]["subscription_details"]["subscription"]
    subscription = found(call.account, "subscription", ident)
    stays = subscription["status"] == "incomplete" and status == "past_due"
    if stays or subscription["status"] in (status, *_ENDED):
        return subscription
    before = {"status": subscription["status"]}
    subscription = call.change(subscription, status=status)
    call.emit("customer.subscription.updated", subscription, None, before)
    return subscription


def _pay(call: Call, ident: str, _args: Args) -> Record:
    """Try to collect an open invoice once more; raises SandboxError (402) when it is declined."""
    invoice = found(call.account, "invoice", ident)
    if invoice["status"] != "open":
        raise invalid("Invoice is already paid or void.", code="invoice_not_open")
    details = invoice["parent"]["subscription_details"]
    _collect(call, found(call.account, "subscription", details["subscription"]), invoice)
    after = found(call.account, "invoice", ident)
    if after["status"] == "open":
        message = "Your card was declined."
        raise SandboxError(402, "card_error", message, code="card_declined")
    return after


def _payments(call: Call, invoice: Record) -> list[Record]:
    return [p for p in call.account.of("invoice_payment").all() if p["invoice"] == invoice.id]


def _give_up(call: Call, invoice: Record) -> None:
    """The former try to pay can come to nothing any more."""
    for each in _payments(call, invoice):
        if each["status"] == "open":
            call.change(each, status="canceled", is_default=False)
            ident = each["payment"]["payment_intent"]
            call.account.followers.pop(ident, None)
            if intents.found(call.account, ident).status in intents.OPEN:
                intents.cancel(call, ident, {})


def _pays(call: Call, invoice: Record, intent: str | None) -> None:
    if intent is None:
        return
    fields: Json = {
        "id": call.fresh("inpay"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": call.now,
        "currency": invoice["currency"],
        "invoice": invoice.id,
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    call.add(Record(fields), invoice.id)


def _made(call: Call, subscription: Record, reason: str) -> Json:
    item = subscription["items"]["data"][0]
    cents = item["price"]["unit_amount"]
    return {
        "id": call.fresh("in"),
        "object": "invoice",
        "amount_due": cents,
        "amount_paid": 0,
        "amount_remaining": cents,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": call.now,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "livemode": False,
        "metadata": {},
        "parent": {
            "subscription_details": {
                "metadata": subscription["metadata"],
                "subscription": subscription.id,
            },
            "type": "subscription_details",
        },
        "period_end": item["current_period_end"],
        "period_start": item["current_period_start"],
        "status": "open",
        "status_transitions": {"finalized_at": call.now, "paid_at": None},
        "subtotal": cents,
        "total": cents,
    }


_LIST: Final[Schema] = schemas.LISTED | {"customer": filled, "status": filled}

ROUTES: Final[dict[str, Operation]] = {
    "GET v1/invoice_payments": listing(
        "invoice_payment",
        "/v1/invoice_payments",
        schemas.LISTED | {"invoice": filled, "status": filled},
        ("invoice",),
    ),
    "GET v1/invoices": listing("invoice", "/v1/invoices", _LIST),
    "GET v1/invoices/{}": reading("invoice"),
    "POST v1/invoices/{}/pay": writing("invoice", "pay", _pay, schemas.RETRIEVE),
}
