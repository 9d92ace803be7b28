"""``ticketpay payouts``: what venues have and are paid; what changes anything needs ``--yes``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs
import click

from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import PayoutId, TenantId, VenueId
from ticketpay.domain.payments import AMOUNT_CENTS_MAX
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.common import (
    acting,
    int_of,
    line_of,
    of_tenant,
    once,
    opened,
    operator_of,
    say_done,
    say_dry,
    support_of,
    taken,
)
from ticketpay.entrypoints.cli.shell import Group, amount, emit, emit_table

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.processes.payout_requests import PayoutOrder

__all__ = ["payouts"]

_in_currency = click.option(
    "--currency", default="USD", show_default=True, help="Three letters, as ISO 4217 has them."
)


@click.group(cls=Group)
def payouts() -> None:
    """What venues are paid out."""


@payouts.command("list")
@click.argument("venue", type=click.UUID)
@of_tenant
def payouts_list(venue: UUID, tenant: UUID) -> None:
    """Print the newest payouts of a venue, newest first."""
    with opened(tenant, reading=True) as app:
        found = app.venue_money.show.payouts(support_of(tenant), VenueId(venue))
    money = ("amountCents", "feeCents", "netCents")
    rows = [
        (
            *(v["id"], v["status"], v["type"]),
            *(amount(int_of(v, name)) for name in money),
            *(v["currency"], v.get("failureCode", "-"), v["createdAt"]),
        )
        for v in found
    ]
    columns = ("payout", "status", "type", "amount", "fee", "net", "currency", "failure", "created")
    emit_table(found, columns, rows)


@payouts.command("show")
@click.argument("payout", type=click.UUID)
@of_tenant
def payouts_show(payout: UUID, tenant: UUID) -> None:
    """Print a payout: net is what reaches the bank."""
    with opened(tenant, reading=True) as app:
        view = app.venue_money.show.payout(support_of(tenant), PayoutId(payout))
    emit(view, [line_of(name, value) for name, value in view.items()])


@payouts.command("connect")
@click.argument("venue", type=click.UUID)
@click.argument("account")
@_in_currency
@of_tenant
@acting
def payouts_connect(
    venue: UUID, account: str, currency: str, tenant: UUID, *, yes: bool, name: str, reason: str
) -> None:
    """Say to which account at the provider a venue is paid."""
    from ticketpay.domain.money import Currency

    if not re.fullmatch(r"acct_\w{1,64}", account, re.ASCII):
        raise click.BadParameter(
            "must be an account at the provider, such as acct_1ABC", param_hint="ACCOUNT"
        )
    money = Currency.of(currency)
    entry = operator_entry("payout.connect", "venue", venue, name=name, reason=reason)
    entry = attrs.evolve(entry, details={"account": account})
    with opened(tenant) as app:
        known = app.venue_money.show.account(support_of(tenant), VenueId(venue), money)
        before = known.provider_account or "without an account"
        if not yes:
            say_dry("payout.connect", venue, before, f"pay out to {account}")
            return
        app.venue_money.connect(TenantId(tenant), VenueId(venue), money, account, entry)
    say_done("payout.connect", venue, before, account)


@payouts.command("request")
@click.argument("venue", type=click.UUID)
@click.option(
    "--amount-cents", type=click.IntRange(1, AMOUNT_CENTS_MAX), required=True, help="So much."
)
@click.option("--instant", is_flag=True, help="Within minutes, for a fee.")
@_in_currency
@of_tenant
@acting
def payouts_request(
    venue: UUID,
    tenant: UUID,
    amount_cents: int,
    currency: str,
    *,
    instant: bool,
    yes: bool,
    name: str,
    reason: str,
) -> None:
    """Pay a venue out; the worker sends the money."""
    from ticketpay.domain.money import Currency, Money

    money = Money(amount_cents, Currency.of(currency))
    entry = operator_entry("payout.request", "payout", "", name=name, reason=reason)
    order = _order(tenant, VenueId(venue), money, entry, instant=instant)
    with opened(tenant) as app:
        if not yes:
            plan = app.venue_money.ask.preview(order)
            held = app.venue_money.show.balance(support_of(tenant), VenueId(venue))
            say_dry("payout.request", venue, _held(held, plan), _would(plan))
            return
        view = taken(app.venue_money.ask(order))
    say_done("payout.request", view["id"], "asked for", str(view["status"]))


@payouts.command("cancel")
@click.argument("payout", type=click.UUID)
@of_tenant
@acting
def payouts_cancel(payout: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Call a payout off before it is sent."""
    ident = PayoutId(payout)
    entry = operator_entry("payout.cancel", "payout", payout, name=name, reason=reason)
    with opened(tenant) as app:
        before = str(app.venue_money.show.payout(support_of(tenant), ident)["status"])
        if not yes:
            if before not in ("requested", "cancelled"):
                raise Conflict(f"payout {payout} is {before}")
            say_dry("payout.cancel", payout, before, "give the money back to the venue's balance")
            return
        after = app.venue_money.cancel(TenantId(tenant), ident, entry)
    say_done("payout.cancel", payout, before, str(after.state))


@payouts.command("sync")
@click.argument("payout", type=click.UUID)
@of_tenant
@acting
def payouts_sync(payout: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Have the worker ask the provider about a payout now.

    It may be one that was paid long ago.
    """
    ident = PayoutId(payout)
    entry = operator_entry("payout.sync", "payout", payout, name=name, reason=reason)
    with opened(tenant) as app:
        before = str(app.venue_money.show.payout(support_of(tenant), ident)["status"])
        if not yes:
            say_dry("payout.sync", payout, before, "have the worker ask the provider")
            return
        app.venue_money.sync(TenantId(tenant), ident, entry)
    say_done("payout.sync", payout, before, "the worker asks the provider")


def _held(view: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    """What the venue has of the currency now; less than is planned if more is due for release."""
    found = (one for one in view["balances"] if one["currency"] == plan["currency"])
    held: Mapping[str, int] = next(found, {})
    cents = [held.get(f"{name}Cents", 0) for name in ("available", "payable", "reserved")]
    available, payable, reserved = map(amount, cents)
    due = ", and more to be released first" if cents[1] < plan["amountCents"] else ""
    has = f"{available} {plan['currency']} available, {payable} payable, {reserved} reserved"
    return f"a venue with {has}{due}"


def _would(plan: Mapping[str, Any]) -> str:
    net, fee, whole = (amount(plan[f"{name}Cents"]) for name in ("net", "fee", "amount"))
    arrival = str(plan["arrival"])
    when = f"in {arrival}" if arrival[0].isdigit() else arrival.lower()
    return f"pay {net} {plan['currency']} to the bank {when}: {whole} less a fee of {fee}"


def _order(
    tenant: UUID, venue: VenueId, amount: Any, entry: AuditEntry, *, instant: bool
) -> PayoutOrder:
    from ticketpay.domain.parties import Role
    from ticketpay.domain.payouts import PayoutSpeed
    from ticketpay.domain.processes.payout_requests import PayoutOrder, PayoutWish

    who = attrs.evolve(operator_of(tenant, entry), role=Role.ADMIN)
    speed = PayoutSpeed.INSTANT if instant else PayoutSpeed.STANDARD
    return PayoutOrder(
        actor=who,
        key=once(who, entry),
        request_hash="cli",
        wish=PayoutWish(venue_id=venue, amount=amount, speed=speed),
        entry=entry,
    )
