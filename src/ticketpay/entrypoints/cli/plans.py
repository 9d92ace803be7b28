"""``ticketpay plans``: what is offered, what a venue has; a change needs ``--yes``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import attrs
import click

from ticketpay.domain.kernel.errors import Conflict, NotFound
from ticketpay.domain.kernel.ids import TenantId, VenueId
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.common import (
    acting,
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
    from collections.abc import Mapping

    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.messaging import Answer
    from ticketpay.domain.processes.subscribing import SubscribeOrder
    from ticketpay.entrypoints.wiring import App

__all__ = ["plans"]

_UNPAID: Final = ("pending", "requires_action")


@click.group(cls=Group)
def plans() -> None:
    """The plans that venues sell by."""


@plans.command("list")
def plans_list() -> None:
    """Print the plans: price for 30 days, fee, tickets of a month."""
    with opened(reading=True) as app:
        view: Any = app.plans.offered()
    rows = [
        (
            one["id"],
            amount(one["priceCents"]),
            one["currency"],
            f"{one['feePercentage']} %",
            "any" if one["ticketsMax"] is None else one["ticketsMax"],
        )
        for one in view["plans"]
    ]
    emit_table(view, ("plan", "price", "currency", "fee", "tickets"), rows)


@plans.command("show")
@click.argument("venue", type=click.UUID)
@of_tenant
def plans_show(venue: UUID, tenant: UUID) -> None:
    """Print the plan of a venue, and what it has sold this month."""
    with opened(tenant, reading=True) as app:
        view = app.plans.show(support_of(tenant), VenueId(venue))
    cap = "any number" if view["ticketsMax"] is None else view["ticketsMax"]
    lines = [
        f"{view['plan']}, {view['status']}, until {view.get('cancelsAt', view['nextBillingDate'])}",
        *(["it counts once it is paid"] if view["status"] in _UNPAID else []),
        *(["it ends then"] if "cancelsAt" in view else []),
        f"{view['ticketsSold']} of {cap} tickets sold this month",
    ]
    emit(view, lines)


@plans.command("subscribe")
@click.argument("venue", type=click.UUID)
@click.argument("plan")
@click.option(
    "--payment-method",
    "method",
    default="",
    help="What pays: pm_ and so on, as the provider's form gives it; needed where plans are billed.",
)
@of_tenant
@acting
def plans_subscribe(
    venue: UUID, plan: str, method: str, tenant: UUID, *, yes: bool, name: str, reason: str
) -> None:
    """Give a venue a plan, or another one.

    It counts at once, and is billed if PLAN_BILLING says so.
    """
    entry = operator_entry("plan.subscribe", "venue", venue, name=name, reason=reason)
    order = _order(tenant, venue, entry, plan_id=plan, payment_method=method)
    with opened(tenant) as app:
        held = _held(app, tenant, venue)
        planned = app.plans.subscribe.preview(order)
        if not yes:
            say_dry("plan.subscribe", venue, _word(held), _would(app, held, planned, method))
            return
        answer = app.plans.subscribe(order)
    view = _taken(answer)
    say_done("plan.subscribe", venue, _word(held), _told(view), _then(view, answer.client_secret))


@plans.command("cancel")
@click.argument("venue", type=click.UUID)
@of_tenant
@acting
def plans_cancel(venue: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Give up a venue's plan at the end of its period.

    It counts until then, and is billed no more.
    """
    entry = operator_entry("plan.cancel", "venue", venue, name=name, reason=reason)
    order = _order(tenant, venue, entry, ends=True)
    with opened(tenant) as app:
        held = _held(app, tenant, venue)
        planned = app.plans.subscribe.preview(order)
        if held is not None and "cancelsAt" in held:
            raise Conflict(f"the plan of venue {venue} ends at {held['cancelsAt']} already")
        if not yes:
            ends = (
                f"sell by {planned['plan']} until {planned.get('cancelsAt')}, and by none after it"
            )
            unpaid = f"give up {planned['plan']}, which is not paid; nothing is billed"
            would = unpaid if planned["status"] in _UNPAID else ends
            say_dry("plan.cancel", venue, _word(held), would)
            return
        view = _taken(app.plans.subscribe(order))
    say_done("plan.cancel", venue, _word(held), _told(view), _then(view))


