"""``ticketpay events``: cancel an event and refund all of its sales; see how far that has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import click

from ticketpay.domain.catalog import EventCancelled
from ticketpay.domain.kernel.ids import EventId, TenantId
from ticketpay.domain.kernel.time import rfc3339
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.common import (
    acting,
    of_tenant,
    opened,
    require_reason,
    say_done,
    say_dry,
)
from ticketpay.entrypoints.cli.shell import Group, amount, emit

if TYPE_CHECKING:
    from ticketpay.domain.processes.cancelling import EventStatus

__all__ = ["events"]

_MONEY: Final = {"cents": "paid", "refundedCents": "refunded", "leftCents": "left"}


@click.group(cls=Group)
def events() -> None:
    """What becomes of an event that does not take place."""


@events.command("cancel")
@click.argument("event", type=click.UUID)
@of_tenant
@acting
def events_cancel(event: UUID, tenant: UUID, *, yes: bool, name: str, reason: str) -> None:
    """Take an event off sale for good, and refund all of its sales.

    The worker refunds them, with every fee. --yes needs --reason.
    """
    if yes:
        require_reason("--yes", reason)
    home, ident = TenantId(tenant), EventId(event)
    with opened(tenant) as app:
        before = app.cancel_event.status(home, ident)
        if before.cancellation is not None:
            raise EventCancelled(f"event {event} is cancelled already")
        if not yes:
            say_dry("event.cancel", event, _counted(before), f"refund {_left(before)}")
            return
        entry = operator_entry("event.cancel", "event", event, name=name, reason=reason)
        after = app.cancel_event(home, ident, entry)
    say_done("event.cancel", event, _counted(before), f"off sale, refunding {_left(after)}")


@events.command("status")
@click.argument("event", type=click.UUID)
@of_tenant
def events_status(event: UUID, tenant: UUID) -> None:
    """Print how far the refunds of an event have come, counted now.

    First its orders, then its money in each currency: what was paid, what has been refunded, and
    what is left to refund.
    """
    with opened(tenant, reading=True) as app:
        status = app.cancel_event.status(TenantId(tenant), EventId(event))
    view = {"eventId": str(event), "name": status.name} | _view(status)
    emit(view, _lines(view))


def _view(status: EventStatus) -> dict[str, object]:
    progress, cancellation = status.progress, status.cancellation
    view: dict[str, object] = {
        "state": _state(status),
        "orders": progress.orders,
        "refunded": progress.refunded,
        "left": progress.orders - progress.refunded,
        "underWay": progress.begun - progress.refunded,
        "failed": progress.failed,
        "unfinished": progress.unfinished,
        "money": [
            {
                "currency": one.currency.code,
                "cents": one.cents,
                "refundedCents": one.refunded_cents,
                "leftCents": one.cents - one.refunded_cents,
            }
            for one in progress.money
        ],
    }
    if cancellation is not None:
        finished_at = cancellation.finished_at
        view |= {
            "reason": cancellation.reason,
            "requestedBy": cancellation.requested_by,
            "startedAt": rfc3339(cancellation.started_at),
            "finishedAt": None if finished_at is None else rfc3339(finished_at),
        }
    return view


def _state(status: EventStatus) -> str:
    if status.cancellation is None:
        return "not cancelled"
    return "refunding" if status.cancellation.finished_at is None else "finished"


def _counted(status: EventStatus) -> str:
    return f"{status.name} with {status.progress.orders} paid orders"


def _left(status: EventStatus) -> str:
    progress = status.progress
    left = [(one.cents - one.begun_cents, one.currency) for one in progress.money]
    money = " and ".join(f"{cents} cents ({amount(cents)} {code})" for cents, code in left)
    return f"{progress.orders - progress.begun} orders with {money or 'no money'}"


def _lines(view: Mapping[str, Any]) -> Iterator[str]:
    for name, value in view.items():
        if name != "money":
            yield f"{name:<12}  {'-' if value is None else value}"
            continue
        for one in value:
            for member, word in _MONEY.items():
                yield f"{one['currency']} {word:<8}  {amount(one[member])}"
