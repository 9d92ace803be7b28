"""``ticketpay catalog``: what is for sale."""

from __future__ import annotations

from pathlib import Path

import click

from ticketpay.entrypoints.cli.audit import operator_entry
from ticketpay.entrypoints.cli.shell import Group, emit, settings_for

__all__ = ["catalog"]


@click.group(cls=Group)
def catalog() -> None:
    """What is for sale."""


@catalog.command("load")
@click.argument("file", type=click.Path(path_type=Path))
def catalog_load(file: Path) -> None:
    """Insert or update what FILE (JSON) has.

    These are a tenant, its venues, events and ticket types.
    """
    from ticketpay.entrypoints import bootstrap
    from ticketpay.entrypoints.catalog_file import read_catalog

    found = read_catalog(file, settings_for().nexus_states)
    entry = operator_entry(
        "catalog.load",
        "tenant",
        found.tenant.id,
        venues=len(found.venues),
        events=len(found.events),
        types=len(found.types),
    )
    bootstrap.catalog_writer(settings_for("MIGRATION_DATABASE_URL")).load(found, entry)
    counts = {"venues": len(found.venues), "events": len(found.events), "types": len(found.types)}
    told = ", ".join(f"{name} {count}" for name, count in counts.items())
    line = f"loaded {found.tenant.name} ({found.tenant.id}): {told}"
    emit({"tenantId": found.tenant.id, **counts}, [line])
