"""A transfer moves money from the platform to a connected account; a reversal moves it back.

The charge types of Connect: direct (an application fee of the connected account's charge) and
destination (a transfer by itself); separate charges and transfers are the operations here.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from ticketpay.adapters.sandbox import schemas
from ticketpay.adapters.sandbox.checks import Args, Schema, amount, boolean, filled, metadata, text
from ticketpay.adapters.sandbox.checks import currency as currency_
from ticketpay.adapters.sandbox.errors import invalid, no_such
from ticketpay.adapters.sandbox.ledger import fee_detail
from ticketpay.adapters.sandbox.objects import Charge
from ticketpay.adapters.sandbox.operation import (
    Listing,
    Operation,
    found,
    listing,
    merged,
    reading,
    writing,
)
from ticketpay.adapters.sandbox.records import Record
from ticketpay.adapters.sandbox.response import Json
from ticketpay.adapters.sandbox.world import PLATFORM, Call

__all__ = ["ROUTES", "direct_fee", "refund_reversal", "shared"]


def direct_fee(call: Call, charge: Charge) -> Record | None:
    """The platform's fee of a connected account's own charge, if it asks for one."""
    cents = charge.intent.application_fee_amount
    if call.account.name == PLATFORM or not cents:
        return None
    return _take_fee(call.at(PLATFORM), call.account.name, charge.id, charge, cents)


def shared(call: Call, charge: Charge, available_on: int) -> Charge:
    """Pass a destination charge on to its destination, less the application fee."""
    data = charge.intent.transfer_data
    if data is None or call.account.name != PLATFORM:
        return charge
    cents = min(data.get("amount") or charge.amount_captured, charge.amount_captured)
    transfer = _moved(
        call,
        {
            "amount": cents,
            "currency": charge.intent.currency,
            "destination": data["destination"],
            "source_transaction": charge.id,
            "transfer_group": charge.intent.transfer_group or f"group_{charge.intent.id}",
        },
        available_on,
    )
    charge = attrs.evolve(charge, transfer=transfer.id)
    cents = charge.intent.application_fee_amount or 0
    if not cents:
        return charge
    fee = _take_fee(call, data["destination"], transfer["destination_payment"], charge, cents)
    there = call.at(data["destination"])
    parts = [fee_detail(cents, fee["currency"], "application_fee", "Application fee")]
    there.post("payment", 0, fee["currency"], fee["charge"], fee_details=parts)
    return attrs.evolve(charge, application_fee=fee.id)


def refund_reversal(call: Call, charge: Charge, cents: int, args: Args) -> Record | None:
    """Pull back the destination's and the platform's part of a refund, in proportion.

    Raises SandboxError (400) when there is no transfer, or the destination has not the money.
    """
    back: Record | None = None
    if args.get("reverse_transfer"):
        transfer = call.account.of("transfer").get(charge.transfer or "")
        if transfer is None:
            message = "Cannot reverse transfer: the charge does not have an associated transfer."
            raise invalid(message, param="reverse_transfer")
        part = _part(transfer["amount"], charge, cents) - transfer["amount_reversed"]
        back = _reversed(call, transfer, part, {}) if part > 0 else None
    if args.get("refund_application_fee"):
        _give_fee_back(call, charge, cents)
    return back


def _part(total: int, charge: Charge, cents: int) -> int:
    """What of a total belongs to all that is refunded with this refund, rounded down."""
    return total * (charge.amount_refunded + cents) // charge.amount_captured


def _take_fee(call: Call, payer: str, payment: str, charge: Charge, cents: int) -> Record:
    ident, currency = call.fresh("fee"), charge.intent.currency
    entry = call.post("application_fee", cents, currency, ident)
    fee = call.add(
        Record(
            {
                "id": ident,
                "object": "application_fee",
                "account": payer,
                "amount": cents,
                "amount_refunded": 0,
                "application": "ca_sandbox",
                "balance_transaction": entry.id,
                "charge": payment,
                "created": call.now,
                "currency": currency,
                "fee_source": {"charge": payment, "type": "charge"},
                "livemode": False,
                "originating_transaction": charge.id if payment != charge.id else None,
                "refunded": False,
                "refunds": _no_list(f"/v1/application_fees/{ident}/refunds"),
            }
        ),
        payment,
    )
    call.emit("application_fee.created", fee)
    return fee


def _give_fee_back(call: Call, charge: Charge, cents: int) -> None:
    if charge.application_fee is None:
        message = "The charge does not have an application fee to refund."
        raise invalid(message, param="refund_application_fee")
    here = call.at(PLATFORM)
    fee = found(here.account, "application_fee", charge.application_fee)
    part = _part(fee["amount"], charge, cents) - fee["amount_refunded"]
    if part <= 0:
        return
    ident, currency = call.fresh("fr"), fee["currency"]
    here.post("application_fee_refund", -part, currency, ident)
    total = fee["amount_refunded"] + part
    fee = here.change(fee, amount_refunded=total, refunded=total == fee["amount"])
    there = call.at(fee["account"])
    there.post("adjustment", part, currency, fee.id, reporting_category="fee")
    here.emit("application_fee.refunded", fee)


def _create(call: Call, _ident: str, args: Args) -> Record:
    if not args["destination"].startswith("acct_"):
        raise no_such("destination", args["destination"], "destination")
    tied = args.get("source_transaction")
    if tied is None:
        _refuse_short(call, args)
        args.setdefault("transfer_group", None)
        return _moved(call, args, call.now)
    charge = call.account.charges.get(tied)
    if charge is None or not charge.captured:
        raise no_such("charge", tied, "source_transaction")
    before, _ = call.account.of("transfer").page({"limit": 100}, tied)
    rest = charge.amount_captured - sum(each["amount"] for each in before)
    if args["amount"] > rest:
        message = f"The transfers of a charge cannot exceed its amount: {rest} are left."
        raise invalid(message, param="amount", code="amount_too_large")
    entry = call.account.ledger.entries.get(charge.balance_transaction or "")
    args.setdefault("transfer_group", charge.intent.transfer_group or f"group_{charge.intent.id}")
    return _moved(call, args, call.now if entry is None else entry["available_on"])


def _refuse_short(call: Call, args: Args) -> None:
    if args["amount"] > call.account.ledger.available(args["currency"], call.time):
        message = "You have insufficient available funds in your Stripe account."
        raise invalid(message, code="balance_insufficient")


def _moved(call: Call, args: Args, available_on: int) -> Record:
    ident, payment = call.fresh("tr"), call.fresh("py")
    cents, currency = args["amount"], args["currency"]
    entry = call.post("transfer", -cents, currency, ident, available_on=available_on)
    there = call.at(args["destination"])
    credit = there.post("payment", cents, currency, payment, available_on=available_on)
    there.add(_payment(there, payment, ident, credit))
    transfer = call.add(
        Record(
            {
                "id": ident,
                "object": "transfer",
                "amount": cents,
                "amount_reversed": 0,
                "balance_transaction": entry.id,
                "created": call.now,
                "currency": currency,
                "description": args.get("description"),
                "destination": args["destination"],
                "destination_payment": payment,
                "livemode": False,
                "metadata": args.get("metadata", {}),
                "reversals": _no_list(f"/v1/transfers/{ident}/reversals"),
                "reversed": False,
                "source_transaction": args.get("source_transaction"),
                "source_type": "card",
                "transfer_group": args["transfer_group"],
            }
        ),
        *filter(
            None, (args["destination"], args["transfer_group"], args.get("source_transaction"))
        ),
    )
    call.emit("transfer.created", transfer)
    return transfer


def _payment(there: Call, ident: str, transfer: str, credit: Record) -> Record:
    return Record(
        {
            "id": ident,
            "object": "charge",
            "amount": credit["amount"],
            "amount_captured": credit["amount"],
            "amount_refunded": 0,
            "balance_transaction": credit.id,
            "captured": True,
            "created": there.now,
            "currency": credit["currency"],
            "disputed": False,
            "livemode": False,
            "metadata": {},
            "paid": True,
            "payment_intent": None,
            "refunded": False,
            "source_transfer": transfer,
            "status": "succeeded",
        }
    )


def _reverse(call: Call, ident: str, args: Args) -> Record:
    transfer = found(call.account, "transfer", ident)
    rest = transfer["amount"] - transfer["amount_reversed"]
    cents = args.get("amount", rest)
    if not rest or cents > rest:
        message = f"The reversal ({cents}) is greater than the unreversed amount ({rest})."
        raise invalid(message, param="amount", code="amount_too_large")
    if args.get("refund_application_fee"):
        message = "Only the refund of a charge can refund its application fee."
        raise invalid(message, param="refund_application_fee")
    return _reversed(call, transfer, cents, args)


def _reversed(call: Call, transfer: Record, cents: int, args: Args) -> Record:
    there, currency = call.at(transfer["destination"]), transfer["currency"]
    ledger = there.account.ledger
    if cents > ledger.available(currency, call.time) + ledger.pending(currency, call.time):
        message = "The destination account has insufficient funds to reverse this transfer."
        raise invalid(message, code="balance_insufficient")
    ident, back = call.fresh("trr"), call.fresh("pyr")
    tied = call.account.ledger.entries.get(transfer["balance_transaction"])
    due = call.now if tied is None else tied["available_on"]
    entry = call.post("transfer_refund", cents, currency, ident, available_on=due)
    there.post("payment_refund", -cents, currency, back, available_on=due)
    payment = found(there.account, "charge", transfer["destination_payment"])
    total = transfer["amount_reversed"] + cents
    full = total == transfer["amount"]
    there.change(payment, amount_refunded=total, refunded=full)
    reversal = call.add(_reversal(call, ident, back, entry, transfer, args), transfer.id)
    changes = {"amount_reversed": total, "reversed": full}
    held = {**transfer["reversals"], "data": [reversal.shown, *transfer["reversals"]["data"]]}
    transfer = call.change(transfer, **changes, reversals=held)
    call.emit("transfer.reversed", transfer)
    return reversal


def _reversal(
    call: Call, ident: str, back: str, entry: Record, transfer: Record, args: Args
) -> Record:
    return Record(
        {
            "id": ident,
            "object": "transfer_reversal",
            "amount": entry["amount"],
            "balance_transaction": entry.id,
            "created": call.now,
            "currency": transfer["currency"],
            "destination_payment_refund": back,
            "metadata": args.get("metadata", {}),
            "source_refund": None,
            "transfer": transfer.id,
        }
    )


def _update(call: Call, ident: str, args: Args) -> Record:
    transfer = found(call.account, "transfer", ident)
    changes: dict[str, Any] = {"metadata": merged(transfer["metadata"], args.get("metadata"))}
    if "description" in args:
        changes["description"] = args["description"]
    transfer = call.change(transfer, **changes)
    call.emit("transfer.updated", transfer)
    return transfer


def _reversals(call: Call, ident: str, args: Args) -> Listing:
    found(call.account, "transfer", ident)
    page = call.account.of("transfer_reversal").page(args, ident)
    return Listing(f"/v1/transfers/{ident}/reversals", page)


def _no_list(url: str) -> Json:
    return {"object": "list", "data": [], "has_more": False, "url": url}


_CREATE: Final[Schema] = schemas.RETRIEVE | {
    "amount": amount,
    "currency": currency_,
    "description": text,
    "destination": filled,
    "metadata": metadata,
    "source_transaction": filled,
    "transfer_group": text,
}
_REVERSE: Final[Schema] = schemas.RETRIEVE | {
    "amount": amount,
    "description": text,
    "metadata": metadata,
    "refund_application_fee": boolean,
}
_UPDATE: Final[Schema] = schemas.RETRIEVE | {"description": text, "metadata": metadata}
_LIST: Final[Schema] = schemas.LISTED | {"destination": filled, "transfer_group": filled}

ROUTES: Final[dict[str, Operation]] = {
    "GET v1/application_fees": listing(
        "application_fee", "/v1/application_fees", schemas.LISTED | {"charge": filled}, ("charge",)
    ),
    "GET v1/application_fees/{}": reading("application_fee"),
    "GET v1/transfers": listing(
        "transfer", "/v1/transfers", _LIST, ("transfer_group", "destination")
    ),
    "GET v1/transfers/{}": reading("transfer"),
    "GET v1/transfers/{}/reversals": Operation(schema=schemas.LISTED, run=_reversals),
    "GET v1/transfers/{}/reversals/{}": reading("transfer_reversal"),
    "POST v1/transfers": writing(
        "transfer", "create", _create, _CREATE, ("amount", "currency", "destination")
    ),
    "POST v1/transfers/{}": writing("transfer", "update", _update, _UPDATE),
    "POST v1/transfers/{}/reversals": writing("transfer", "reverse", _reverse, _REVERSE),
}
