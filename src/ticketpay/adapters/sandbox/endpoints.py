"""The operations on webhook endpoints: where events are sent."""

from __future__ import annotations

from ticketpay.adapters.sandbox.checks import Args
from ticketpay.adapters.sandbox.collection import Collection
from ticketpay.adapters.sandbox.errors import invalid, no_such
from ticketpay.adapters.sandbox.objects import Endpoint
from ticketpay.adapters.sandbox.response import Plain
from ticketpay.adapters.sandbox.world import Account, Call

__all__ = ["check_create", "create", "delete", "found", "listed"]


def found(account: Account, ident: str) -> Endpoint:
    """The endpoint with this id; raises SandboxError (404)."""
    endpoint = account.endpoints.get(ident)
    if endpoint is None:
        raise no_such("webhook endpoint", ident, "webhook_endpoint")
    return endpoint


def check_create(_account: Account, _ident: str, args: Args) -> None:
    """Refuse an address that is not HTTP; raises SandboxError (400)."""
    if not str(args["url"]).startswith(("http://", "https://")):
        raise invalid("Invalid URL: an explicit scheme must be provided.", param="url")
    if not args["enabled_events"]:
        raise invalid("You must listen to at least one event.", param="enabled_events")


def create(call: Call, _ident: str, args: Args) -> Endpoint:
    """A new endpoint with a fresh secret."""
    endpoint = Endpoint(
        id=call.new_id("we"),
        created=call.now,
        url=args["url"],
        secret=call.new_id("whsec"),
        enabled_events=args["enabled_events"],
        scope="connect" if args.get("connect") else "account",
        description=args.get("description"),
        metadata=args.get("metadata", {}),
    )
    call.account.endpoints[endpoint.id] = endpoint
    return endpoint


def delete(call: Call, ident: str, _args: Args) -> Plain:
    """Forget an endpoint; what is still to be sent to it is not sent."""
    endpoint = found(call.account, ident)
    del call.account.endpoints[endpoint.id]
    call.world.schedule.remove(endpoint.id)
    return Plain({"id": endpoint.id, "object": "webhook_endpoint", "deleted": True})


def listed(account: Account) -> Collection[Endpoint]:
    """The endpoints of an account as a collection that can be paged."""
    collection: Collection[Endpoint] = Collection()
    for endpoint in account.endpoints.values():
        collection.add(endpoint.id, endpoint, endpoint.created)
    return collection
