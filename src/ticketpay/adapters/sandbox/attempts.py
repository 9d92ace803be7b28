"""An attempt is one try to collect an intent's amount with its payment method."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import attrs

from ticketpay.adapters.sandbox import captures
from ticketpay.adapters.sandbox.cards import APPROVED, Fate
from ticketpay.adapters.sandbox.checks import Args
from ticketpay.adapters.sandbox.errors import SandboxError
from ticketpay.adapters.sandbox.faults import asked_fate
from ticketpay.adapters.sandbox.objects import Charge, Intent, PaymentMethod
from ticketpay.adapters.sandbox.response import Json, compact
from ticketpay.adapters.sandbox.world import Call

__all__ = ["authenticated", "begin", "changed", "settle_processing"]

_PROCESSING_SECONDS: Final = 5.0

_AUTHENTICATION: Final = Fate(
    kind="decline",
    code="authentication_required",
    decline_code="authentication_required",
    message="Your card was declined. This transaction requires authentication.",
)


def changed(call: Call, intent: Intent, **changes: Any) -> Intent:
    """Keep and return a new version of an intent."""
    new: Intent = attrs.evolve(intent, **changes)
    call.account.intents.replace(new.id, new)
    return new


def begin(call: Call, intent: Intent, method: PaymentMethod, args: Args) -> Intent:
    """Try to pay; raises SandboxError (402) when the card is declined."""
    fate = asked_fate(intent.metadata) or method.card.fate
    if fate.kind == "authenticate":
        if args.get("off_session") or args.get("error_on_requires_action"):
            raise _decline(call, intent, method, _AUTHENTICATION)
        return _challenge(call, intent, method, args)
    return _follow(call, intent, method, fate)


def authenticated(call: Call, intent: Intent, method: PaymentMethod, *, passed: bool) -> Intent:
    """The customer has answered the challenge; never raises for a decline, which is kept."""
    if not passed:
        return _failed_authentication(call, intent, method)
    fate = method.card.fate.then or APPROVED
    if fate.kind == "decline":
        return _declined(call, intent, method, fate)[0]
    return _follow(call, intent, method, fate)


def settle_processing(call: Call, intent_id: str) -> None:
    """The end of a payment that was processing; nothing when it is not processing any more."""
    intent = call.account.intents.get(intent_id)
    charge = _latest(call, intent)
    if intent is None or charge is None or intent.status != "processing":
        return
    fate = asked_fate(intent.metadata) or charge.method.card.fate
    if fate.then is not None and fate.then.kind == "decline":
        intent = _declined(call, intent, charge.method, fate.then, charge)[0]
    else:
        intent = _approve(call, intent, charge.method, charge)
    call.settle(intent)


def _follow(call: Call, intent: Intent, method: PaymentMethod, fate: Fate) -> Intent:
    if fate.kind == "decline":
        raise _decline(call, intent, method, fate)
    if fate.kind == "process":
        return _process(call, intent, method)
    return _approve(call, intent, method)


def _challenge(call: Call, intent: Intent, method: PaymentMethod, args: Args) -> Intent:
    url = f"http://{call.host}/_sandbox/payment_intents/{intent.id}/authenticate"
    return_url = args.get("return_url")
    action: Json = {
        "type": "use_stripe_sdk",
        "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url},
    }
    if return_url is not None:
        redirect = {"return_url": return_url, "url": url}
        action = {"type": "redirect_to_url", "redirect_to_url": redirect}
    intent = changed(
        call,
        intent,
        status="requires_action",
        method=method,
        last_payment_error=None,
        next_action=action,
    )
    call.emit("payment_intent.requires_action", intent, intent)
    return intent


def _process(call: Call, intent: Intent, method: PaymentMethod) -> Intent:
    charge = _charge(call, intent, method, status="pending", outcome=_APPROVED)
    intent = changed(
        call,
        intent,
        status="processing",
        method=method,
        latest_charge=charge.id,
        last_payment_error=None,
        next_action=None,
    )
    call.emit("charge.pending", charge, intent)
    call.emit("payment_intent.processing", intent, intent)
    call.world.later(
        call.account,
        call.time + _PROCESSING_SECONDS,
        partial(settle_processing, intent_id=intent.id),
    )
    return intent


def _approve(
    call: Call, intent: Intent, method: PaymentMethod, charge: Charge | None = None
) -> Intent:
    held = intent.capture_method == "manual"
    captured = 0 if held else intent.amount
    fields: Json = {"status": "succeeded", "captured": not held, "amount_captured": captured}
    if held:
        fields["capture_before"] = call.now + captures.HELD_SECONDS
    if charge is None:
        charge = _charge(call, intent, method, outcome=_APPROVED, **fields)
    else:
        charge = attrs.evolve(charge, **fields)
        call.account.charges.replace(charge.id, charge)
    charge = captures.hold(call, charge) if held else captures.paid(call, charge)
    intent = changed(
        call,
        intent,
        status="requires_capture" if held else "succeeded",
        method=method,
        last_payment_error=None,
        next_action=None,
        latest_charge=charge.id,
        amount_received=captured,
        amount_capturable=intent.amount - captured,
    )
    call.emit("charge.succeeded", charge, intent)
    kind = "amount_capturable_updated" if held else "succeeded"
    call.emit(f"payment_intent.{kind}", intent, intent)
    if not held:
        captures.aftermath(call, charge)
    return intent


def _decline(call: Call, intent: Intent, method: PaymentMethod, fate: Fate) -> SandboxError:
    intent, error = _declined(call, intent, method, fate)
    call.settle(intent)
    fields = {name: value for name, value in error.items() if name not in ("type", "message")}
    shown = intent.render()
    return SandboxError(402, "card_error", fate.message, **fields, payment_intent=shown)


def _declined(
    call: Call, intent: Intent, method: PaymentMethod, fate: Fate, charge: Charge | None = None
) -> tuple[Intent, Json]:
    fields: Json = {
        "status": "failed",
        "failure_code": fate.code,
        "failure_message": fate.message,
        "outcome": _declined_outcome(fate),
    }
    if charge is None:
        charge = _charge(call, intent, method, **fields)
    else:
        charge = attrs.evolve(charge, **fields)
        call.account.charges.replace(charge.id, charge)
    error = _card_error(fate, charge, method)
    intent = changed(
        call,
        intent,
        status="requires_payment_method",
        method=None,
        next_action=None,
        latest_charge=charge.id,
        last_payment_error=error,
    )
    call.emit("charge.failed", charge, intent)
    call.emit("payment_intent.payment_failed", intent, intent)
    return intent, error


def _failed_authentication(call: Call, intent: Intent, method: PaymentMethod) -> Intent:
    error = {
        "code": "payment_intent_authentication_failure",
        "message": "The provided PaymentMethod has failed authentication. You can provide"
        " payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent"
        " again.",
        "payment_method": method.render(),
        "type": "invalid_request_error",
    }
    intent = changed(
        call,
        intent,
        status="requires_payment_method",
        method=None,
        next_action=None,
        last_payment_error=error,
    )
    call.emit("payment_intent.payment_failed", intent, intent)
    return intent


def _latest(call: Call, intent: Intent | None) -> Charge | None:
    if intent is None or intent.latest_charge is None:
        return None
    return call.account.charges.get(intent.latest_charge)


def _charge(call: Call, intent: Intent, method: PaymentMethod, **fields: Any) -> Charge:
    charge = Charge(
        id=call.new_id("ch"),
        created=call.now,
        intent=intent,
        method=method,
        amount=intent.amount,
        **fields,
    )
    call.account.charges.add(charge.id, charge, call.now, (intent.id,))
    return charge


def _card_error(fate: Fate, charge: Charge, method: PaymentMethod) -> Json:
    error: Json = {
        "advice_code": fate.advice,
        "charge": charge.id,
        "code": fate.code,
        "decline_code": fate.decline_code,
        "doc_url": "https://stripe.com/docs/error-codes/" + fate.code.replace("_", "-"),
        "message": fate.message,
        "param": fate.param,
        "payment_method": method.render(),
        "type": "card_error",
    }
    return {name: value for name, value in error.items() if value is not None}


_APPROVED_OUTCOME: Final[Json] = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "risk_score": 20,
    "seller_message": "Payment complete.",
    "type": "authorized",
}


_APPROVED: Final = compact(_APPROVED_OUTCOME)


def _declined_outcome(fate: Fate) -> str:
    declined = {
        "advice_code": fate.advice,
        "network_status": "declined_by_network",
        "reason": fate.decline_code or fate.code,
        "seller_message": "The bank did not return any further details with this decline.",
        "type": "issuer_declined",
    }
    return compact(_APPROVED_OUTCOME | declined)
