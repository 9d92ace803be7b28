"""A payout sends available money to a bank; it can be returned after it was paid.

Standard: `pending` until the next banking day, `in_transit`, `paid` at `arrival_date` (two banking
days). Instant: on its way at once, paid after half an hour, for a fee.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from ticketpay.adapters.sandbox import refunds, schemas
from ticketpay.adapters.sandbox.banking import instant_fee, midnight_after
from ticketpay.adapters.sandbox.checks import (
    Args,
    Schema,
    amount,
    choice,
    filled,
    metadata,
    text,
    time_range,
)
from ticketpay.adapters.sandbox.checks import currency as currency_
from ticketpay.adapters.sandbox.errors import invalid
from ticketpay.adapters.sandbox.ledger import fee_detail
from ticketpay.adapters.sandbox.operation import (
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

__all__ = ["FAILURES", "ROUTES", "automatic", "fail", "pay"]

_INSTANT_SECONDS: Final = 1800
_DAY: Final = 86_400

FAILURES: Final = {
    "no_account": "The bank account details on file are probably incorrect.",
    "account_closed": "The bank account has been closed.",
    "insufficient_funds": "Your account has insufficient funds to cover the payout.",
    "debit_not_authorized": "Debit transactions are not approved on your bank account.",
    "invalid_currency": "The bank was unable to process this payout because of its currency.",
    "could_not_process": "The bank could not process this payout.",
}
"""The failure codes and what they say."""


def automatic(call: Call, currency: str) -> Record:
    """Pay everything available out by itself: its balance transactions are listed under it."""
    ledger = call.account.ledger
    free = ledger.available(currency, call.time)
    if free <= 0:
        raise invalid("There is nothing to pay out.", code="balance_insufficient")
    parts = ledger.unpaid(currency)
    payout = _made(call, {"amount": free, "currency": currency}, automatic=True)
    ledger.pay_out(payout.id, [*parts, payout["balance_transaction"]])
    return payout


def pay(call: Call, ident: str) -> Record:
    """The bank has the money; nothing when the payout is not under way."""
    payout = found(call.account, "payout", ident)
    if payout["status"] not in ("pending", "in_transit"):
        return payout
    changes = {"reconciliation_status": "completed"} if payout["automatic"] else {}
    payout = call.change(payout, status="paid", **changes)
    call.emit("payout.paid", payout)
    if payout["automatic"]:
        call.emit("payout.reconciliation_completed", payout)
    return payout


def fail(call: Call, ident: str, code: str = "could_not_process") -> Record:
    """The bank sends the money back, perhaps after it was paid; nothing when ended otherwise."""
    payout = found(call.account, "payout", ident)
    if payout["status"] in ("failed", "canceled"):
        return payout
    return _undo(
        call,
        payout,
        "failed",
        "payout_failure",
        failure_code=code,
        failure_message=FAILURES.get(code, FAILURES["could_not_process"]),
    )


def _create(call: Call, _ident: str, args: Args) -> Record:
    fee = instant_fee(args["amount"]) if args.get("method") == "instant" else 0
    if args["amount"] + fee > call.account.ledger.available(args["currency"], call.time):
        message = "You have insufficient funds in your Stripe account for this transfer."
        raise invalid(message, param="amount", code="balance_insufficient")
    _refuse_disabled(call)
    return _made(call, args, automatic=False)


def _refuse_disabled(call: Call) -> None:
    account = call.at(PLATFORM).account.of("account").get(call.account.name)
    if account is not None and not account["payouts_enabled"]:
        message = "Payouts are disabled for this account until its requirements are met."
        raise invalid(message, code="payouts_not_allowed")


def _bank(call: Call) -> Record | None:
    account = call.at(PLATFORM).account.of("account").get(call.account.name)
    banks = [] if account is None else account["external_accounts"]["data"]
    return Record(banks[0]) if banks else None


def _made(call: Call, args: Args, *, automatic: bool) -> Record:
    ident, currency, cents = call.fresh("po"), args["currency"], args["amount"]
    instant = args.get("method") == "instant"
    parts = []
    if instant:
        fee = instant_fee(cents)
        parts.append(fee_detail(fee, currency, "stripe_fee", "Instant payout fee"))
    entry = call.post("payout", -cents, currency, ident, fee_details=parts)
    payout = call.add(Record(_new(call, entry, args, automatic=automatic)))
    call.emit("payout.created", payout)
    _send(call, payout, instant=instant)
    return payout


def _new(call: Call, entry: Record, args: Args, *, automatic: bool) -> Json:
    instant, bank = args.get("method") == "instant", _bank(call)
    return {
        "id": entry["source"],
        "object": "payout",
        "amount": args["amount"],
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": call.now + _INSTANT_SECONDS if instant else midnight_after(call.time, 2),
        "automatic": automatic,
        "balance_transaction": entry.id,
        "created": call.now,
        "currency": args["currency"],
        "description": args.get("description"),
        "destination": args.get("destination") or (bank and bank.id) or "ba_sandbox",
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": args.get("metadata", {}),
        "method": "instant" if instant else "standard",
        "original_payout": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": args.get("statement_descriptor"),
        "status": "in_transit" if instant else "pending",
        "trace_id": None,
        "type": "card" if instant else "bank_account",
    }


def _send(call: Call, payout: Record, *, instant: bool) -> None:
    later = partial(call.world.later, call.account)
    if not instant:
        later(midnight_after(call.time, 1), partial(_depart, ident=payout.id))
    arrival = payout["arrival_date"]
    code = _failure(call, payout)
    if code is None or payout["metadata"].get("sandbox_payout") == "returned":
        later(arrival, partial(pay, ident=payout.id))
    if code is not None:
        returned = payout["metadata"].get("sandbox_payout") == "returned"
        later(arrival + (_DAY if returned else 0), partial(fail, ident=payout.id, code=code))


def _failure(call: Call, payout: Record) -> str | None:
    """The code with which a payout will fail: by its metadata or its bank account."""
    asked = payout["metadata"].get("sandbox_payout")
    if asked in ("fails", "returned"):
        return "could_not_process"
    bank = _bank(call)
    return None if bank is None else _BANKS.get(bank["last4"])


_BANKS: Final = {
    "1116": "no_account",
    "1113": "account_closed",
    "2227": "insufficient_funds",
    "3335": "debit_not_authorized",
    "4440": "invalid_currency",
}


def _depart(call: Call, ident: str) -> None:
    payout = found(call.account, "payout", ident)
    if payout["status"] == "pending":
        payout = call.change(payout, status="in_transit")
        call.emit("payout.updated", payout, None, {"status": "pending"})


def _cancel(call: Call, ident: str, _args: Args) -> Record:
    payout = found(call.account, "payout", ident)
    if payout["status"] != "pending":
        message = f"Payouts can only be canceled while pending; this one is {payout['status']}."
        raise invalid(message, code="payout_not_cancelable")
    return _undo(call, payout, "canceled", "payout_cancel")


def _undo(call: Call, payout: Record, status: str, kind: str, **more: Any) -> Record:
    booked = call.account.ledger.entries.get(payout["balance_transaction"])
    fee = 0 if booked is None or status == "failed" else booked["fee"]
    entry = call.post(kind, payout["amount"] + fee, payout["currency"], payout.id)
    more["failure_balance_transaction"] = entry.id
    payout = call.change(payout, status=status, **more)
    call.emit(f"payout.{status}", payout)
    refunds.retry_waiting(call)
    return payout


def _update(call: Call, ident: str, args: Args) -> Record:
    payout = found(call.account, "payout", ident)
    payout = call.change(payout, metadata=merged(payout["metadata"], args.get("metadata")))
    call.emit("payout.updated", payout)
    return payout


_CREATE: Final[Schema] = schemas.RETRIEVE | {
    "amount": amount,
    "currency": currency_,
    "description": text,
    "destination": filled,
    "metadata": metadata,
    "method": choice("instant", "standard"),
    "source_type": choice("bank_account", "card", "fpx"),
    "statement_descriptor": text,
}
_UPDATE: Final[Schema] = schemas.RETRIEVE | {"metadata": metadata}
_LIST: Final[Schema] = schemas.LISTED | {
    "arrival_date": time_range,
    "destination": filled,
    "status": choice("pending", "in_transit", "paid", "failed", "canceled"),
}

ROUTES: Final[dict[str, Operation]] = {
    "GET v1/payouts": listing("payout", "/v1/payouts", _LIST),
    "GET v1/payouts/{}": reading("payout"),
    "POST v1/payouts": writing("payout", "create", _create, _CREATE, ("amount", "currency")),
    "POST v1/payouts/{}": writing("payout", "update", _update, _UPDATE),
    "POST v1/payouts/{}/cancel": writing("payout", "cancel", _cancel, schemas.RETRIEVE),
}
