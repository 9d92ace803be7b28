"""``ticketpay disputes``: what buyers' banks have asked for and taken; nothing here changes anything."""

from __future__ import annotations

from uuid import UUID

import click

from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.entrypoints.cli.common import cents_of, int_of, of_tenant, opened, support_of
from ticketpay.entrypoints.cli.shell import Group, emit_table

__all__ = ["disputes"]


@click.group(cls=Group)
def disputes() -> None:
    """The disputes of a payment."""


@disputes.command("list")
@click.argument("payment", type=click.UUID)
@of_tenant
def disputes_list(payment: UUID, tenant: UUID) -> None:
    """Print the disputes of a payment, oldest first; evidence is given at the provider."""
    with opened(tenant, reading=True) as app:
        found = app.refunding.disputes(support_of(tenant), PaymentId(payment))
    rows = [
        (
            view["providerDisputeId"],
            view["status"],
            cents_of(int_of(view, "amountCents")),
            cents_of(int_of(view, "feeCents")),
            view["currency"],
            view["reason"],
            view["createdAt"],
        )
        for view in found
    ]
    columns = ("dispute", "status", "amount", "fee", "currency", "reason", "created")
    emit_table(found, columns, rows)
