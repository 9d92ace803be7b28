"""Quotes, orders, payments and the outbox for operators; what changes anything needs ``--yes``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import click

from ticketpay.domain.kernel.errors import Conflict, NotFound
from ticketpay.domain.kernel.ids import (
    EventId,
    OrderId,
    PaymentId,
    TenantId,
    TicketTypeId,
)
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.common import (
    acting,
    limited,
    of_aggregate,
    of_tenant,
    opened,
    sale_of,
    say_done,
    say_dry,
    support_of,
)
from ticketpay.entrypoints.cli.shell import Command, Group, amount, as_json, emit, emit_table

if TYPE_CHECKING:
    from ticketpay.domain.payments.sales import Sale

_ORDER_EVENTS = (
    "order.payment_received",
    "order.tickets_issued",
    "order.items_shipped",
    "order.cancelled",
)
LAST_ID = UUID(int=(1 << 128) - 1)

__all__ = ["orders", "outbox", "payments", "quote"]


class _Line(click.ParamType[tuple[TicketTypeId, int]]):
    """``ID:QTY``."""

    name = "ID:QTY"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[TicketTypeId, int]:
        ident, _, count = str(value).partition(":")
        try:
            found = TicketTypeId(UUID(ident))
        except ValueError:
            self.fail(f"{value!r} is not ID:QTY, ID being a UUID", param, ctx)
        if not (
            count.isascii() and count.isdigit() and len(count) <= 5 and 1 <= int(count) <= 10_000
        ):
            self.fail(f"{value!r} is not ID:QTY, QTY being from 1 to 10000", param, ctx)
        return found, int(count)


@click.command(cls=Command)
@of_tenant
@click.option("--event", type=click.UUID, required=True, help="Which event.")
@click.option(
    "--type",
    "lines",
    type=_Line(),
    multiple=True,
    required=True,
    help="A ticket type and how many.",
)
@click.option("--seat", "seats", multiple=True, help="A seat of the first type; repeatable.")
@click.option("--currency", default="", help="What the buyer pays in; else the event's own.")
def quote(
    tenant: UUID,
    event: UUID,
    lines: tuple[tuple[TicketTypeId, int], ...],
    seats: tuple[str, ...],
    currency: str,
) -> None:
    """Price a demand and print its lines; nothing is kept."""
    from ticketpay.domain.money import Currency
    from ticketpay.domain.pricing import Demand, DemandLine
    from ticketpay.domain.processes.answers import quote_view

    wanted = tuple(
        DemandLine(type_id, count, seats if number == 0 else ())
        for number, (type_id, count) in enumerate(lines)
    )
    with opened(tenant, reading=True) as app:
        paid = Currency.of(currency) if currency else None
        demand = Demand(EventId(event), wanted, paid)
        priced = app.give_quote.preview(support_of(tenant), demand)
    view = {k: v for k, v in quote_view(priced).items() if k not in ("id", "expiresAt")}
    emit(view, _price_lines(view))


def _price_lines(view: Mapping[str, Any]) -> Iterator[str]:
    for ticket in view["tickets"]:
        words = f"ticket {ticket['number']:<3} {ticket['ticketTypeId']}"
        yield _price_line(words, amount(ticket["priceCents"]))
    for charge in (*view["fees"], *view["taxes"]):
        yield _price_line(charge["name"], amount(charge["amountCents"]))
    yield _price_line("all-in", amount(view["allInCents"]))
    yield _price_line(f"total {view['currency']}", amount(view["totalCents"]))
    if view["exchangeRate"] is not None:
        yield _price_line("by the rate", _rate_line(view["exchangeRate"]))


def _price_line(words: str, figure: str) -> str:
    return f"{words:<47}  {figure:>12}"


def _rate_line(rate: Mapping[str, Any]) -> str:
    """``1 EUR = 1.1765 USD (ecb, 2026-06-12)``."""
    pair = f"1 {rate['base']} = {rate['rate']} {rate['target']}"
    return f"{pair} ({rate['source']}, {rate['date']})"


@click.group(cls=Group)
def orders() -> None:
    """The orders of a tenant."""


@orders.command("show")
@click.argument("order", type=click.UUID)
@of_tenant
def orders_show(order: UUID, tenant: UUID) -> None:
    """Print an order with its tickets, charges and payments."""
    with opened(tenant, reading=True) as app:
        view = app.show_order(support_of(tenant), OrderId(order))
    emit(view, [*_plain(view), "", *_price_lines(view)])


@orders.command("list")
@of_tenant
@limited
@click.option("--before", type=click.UUID, default=LAST_ID, help="Older than this order.")
def orders_list(tenant: UUID, limit: int, before: UUID) -> None:
    """Print the newest orders, newest first."""
    from ticketpay.domain.processes.answers import exchange_view

    with opened(tenant, reading=True) as app:
        found = app.parts.uow.run(TenantId(tenant), lambda tx: tx.listings.orders(before, limit)())
    views = [
        {
            "id": str(one.id),
            "userId": str(one.user_id),
            "eventId": str(one.event_id),
            "venueId": str(one.venue_id),
            "state": str(one.state),
            "currency": one.currency,
            "totalCents": one.total_cents,
            "ticketQuantity": one.ticket_count,
            "exchangeRate": exchange_view(one.exchange),
            "createdAt": rfc3339(one.created_at),
        }
        for one in found
    ]
    rows = [
        (
            *(v["id"], v["state"], amount(o.total_cents), v["currency"]),
            f"{o.exchange.display} {o.currency} = 1 {o.exchange.base}" if o.exchange else "",
            v["createdAt"],
        )
        for v, o in zip(views, found, strict=True)
    ]
    emit_table(views, ("order", "state", "total", "currency", "rate", "created"), rows)


@orders.command("event")
@click.argument("order", type=click.UUID)
@click.argument("kind", type=click.Choice(_ORDER_EVENTS), metavar="TYPE")
@of_tenant
@acting
def orders_event(
    order: UUID, kind: str, tenant: UUID, *, yes: bool, name: str, reason: str
) -> None:
    """Apply an order event; a refused one is kept in the audit trail.

    TYPE is order.payment_received, order.tickets_issued (or order.items_shipped), order.cancelled.
    """
    home, ident = TenantId(tenant), OrderId(order)
    with opened(tenant) as app:
        if not yes:
            refused = app.order_event.refusal(home, ident, kind)
            if refused:
                raise Conflict(f"{kind} would be refused: {refused}")
            before = str(app.show_order(support_of(tenant), ident)["state"])
            say_dry("order.event", order, before, f"apply {kind}")
            return
        entry = operator_entry("order.event", "order", ident, name=name, reason=reason)
        entry = attrs.evolve(entry, details={"type": kind})
        done = app.order_event(home, ident, kind, entry)
    if done.refused:
        raise Conflict(f"{kind} is refused and recorded: {done.refused}")
    say_done("order.event", order, str(done.before), str(done.after))


@click.group(cls=Group)
def payments() -> None:
    """The payments of a tenant."""


@payments.command("show")
@click.argument("payment", type=click.UUID)
@of_tenant
def payments_show(payment: UUID, tenant: UUID) -> None:
    """Print a payment and all that happened to it.

    Its status is that of the charge, which a refund does not change; its saleStatus is what
    payments list says. The timeline has attempts, events, moves, postings and messages.
    """
    with opened(tenant, reading=True) as app:
        shown = app.show_payment(support_of(tenant), PaymentId(payment))
        sale = sale_of(app, tenant, payment)
        view = _with_sale(shown, sale)
        history = app.payment_desk.history(TenantId(tenant), PaymentId(payment))
    timeline = [
        {
            "at": rfc3339(one.at),
            "source": str(one.source),
            "about": one.about,
            "aboutId": one.about_id,
            "what": one.what,
            "detail": one.detail,
        }
        for one in history
    ]
    if not as_json():
        emit(view, [*_plain(view), ""])
    names = ("at", "source", "about", "what", "detail")
    rows = [[_cell(line, n) for n in names] for line in timeline]
    emit_table({**view, "timeline": timeline}, names, rows)


def _with_sale(view: Mapping[str, object], sale: Sale) -> dict[str, object]:
    """The view with what became of the sale, behind its own status."""
    more = {"saleStatus": str(sale.status), "refundedCents": sale.refunded_cents}
    return {"id": view["id"], "orderId": view["orderId"], "status": view["status"], **more, **view}


def _cell(line: Mapping[str, str], name: str) -> str:
    """A cell of the timeline: what a posting came to is money, as everywhere on the page."""
    if name == "detail" and line["source"] == "posting":
        return amount(int(line[name]))
    return line[name]


@payments.command("list")
@of_tenant
@limited
@click.option("--before", type=click.UUID, default=LAST_ID, help="Older than this payment.")
def payments_list(tenant: UUID, limit: int, before: UUID) -> None:
    """Print the newest payments, newest first."""
    from ticketpay.domain.processes.listing import sale_view

    with opened(tenant, reading=True) as app:
        sales = app.parts.uow.run(
            TenantId(tenant), lambda tx: tx.listings.payments(before, limit)()
        )
    rows = [
        (s.payment_id, s.status, amount(s.amount_cents), s.currency.code, rfc3339(s.created_at))
        for s in sales
    ]
    names = ("payment", "status", "amount", "currency", "created")
    emit_table([sale_view(sale) for sale in sales], names, rows)


@payments.command("sync")
@click.argument("payment", type=click.UUID)
@of_tenant
@acting
def payments_sync(payment: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Ask the provider about a payment now and apply what it says."""
    home, ident = TenantId(tenant), PaymentId(payment)
    with opened(tenant) as app:
        desk = app.payment_desk
        before = desk.look(home, ident).payment
        if yes:
            entry = operator_entry("payment.sync", "payment", ident, name=name, reason=reason)
            after = desk.sync(home, ident, entry).payment
            say_done("payment.sync", ident, str(before.state), str(after.state))
            return
        fact = desk.ask(home, before)
    said = str(fact.status) if fact else "unknown there"
    say_dry("payment.sync", ident, str(before.state), f"apply the provider's word: {said}")


