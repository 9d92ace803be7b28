"""``ticketpay rates``: what a dollar is worth; loading needs ``--yes``, and nothing changes later."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from ticketpay.domain.kernel.errors import NotFound
from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.common import acting, limited, opened, say_done, say_dry
from ticketpay.entrypoints.cli.shell import Group, emit_table, settings_for

__all__ = ["rates"]


@click.group(cls=Group)
def rates() -> None:
    """The exchange rates that prices are converted by."""


@rates.command("show")
@limited
def rates_show(limit: int) -> None:
    """Print the newest rates, newest day first.

    The first line is what prices sales.
    """
    from ticketpay.domain.money import Currency
    from ticketpay.domain.processes.exchange_rates import rates_view

    with opened(reading=True) as app:
        found = app.show_rates.listed(limit)
    if not found:
        raise NotFound("no exchange rates are loaded: ticketpay rates load FILE")
    codes = [currency.code for currency in Currency]
    rows = [
        (
            table.day.isoformat(),
            table.source,
            *(table.rate(Currency.USD, Currency(code)).display for code in codes),
        )
        for table in found
    ]
    emit_table([rates_view(table) for table in found], ("date", "source", *codes), rows)


@rates.command("load")
@click.argument("file", type=click.Path(path_type=Path))
@acting
def rates_load(file: Path, *, yes: bool, name: str, reason: str) -> None:
    """Load what a source says for a day from FILE (JSON).

    It is never changed later.
    """
    from ticketpay.domain.kernel.time import day_in
    from ticketpay.domain.money import RatesConflict
    from ticketpay.entrypoints import bootstrap
    from ticketpay.entrypoints.rates_file import read_rates

    now = bootstrap.now()
    table = read_rates(file, day_in(now, "UTC"))
    subject = f"{table.source}:{table.day.isoformat()}"
    loader = bootstrap.rate_loader(settings_for("MIGRATION_DATABASE_URL"))
    with opened(reading=True) as app:
        there = app.parts.uow.platform(lambda tx: tx.rates.of(table.source, table.day)())
    if there not in (None, table):
        raise RatesConflict(f"{table.source} has other rates for {table.day.isoformat()}")
    before = "not loaded" if there is None else "loaded"
    if not yes:
        say_dry("rates.load", subject, before, "load it" if there is None else "change nothing")
        return
    entry = operator_entry("rates.load", "exchange_rates", subject, name=name, reason=reason)
    units = {currency.code: each for currency, each in table.units.items()}
    loader.load(table, now, attrs.evolve(entry, details=units))
    say_done("rates.load", subject, before, "loaded")
