"""A connected account is a venue at the provider: what it still owes and what it may do."""

from __future__ import annotations

from typing import Any, Final

from ticketpay.adapters.sandbox import schemas
from ticketpay.adapters.sandbox.checks import (
    Args,
    Schema,
    boolean,
    choice,
    metadata,
    nested,
    text,
)
from ticketpay.adapters.sandbox.errors import invalid
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
from ticketpay.adapters.sandbox.world import Call

__all__ = ["ROUTES", "set_requirements"]

_DUE: Final = ("external_account", "tos_acceptance.date")


def set_requirements(call: Call, ident: str, due: list[str]) -> Record:
    """Say what the provider asks of an account; while it asks, there are no payouts."""
    account = found(call.account, "account", ident)
    return _changed(call, account, requirements=_requirements(due), payouts_enabled=not due)


def _create(call: Call, _ident: str, args: Args) -> Record:
    ident = call.fresh("acct")
    due = [] if args.get("external_account") else list(_DUE)
    account = call.add(
        Record(
            {
                "id": ident,
                "object": "account",
                "business_type": args.get("business_type"),
                "capabilities": {"card_payments": "active", "transfers": "active"},
                "charges_enabled": True,
                "controller": _CONTROLLER,
                "country": args.get("country", "US"),
                "created": call.now,
                "default_currency": args.get("default_currency", "usd"),
                "details_submitted": not due,
                "email": args.get("email"),
                "external_accounts": _banks(call, ident, args.get("external_account")),
                "metadata": args.get("metadata", {}),
                "payouts_enabled": not due,
                "requirements": _requirements(due),
                "settings": _SETTINGS,
                "type": args.get("type", "none"),
            }
        )
    )
    call.world.account(ident)
    return account


def _update(call: Call, ident: str, args: Args) -> Record:
    account = found(call.account, "account", ident)
    changes: dict[str, Any] = {name: args[name] for name in _COPIED if name in args}
    changes["metadata"] = merged(account["metadata"], args.get("metadata"))
    if args.get("external_account"):
        changes |= {
            "external_accounts": _banks(call, ident, args["external_account"]),
            "requirements": _requirements([]),
            "payouts_enabled": True,
            "details_submitted": True,
        }
    return _changed(call, account, **changes)


def _changed(call: Call, account: Record, **changes: Any) -> Record:
    account = call.change(account, **changes)
    call.at(account.id).emit("account.updated", account)
    return account


def _banks(call: Call, ident: str, given: Args | None) -> Json:
    data: list[Json] = []
    if given:
        number = given.get("account_number") or ""
        if len(number) < 4:
            raise invalid("Missing account number.", param="external_account[account_number]")
        data.append(
            {
                "id": call.fresh("ba"),
                "object": "bank_account",
                "account": ident,
                "bank_name": "STRIPE TEST BANK",
                "country": given.get("country") or "US",
                "currency": given.get("currency") or "usd",
                "default_for_currency": True,
                "last4": number[-4:],
                "metadata": {},
                "routing_number": given.get("routing_number"),
                "status": "new",
            }
        )
    url = f"/v1/accounts/{ident}/external_accounts"
    return {"object": "list", "data": data, "has_more": False, "url": url}


def _requirements(due: list[str]) -> Json:
    return {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": due,
        "disabled_reason": "requirements.past_due" if due else None,
        "errors": [],
        "eventually_due": due,
        "past_due": due,
        "pending_verification": [],
    }


_CONTROLLER: Final[Json] = {
    "fees": {"payer": "application"},
    "is_controller": True,
    "losses": {"payments": "application"},
    "requirement_collection": "application",
    "stripe_dashboard": {"type": "none"},
    "type": "application",
}
_SETTINGS: Final[Json] = {
    "payouts": {
        "debit_negative_balances": False,
        "schedule": {"delay_days": 2, "interval": "manual"},
        "statement_descriptor": None,
    }
}
_COPIED: Final = ("business_type", "email", "default_currency")
_BANK: Final[Schema] = dict.fromkeys(
    ("object", "account_number", "country", "currency", "routing_number", "account_holder_name"),
    text,
)
_TOLD: Final[Schema] = schemas.RETRIEVE | {
    "business_type": choice("company", "government_entity", "individual", "non_profit"),
    "capabilities": nested(
        dict.fromkeys(("card_payments", "transfers"), nested({"requested": boolean}))
    ),
    "default_currency": text,
    "email": text,
    "external_account": nested(_BANK),
    "metadata": metadata,
}
_CREATE: Final[Schema] = _TOLD | {
    "controller": nested(
        {
            "fees": nested({"payer": text}),
            "losses": nested({"payments": text}),
            "requirement_collection": text,
            "stripe_dashboard": nested({"type": text}),
        }
    ),
    "country": text,
    "type": choice("custom", "express", "standard"),
}

ROUTES: Final[dict[str, Operation]] = {
    "GET v1/accounts": listing("account", "/v1/accounts", schemas.LISTED),
    "GET v1/accounts/{}": reading("account"),
    "POST v1/accounts": writing("account", "create", _create, _CREATE),
    "POST v1/accounts/{}": writing("account", "update", _update, _TOLD),
}