@payments.command("cancel")
@click.argument("payment", type=click.UUID)
@of_tenant
@acting
def payments_cancel(payment: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Cancel a payment at the provider and then here."""
    from ticketpay.domain.payments import PAYMENT_MACHINE, PaymentState

    home, ident = TenantId(tenant), PaymentId(payment)
    with opened(tenant) as app:
        before = app.payment_desk.look(home, ident).payment
        if PAYMENT_MACHINE.is_final(before.state):
            raise Conflict(f"payment {ident} is {before.state} already")
        if not yes:
            say_dry(
                "payment.cancel", ident, str(before.state), "cancel it at the provider, then here"
            )
            return
        entry = operator_entry("payment.cancel", "payment", ident, name=name, reason=reason)
        after = app.payment_desk.cancel(home, ident, entry).payment
    if after.state is not PaymentState.CANCELLED:
        raise Conflict(f"payment {ident} could not be cancelled: it is {after.state}")
    say_done("payment.cancel", ident, str(before.state), str(after.state))


@click.group(cls=Group)
def outbox() -> None:
    """The streams of outgoing messages."""


@outbox.command("dead")
def outbox_dead() -> None:
    """Print the parked streams with their last error."""
    with opened(reading=True) as app:
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
@of_tenant
@of_aggregate
@acting
def outbox_replay(
    aggregate: UUID, tenant: UUID, kind: str, *, yes: bool, name: str, reason: str
) -> None:
    """Let a parked stream run again, in order.

    It begins with the message that parked it.
    """
    from ticketpay.domain.messaging import AggregateType, StreamKey

    key = StreamKey(TenantId(tenant), AggregateType(kind), aggregate)
    with opened(tenant, reading=True) as app:
        found = app.parts.uow.platform(lambda tx: tx.streams.get(key)(), key.tenant_id)
        if found is None:
            raise NotFound(f"there is no stream of {kind} {aggregate}")
        if not found.parked:
            raise Conflict(f"the stream of {kind} {aggregate} is not parked")
        if not yes:
            say_dry("stream.replay", aggregate, "parked", "let it run again")
            return
        entry = operator_entry("stream.replay", kind, aggregate, name=name, reason=reason)
        if not app.replay_stream(key, entry):
            raise Conflict(f"the stream of {kind} {aggregate} is not parked")
    say_done("stream.replay", aggregate, "parked", "running")


def _plain(view: Mapping[str, Any]) -> Iterator[str]:
    for name, value in view.items():
        if not isinstance(value, list):
            yield f"{name.removesuffix('Cents'):<16}  {_shown(name, value)}"
    for paid in view.get("payments", ()):
        yield f"payment           {paid['id']} {paid['status']}"


def _shown(name: str, value: Any) -> Any:
    if name == "exchangeRate":
        return _rate_line(value) if value else "none: in the event's own currency"
    return amount(value) if name.endswith("Cents") else value
