"""Quotes, orders, payments and the outbox for operators; what changes anything needs ``--yes``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import attrs
import click

from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import (
    EventId,
    OrderId,
    PaymentId,
    TenantId,
    TicketTypeId,
    UserId,
)
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.shell import Command, Group, emit, settings_for

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.parties import Actor
    from ticketpay.entrypoints.bootstrap import App

__all__ = ["orders", "outbox", "payments", "quote"]

F = TypeVar("F", bound=Callable[..., Any])

_NOBODY = UserId(UUID(int=0))
_tenant = click.option("--tenant", type=click.UUID, required=True)


def _acting(command: F) -> F:
    """``--yes``, ``--as`` and ``--reason``: what every command that changes something has."""
    for option in (
        click.option("--reason", default="", help="Why; kept in the audit trail."),
        click.option("--as", "name", default="", help="Who; else the name of the login."),
        click.option("--yes", is_flag=True, help="Do it; without, only say what would happen."),
    ):
        command = option(command)
    return command


def _entry(action: str, kind: str, subject: object, *, name: str, reason: str) -> AuditEntry:
    entry = operator_entry(action, kind, subject, reason=reason)
    return attrs.evolve(entry, actor_id=name) if name else entry


class _Line(click.ParamType[tuple[TicketTypeId, int]]):
    """``ID:QTY``."""

    name = "ID:QTY"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[TicketTypeId, int]:
        ident, _, count = str(value).partition(":")
        try:
            found = TicketTypeId(UUID(ident))
        except ValueError:
            self.fail(f"{value!r} is not ID:QTY, ID being a UUID", param, ctx)
        if not (count.isascii() and count.isdigit() and 1 <= int(count[:6]) <= 10_000):
            self.fail(f"{value!r} is not ID:QTY, QTY being from 1 on", param, ctx)
        return found, int(count)


@click.command(cls=Command)
@_tenant
@click.option("--event", type=click.UUID, required=True)
@click.option("--type", "lines", type=_Line(), multiple=True, required=True)
@click.option("--seat", "seats", multiple=True, help="A seat of the first type; repeatable.")
def quote(
    tenant: UUID, event: UUID, lines: tuple[tuple[TicketTypeId, int], ...], seats: tuple[str, ...]
) -> None:
    """Price a demand and print its lines; nothing is kept."""
    from ticketpay.domain.pricing import Demand, DemandLine
    from ticketpay.domain.processes.answers import quote_view

    wanted = tuple(
        DemandLine(type_id, count, seats if number == 0 else ())
        for number, (type_id, count) in enumerate(lines)
    )
    with _app() as app:
        priced = app.give_quote.preview(_actor(tenant), Demand(EventId(event), wanted))
    view = {k: v for k, v in quote_view(priced).items() if k not in ("id", "expiresAt")}
    emit(view, _price_lines(view))


def _price_lines(view: Mapping[str, Any]) -> Iterator[str]:
    for ticket in view["tickets"]:
        yield f"ticket {ticket['ticketTypeId']}  {_cents(ticket['priceCents']):>12}"
    for charge in (*view["fees"], *view["taxes"]):
        yield f"{charge['name']:<43}  {_cents(charge['amountCents']):>12}"
    yield f"{'all-in':<43}  {_cents(view['allInCents']):>12}"
    yield f"{'total ' + view['currency']:<43}  {_cents(view['totalCents']):>12}"


@click.group(cls=Group)
def orders() -> None:
    """The orders of a tenant."""


@orders.command("show")
@click.argument("order", type=click.UUID)
@_tenant
def orders_show(order: UUID, tenant: UUID) -> None:
    """Print an order with its tickets, charges and payments."""
    with _app() as app:
        view = app.show_order(_actor(tenant), OrderId(order))
    emit(view, [*_plain(view), "", *_price_lines(view)])


@click.group(cls=Group)
def payments() -> None:
    """The payments of a tenant."""


@payments.command("show")
@click.argument("payment", type=click.UUID)
@_tenant
def payments_show(payment: UUID, tenant: UUID) -> None:
    """Print a payment."""
    with _app() as app:
        view = app.show_payment(_actor(tenant), PaymentId(payment))
    emit(view, _plain(view))


@payments.command("sync")
@click.argument("payment", type=click.UUID)
@_tenant
@_acting
def payments_sync(payment: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Ask the provider about a payment now and apply what it says."""
    home, ident = TenantId(tenant), PaymentId(payment)
    with _app() as app:
        desk = app.payment_desk
        before = desk.look(home, ident).payment
        if yes:
            entry = _entry("payment.sync", "payment", ident, name=name, reason=reason)
            after = desk.sync(home, ident, entry).payment
            _done("payment.sync", ident, str(before.state), str(after.state))
            return
        fact = desk.ask(home, before)
    said = str(fact.status) if fact else "unknown there"
    _dry("payment.sync", ident, str(before.state), f"apply the provider's word: {said}")


