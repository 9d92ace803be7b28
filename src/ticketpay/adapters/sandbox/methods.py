"""A payment method is found by its id or a test name, or made from card data."""

from __future__ import annotations

from typing import Final

from ticketpay.adapters.sandbox.cards import Card, by_name, by_number
from ticketpay.adapters.sandbox.checks import Args
from ticketpay.adapters.sandbox.errors import invalid, missing, no_such
from ticketpay.adapters.sandbox.objects import PaymentMethod
from ticketpay.adapters.sandbox.response import Json, compact
from ticketpay.adapters.sandbox.world import Account, Call

__all__ = ["asked_card", "asked_method"]

_BILLING: Final[Json] = {"address": None, "email": None, "name": None, "phone": None}
_NO_ADDRESS: Final[Json] = dict.fromkeys(
    ("city", "country", "line1", "line2", "postal_code", "state")
)
_NO_BILLING: Final = compact(_BILLING)


def asked_card(account: Account, args: Args) -> Card | None:
    """The card that the arguments name, None when they name none.

    Raises SandboxError (404) for an unknown payment method, (400) for incomplete card data.
    """
    data = args.get("payment_method_data")
    if data is not None:
        return _card_of_data(data)
    name = args.get("payment_method")
    if name is None:
        return None
    known = account.methods.get(name)
    card = by_name(name) if known is None else known.card
    if card is None or name.startswith("tok_"):
        raise no_such("PaymentMethod", name, "payment_method")
    return card


def asked_method(call: Call, args: Args) -> PaymentMethod | None:
    """The payment method that the arguments name; test names make a fresh one each time."""
    known = call.account.methods.get(args.get("payment_method") or "")
    if known is not None and "payment_method_data" not in args:
        return known
    card = asked_card(call.account, args)
    if card is None:
        return None
    billing = _billing(args.get("payment_method_data", {}).get("billing_details"))
    made = PaymentMethod(id=call.new_id("pm"), created=call.now, card=card, billing=billing)
    call.account.methods[made.id] = made
    return made


def _card_of_data(data: Args) -> Card:
    details = data.get("card") or {}
    token, number = details.get("token"), details.get("number")
    if token:
        card = by_name(token) if token.startswith(("tok_", "pm_sandbox_")) else None
        if card is None:
            raise no_such("token", token, "payment_method_data[card][token]")
        return card
    if not number:
        raise missing("payment_method_data[card]")
    month = details.get("exp_month", 12)
    if not 1 <= month <= 12:
        param = "payment_method_data[card][exp_month]"
        raise invalid("Your card's expiration month is invalid.", param=param)
    return by_number(number.replace(" ", ""))


def _billing(given: Args | None) -> str:
    if not given:
        return _NO_BILLING
    billing = _BILLING | given
    if given.get("address"):
        billing["address"] = _NO_ADDRESS | given["address"]
    return compact(billing)
