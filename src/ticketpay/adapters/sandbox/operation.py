"""An operation is one thing the API can do: its parameters, its checks, its faults, its effect."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import attrs

from ticketpay.adapters.sandbox import schemas
from ticketpay.adapters.sandbox.checks import Args, Schema
from ticketpay.adapters.sandbox.errors import no_such
from ticketpay.adapters.sandbox.faults import asked_fault
from ticketpay.adapters.sandbox.records import Record
from ticketpay.adapters.sandbox.response import Json, Rendered
from ticketpay.adapters.sandbox.world import Account, Call

__all__ = ["Listing", "Operation", "found", "listing", "merged", "reading", "writing"]


@attrs.frozen(kw_only=True)
class Operation:
    """`check` refuses before anything is stored; `fault` names the failure that was asked for."""

    schema: Schema
    run: Callable[[Call, str, Args], Rendered]
    required: tuple[str, ...] = ()
    check: Callable[[Account, str, Args], object] | None = None
    fault: Callable[[Account, str, Args], str | None] | None = None
    name: str = ""


@attrs.frozen
class Listing:
    """One page of objects and whether there are more."""

    path: str
    page: tuple[Sequence[Rendered], bool]

    def json(self) -> str:
        """The JSON text."""
        items, more = self.page
        data = ",".join([item.json() for item in items])
        return (
            f'{{"object":"list","data":[{data}],"has_more":{"true" if more else "false"},'
            f'"url":"{self.path}"}}'
        )

    def render(self) -> Json:
        """The JSON object."""
        shown: Json = json.loads(self.json())
        return shown


def found(account: Account, kind: str, ident: str) -> Record:
    """The record of a kind with this id; raises SandboxError (404)."""
    record = account.of(kind).get(ident)
    if record is None:
        raise no_such(kind, ident)
    return record


def merged(old: Mapping[str, str], given: Mapping[str, str] | None) -> Mapping[str, str]:
    """Metadata after an update: given keys replace, empty values remove, `""` clears all."""
    if given is None:
        return old
    if not given:
        return {}
    return {key: value for key, value in {**old, **given}.items() if value}


def _is(shown: object, asked: object) -> bool:
    """Whether a field is what is asked for: the same, or within a range of times."""
    if isinstance(asked, tuple) and isinstance(shown, int):
        return bool(asked[0] <= shown <= asked[1])
    return shown == asked


def listing(kind: str, path: str, schema: Schema, tags: tuple[str, ...] = ()) -> Operation:
    """List the records of a kind that are equal to what is asked; `tags` are found quickly."""
    filters = tuple(name for name in schema if name not in (*schemas.PAGE, "created"))

    def run(call: Call, _ident: str, args: Args) -> Listing:
        tag = next((args[name] for name in tags if name in args), None)
        asked = [(name, args[name]) for name in filters if name in args]

        def fits(record: Record) -> bool:
            return all(_is(record.shown.get(name, value), value) for name, value in asked)

        return Listing(path, call.account.of(kind).page(args, tag, fits))

    return Operation(schema=schema, run=run)


def reading(kind: str) -> Operation:
    """Show one record of a kind."""
    return Operation(
        schema=schemas.RETRIEVE, run=lambda call, ident, _args: found(call.account, kind, ident)
    )


def writing(
    kind: str,
    verb: str,
    run: Callable[[Call, str, Args], Rendered],
    schema: Schema,
    required: tuple[str, ...] = (),
) -> Operation:
    """Change or make (verb `create`) a record; `metadata[sandbox_fault]` can make it fail.

    A fault is named `<kind>:<fault>`; in the metadata of the request itself the name is enough.
    """

    def check(account: Account, ident: str, _args: Args) -> None:
        if verb != "create":
            found(account, kind, ident)

    def fault(account: Account, ident: str, args: Args) -> str | None:
        own = asked_fault(kind, args.get("metadata", {}), default=verb == "create")
        known = account.of(kind).get(ident)
        if own is not None or known is None:
            return own
        return asked_fault(f"{kind}.{verb}", known.shown.get("metadata") or {}, default=False)

    return Operation(schema=schema, run=run, required=required, check=check, fault=fault)
