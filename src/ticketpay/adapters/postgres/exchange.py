"""Exchange rates in PostgreSQL: read by everybody, inserted by the owner, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import attrs
import psycopg

from ticketpay.adapters.postgres.audit import RECORD, entry_values
from ticketpay.adapters.postgres.errors import as_owner, translate
from ticketpay.adapters.postgres.statements import load
from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.money import Currency, RatesConflict, RateTable

if TYPE_CHECKING:
    from ticketpay.adapters.postgres.session import Session
    from ticketpay.ports.later import Later

__all__ = ["PostgresExchangeRates", "PostgresRateLoader"]

_SQL: Final = load("exchange")
_CATALOG: Final = load("catalog")
_TRANSACTIONS: Final = load("transactions")


def _tables(rows: Sequence[tuple[Any, ...]]) -> tuple[RateTable, ...]:
    return tuple(
        RateTable(
            units={Currency(currency): units for _, _, currency, units in group},
            source=source,
            day=day,
        )
        for (source, day), group in groupby(rows, key=itemgetter(0, 1))
    )


def _table(rows: Sequence[tuple[Any, ...]]) -> RateTable | None:
    return next(iter(_tables(rows)), None)


@attrs.frozen
class PostgresExchangeRates:
    """Fulfils ``ExchangeRates``."""

    session: Session

    def newest(self, until: date) -> Later[RateTable | None]:
        return self.session.read(_SQL["newest"], {"until": until}, _table)

    def of(self, source: str, day: date) -> Later[RateTable | None]:
        return self.session.read(_SQL["of"], {"source": source, "day": day}, _table)

    def listed(self, limit: int) -> Later[tuple[RateTable, ...]]:
        return self.session.read(_SQL["listed"], {"limit": limit}, _tables)


@attrs.frozen
class PostgresRateLoader:
    """Fulfils ``RateLoader`` over the owner's connections, one database after the other.

    Where one of them failed, the same file is loaded again: the others have it already.
    """

    dsns: tuple[str, ...] = attrs.field(repr=False)

    def load(self, table: RateTable, at: datetime, entry: AuditEntry | None = None) -> bool:
        try:
            fresh = [_load(dsn, table, at, entry) for dsn in self.dsns]
        except psycopg.Error as error:
            raise translate(error) from error
        return any(fresh)


def _load(dsn: str, table: RateTable, at: datetime, entry: AuditEntry | None) -> bool:
    currencies = sorted(table.units, key=lambda currency: currency.code)
    values = {
        "day": table.day,
        "source": table.source,
        "at": at,
        "currencies": [currency.code for currency in currencies],
        "units": [table.units[currency] for currency in currencies],
    }
    with as_owner(dsn) as connection:
        fresh = connection.execute(_SQL["load"], values).rowcount > 0
        if _table(connection.execute(_SQL["of"], values).fetchall()) != table:
            raise RatesConflict(f"{table.source} has other rates for {table.day.isoformat()}")
        if fresh and entry is not None:
            _record(connection, entry)
    return fresh


def _record(connection: psycopg.Connection[Any], entry: AuditEntry) -> None:
    """Rates are everybody's: the trail of every tenant tells of them."""
    for (tenant,) in connection.execute(_CATALOG["tenants"]).fetchall():
        connection.execute(_TRANSACTIONS["act_for"], {"tenant": str(tenant)})
        connection.execute(RECORD, entry_values(tenant, entry))