@payments.command("cancel")
@click.argument("payment", type=click.UUID)
@_tenant
@_acting
def payments_cancel(payment: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Cancel a payment at the provider and then here."""
    from ticketpay.domain.payments import PAYMENT_MACHINE, PaymentState

    home, ident = TenantId(tenant), PaymentId(payment)
    with _app() as app:
        before = app.payment_desk.look(home, ident).payment
        if PAYMENT_MACHINE.is_final(before.state):
            raise Conflict(f"payment {ident} is {before.state} already")
        if not yes:
            _dry("payment.cancel", ident, str(before.state), "cancel it at the provider, then here")
            return
        entry = _entry("payment.cancel", "payment", ident, name=name, reason=reason)
        after = app.payment_desk.cancel(home, ident, entry).payment
    if after.state is not PaymentState.CANCELLED:
        raise Conflict(f"payment {ident} could not be cancelled: it is {after.state}")
    _done("payment.cancel", ident, str(before.state), str(after.state))


@click.group(cls=Group)
def outbox() -> None:
    """The streams of outgoing messages."""


@outbox.command("dead")
def outbox_dead() -> None:
    """Print the parked streams with their last error."""
    with _app() as app:
        found = app.parts.uow.everywhere(lambda tx: tx.streams.parked()())
    views = [
        {
            "tenantId": str(key.tenant_id),
            "aggregateType": str(key.aggregate_type),
            "aggregateId": str(key.aggregate_id),
            "error": error,
        }
        for parked in found
        for key, error in parked
    ]
    lines = [
        line
        for v in views
        for line in (
            f"{v['aggregateType']} {v['aggregateId']}",
            f"  tenant {v['tenantId']}",
            f"  {v['error']}",
        )
    ]
    emit(views, lines or ["no stream is parked"])


@outbox.command("replay")
@click.argument("aggregate", type=click.UUID)
@_tenant
@click.option("--type", "kind", type=click.Choice(["order", "payment", "refund"]), default="order")
@_acting
def outbox_replay(
    aggregate: UUID, tenant: UUID, kind: str, *, yes: bool, name: str, reason: str
) -> None:
    """Let a parked stream run again, in order, from the message that parked it."""
    from ticketpay.domain.messaging import AggregateType, StreamKey

    key = StreamKey(TenantId(tenant), AggregateType(kind), aggregate)
    with _app() as app:
        found = app.parts.uow.platform(lambda tx: tx.streams.parked()(), key.tenant_id)
        if key not in [parked for parked, _ in found]:
            raise Conflict(f"the stream of {kind} {aggregate} is not parked")
        if not yes:
            _dry("stream.replay", aggregate, "parked", "let it run again")
            return
        entry = _entry("stream.replay", kind, aggregate, name=name, reason=reason)
        if not app.replay_stream(key, entry):
            raise Conflict(f"the stream of {kind} {aggregate} is not parked")
    _done("stream.replay", aggregate, "parked", "running")


def _dry(action: str, subject: object, before: str, would: str) -> None:
    view = {
        "dryRun": True,
        "action": action,
        "subjectId": str(subject),
        "before": before,
        "would": would,
    }
    emit(view, [f"{subject} is {before}", f"dry run: would {would}; --yes does it"])


def _done(action: str, subject: object, before: str, after: str) -> None:
    view = {
        "dryRun": False,
        "action": action,
        "subjectId": str(subject),
        "before": before,
        "after": after,
    }
    emit(view, [f"{action} {subject}: {before} -> {after}"])


def _plain(view: Mapping[str, Any]) -> Iterator[str]:
    for name, value in view.items():
        if not isinstance(value, list):
            yield f"{name:<16}  {_cents(value) if name.endswith('Cents') else value}"
    for paid in view.get("payments", ()):
        yield f"payment           {paid['id']} {paid['status']}"


def _cents(cents: int) -> str:
    from ticketpay.entrypoints.cli.books import amount

    return amount(cents)


def _actor(tenant: UUID) -> Actor:
    """Support reads every order of its tenant."""
    from ticketpay.domain.parties import Actor, Role

    return Actor(tenant_id=TenantId(tenant), user_id=_NOBODY, role=Role.SUPPORT)


@contextmanager
def _app() -> Iterator[App]:
    from ticketpay.entrypoints.cli.books import open_app

    with open_app(settings_for("DATABASE_URL")) as app:
        yield app
