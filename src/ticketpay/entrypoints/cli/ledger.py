"""``ticketpay ledger``: the books of a tenant."""

from __future__ import annotations

from uuid import UUID

import click

from ticketpay.entrypoints.cli.listing import ledger_postings
from ticketpay.entrypoints.cli.shell import Group, emit, emit_table, judged, settings_for

__all__ = ["ledger"]


@click.group(cls=Group)
def ledger() -> None:
    """The books of a tenant."""


@ledger.command("trial-balance")
@click.option("--tenant", type=click.UUID, required=True, help="Whose books.")
def ledger_trial_balance(tenant: UUID) -> None:
    """Print every account of the tenant with its balance."""
    from ticketpay.entrypoints.cli.books import aligned, balance_view, balances

    found = balances(settings_for("DATABASE_URL"), tenant)
    emit([balance_view(balance) for balance in found], aligned(found))


@ledger.command("accounts")
@click.option("--tenant", type=click.UUID, required=True, help="Whose books.")
def ledger_accounts(tenant: UUID) -> None:
    """Print every account of the tenant.

    In JSON a debit is positive, and amounts are cents.
    """
    from ticketpay.entrypoints.cli.books import balance_view, balances
    from ticketpay.entrypoints.cli.shell import amount

    found = balances(settings_for("DATABASE_URL"), tenant)
    views = [balance_view(balance) for balance in found]
    names = ("kind", "party", "subject", "bucket", "currency")
    rows = [
        [
            *(view[name] for name in names),
            amount(abs(one.cents)),
            "debit" if one.cents >= 0 else "credit",
        ]
        for one, view in zip(found, views, strict=True)
    ]
    emit_table(views, (*names, "balance", "side"), rows)


ledger.add_command(ledger_postings)


@ledger.command("verify")
@click.option("--tenant", type=click.UUID, required=True, help="Whose books.")
def ledger_verify(tenant: UUID) -> None:
    """Prove the ledger against itself and the provider.

    Any difference is printed, and is exit 1.
    """
    from ticketpay.entrypoints.cli.books import differences

    found = differences(settings_for("DATABASE_URL"), tenant)
    verdict = f"ledger verify: {len(found)} differences" if found else "ledger verify: OK"
    judged({"ok": not found, "differences": list(found)}, found, verdict)
