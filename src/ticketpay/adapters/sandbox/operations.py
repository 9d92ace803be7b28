"""The operations that there are, by method and path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from ticketpay.adapters.sandbox import (
    accounts,
    balances,
    catalog,
    disputes,
    endpoints,
    intents,
    invoices,
    methods,
    payouts,
    refunds,
    schemas,
    subscriptions,
    transfers,
)
from ticketpay.adapters.sandbox.checks import Args, Schema
from ticketpay.adapters.sandbox.errors import invalid, no_such
from ticketpay.adapters.sandbox.events import Event
from ticketpay.adapters.sandbox.faults import asked_fault
from ticketpay.adapters.sandbox.operation import Listing, Operation, listing, reading, writing
from ticketpay.adapters.sandbox.response import Plain, Rendered
from ticketpay.adapters.sandbox.world import Account, Call

__all__ = ["ROUTES", "routed"]


def routed(method: str, path: str) -> tuple[Operation | None, str]:
    """The operation of a path and the id in it."""
    parts = path.strip("/").split("/")
    ident = parts[2] if len(parts) > 2 else ""
    if len(parts) > 2:
        parts[2] = "{}"
    if len(parts) == 5:
        ident, parts[4] = parts[4], "{}"
    return ROUTES.get(f"{method} {'/'.join(parts)}"), ident


def _list_intents(call: Call, _ident: str, args: Args) -> Listing:
    page = call.account.intents.page(args, args.get("customer"))
    return Listing("/v1/payment_intents", page)


def _list_charges(call: Call, _ident: str, args: Args) -> Listing:
    page = call.account.charges.page(args, args.get("payment_intent"))
    return Listing("/v1/charges", page)


def _list_events(call: Call, _ident: str, args: Args) -> Listing:
    kind, kinds = args.get("type"), args.get("types")
    if kind is not None and kinds is not None:
        raise invalid("You may only specify one of these parameters: type, types.", param="type")
    if kinds is not None:
        page = call.account.events.page(args, where=lambda event: event.type in kinds)
    elif kind is not None and kind.endswith(".*"):
        page = call.account.events.page(args, where=lambda event: event.type.startswith(kind[:-1]))
    else:
        page = call.account.events.page(args, kind)
    return Listing("/v1/events", page)


def _list_endpoints(call: Call, _ident: str, args: Args) -> Listing:
    return Listing("/v1/webhook_endpoints", endpoints.listed(call.account).page(args))


def _get_intent(call: Call, ident: str, _args: Args) -> Rendered:
    return intents.found(call.account, ident)


def _get_charge(call: Call, ident: str, _args: Args) -> Rendered:
    received = call.account.of("charge").get(ident)  # what a transfer has brought
    return received or refunds.found_charge(call.account, ident)


def _get_event(call: Call, ident: str, _args: Args) -> Event:
    event = call.account.events.get(ident)
    if event is None:
        raise no_such("event", ident)
    return event


def _get_endpoint(call: Call, ident: str, _args: Args) -> Rendered:
    return endpoints.found(call.account, ident)


def _create_endpoint(call: Call, ident: str, args: Args) -> Plain:
    endpoint = endpoints.create(call, ident, args)
    return Plain(endpoint.render() | {"secret": endpoint.secret})


def _known_intent(account: Account, ident: str, args: Args) -> None:
    intents.found(account, ident)
    methods.asked_card(account, args)


def _fault_of_create(account: Account, _ident: str, args: Args) -> str | None:
    metadata = args.get("metadata", {})
    asked = asked_fault("create", metadata, default=False)
    if asked is None and args.get("confirm"):
        card = methods.asked_card(account, args)
        asked = asked_fault("confirm", metadata, default=True) or (card.fault if card else None)
    return asked


def _fault_of_confirm(account: Account, ident: str, args: Args) -> str | None:
    intent = intents.found(account, ident)
    card = methods.asked_card(account, args)
    if card is None and intent.method is not None:
        card = intent.method.card
    asked = asked_fault("confirm", intent.metadata, default=True)
    return asked or (card.fault if card else None)


def _fault_of_refund(account: Account, _ident: str, args: Args) -> str | None:
    own = asked_fault("refund", args.get("metadata", {}), default=True)
    if own is not None or "payment_intent" not in args:
        return own
    intent = intents.found(account, args["payment_intent"])
    return asked_fault("refund", intent.metadata, default=False)


def _fault_of(name: str) -> Callable[[Account, str, Args], str | None]:
    def fault(account: Account, ident: str, _args: Args) -> str | None:
        metadata = intents.found(account, ident).metadata
        return asked_fault(name, metadata, default=False)

    return fault


def _read(
    run: Callable[[Call, str, Args], Rendered], schema: Schema = schemas.RETRIEVE
) -> Operation:
    return Operation(schema=schema, run=run)


_ROUTES: Final[dict[str, Operation]] = {
    "POST v1/payment_intents": Operation(
        schema=schemas.CREATE_INTENT,
        run=intents.create,
        required=("amount", "currency"),
        check=intents.check_create,
        fault=_fault_of_create,
    ),
    "POST v1/payment_intents/{}": Operation(
        schema=schemas.UPDATE_INTENT,
        run=intents.update,
        check=_known_intent,
        fault=_fault_of("update"),
    ),
    "POST v1/payment_intents/{}/confirm": Operation(
        schema=schemas.CONFIRM_INTENT,
        run=intents.confirm,
        check=_known_intent,
        fault=_fault_of_confirm,
    ),
    "POST v1/payment_intents/{}/cancel": Operation(
        schema=schemas.CANCEL_INTENT,
        run=intents.cancel,
        check=_known_intent,
        fault=_fault_of("cancel"),
    ),
    "POST v1/payment_intents/{}/capture": Operation(
        schema=schemas.CAPTURE_INTENT,
        run=intents.capture,
        check=_known_intent,
        fault=_fault_of("capture"),
    ),
    "POST v1/refunds": Operation(
        schema=schemas.CREATE_REFUND,
        run=refunds.create,
        check=refunds.check_create,
        fault=_fault_of_refund,
    ),
    "POST v1/webhook_endpoints": Operation(
        schema=schemas.CREATE_ENDPOINT,
        run=_create_endpoint,
        required=("url", "enabled_events"),
        check=endpoints.check_create,
    ),
    "DELETE v1/webhook_endpoints/{}": _read(endpoints.delete),
    "GET v1/charges": _read(_list_charges, schemas.LIST_CHARGES),
    "GET v1/charges/{}": _read(_get_charge),
    "GET v1/events": _read(_list_events, schemas.LIST_EVENTS),
    "GET v1/events/{}": _read(_get_event),
    "GET v1/payment_intents": _read(_list_intents, schemas.LIST_INTENTS),
    "GET v1/payment_intents/{}": _read(_get_intent),
    "GET v1/refunds": listing(
        "refund", "/v1/refunds", schemas.LIST_REFUNDS, ("charge", "payment_intent")
    ),
    "GET v1/refunds/{}": reading("refund"),
    "POST v1/refunds/{}": writing("refund", "update", refunds.update, schemas.UPDATE_REFUND),
    "POST v1/refunds/{}/cancel": writing("refund", "cancel", refunds.cancel, schemas.RETRIEVE),
    "GET v1/webhook_endpoints": _read(_list_endpoints, schemas.LIST_ENDPOINTS),
    "GET v1/webhook_endpoints/{}": _read(_get_endpoint),
}

_PARTS: Final = (
    _ROUTES,
    accounts.ROUTES,
    balances.ROUTES,
    catalog.ROUTES,
    disputes.ROUTES,
    invoices.ROUTES,
    payouts.ROUTES,
    subscriptions.ROUTES,
    transfers.ROUTES,
)

ROUTES: Final[dict[str, Operation]] = {
    name: attrs.evolve(operation, name=name)
    for routes in _PARTS
    for name, operation in routes.items()
}
