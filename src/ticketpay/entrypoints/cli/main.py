"""``ticketpay``: serve, work, migrate, load a catalogue, look at the books, see it all in a demo.

Commands read their settings from the environment. Without DATABASE_URL they use the development
stack that runs on the data folder, and ``serve`` starts one. Whatever a command needs is imported
when it runs, so ``ticketpay --help`` loads neither Stripe, a database driver nor a web framework.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.entrypoints.cli.audit import audit, operator_entry
from ticketpay.entrypoints.cli.completion import completion
from ticketpay.entrypoints.cli.listing import inbox, ledger_postings, tenants
from ticketpay.entrypoints.cli.operating import orders, outbox, payments, quote
from ticketpay.entrypoints.cli.sandbox import sandbox
from ticketpay.entrypoints.cli.settings_command import settings as settings_command
from ticketpay.entrypoints.cli.shell import Program, Root, emit, emit_table, judged

if TYPE_CHECKING:
    from ticketpay.entrypoints.settings import Settings

__all__ = ["cli", "main"]

_MINUTES_MAX = 24 * 60
_REAL = ("STRIPE_SECRET_KEY", "JWT_SECRET", "MIGRATION_DATABASE_URL", "WORKER_DATABASE_URL")
_ROLES = ("customer", "venue_manager", "support", "compliance", "admin")


@click.group(cls=Root)
@click.version_option(package_name="ticketpay")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """The money side of event tickets: quote, checkout, payment, ledger - exact to the cent."""
    ctx.obj = _settings


for _command in (
    audit,
    completion,
    inbox,
    orders,
    outbox,
    payments,
    quote,
    sandbox,
    settings_command,
    tenants,
):
    cli.add_command(_command)


@cli.command()
def migrate() -> None:
    """Bring the database at MIGRATION_DATABASE_URL up to date.

    The passwords of the roles ticketpay_app and ticketpay_worker are those in DATABASE_URL and
    WORKER_DATABASE_URL.
    """
    lines = _migrate(_settings("MIGRATION_DATABASE_URL", "DATABASE_URL"))
    emit({"applied": lines}, [*lines, "the database is up to date"])


def _migrate(settings: Settings) -> list[str]:
    """Migrate every database; what was applied, a line each."""
    from urllib.parse import unquote, urlsplit

    from ticketpay.entrypoints import bootstrap

    dsns = settings.migration_database_url.parts
    lines = []
    urls = zip(dsns, settings.database_url.parts, settings.worker_database_url.parts, strict=True)
    for place, (dsn, *roles) in enumerate(urls):
        app, worker = (unquote(urlsplit(url).password or "") for url in roles)
        applied = bootstrap.migrate(
            dsn, app_password=app, worker_password=worker, place=place, databases=len(dsns)
        )
        where = f" to database {place + 1}" if len(dsns) > 1 else ""
        lines += [f"applied {name}{where}" for name in applied]
    return lines


@cli.command(cls=Program)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="Overrides PORT (3005).")
def serve(host: str, port: int | None) -> None:
    """Serve the API; without DATABASE_URL, on a development stack started for the purpose.

    With MIGRATION_DATABASE_URL the database is brought up to date first.
    """
    if not os.environ.get("DATABASE_URL"):
        _refuse_production()
        _refuse_half_settings()
        from ticketpay.entrypoints.cli.development import serve_development

        serve_development(port or int(os.environ.get("PORT") or 3005))
        return
    from ticketpay.entrypoints.cli.serving import serve_settings

    settings = _settings("DATABASE_URL")
    if settings.migration_database_url:
        for line in _migrate(settings):
            click.echo(line)
    serve_settings(settings, host=host, port=port or settings.port)


@cli.command(cls=Program)
def worker() -> None:
    """Process the inbox, the outbox, timers and the ledger until told to stop."""
    from ticketpay.entrypoints.workers import run_worker

    settings = _settings("WORKER_DATABASE_URL")
    if not run_worker(settings):
        # A step hangs in a thread that nobody can end; its claim lapses and another takes over.
        sys.stderr.flush()
        os._exit(1)


@cli.command(cls=Program)
def demo() -> None:
    """Sell tickets to buyers of every kind on embedded servers, and check the books."""
    _refuse_production()
    from ticketpay.entrypoints.demo.run import run_demo

    _end_on_sigterm()
    sys.exit(0 if run_demo() else 1)


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document of the API."""
    from ticketpay.entrypoints.http.openapi import document_text

    click.echo(document_text(), nl=False)


@cli.group()
def catalog() -> None:
    """What is for sale."""


@catalog.command("load")
@click.argument("file", type=click.Path(path_type=Path))
def catalog_load(file: Path) -> None:
    """Insert or update the tenant, venues, events and ticket types in FILE (JSON)."""
    from ticketpay.entrypoints import bootstrap
    from ticketpay.entrypoints.catalog_file import read_catalog

    found = read_catalog(file, _settings().nexus_states)
    entry = operator_entry(
        "catalog.load",
        "tenant",
        found.tenant.id,
        venues=len(found.venues),
        events=len(found.events),
        types=len(found.types),
    )
    bootstrap.catalog_writer(_settings("MIGRATION_DATABASE_URL")).load(found, entry)
    counts = {"venues": len(found.venues), "events": len(found.events), "types": len(found.types)}
    line = (
        f"loaded {found.tenant.name} ({found.tenant.id}): {len(found.venues)} venues, "
        f"{len(found.events)} events, {len(found.types)} ticket types"
    )
    emit({"tenantId": found.tenant.id, **counts}, [line])


