"""``ticketpay migrate``, ``serve``, ``worker``, ``demo`` and ``openapi``."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Final

import click

from ticketpay.domain.kernel.errors import InvalidInput
from ticketpay.entrypoints.cli.shell import Command, Program, emit, settings_for

if TYPE_CHECKING:
    from ticketpay.entrypoints.settings import Settings

__all__ = ["demo", "migrate", "openapi", "serve", "worker"]

_REAL: Final = ("STRIPE_SECRET_KEY", "JWT_SECRET", "MIGRATION_DATABASE_URL", "WORKER_DATABASE_URL")


@click.command(cls=Command)
def migrate() -> None:
    """Bring the database at MIGRATION_DATABASE_URL up to date.

    The passwords of the roles ticketpay_app and ticketpay_worker are those in DATABASE_URL and
    WORKER_DATABASE_URL.
    """
    lines = _migrate(settings_for("MIGRATION_DATABASE_URL", "DATABASE_URL"))
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


@click.command(cls=Program)
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

    settings = settings_for("DATABASE_URL")
    if settings.migration_database_url:
        for line in _migrate(settings):
            click.echo(line)
    serve_settings(settings, host=host, port=port or settings.port)


@click.command(cls=Program)
def worker() -> None:
    """Process the inbox, the outbox, timers and the ledger until told to stop."""
    from ticketpay.entrypoints.workers import run_worker

    settings = settings_for("WORKER_DATABASE_URL")
    if not run_worker(settings):
        # A step hangs in a thread that nobody can end; its claim lapses and another takes over.
        sys.stderr.flush()
        os._exit(1)


@click.command(cls=Program)
def demo() -> None:
    """Sell tickets to buyers of every kind on embedded servers, and check the books."""
    _refuse_production()
    from ticketpay.entrypoints.demo.run import run_demo

    _end_on_sigterm()
    sys.exit(0 if run_demo() else 1)


@click.command(cls=Command)
def openapi() -> None:
    """Print the OpenAPI document of the API."""
    from ticketpay.entrypoints.http.openapi import document_text

    click.echo(document_text(), nl=False)


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
