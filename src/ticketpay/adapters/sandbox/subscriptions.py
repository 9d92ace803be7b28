"""A subscription is billed every so many days or months: an invoice per period.

`incomplete` until its first invoice is paid, then `active`; `past_due` after a declined renewal,
and `unpaid` when the next period begins without a payment.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from ticketpay.adapters.sandbox import invoices, schemas
from ticketpay.adapters.sandbox.banking import month_later
from ticketpay.adapters.sandbox.checks import (
    Args,
    Schema,
    boolean,
    choice,
    filled,
    metadata,
    nested,
    text,
)
from ticketpay.adapters.sandbox.errors import invalid, missing
from ticketpay.adapters.sandbox.form import Form
from ticketpay.adapters.sandbox.operation import (
    Listing,
    Operation,
    found,
    merged,
    reading,
    writing,
)
from ticketpay.adapters.sandbox.records import Record
from ticketpay.adapters.sandbox.response import Json
from ticketpay.adapters.sandbox.world import Call

__all__ = ["ROUTES"]

_ENDED: Final = ("canceled", "incomplete_expired")
_INCOMPLETE_SECONDS: Final = 23 * 3600


def _create(call: Call, _ident: str, args: Args) -> Record:
    customer = found(call.account, "customer", args["customer"])
    price = _price(call, args["items"])
    if invoices.card(customer, args.get("default_payment_method")) is None:
        message = "This customer has no attached payment source or default payment method."
        raise invalid(message, code="resource_missing")
    subscription = call.add(Record(_new(call, args, price)), customer.id)
    call.emit("customer.subscription.created", subscription)
    subscription = invoices.bill(call, subscription, "subscription_create")
    if subscription["status"] == "incomplete":
        due = call.time + _INCOMPLETE_SECONDS
        call.world.later(call.account, due, partial(_expire, ident=subscription.id))
    _schedule(call, subscription)
    return subscription


def _update(call: Call, ident: str, args: Args) -> Record:
    subscription = _running(call, ident)
    changes: dict[str, Any] = {
        "metadata": merged(subscription["metadata"], args.get("metadata")),
    }
    if "cancel_at_period_end" in args:
        ends = args["cancel_at_period_end"]
        changes |= {
            "cancel_at_period_end": ends,
            "cancel_at": _item(subscription)["current_period_end"] if ends else None,
            "canceled_at": call.now if ends else None,
        }
    if "default_payment_method" in args:
        changes["default_payment_method"] = args["default_payment_method"]
    if "items" in args:
        if args.get("proration_behavior") != "none":
            message = "The sandbox changes plans without proration only: proration_behavior=none."
            raise invalid(message, param="proration_behavior")
        changes["items"] = _items(_item(subscription) | {"price": _price(call, args["items"])})
    subscription = call.change(subscription, **changes)
    call.emit("customer.subscription.updated", subscription)
    return subscription


def _cancel(call: Call, ident: str, _args: Args) -> Record:
    return _end(call, _running(call, ident), "canceled")


def _running(call: Call, ident: str) -> Record:
    subscription = found(call.account, "subscription", ident)
    if subscription["status"] in _ENDED:
        raise invalid(f"No such subscription: '{ident}'", param="id", code="resource_missing")
    return subscription


def _end(call: Call, subscription: Record, status: str) -> Record:
    if subscription["status"] == "incomplete":
        invoices.void(call, subscription)
    times = {"canceled_at": subscription["canceled_at"] or call.now, "ended_at": call.now}
    subscription = call.change(subscription, status=status, **times)
    kind = "deleted" if status == "canceled" else "updated"
    call.emit(f"customer.subscription.{kind}", subscription)
    return subscription


def _expire(call: Call, ident: str) -> None:
    subscription = found(call.account, "subscription", ident)
    if subscription["status"] == "incomplete":
        _end(call, subscription, "incomplete_expired")


def _schedule(call: Call, subscription: Record) -> None:
    if subscription["status"] not in _ENDED:
        due = _item(subscription)["current_period_end"]
        call.world.later(call.account, due, partial(_renew, ident=subscription.id))


def _renew(call: Call, ident: str) -> None:
    """A period has ended: stop, or bill the next one."""
    subscription = found(call.account, "subscription", ident)
    if subscription["status"] in _ENDED:
        return
    if subscription["cancel_at_period_end"]:
        _end(call, subscription, "canceled")
        return
    item = _item(subscription)
    anchor, start = subscription["billing_cycle_anchor"], item["current_period_end"]
    end = _period_end(item["price"], anchor, start)
    period = {"current_period_start": start, "current_period_end": end}
    status = "unpaid" if subscription["status"] == "past_due" else subscription["status"]
    subscription = call.change(subscription, items=_items(item | period), status=status)
    call.emit("customer.subscription.updated", subscription)
    if status == "active":
        subscription = invoices.bill(call, subscription, "subscription_cycle")
    _schedule(call, subscription)


def _period_end(price: Json, anchor: int, start: int) -> int:
    """When a period that begins then is over; months are counted from the anchor."""
    recurring = price["recurring"]
    count: int = recurring["interval_count"]
    if recurring["interval"] == "day":
        return start + count * 86_400
    ends = (month_later(anchor, n * count) for n in range(1, 10_000))
    return next(end for end in ends if end > start)


def _list(call: Call, _ident: str, args: Args) -> Listing:
    """Those that have ended only for `status=all`, or when they are asked for."""
    asked, customer = args.get("status"), args.get("customer")

    def fits(subscription: Record) -> bool:
        if asked in ("all", None):
            return asked == "all" or subscription["status"] not in _ENDED
        return bool(subscription["status"] == asked)

    page = call.account.of("subscription").page(args, customer, fits)
    return Listing("/v1/subscriptions", page)


def _price(call: Call, items: list[Args]) -> Json:
    name = items[0].get("price") if len(items) == 1 else None
    if name is None:
        raise missing("items[0][price]")
    price = found(call.account, "price", name)
    if price["recurring"] is None:
        raise invalid("The price must be recurring.", param="items[0][price]")
    return price.shown


def _item(subscription: Record) -> Json:
    item: Json = subscription["items"]["data"][0]
    return item


def _items(item: Json) -> Json:
    url = f"/v1/subscription_items?subscription={item['subscription']}"
    return {"object": "list", "data": [item], "has_more": False, "url": url}


def _new(call: Call, args: Args, price: Json) -> Json:
    ident = call.fresh("sub")
    item: Json = {
        "id": call.fresh("si"),
        "object": "subscription_item",
        "created": call.now,
        "current_period_end": _period_end(price, call.now, call.now),
        "current_period_start": call.now,
        "discounts": [],
        "metadata": {},
        "price": price,
        "quantity": 1,
        "subscription": ident,
        "tax_rates": [],
    }
    return {
        "id": ident,
        "object": "subscription",
        "automatic_tax": {"enabled": False, "liability": None},
        "billing_cycle_anchor": call.now,
        "billing_mode": {"type": "flexible"},
        "cancel_at": None,
        "cancel_at_period_end": args.get("cancel_at_period_end", False),
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": call.now,
        "currency": price["currency"],
        "customer": args["customer"],
        "default_payment_method": args.get("default_payment_method"),
        "discounts": [],
        "ended_at": None,
        "items": _items(item),
        "latest_invoice": None,
        "livemode": False,
        "metadata": args.get("metadata", {}),
        "start_date": call.now,
        "status": "incomplete",
    }


_ITEM: Final = nested({"id": text, "price": filled})


def _listed(name: str, value: str | Form) -> list[Args]:
    """The items of a subscription: a list of objects."""
    if isinstance(value, str) or not value:
        raise invalid("Invalid array", param=name)
    return [_ITEM(f"{name}[{place}]", item) for place, item in value.items()]


_CREATE: Final[Schema] = schemas.RETRIEVE | {
    "cancel_at_period_end": boolean,
    "customer": filled,
    "default_payment_method": filled,
    "items": _listed,
    "metadata": metadata,
    "payment_behavior": choice("allow_incomplete"),
}
_UPDATE: Final[Schema] = schemas.RETRIEVE | {
    "cancel_at_period_end": boolean,
    "default_payment_method": filled,
    "items": _listed,
    "metadata": metadata,
    "proration_behavior": choice("always_invoice", "create_prorations", "none"),
}
_LIST: Final[Schema] = schemas.LISTED | {"customer": filled, "status": filled}

ROUTES: Final[dict[str, Operation]] = {
    "DELETE v1/subscriptions/{}": Operation(schema=schemas.RETRIEVE, run=_cancel),
    "GET v1/subscriptions": Operation(schema=_LIST, run=_list),
    "GET v1/subscriptions/{}": reading("subscription"),
    "POST v1/subscriptions": writing(
        "subscription", "create", _create, _CREATE, ("customer", "items")
    ),
    "POST v1/subscriptions/{}": writing("subscription", "update", _update, _UPDATE),
}
