"""``ticketpay refunds``: what support does about refunds; what changes anything needs ``--yes``."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import click

from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import PaymentId, RefundId, TenantId
from ticketpay.domain.payments import AMOUNT_CENTS_MAX
from ticketpay.domain.refunds import ASKED_REASONS
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.common import (
    acting,
    int_of,
    limited,
    line_of,
    of_tenant,
    once,
    opened,
    operator_of,
    require_reason,
    sale_of,
    say_done,
    say_dry,
    support_of,
    taken,
)
from ticketpay.entrypoints.cli.rehearsal import Undone, Unheard
from ticketpay.entrypoints.cli.shell import Group, amount, emit, emit_table

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.payments.sales import Sale

__all__ = ["refunds"]


@click.group(cls=Group)
def refunds() -> None:
    """The refunds of a payment."""


@refunds.command("list")
@click.argument("payment", type=click.UUID)
@of_tenant
def refunds_list(payment: UUID, tenant: UUID) -> None:
    """Print the refunds of a payment, oldest first.

    Each has the numbers of the tickets that it voids.
    """
    with opened(tenant, reading=True) as app:
        found = app.refunding.show.of_payment(support_of(tenant), PaymentId(payment))
    _print(found)


@refunds.command("waiting")
@of_tenant
@limited
def refunds_waiting(tenant: UUID, limit: int) -> None:
    """Print what waits for a second person, oldest first."""
    with opened(tenant, reading=True) as app:
        found = app.refunding.show.waiting(support_of(tenant), limit)
    _print(found)


@refunds.command("show")
@click.argument("refund", type=click.UUID)
@of_tenant
def refunds_show(refund: UUID, tenant: UUID) -> None:
    """Print a refund."""
    with opened(tenant, reading=True) as app:
        view = app.refunding.show(support_of(tenant), RefundId(refund))
    emit(view, [line_of(name, value) for name, value in view.items()])


@refunds.command("request")
@click.argument("payment", type=click.UUID)
@of_tenant
@click.option(
    "--amount-cents", type=click.IntRange(1, AMOUNT_CENTS_MAX), help="So much; else the rest."
)
@click.option(
    "--ticket", "tickets", type=click.IntRange(1, 200), multiple=True, help="By its number."
)
@click.option(
    "--why",
    type=click.Choice([str(reason) for reason in ASKED_REASONS]),
    default="requested_by_customer",
    show_default=True,
    help="What the provider is told.",
)
@click.option("--after-window", is_flag=True, help="As an admin; --reason says why.")
@acting
def refunds_request(
    payment: UUID,
    tenant: UUID,
    amount_cents: int | None,
    tickets: tuple[int, ...],
    why: str,
    *,
    after_window: bool,
    yes: bool,
    name: str,
    reason: str,
) -> None:
    """Refund a sale: tickets, an amount, or all that is left.

    The worker sends the money.
    """
    from ticketpay.domain.parties import Role
    from ticketpay.domain.processes.refund_commands import RefundRequest
    from ticketpay.domain.refunds import RefundReason

    if amount_cents and tickets:
        raise click.UsageError("--amount-cents and --ticket exclude each other")
    if after_window:
        require_reason("--after-window", reason)
    entry = _with_login(operator_entry("refund.request", "refund", "", name=name, reason=reason))
    role = Role.ADMIN if after_window else Role.SUPPORT
    who = attrs.evolve(operator_of(tenant, entry), role=role)
    asked = RefundRequest(
        actor=who,
        key=once(who, entry),
        request_hash="cli",
        payment_id=PaymentId(payment),
        amount_cents=amount_cents,
        tickets=tickets or None,
        reason=RefundReason(why),
        override=reason if after_window else "",
        entry=entry,
    )
    with opened(tenant) as app:
        if not yes:
            plan = app.refunding.ask.preview(asked)
            would = (
                f"refund {amount(int_of(plan, 'amountCents'))} {plan['currency']}{_waiting(plan)}"
            )
            say_dry("refund.request", payment, _sold(sale_of(app, tenant, payment)), would)
            return
        view = taken(app.refunding.ask(asked))
    say_done("refund.request", view["id"], "asked for", _shown(view))


@refunds.command("approve")
@click.argument("refund", type=click.UUID)
@of_tenant
@acting
def refunds_approve(refund: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Agree to a refund that waits for a second person."""
    _decide(refund, tenant, approve=True, yes=yes, name=name, reason=reason)


