"""Tenants, the inbox, the streams and the books for operators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from ticketpay.domain.kernel.errors import Conflict, Forbidden, NotFound
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.common import (
    acting,
    kinds,
    limited,
    of_tenant,
    opened,
    say_done,
    say_dry,
)
from ticketpay.entrypoints.cli.operating import outbox
from ticketpay.entrypoints.cli.shell import Command, Group, amount, emit, emit_table, settings_for

if TYPE_CHECKING:
    from ticketpay.domain.messaging import ListedEvent, ListedStream, StreamKey
    from ticketpay.domain.parties import Tenant
    from ticketpay.ports.transactions import PlatformTx as Tx

__all__ = ["inbox", "ledger_postings", "tenants"]

_STATUSES = ("received", "processed", "dead", "unsupported", "invalid")
_DEAD_MAX = 1_000


@click.group(cls=Group)
def tenants() -> None:
    """The tenants of all databases."""


@tenants.command("list")
def tenants_list() -> None:
    """Print every tenant."""
    found = _tenants()
    rows = [(one.id, one.slug, one.name) for one in found]
    emit_table([_tenant_view(one) for one in found], ("tenant", "slug", "name"), rows)


@tenants.command("show")
@click.argument("tenant", type=click.UUID)
def tenants_show(tenant: UUID) -> None:
    """Print a tenant."""
    view = next((_tenant_view(one) for one in _tenants() if one.id == tenant), None)
    if view is None:
        raise NotFound(f"there is no tenant {tenant}")
    states = ", ".join(sorted(view["nexusStates"]))
    shown = {**view, "nexusStates": states}
    emit(view, [f"{name:<12}  {value}" for name, value in shown.items()])


def _tenants() -> tuple[Tenant, ...]:
    from ticketpay.entrypoints import bootstrap

    return bootstrap.registered(settings_for("DATABASE_URL"))


def _tenant_view(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": str(tenant.id),
        "slug": tenant.slug,
        "name": tenant.name,
        "nexusStates": sorted(tenant.nexus_states),
    }


@click.group(cls=Group)
def inbox() -> None:
    """The provider's events that came in."""


@inbox.command("list")
@click.option("--tenant", type=click.UUID, help="In whose database; else in the first.")
@click.option("--status", type=click.Choice(_STATUSES), help="Only these.")
@click.option("--before", default="", help="Older than this event.")
@limited
def inbox_list(tenant: UUID | None, status: str | None, before: str, limit: int) -> None:
    """Print the newest events, newest first."""
    from ticketpay.domain.messaging import InboxStatus

    wanted = InboxStatus(status) if status else None

    def read(tx: Tx) -> tuple[ListedEvent, ...]:
        bound = tx.inbox.get(before)() if before else None
        if before and bound is None:
            raise NotFound(f"there is no event {before}")
        return tx.inbox.listed(wanted, bound, limit)()

    with opened(tenant, reading=True) as app:
        _print_events(app.parts.uow.platform(read, TenantId(tenant) if tenant else None))


@inbox.command("dead")
def inbox_dead() -> None:
    """Print the dead events of all databases with what ailed them.

    There are at most 1,000 of each.
    """
    from ticketpay.domain.messaging import InboxStatus

    with opened(reading=True) as app:
        pages = app.parts.uow.everywhere(
            lambda tx: tx.inbox.listed(InboxStatus.DEAD, None, _DEAD_MAX)(), without_gaps=True
        )
    _print_events([event for page in pages for event in page])


