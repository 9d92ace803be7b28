"""The operations on payment intents: every move that is allowed, and a refusal of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ticketpay.adapters.sandbox import attempts, captures, methods
from ticketpay.adapters.sandbox.attempts import changed
from ticketpay.adapters.sandbox.checks import Args
from ticketpay.adapters.sandbox.errors import SandboxError, invalid, no_such
from ticketpay.adapters.sandbox.objects import Intent
from ticketpay.adapters.sandbox.response import Json
from ticketpay.adapters.sandbox.world import Account, Call

__all__ = [
    "OPEN",
    "authenticate",
    "cancel",
    "capture",
    "check_create",
    "confirm",
    "create",
    "found",
    "merged",
    "update",
]

OPEN: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
_COPIED: Final = (
    "amount",
    "application_fee_amount",
    "capture_method",
    "currency",
    "customer",
    "description",
    "on_behalf_of",
    "receipt_email",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
)


def found(account: Account, ident: str) -> Intent:
    """The intent with this id; raises SandboxError (404)."""
    intent = account.intents.get(ident)
    if intent is None:
        raise no_such("payment_intent", ident, "intent")
    return intent


def merged(old: Mapping[str, str], given: Mapping[str, str] | None) -> Mapping[str, str]:
    """Metadata after an update: given keys replace, empty values remove, `""` clears all."""
    if given is None:
        return old
    if not given:
        return {}
    return {key: value for key, value in {**old, **given}.items() if value}


def check_create(account: Account, _ident: str, args: Args) -> None:
    """Refuse arguments of a creation that do not fit each other; raises SandboxError (400)."""
    if "automatic_payment_methods" in args and "payment_method_types" in args:
        message = "You may only specify one of automatic_payment_methods, payment_method_types."
        raise invalid(message, param="payment_method_types")
    for name in args.get("payment_method_types", ()):
        if name not in ("card", "link"):
            message = f"The payment method type provided: {name} is invalid."
            raise invalid(message, param="payment_method_types")
    if args.get("application_fee_amount", 0) > args["amount"]:
        message = "The application fee cannot be larger than the amount."
        raise invalid(message, param="application_fee_amount", code="amount_too_large")
    card = methods.asked_card(account, args)
    if args.get("confirm") and card is None:
        raise invalid(_NO_METHOD, code="payment_intent_unexpected_state")


def create(call: Call, _ident: str, args: Args) -> Intent:
    """A new intent; with `confirm` it is confirmed at once, and a decline raises (402)."""
    method = methods.asked_method(call, args)
    confirmed = args.get("confirm", False)
    bare = method is None or confirmed
    ident = call.new_id("pi")
    intent = Intent(
        id=ident,
        created=call.now,
        client_secret=call.new_id(f"{ident}_secret"),
        status="requires_payment_method" if bare else "requires_confirmation",
        method=None if bare else method,
        payment_method_types=args.get("payment_method_types") or ("card",),
        automatic=_automatic(args),
        metadata=merged({}, args.get("metadata")),
        **_copied(args, capture_method="automatic_async"),
    )
    call.account.intents.add(ident, intent, call.now, _tags(intent))
    call.emit("payment_intent.created", intent, intent)
    if method is not None and confirmed:
        intent = attempts.begin(call, intent, method, args)
    call.settle(intent)
    return intent


def update(call: Call, ident: str, args: Args) -> Intent:
    """Change what may change before the money has moved (metadata and description: always)."""
    intent = found(call.account, ident)
    if intent.status not in OPEN and not args.keys() <= {"metadata", "description", "expand"}:
        raise _unexpected(intent, "update")
    changes: dict[str, Any] = {name: args[name] for name in _COPIED if name in args}
    if "metadata" in args:
        changes["metadata"] = merged(intent.metadata, args["metadata"])
    method = methods.asked_method(call, args)
    if method is not None:
        changes |= {"method": method, "status": "requires_confirmation", "next_action": None}
    return changed(call, intent, **changes)


def confirm(call: Call, ident: str, args: Args) -> Intent:
    """Try to pay; raises SandboxError: 400 for an illegal move, 402 for a decline."""
    intent = found(call.account, ident)
    given = methods.asked_method(call, args)
    allowed = OPEN if given is not None else OPEN[:2]
    if intent.status not in allowed:
        raise _unexpected(intent, "confirm")
    method = given or intent.method
    if method is None:
        raise _refused(intent, _NO_METHOD)
    changes = {name: args[name] for name in ("receipt_email", "capture_method") if name in args}
    if changes:
        intent = changed(call, intent, **changes)
    intent = attempts.begin(call, intent, method, args)
    call.settle(intent)
    return intent


def cancel(call: Call, ident: str, args: Args) -> Intent:
    """Give up an intent whose money has not moved; a held amount is released."""
    intent = found(call.account, ident)
    if intent.status not in (*OPEN, "requires_capture"):
        raise _unexpected(intent, "cancel")
    held = intent.status == "requires_capture"
    intent = changed(
        call,
        intent,
        status="canceled",
        canceled_at=call.now,
        cancellation_reason=args.get("cancellation_reason"),
        amount_capturable=0,
        next_action=None,
    )
    charge = call.account.charges.get(intent.latest_charge or "") if held else None
    if charge is not None:
        captures.release(call, charge)
    call.emit("payment_intent.canceled", intent, intent)
    call.settle(intent)
    return intent


def capture(call: Call, ident: str, args: Args) -> Intent:
    """Take a held amount, or a part of it and release the rest."""
    intent = found(call.account, ident)
    if intent.status != "requires_capture":
        raise _unexpected(intent, "capture")
    amount = args.get("amount_to_capture", intent.amount_capturable)
    if amount > intent.amount_capturable:
        message = "The amount to capture is larger than the capturable amount."
        raise invalid(message, param="amount_to_capture", code="amount_too_large")
    intent = changed(call, intent, status="succeeded", amount_received=amount, amount_capturable=0)
    charge = call.account.charges.get(intent.latest_charge or "")
    if charge is not None:
        charge = attrs.evolve(charge, captured=True, amount_captured=amount)
        charge = captures.paid(call, charge)
        call.emit("charge.captured", charge, intent)
    call.emit("payment_intent.succeeded", intent, intent)
    if charge is not None:
        captures.aftermath(call, charge)
    call.settle(intent)
    return intent


def authenticate(call: Call, ident: str, *, passed: bool) -> Intent:
    """The customer answers the challenge of an intent that requires action."""
    intent = found(call.account, ident)
    if intent.status != "requires_action" or intent.method is None:
        raise _unexpected(intent, "authenticate")
    intent = attempts.authenticated(call, intent, intent.method, passed=passed)
    call.settle(intent)
    return intent


def _copied(args: Args, **defaults: Any) -> dict[str, Any]:
    return defaults | {name: args[name] for name in _COPIED if name in args}


def _automatic(args: Args) -> Json | None:
    given = args.get("automatic_payment_methods")
    if given is None:
        return None
    return {"allow_redirects": given.get("allow_redirects", "always"), "enabled": given["enabled"]}


def _tags(intent: Intent) -> tuple[str, ...]:
    return () if intent.customer is None else (intent.customer,)


def _unexpected(intent: Intent, verb: str) -> SandboxError:
    message = f"You cannot {verb} this PaymentIntent because it has a status of {intent.status}."
    return _refused(intent, message)


def _refused(intent: Intent, message: str) -> SandboxError:
    return SandboxError(
        400,
        "invalid_request_error",
        message,
        code="payment_intent_unexpected_state",
        payment_intent=intent.render(),
    )


_NO_METHOD: Final = (
    "You cannot confirm this PaymentIntent because it's missing a payment method. You can either"
    " update the PaymentIntent with a payment method and then confirm it again, or confirm it"
    " again directly with a payment method or ConfirmationToken."
)
