"""The balance of an account, and the list of the balance transactions that make it."""

from __future__ import annotations

from typing import Final

from ticketpay.adapters.sandbox import schemas
from ticketpay.adapters.sandbox.banking import instant_fee
from ticketpay.adapters.sandbox.checks import Args, Schema, filled
from ticketpay.adapters.sandbox.checks import currency as currency_
from ticketpay.adapters.sandbox.operation import Operation, listing, reading
from ticketpay.adapters.sandbox.response import Json, Plain
from ticketpay.adapters.sandbox.world import Call

__all__ = ["ROUTES"]


def _balance(call: Call, _ident: str, _args: Args) -> Plain:
    ledger, now = call.account.ledger, call.time
    known = ledger.currencies() or ["usd"]
    free = {currency: ledger.available(currency, now) for currency in known}
    shown: Json = {
        "object": "balance",
        "available": [_sum(cents, currency) for currency, cents in free.items()],
        "instant_available": [_instant(cents, currency) for currency, cents in free.items()],
        "livemode": False,
        "pending": [_sum(ledger.pending(currency, now), currency) for currency in known],
    }
    if call.account.name == "":
        shown["connect_reserved"] = [{"amount": 0, "currency": currency} for currency in known]
    return Plain(shown)


def _sum(cents: int, currency: str) -> Json:
    return {"amount": cents, "currency": currency, "source_types": {"card": cents}}


def _instant(cents: int, currency: str) -> Json:
    most = max(0, cents - instant_fee(max(cents, 0)))
    return {"amount": most, "currency": currency, "source_types": {"card": most}}


_LIST: Final[Schema] = schemas.LISTED | {
    "currency": currency_,
    "payout": filled,
    "source": filled,
    "type": filled,
}

ROUTES: Final[dict[str, Operation]] = {
    "GET v1/balance": Operation(schema=schemas.RETRIEVE, run=_balance),
    "GET v1/balance_transactions": listing(
        "balance_transaction", "/v1/balance_transactions", _LIST, ("payout", "source")
    ),
    "GET v1/balance_transactions/{}": reading("balance_transaction"),
}
