"""The unit of work in memory: one writer at a time, and an exception undoes everything.

``on_step`` is told "tx.begin", "tx.before_commit" and "tx.after_commit"; the simulator raises
from it to crash there. A crash after the commit leaves the transaction committed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import attrs

from ticketpay.adapters.memory.catalog import MemoryCatalogReader
from ticketpay.adapters.memory.idempotency import MemoryIdempotencyKeys
from ticketpay.adapters.memory.ledger import MemoryLedger
from ticketpay.adapters.memory.messaging import (
    MemoryInbox,
    MemoryOutbox,
    MemoryStreams,
    MemoryTimers,
)
from ticketpay.adapters.memory.orders import MemoryOrders, MemoryQuotes
from ticketpay.adapters.memory.payments import MemoryPayments
from ticketpay.adapters.memory.refunds import MemoryRefunds
from ticketpay.adapters.memory.stock import MemoryStock
from ticketpay.adapters.memory.store import Store
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.messaging.idempotency import TAKEOVER_SECONDS
from ticketpay.ports.transactions import PlatformTx, Tx

__all__ = ["MemoryPlatformTx", "MemoryTx", "MemoryUnitOfWork"]

T = TypeVar("T")


@attrs.frozen
class MemoryPlatformTx:
    """``PlatformTx`` over the store."""

    inbox: MemoryInbox
    streams: MemoryStreams
    timers: MemoryTimers


@attrs.frozen(kw_only=True)
class MemoryTx:
    """``Tx`` over the store, for one tenant."""

    tenant_id: TenantId
    inbox: MemoryInbox
    streams: MemoryStreams
    timers: MemoryTimers
    idempotency: MemoryIdempotencyKeys
    catalog: MemoryCatalogReader
    quotes: MemoryQuotes
    stock: MemoryStock
    orders: MemoryOrders
    payments: MemoryPayments
    refunds: MemoryRefunds
    ledger: MemoryLedger
    outbox: MemoryOutbox


class MemoryUnitOfWork:
    """``UnitOfWork`` over a ``Store``; ``store`` is public so that tests can look at all of it."""

    def __init__(
        self,
        *,
        takeover_seconds: float = TAKEOVER_SECONDS,
        on_step: Callable[[str], None] | None = None,
    ) -> None:
        self.store = Store()
        self._takeover_seconds = takeover_seconds
        self._on_step = on_step or _ignore
        self._lock = threading.RLock()
        self._running = False

    def run(self, tenant: TenantId, fn: Callable[[Tx], T]) -> T:
        return self._transact(lambda: fn(self._tx(tenant)))

    def platform(self, fn: Callable[[PlatformTx], T]) -> T:
        store = self.store
        tx = MemoryPlatformTx(MemoryInbox(store), MemoryStreams(store), MemoryTimers(store))
        return self._transact(lambda: fn(tx))

    def _transact(self, body: Callable[[], T]) -> T:
        self._on_step("tx.begin")
        with self._lock:
            assert not self._running, "transactions do not nest"
            self._running = True
            try:
                result = body()
                self._on_step("tx.before_commit")
            except BaseException:
                self.store.journal.rollback()
                raise
            else:
                self.store.journal.commit()
            finally:
                self._running = False
        self._on_step("tx.after_commit")
        return result

    def _tx(self, tenant: TenantId) -> MemoryTx:
        store = self.store
        tables = store.of(tenant)
        return MemoryTx(
            tenant_id=tenant,
            inbox=MemoryInbox(store),
            streams=MemoryStreams(store),
            timers=MemoryTimers(store),
            idempotency=MemoryIdempotencyKeys(tables, self._takeover_seconds),
            catalog=MemoryCatalogReader(tenant, tables),
            quotes=MemoryQuotes(tables),
            stock=MemoryStock(tables),
            orders=MemoryOrders(store, tables),
            payments=MemoryPayments(tenant, store, tables),
            refunds=MemoryRefunds(store, tables),
            ledger=MemoryLedger(store, tables),
            outbox=MemoryOutbox(tenant, store, tables),
        )


def _ignore(step: str) -> None:
    """Nobody listens."""
