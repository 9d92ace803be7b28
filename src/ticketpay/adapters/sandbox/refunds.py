"""The operations on refunds: money back, never more than was captured and not charged back.

A refund is `pending` while the balance is short or its card says so, and can fail after it has
succeeded; then its amount can be refunded again.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import attrs

from ticketpay.adapters.sandbox import disputes, intents, transfers
from ticketpay.adapters.sandbox.checks import Args
from ticketpay.adapters.sandbox.errors import invalid, missing, no_such
from ticketpay.adapters.sandbox.objects import Charge, Intent
from ticketpay.adapters.sandbox.operation import found, merged
from ticketpay.adapters.sandbox.records import Record
from ticketpay.adapters.sandbox.response import Json
from ticketpay.adapters.sandbox.world import Account, Call

__all__ = [
    "cancel",
    "check_create",
    "create",
    "fail",
    "found_charge",
    "retry_waiting",
    "succeed",
    "update",
]

_PENDING_SECONDS: Final = 5.0
_FAILING_SECONDS: Final = 10.0
_FATES: Final = ("pending", "fails", "fails_later", "requires_action")


def found_charge(account: Account, ident: str) -> Charge:
    """The charge with this id; raises SandboxError (404)."""
    charge = account.charges.get(ident)
    if charge is None:
        raise no_such("charge", ident, "charge")
    return charge


def check_create(account: Account, _ident: str, args: Args) -> None:
    """Refuse a refund of nothing; raises SandboxError (400 or 404)."""
    if args.get("charge") is not None:
        found_charge(account, args["charge"])
    elif args.get("payment_intent") is not None:
        intents.found(account, args["payment_intent"])
    else:
        raise missing("payment_intent")


def create(call: Call, _ident: str, args: Args) -> Record:
    """Refund an amount (default: the rest); raises SandboxError (400) for too much."""
    charge = _paid_charge(call, args)
    amount = _refundable(charge, args.get("amount"))
    reversal = transfers.refund_reversal(call, charge, amount, args)
    fate = _fate(charge, args.get("metadata", {}))
    short = not call.account.ledger.covers(amount, charge.intent.currency, call.time)
    refund = call.add(_new(call, charge, amount, args), charge.intent.id, charge.id)
    if reversal is not None:
        refund = call.change(refund, transfer_reversal=reversal.id)
    charge = _count(call, charge, amount)
    refund = _wait(call, refund) if short else _follow(call, _pay(call, refund), fate)
    call.emit("refund.created", refund, charge.intent)
    before = {"amount_refunded": charge.amount_refunded - amount, "refunded": False}
    call.emit("charge.refunded", charge, charge.intent, before)
    disputes.close_refunded_inquiry(call, charge)
    call.settle(intents.found(call.account, charge.intent.id))
    return refund


def update(call: Call, ident: str, args: Args) -> Record:
    """Change the metadata."""
    refund = found(call.account, "refund", ident)
    refund = call.change(refund, metadata=merged(refund["metadata"], args.get("metadata")))
    _tell(call, refund)
    return refund


def cancel(call: Call, ident: str, _args: Args) -> Record:
    """Give up a refund that has not reached the buyer; raises SandboxError (400)."""
    refund = found(call.account, "refund", ident)
    if refund["status"] not in ("pending", "requires_action"):
        message = f"Refund {ident} has a status of {refund['status']} and cannot be canceled."
        raise invalid(message)
    return _undo(call, refund, "canceled")


def succeed(call: Call, ident: str) -> Record:
    """The bank has paid; nothing when the refund is not under way."""
    refund = found(call.account, "refund", ident)
    if refund["status"] not in ("pending", "requires_action"):
        return refund
    if refund["balance_transaction"] is None:
        refund = _pay(call, refund)
    refund = call.change(refund, status="succeeded", pending_reason=None, next_action=None)
    _tell(call, refund)
    return refund


def fail(call: Call, ident: str, reason: str = "unknown") -> Record:
    """The bank has returned the money, perhaps long after the success; nothing when ended."""
    refund = found(call.account, "refund", ident)
    if refund["status"] in ("failed", "canceled"):
        return refund
    refund = _undo(call, refund, "failed", failure_reason=reason)
    call.emit("refund.failed", refund, _intent(call, refund))
    return refund


def retry_waiting(call: Call) -> None:
    """Pay the refunds that wait for money, oldest first, as far as it reaches."""
    ledger = call.account.ledger
    while ledger.waiting:
        refund = found(call.account, "refund", ledger.waiting[0])
        if refund["status"] == "pending":
            if not ledger.covers(refund["amount"], refund["currency"], call.time):
                _look_again(call)
                return
            succeed(call, refund.id)
        ledger.waiting.remove(refund.id)


def _look_again(call: Call) -> None:
    due = call.account.ledger.next_maturity()
    if due is not None:
        call.world.later(call.account, due, retry_waiting)


def _paid_charge(call: Call, args: Args) -> Charge:
    ident = args.get("charge")
    if ident is None:
        intent = intents.found(call.account, args["payment_intent"])
        ident = intent.latest_charge or ""
        if intent.status != "succeeded":
            message = (
                f"This PaymentIntent ({intent.id}) does not have a successful charge to refund."
            )
            raise invalid(message, code="payment_intent_unexpected_state")
    charge = found_charge(call.account, ident)
    if charge.refunded:
        message = f"Charge {charge.id} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    if not charge.captured:
        raise invalid(f"Charge {charge.id} has not been captured.", code="charge_not_refundable")
    if disputes.withdrawn(call.account, charge):
        message = f"Charge {charge.id} has been charged back; cannot issue a refund."
        raise invalid(message, code="charge_disputed")
    return charge


def _refundable(charge: Charge, amount: int | None) -> int:
    rest = charge.amount_captured - charge.amount_refunded
    if amount is not None and amount > rest:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({rest})"
        raise invalid(message, param="amount", code="amount_too_large")
    return rest if amount is None else amount


def _fate(charge: Charge, metadata: Any) -> str | None:
    """How the refund goes: what its metadata asks for, the intent's, or the card's."""
    for asked in (metadata, charge.intent.metadata):
        if asked.get("sandbox_refund") in _FATES:
            fate: str = asked["sandbox_refund"]
            return fate
    return charge.method.card.refund


def _new(call: Call, charge: Charge, amount: int, args: Args) -> Record:
    details: Json = {
        "reference_status": "pending",
        "reference_type": "acquirer_reference_number",
        "type": "refund",
    }
    return Record(
        {
            "id": call.new_id("re"),
            "object": "refund",
            "amount": amount,
            "balance_transaction": None,
            "charge": charge.id,
            "created": call.now,
            "currency": charge.intent.currency,
            "destination_details": {"card": details, "type": "card"},
            "metadata": args.get("metadata", {}),
            "payment_intent": charge.intent.id,
            "reason": args.get("reason"),
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "succeeded",
            "transfer_reversal": None,
        }
    )


def _pay(call: Call, refund: Record) -> Record:
    entry = call.post("refund", -refund["amount"], refund["currency"], refund.id)
    return call.change(refund, balance_transaction=entry.id)


def _wait(call: Call, refund: Record) -> Record:
    call.account.ledger.waiting.append(refund.id)
    _look_again(call)
    return call.change(refund, status="pending", pending_reason="insufficient_funds")


def _follow(call: Call, refund: Record, fate: str | None) -> Record:
    later = partial(call.world.later, call.account)
    if fate == "requires_action":
        return call.change(refund, status="requires_action")
    if fate == "fails_later":
        later(call.time + _FAILING_SECONDS, lambda then: fail(then, refund.id))
    elif fate is not None:
        end = fail if fate == "fails" else succeed
        later(call.time + _PENDING_SECONDS, lambda then: end(then, refund.id))
        return call.change(refund, status="pending", pending_reason="processing")
    return refund


def _undo(call: Call, refund: Record, status: str, **more: Any) -> Record:
    if refund["balance_transaction"] is not None:
        amount, currency = refund["amount"], refund["currency"]
        entry = call.post("refund_failure", amount, currency, refund.id)
        more["failure_balance_transaction"] = entry.id
    _count(call, found_charge(call.account, refund["charge"]), -refund["amount"])
    refund = call.change(refund, status=status, next_action=None, pending_reason=None, **more)
    _tell(call, refund)
    retry_waiting(call)
    return refund


def _count(call: Call, charge: Charge, amount: int) -> Charge:
    total = charge.amount_refunded + amount
    charge = attrs.evolve(charge, amount_refunded=total, refunded=total == charge.amount_captured)
    call.account.charges.replace(charge.id, charge)
    return charge


def _intent(call: Call, refund: Record) -> Intent:
    return intents.found(call.account, refund["payment_intent"])


def _tell(call: Call, refund: Record) -> None:
    intent = _intent(call, refund)
    call.emit("refund.updated", refund, intent)
    call.emit("charge.refund.updated", refund, intent)
    call.settle(intent)
