"""``ticketpay``: serve, work, migrate, load a catalogue, look at the books, see it all in a demo.

Commands read their settings from the environment. Without DATABASE_URL they use the development
stack that runs on the data folder, and ``serve`` starts one. A command's module is imported when
the command is asked for, so ``ticketpay --help`` loads click and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from ticketpay.entrypoints.cli.shell import Lazy, Root

if TYPE_CHECKING:
    from ticketpay.entrypoints.settings import Settings

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS: Final[Mapping[str, Lazy]] = {
    "audit": Lazy("audit", "Who did what: the audit trail of a tenant."),
    "balances": Lazy("balances", "What venues have."),
    "catalog": Lazy("catalog", "What is for sale."),
    "completion": Lazy("completion", "Print the script that completes commands in a shell."),
    "demo": Lazy("running", "Sell tickets on embedded servers, and check the books."),
    "disputes": Lazy("disputes", "What buyers' banks ask for and take."),
    "events": Lazy("events", "What becomes of an event that does not take place."),
    "inbox": Lazy("listing", "The provider's events that came in."),
    "ledger": Lazy("ledger", "The books of a tenant."),
    "migrate": Lazy("running", "Bring the database up to date."),
    "openapi": Lazy("running", "Print the OpenAPI document of the API."),
    "orders": Lazy("operating", "The orders of a tenant."),
    "outbox": Lazy("listing", "The streams of outgoing messages."),
    "payments": Lazy("operating", "The payments of a tenant."),
    "payouts": Lazy("payouts", "What venues are paid out."),
    "plans": Lazy("plans", "What venues subscribe to, and what it grants them."),
    "quote": Lazy("operating", "Price a demand and print its lines; nothing is kept."),
    "rates": Lazy("rates", "The exchange rates that prices are converted by."),
    "refunds": Lazy("refunds", "The refunds of a payment."),
    "sandbox": Lazy("sandbox", "The payment sandbox: its clock and its deliveries."),
    "serve": Lazy("running", "Serve the API, with a development stack if there is no database."),
    "settings": Lazy("settings_command", "Print every setting with its value and its source."),
    "tenants": Lazy("listing", "The tenants of all databases."),
    "tokens": Lazy("tokens", "Bearer tokens for development and operations."),
    "worker": Lazy("running", "Process the inbox, the outbox, timers and the ledger."),
}
"""Each command's module below this package, and its line in the help."""


@click.group(cls=Root, lazy=COMMANDS)
@click.version_option(package_name="ticketpay")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The money side of event tickets: sales, refunds, disputes, payouts, plans and the ledger - exact to the cent."""
    ctx.obj = _settings


def _environment() -> Mapping[str, str]:
    """The process's environment; without DATABASE_URL, that of the running development stack."""
    if os.environ.get("DATABASE_URL") or os.environ.get("MIGRATION_DATABASE_URL"):
        return os.environ
    from ticketpay.adapters.embedded.folders import default_data_folder
    from ticketpay.entrypoints.stack import running_environment

    return {**running_environment(default_data_folder()), **os.environ}


def _settings(*needed: str) -> Settings:
    """The settings; raises ``InvalidInput`` when one of the ``needed`` variables is not set."""
    from ticketpay.domain.kernel.errors import InvalidInput
    from ticketpay.entrypoints.settings import load_settings, named

    environment = _environment()
    settings = load_settings(environment)
    missing = [name for name in needed if not named(settings, name)]
    if missing:
        raise InvalidInput(
            f"{' and '.join(missing)} must be set (no development stack is running either)"
        )
    return settings


def main() -> None:
    """The console script."""
    cli(prog_name="ticketpay")


if __name__ == "__main__":
    main()