@cli.group()
def tokens() -> None:
    """Bearer tokens for development and operations."""


@tokens.command("issue")
@click.option("--tenant", type=click.UUID, required=True)
@click.option("--user", type=click.UUID, required=True)
@click.option("--role", type=click.Choice(_ROLES), required=True)
@click.option("--minutes", type=click.IntRange(1, _MINUTES_MAX), default=60, show_default=True)
def tokens_issue(tenant: UUID, user: UUID, role: str, minutes: int) -> None:
    """Print a token signed with JWT_SECRET."""
    from ticketpay.entrypoints.cli.tokens import token_for

    settings = _settings("JWT_SECRET")
    _record_token(settings, TenantId(tenant), user, role, minutes)
    token = token_for(settings, tenant=tenant, user=user, role=role, minutes=minutes)
    emit({"token": token}, [token])


@tokens.command("inspect")
@click.argument("token")
def tokens_inspect(token: str) -> None:
    """Print what a token says, without believing it: the signature is not checked."""
    from ticketpay.entrypoints.cli.tokens import claims_of

    claims = claims_of(token)
    emit(claims, [f"{name:<8}  {value}" for name, value in claims.items()])


def _record_token(
    settings: Settings, tenant: TenantId, user: UUID, role: str, minutes: int
) -> None:
    """Before it is printed: a token that nobody has recorded is not given out."""
    from ticketpay.entrypoints import bootstrap

    if settings.database_url:
        entry = operator_entry("token.issue", "user", user, role=role, minutes=minutes)
        with bootstrap.audit_desk(settings) as desk:
            desk.record(tenant, entry)


@cli.group()
def ledger() -> None:
    """The books of a tenant."""


@ledger.command("trial-balance")
@click.option("--tenant", type=click.UUID, required=True)
def ledger_trial_balance(tenant: UUID) -> None:
    """Print every account of the tenant with its balance."""
    from ticketpay.entrypoints.cli.books import aligned, balance_view, balances

    found = balances(_settings("DATABASE_URL"), tenant)
    emit([balance_view(balance) for balance in found], aligned(found))


@ledger.command("accounts")
@click.option("--tenant", type=click.UUID, required=True)
def ledger_accounts(tenant: UUID) -> None:
    """Print every account of the tenant; a debit is positive."""
    from ticketpay.entrypoints.cli.books import amount, balance_view, balances

    found = balances(_settings("DATABASE_URL"), tenant)
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
@click.option("--tenant", type=click.UUID, required=True)
def ledger_verify(tenant: UUID) -> None:
    """Prove the ledger against itself and the provider; exit 1 on any difference."""
    from ticketpay.entrypoints.cli.books import differences

    found = differences(_settings("DATABASE_URL"), tenant)
    verdict = f"ledger verify: {len(found)} differences" if found else "ledger verify: OK"
    judged({"ok": not found, "differences": list(found)}, found, verdict)


def _environment() -> Mapping[str, str]:
    """The process's environment; without DATABASE_URL, that of the running development stack."""
    if os.environ.get("DATABASE_URL") or os.environ.get("MIGRATION_DATABASE_URL"):
        return os.environ
    from ticketpay.adapters.embedded.folders import default_data_folder
    from ticketpay.entrypoints.stack import running_environment

    return {**running_environment(default_data_folder()), **os.environ}


def _settings(*needed: str) -> Settings:
    """The settings; raises ``InvalidInput`` when one of the ``needed`` variables is not set."""
    from ticketpay.entrypoints.settings import load_settings

    environment = _environment()
    settings = load_settings(environment)
    missing = [name for name in needed if not getattr(settings, name.lower())]
    if missing:
        raise InvalidInput(
            f"{' and '.join(missing)} must be set (no development stack is running either)"
        )
    return settings


def _refuse_production() -> None:
    """A development stack is refused in production, where every setting must be there (S02)."""
    from ticketpay.entrypoints.settings import load_settings

    if load_settings(os.environ).app_env == "production":
        raise InvalidInput("APP_ENV: production refuses the development stack")


def _refuse_half_settings() -> None:
    """Whoever has settings but no database has forgotten it, and does not want play money."""
    given = [name for name in _REAL if os.environ.get(name)]
    if given:
        raise InvalidInput(
            f"DATABASE_URL must be set, as {' and '.join(given)} is; without any settings, "
            "serve starts a development stack"
        )


def _end_on_sigterm() -> None:
    """Let SIGTERM unwind the stack as Ctrl-C does, so that our children are stopped."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def main() -> None:
    """The console script."""
    cli(prog_name="ticketpay")


if __name__ == "__main__":
    main()
