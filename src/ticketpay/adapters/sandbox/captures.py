"""A capture takes a held amount; what is not captured within seven days is released."""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs

from ticketpay.adapters.sandbox import disputes, transfers
from ticketpay.adapters.sandbox.banking import charge_fee, midnight_after
from ticketpay.adapters.sandbox.ledger import fee_detail
from ticketpay.adapters.sandbox.objects import Charge
from ticketpay.adapters.sandbox.world import Call

__all__ = ["HELD_SECONDS", "aftermath", "hold", "paid", "release"]

HELD_SECONDS: Final = 7 * 86_400


def hold(call: Call, charge: Charge) -> Charge:
    """Give the amount back by itself when nobody captures it in time."""
    call.world.later(
        call.account, call.now + HELD_SECONDS, partial(_expire, intent_id=charge.intent.id)
    )
    return charge


def paid(call: Call, charge: Charge) -> Charge:
    """Book the captured amount and its fees; share it if it is a destination charge."""
    currency, amount = charge.intent.currency, charge.amount_captured
    parts = [fee_detail(charge_fee(amount), currency, "stripe_fee", "Stripe processing fees")]
    own = transfers.direct_fee(call, charge)
    if own is not None:
        parts.append(fee_detail(own["amount"], currency, "application_fee", "Application fee"))
    available_on = midnight_after(call.time, 2)
    if charge.method.card.at_once:
        available_on = call.now
    entry = call.post(
        "charge", amount, currency, charge.id, fee_details=parts, available_on=available_on
    )
    charge = attrs.evolve(
        charge,
        balance_transaction=entry.id,
        application_fee=None if own is None else own.id,
    )
    charge = transfers.shared(call, charge, available_on)
    call.account.charges.replace(charge.id, charge)
    return charge


def aftermath(call: Call, charge: Charge) -> None:
    """What a test card does after it has paid: open disputes."""
    for inquiry, reason in charge.method.card.disputes:
        current = call.account.charges.get(charge.id) or charge
        amount = charge.amount_captured
        if len(charge.method.card.disputes) > 1:
            amount //= 2
        if amount:
            disputes.opened(call, current, amount, reason, inquiry=inquiry)


def release(call: Call, charge: Charge) -> None:
    """Give a held amount back: shown as a refund of the charge, without any money moved."""
    charge = attrs.evolve(charge, refunded=True, amount_refunded=charge.amount)
    call.account.charges.replace(charge.id, charge)
    before = {"amount_refunded": 0, "refunded": False}
    call.emit("charge.refunded", charge, charge.intent, before)


def _expire(call: Call, intent_id: str) -> None:
    intent = call.account.intents.get(intent_id)
    if intent is None or intent.status != "requires_capture":
        return
    charge = call.account.charges.get(intent.latest_charge or "")
    if charge is None or (charge.capture_before or 0) > call.now:
        return
    intent = attrs.evolve(
        intent,
        status="canceled",
        canceled_at=call.now,
        cancellation_reason="automatic",
        amount_capturable=0,
    )
    call.account.intents.replace(intent.id, intent)
    charge = attrs.evolve(charge, refunded=True, amount_refunded=charge.amount)
    call.account.charges.replace(charge.id, charge)
    call.emit("charge.expired", charge, intent)
    call.emit("payment_intent.canceled", intent, intent)
    call.settle(intent)
