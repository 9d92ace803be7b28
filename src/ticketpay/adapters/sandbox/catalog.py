"""The catalog of subscriptions: products, prices of some days or months, customers, their cards."""

from __future__ import annotations

from typing import Any, Final

from ticketpay.adapters.sandbox import methods, schemas
from ticketpay.adapters.sandbox.checks import (
    Args,
    Schema,
    amount,
    boolean,
    choice,
    filled,
    limit,
    metadata,
    nested,
    strings,
    text,
)
from ticketpay.adapters.sandbox.checks import currency as currency_
from ticketpay.adapters.sandbox.errors import invalid, missing, no_such
from ticketpay.adapters.sandbox.objects import PaymentMethod
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
from ticketpay.adapters.sandbox.response import Json, Plain
from ticketpay.adapters.sandbox.world import Call

__all__ = ["ROUTES"]


def _product(call: Call, _ident: str, args: Args) -> Record:
    fields: Json = {
        "id": call.fresh("prod"),
        "object": "product",
        "active": True,
        "created": call.now,
        "description": args.get("description"),
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": args.get("metadata", {}),
        "name": args["name"],
        "type": "service",
        "updated": call.now,
    }
    return _told(call, Record(fields))


def _price(call: Call, _ident: str, args: Args) -> Record:
    product = _product_of(call, args)
    recurring, key = args.get("recurring"), args.get("lookup_key")
    if key is not None and any(
        each["lookup_key"] == key for each in call.account.of("price").all()
    ):
        raise invalid("A price already uses that lookup key.", param="lookup_key")
    fields: Json = {
        "id": call.fresh("price"),
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": call.now,
        "currency": args["currency"],
        "livemode": False,
        "lookup_key": key,
        "metadata": args.get("metadata", {}),
        "nickname": args.get("nickname"),
        "product": product.id,
        "recurring": None if recurring is None else _recurring(recurring),
        "type": "one_time" if recurring is None else "recurring",
        "unit_amount": args["unit_amount"],
        "unit_amount_decimal": str(args["unit_amount"]),
    }
    return _told(call, Record(fields))


def _product_of(call: Call, args: Args) -> Record:
    """The product that is named, or one that is made for the price."""
    if "product" in args:
        return found(call.account, "product", args["product"])
    if "product_data" not in args:
        raise missing("product")
    return _product(call, "", args["product_data"])


def _recurring(given: Args) -> Json:
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def _list_prices(call: Call, _ident: str, args: Args) -> Listing:
    asked = [(name, args[name]) for name in ("active", "product") if name in args]
    keys = args.get("lookup_keys")

    def fits(price: Record) -> bool:
        named = keys is None or price["lookup_key"] in keys
        return named and all(price[name] == value for name, value in asked)

    return Listing("/v1/prices", call.account.of("price").page(args, where=fits))


def _customer(call: Call, _ident: str, args: Args) -> Record:
    card = methods.asked_method(call, args)
    default = (args.get("invoice_settings") or {}).get("default_payment_method")
    fields: Json = {
        "id": call.fresh("cus"),
        "object": "customer",
        "balance": 0,
        "created": call.now,
        "delinquent": False,
        "description": args.get("description"),
        "email": args.get("email"),
        "invoice_settings": {"default_payment_method": default or (card and card.id)},
        "livemode": False,
        "metadata": args.get("metadata", {}),
        "name": args.get("name"),
    }
    return _told(call, Record(fields))


def _told(call: Call, record: Record) -> Record:
    call.add(record)
    call.emit(f"{record.kind}.created", record)
    return record


def _change_customer(call: Call, ident: str, args: Args) -> Record:
    customer = found(call.account, "customer", ident)
    changes: dict[str, Any] = {name: args[name] for name in _COPIED if name in args}
    changes["metadata"] = merged(customer["metadata"], args.get("metadata"))
    default = (args.get("invoice_settings") or {}).get("default_payment_method")
    if default is not None:
        if default not in call.account.methods:
            raise no_such("PaymentMethod", default, "invoice_settings[default_payment_method]")
        changes["invoice_settings"] = {"default_payment_method": default}
    customer = call.change(customer, **changes)
    call.emit("customer.updated", customer)
    return customer


def _attach(call: Call, ident: str, args: Args) -> Plain:
    """Attach a card to a customer; a test name makes a fresh one."""
    found(call.account, "customer", args["customer"])
    method = methods.asked_method(call, {"payment_method": ident})
    if method is None:
        raise no_such("PaymentMethod", ident, "payment_method")
    return Plain(_shown(method, args["customer"]))


def _shown(method: PaymentMethod, customer: str) -> Json:
    return method.render() | {"customer": customer}


_COPIED: Final = ("description", "email", "name")
_TOLD: Final[Schema] = schemas.RETRIEVE | {"description": text, "metadata": metadata}
_PRODUCT: Final[Schema] = _TOLD | {"name": filled}
_PRICE: Final[Schema] = schemas.RETRIEVE | {
    "currency": currency_,
    "lookup_key": filled,
    "metadata": metadata,
    "nickname": text,
    "product": filled,
    "product_data": nested({"metadata": metadata, "name": filled}, ("name",)),
    "recurring": nested(
        {
            "interval": choice("day", "month"),
            "interval_count": limit,
            "usage_type": choice("licensed"),
        },
        ("interval",),
    ),
    "unit_amount": amount,
}
_CUSTOMER: Final[Schema] = _TOLD | {
    "email": text,
    "invoice_settings": nested({"default_payment_method": filled}),
    "name": text,
    "payment_method": filled,
}

ROUTES: Final[dict[str, Operation]] = {
    "GET v1/customers": listing("customer", "/v1/customers", schemas.LISTED | {"email": filled}),
    "GET v1/customers/{}": reading("customer"),
    "GET v1/prices": Operation(
        schema=schemas.LISTED | {"active": boolean, "lookup_keys": strings, "product": filled},
        run=_list_prices,
    ),
    "GET v1/prices/{}": reading("price"),
    "GET v1/products": listing("product", "/v1/products", schemas.LISTED | {"active": boolean}),
    "GET v1/products/{}": reading("product"),
    "POST v1/customers": writing("customer", "create", _customer, _CUSTOMER),
    "POST v1/customers/{}": writing("customer", "update", _change_customer, _CUSTOMER),
    "POST v1/payment_methods/{}/attach": Operation(
        schema=schemas.RETRIEVE | {"customer": filled}, run=_attach, required=("customer",)
    ),
    "POST v1/prices": writing("price", "create", _price, _PRICE, ("currency", "unit_amount")),
    "POST v1/products": writing("product", "create", _product, _PRODUCT, ("name",)),
}
