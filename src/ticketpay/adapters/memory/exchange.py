"""Exchange rates in memory, and the loader."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import attrs

from ticketpay.adapters.memory.audit import MemoryAudit
from ticketpay.adapters.memory.store import LoadedRates, Store, known
from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.money import RatesConflict, RateTable
from ticketpay.ports.later import Later

if TYPE_CHECKING:
    from ticketpay.adapters.memory.uow import MemoryUnitOfWork
    from ticketpay.ports.transactions import PlatformTx

__all__ = ["MemoryExchangeRates", "MemoryRateLoader"]


@attrs.frozen
class MemoryExchangeRates:
    """``ExchangeRates`` over the platform's tables."""

    store: Store

    def newest(self, until: date) -> Later[RateTable | None]:
        return known(next((t for t in self._tables() if t.day <= until), None))

    def of(self, source: str, day: date) -> Later[RateTable | None]:
        row = self.store.platform.rates.get((source, day))
        return known(row.table if row else None)

    def listed(self, limit: int) -> Later[tuple[RateTable, ...]]:
        return known(tuple(self._tables()[:limit]))

    def _tables(self) -> list[RateTable]:
        rows = sorted(self.store.platform.rates.values(), key=lambda row: row.table.source)
        newest = sorted(rows, key=lambda row: (row.table.day, row.loaded_at), reverse=True)
        return [row.table for row in newest]


@attrs.frozen
class MemoryRateLoader:
    """``RateLoader``: loads a table in one transaction."""

    uow: MemoryUnitOfWork

    def load(self, table: RateTable, at: datetime, entry: AuditEntry | None = None) -> bool:
        store = self.uow.store

        def load(_tx: PlatformTx) -> bool:
            key = (table.source, table.day)
            there = store.platform.rates.lock(key)
            if there is not None:
                if there.table != table:
                    raise RatesConflict(
                        f"{table.source} has other rates for {table.day.isoformat()}"
                    )
                return False
            store.platform.rates.put(key, LoadedRates(table, at))
            if entry is not None:
                for tables in store.tenants():
                    MemoryAudit(tables).record(entry)
            return True

        return self.uow.platform(load)
