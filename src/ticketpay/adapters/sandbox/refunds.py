"""The operations on refunds: money back, never more than was captured."""

from __future__ import annotations

import attrs

from ticketpay.adapters.sandbox import intents
from ticketpay.adapters.sandbox.checks import Args
from ticketpay.adapters.sandbox.errors import invalid, missing, no_such
from ticketpay.adapters.sandbox.objects import Charge, Refund
from ticketpay.adapters.sandbox.world import Account, Call

__all__ = ["check_create", "create", "found_charge"]


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


def create(call: Call, _ident: str, args: Args) -> Refund:
    """Refund an amount (default: the rest); raises SandboxError (400) for too much."""
    charge = _paid_charge(call, args)
    amount = _refundable(charge, args.get("amount"))
    intent = intents.found(call.account, charge.intent.id)
    refund = Refund(
        id=call.new_id("re"),
        created=call.now,
        amount=amount,
        currency=intent.currency,
        charge=charge.id,
        payment_intent=intent.id,
        reason=args.get("reason"),
        metadata=args.get("metadata", {}),
    )
    call.account.refunds.add(refund.id, refund, call.now, (intent.id, charge.id))
    before = {"amount_refunded": charge.amount_refunded, "refunded": charge.refunded}
    total = charge.amount_refunded + amount
    charge = attrs.evolve(charge, amount_refunded=total, refunded=total == charge.amount_captured)
    call.account.charges.replace(charge.id, charge)
    call.emit("refund.created", refund, intent)
    call.emit("charge.refunded", charge, intent, before)
    call.settle(intent)
    return refund


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
    return charge


def _refundable(charge: Charge, amount: int | None) -> int:
    rest = charge.amount_captured - charge.amount_refunded
    if amount is not None and amount > rest:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({rest})"
        raise invalid(message, param="amount", code="amount_too_large")
    return rest if amount is None else amount
