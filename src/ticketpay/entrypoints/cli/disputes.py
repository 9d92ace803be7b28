"""``ticketpay disputes``: what buyers' banks have asked for and taken; nothing here changes anything."""

from __future__ import annotations

from uuid import UUID

import click

from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.entrypoints.cli.common import int_of, limited, of_tenant, opened, support_of
from ticketpay.entrypoints.cli.shell import Group, amount, emit_table

__all__ = ["disputes"]


@click.group(cls=Group)
def disputes() -> None:
    """What buyers' banks ask for and take."""


@disputes.command("list")
@click.argument("payment", type=click.UUID)
@of_tenant
def disputes_list(payment: UUID, tenant: UUID) -> None:
    """Print the disputes of a payment, oldest first.

    Evidence is given at the provider.
    """
    with opened(tenant, reading=True) as app:
        found = app.refunding.disputes(support_of(tenant), PaymentId(payment))
    _print(found)


@disputes.command("open")
@of_tenant
@limited
def disputes_open(tenant: UUID, limit: int) -> None:
    """Print what no bank has decided yet, oldest first.

    These are inquiries and open disputes.
    """
    with opened(tenant, reading=True) as app:
        found = app.refunding.disputes.undecided(support_of(tenant), limit)
    _print(found)


def _print(found: list[dict[str, object]]) -> None:
    rows = [
        (
            view["providerDisputeId"],
            view["paymentId"],
            view["status"],
            amount(int_of(view, "amountCents")),
            amount(int_of(view, "feeCents")),
            view["currency"],
            view["reason"],
            view["createdAt"],
        )
        for view in found
    ]
    columns = ("dispute", "payment", "status", "amount", "fee", "currency", "reason", "created")
    emit_table(found, columns, rows)