@inbox.command("replay")
@click.argument("event")
@of_tenant
@acting
def inbox_replay(event: str, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Let a dead event run again, as the worker.

    EVENT is the provider's id.
    """
    home = TenantId(tenant)
    _require_worker()
    with opened(tenant, worker=True) as app:
        desk = app.inbox_desk
        desk.dead(home, event)
        if not yes:
            say_dry("event.replay", event, "dead", "let it run again")
            return
        entry = operator_entry("event.replay", "event", event, name=name, reason=reason)
        if not desk.replay(home, event, entry):
            raise Conflict(f"event {event} is not dead any more")
    say_done("event.replay", event, "dead", "received")


def _require_worker() -> None:
    """The application's role may not touch the inbox's rows once they are stored."""
    settings = settings_for("WORKER_DATABASE_URL")
    if settings.worker_database_url.parts == settings.database_url.parts:
        raise Forbidden("WORKER_DATABASE_URL must be set, with the worker's role, to replay events")


def _print_events(found: Iterable[ListedEvent]) -> None:
    views = [
        {
            "eventId": one.event_id,
            "account": one.account,
            "type": one.event_type,
            "objectId": one.object_id,
            "tenantId": one.tenant_id,
            "paymentId": one.payment_id,
            "status": str(one.status),
            "attempts": one.attempts,
            "note": one.note,
            "receivedAt": rfc3339(one.received_at),
        }
        for one in found
    ]
    names = ("eventId", "type", "status", "attempts", "receivedAt", "note")
    emit_table(views, names, [[view[name] for name in names] for view in views])


@outbox.command("list")
@of_tenant
@limited
@click.option("--after", type=click.UUID, help="After this aggregate.")
@click.option("--type", "kind", type=kinds, help="Only these.")
def outbox_list(tenant: UUID, limit: int, after: UUID | None, kind: str | None) -> None:
    """Print the streams of a tenant, and how much is delivered.

    They come by type and id. Types that nobody receives are in the journal alone: nothing of them
    is ever delivered.
    """
    from ticketpay.domain.messaging import AggregateType, is_delivered

    home, wanted = TenantId(tenant), AggregateType(kind) if kind else None

    def read(tx: Tx) -> tuple[ListedStream, ...]:
        bound = _stream_of(tx, home, after) if after else None
        return tx.streams.listed(home, bound, limit, wanted)()

    with opened(tenant, reading=True) as app:
        found = app.parts.uow.platform(read, home)
    views = [
        {
            "aggregateType": str(one.key.aggregate_type),
            "aggregateId": str(one.key.aggregate_id),
            "messages": one.messages,
            "delivered": one.delivered if is_delivered(one.key.aggregate_type) else None,
            "attempts": one.attempts,
            "parked": one.parked,
            "error": one.error,
        }
        for one in found
    ]
    names = ("aggregateType", "aggregateId", "messages", "delivered", "parked", "error")
    rows = [[_words(view[name]) for name in names] for view in views]
    emit_table(views, names, rows)


def _stream_of(tx: Tx, home: TenantId, aggregate: UUID) -> StreamKey:
    """The stream of an aggregate of whatever type; raises ``NotFound``."""
    from ticketpay.domain.messaging import AggregateType, StreamKey

    keys = [StreamKey(home, kind, aggregate) for kind in AggregateType]
    found = next((key for key in keys if tx.streams.get(key)() is not None), None)
    if found is None:
        raise NotFound(f"there is no stream of {aggregate}")
    return found


def _words(value: object) -> object:
    if value is None:
        return "-"
    return ("yes" if value else "no") if isinstance(value, bool) else value


@click.command("postings", cls=Command)
@of_tenant
@limited
@click.option("--after", default="", help="After this posting's key.")
def ledger_postings(tenant: UUID, limit: int, after: str) -> None:
    """Print postings with their entries, by key.

    In JSON a debit is positive, and amounts are cents.
    """
    with opened(tenant, reading=True) as app:
        found = app.parts.uow.run(TenantId(tenant), lambda tx: tx.listings.postings(after, limit)())
    views = [
        {
            "key": one.key,
            "postedAt": rfc3339(one.posted_at),
            "entries": [
                {
                    "kind": str(entry.account.kind),
                    "party": entry.account.party,
                    "subject": entry.account.subject,
                    "bucket": str(entry.account.bucket),
                    "currency": entry.account.currency.code,
                    "cents": entry.cents,
                }
                for entry in one.entries
            ],
        }
        for one in found
    ]
    rows = [
        (one.key, entry.account.kind, entry.account.party, amount(abs(entry.cents)), side)
        for one in found
        for entry in one.entries
        for side in (("debit",) if entry.cents > 0 else ("credit",))
    ]
    emit_table(views, ("posting", "account", "party", "amount", "side"), rows)