@plans.command("sync")
@click.argument("venue", type=click.UUID)
@of_tenant
@acting
def plans_sync(venue: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Have the worker ask the provider about a venue's plan now."""
    entry = operator_entry("plan.sync", "venue", venue, name=name, reason=reason)
    with opened(tenant) as app:
        before = str(app.plans.sync.state(TenantId(tenant), VenueId(venue)))
        if not yes:
            say_dry("plan.sync", venue, before, "have the worker ask the provider")
            return
        app.plans.sync(TenantId(tenant), VenueId(venue), entry)
    say_done("plan.sync", venue, before, "the worker asks the provider")


def _order(tenant: UUID, venue: UUID, entry: AuditEntry, **wanted: Any) -> SubscribeOrder:
    from ticketpay.domain.parties import Role
    from ticketpay.domain.processes.subscribing import SubscribeOrder

    who = attrs.evolve(operator_of(tenant, entry), role=Role.ADMIN)
    return SubscribeOrder(
        actor=who,
        key=once(who, entry),
        request_hash="cli",
        venue_id=VenueId(venue),
        entry=entry,
        **wanted,
    )


def _taken(answer: Answer) -> Mapping[str, object]:
    """What was done; raises ``PaymentDeclined`` where nothing was billed."""
    from ticketpay.domain.messaging import Outcome
    from ticketpay.domain.payments import Failure, PaymentDeclined

    if answer.outcome is Outcome.DECLINED:
        failure: Any = answer.body["failure"]
        raise PaymentDeclined(Failure(failure["code"], failure["declineCode"], failure["message"]))
    return taken(answer)


def _would(
    app: App, held: Mapping[str, object] | None, planned: Mapping[str, object], method: str
) -> str:
    """What a subscription would come to: the plan, its price, and what pays."""
    same = held is not None and planned.items() <= held.items() and held["status"] == "active"
    if same and not method and "cancelsAt" not in planned:
        return f"change nothing: it sells by {planned['plan']}"
    offered: Any = app.plans.offered()["plans"]
    one = next(one for one in offered if one["id"] == planned["plan"])
    price = f"{amount(one['priceCents'])} {one['currency']} for {one['billingDays']} days"
    pays = f"billed to {method or 'what pays now'}"
    if app.plans.subscribe.courier.billing is None:
        pays = "not billed, as PLAN_BILLING is off"
    return f"sell by {planned['plan']} until {planned['nextBillingDate']}; {price}, {pays}"


def _told(view: Mapping[str, object]) -> str:
    """The plan, and what is still to come of it."""
    if "pendingPlan" in view or view["status"] == "pending":
        wanted = view.get("pendingPlan", view["plan"])
        return f"{wanted or 'without a plan'}, when the provider has answered"
    ends = view.get("cancelsAt") if view["status"] != "cancelled" else None
    return f"{view['plan']} until {ends}" if ends else _word(view)


def _then(view: Mapping[str, object], secret: str | None = None) -> str:
    """What is to be done for the plan to count, if anything."""
    if "pendingPlan" in view or view["status"] == "pending":
        return "the worker asks the provider; `ticketpay plans show` says what became of it"
    if view["status"] != "requires_action":
        return ""
    what = f"confirm {secret} in the browser" if secret else "confirm it in the browser"
    return f"the card's bank asks: {what} within 23 hours, or give it up (`ticketpay plans cancel`)"


def _held(app: App, tenant: UUID, venue: UUID) -> Mapping[str, object] | None:
    try:
        return app.plans.show(support_of(tenant), VenueId(venue))
    except NotFound:
        return None


def _word(held: Mapping[str, object] | None) -> str:
    """The plan that a venue has, in a word, or why it does not count."""
    if held is None or held["status"] == "cancelled":
        return "without a plan"
    return str(held["plan"]) if held["status"] == "active" else f"{held['plan']}, {held['status']}"
