"""Places: which of several databases a tenant lives in, and which one a database is."""

from __future__ import annotations

from typing import Final

import psycopg

from ticketpay.adapters.postgres.errors import connect
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import TenantId

__all__ = ["check_place", "place_of", "take_place"]

_SQL: Final = load("places")
_CATALOG: Final = load("catalog")


def place_of(tenant: TenantId, databases: int) -> int:
    """In which of so many databases a tenant lives, from 0."""
    return tenant.int % databases


def take_place(dsn: str, place: int, databases: int) -> None:
    """Record, as the owner, that this is database ``place`` (from 0) of so many.

    Raises ``Conflict`` when it has another place already, or tenants that belong into another.
    """
    with connect(dsn) as connection:
        tenants = [TenantId(row[0]) for row in connection.execute(_CATALOG["tenants"])]
        strangers = [t for t in tenants if place_of(t, databases) != place]
        if strangers:
            raise Conflict(f"tenant {strangers[0]} belongs into another of {databases} databases")
        connection.execute(_SQL["take"], {"place": place, "databases": databases})
    check_place(dsn, place, databases)


def check_place(dsn: str, place: int, databases: int) -> None:
    """Raise ``Conflict`` unless this is database ``place`` (from 0) of so many."""
    with connect(dsn) as connection:
        try:
            row = connection.execute(_SQL["taken"]).fetchone()
        except psycopg.errors.UndefinedTable:
            row = None
    if row is None:
        raise Conflict(f"database number {place + 1} is not migrated: run ticketpay migrate")
    if row != (place, databases):
        raise Conflict(
            f"database number {place + 1} of {databases} in the settings is number {row[0] + 1}"
            f" of {row[1]}: tenants are spread by the number and the order of the databases"
        )