@refunds.command("reject")
@click.argument("refund", type=click.UUID)
@of_tenant
@acting
def refunds_reject(refund: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Refuse a refund that waits for a second person.

    Its money may be refunded otherwise.
    """
    _decide(refund, tenant, approve=False, yes=yes, name=name, reason=reason)


@refunds.command("sync")
@click.argument("refund", type=click.UUID)
@of_tenant
@acting
def refunds_sync(refund: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Ask the provider about a refund, and apply what it says.

    One that the provider does not know after a day has failed.
    """
    home, ident = TenantId(tenant), RefundId(refund)
    with opened(tenant) as app:
        before = app.refunding.show(support_of(tenant), ident)
        entry = operator_entry("refund.sync", "refund", refund, name=name, reason=reason)
        sync = app.refunding.sync
        if not yes:
            desk = attrs.evolve(sync.desk, alerts=Unheard())
            said = attrs.evolve(sync, uow=Undone(sync.uow), desk=desk)(home, ident, entry).state
            say_dry("refund.sync", refund, _shown(before), f"apply the provider's word: {said}")
            return
        after = sync(home, ident, entry)
    say_done("refund.sync", refund, _shown(before), str(after.state))


@refunds.command("sync-payment")
@click.argument("payment", type=click.UUID)
@of_tenant
@acting
def refunds_sync_payment(payment: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Ask the provider for all refunds and disputes of a payment.

    It tells those that were made there, too, and all of them are applied.
    """
    home, ident = TenantId(tenant), PaymentId(payment)
    with opened(tenant) as app:
        before = f"{len(app.refunding.show.of_payment(support_of(tenant), ident))} refunds"
        if not yes:
            say_dry("refund.sync_payment", payment, before, "apply the provider's lists")
            return
        entry = operator_entry("refund.sync_payment", "payment", payment, name=name, reason=reason)
        app.refunding.sync_payment(home, ident, entry)
        after = f"{len(app.refunding.show.of_payment(support_of(tenant), ident))} refunds"
    say_done("refund.sync_payment", payment, before, after)


def _print(found: list[dict[str, object]]) -> None:
    rows = [
        (
            view["id"],
            view["paymentId"],
            _shown(view),
            amount(int_of(view, "amountCents")),
            view["currency"],
            _numbers(view),
            view["reason"],
            view["createdAt"],
        )
        for view in found
    ]
    columns = ("refund", "payment", "status", "amount", "currency", "tickets", "reason", "created")
    emit_table(found, columns, rows)


def _sold(sale: Sale) -> str:
    refunded, paid = amount(sale.refunded_cents), amount(sale.amount_cents)
    return f"{sale.status}, {refunded} of {paid} {sale.currency} refunded"


def _numbers(view: Mapping[str, Any]) -> str:
    return ",".join(map(str, view["tickets"])) or "-"


def _decide(
    refund: UUID, tenant: UUID, *, approve: bool, yes: bool, name: str, reason: str
) -> None:
    from ticketpay.domain.processes.refund_commands import Decision

    action = "refund.approve" if approve else "refund.reject"
    entry = _with_login(operator_entry(action, "refund", refund, name=name, reason=reason))
    who = operator_of(tenant, entry)
    with opened(tenant) as app:
        before = app.refunding.show(who, RefundId(refund))
        if not before["needsApproval"]:
            raise Conflict(f"refund {refund} is {before['status']}", code="REFUND_DECIDED")
        decision = Decision(
            actor=who,
            key=once(who, entry),
            request_hash="cli",
            refund_id=RefundId(refund),
            approve=approve,
            entry=entry,
        )
        decide = app.refunding.decide
        if not yes:
            taken(attrs.evolve(decide, uow=Undone(decide.uow))(decision))
            would = "send the money" if approve else "end it; nothing is sent"
            say_dry(action, refund, _shown(before), would)
            return
        after = taken(decide(decision))
    say_done(action, refund, _shown(before), _shown(after))


def _with_login(entry: AuditEntry) -> AuditEntry:
    """The entry with the name of the login: ``--as`` may say any other."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in many containers
        login = f"uid {os.getuid()}"
    return attrs.evolve(entry, details={**entry.details, "login": login})


def _shown(view: Mapping[str, object]) -> str:
    return f"{view['status']}{_waiting(view)}"


def _waiting(view: Mapping[str, object]) -> str:
    return ", waiting for a second person" if view["needsApproval"] else ""
