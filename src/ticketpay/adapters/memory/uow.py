"""The unit of work in memory: all or nothing, and repeated after a serialisation failure.

``on_step`` is told "tx.begin", "tx.before_commit", "tx.rollback" and "tx.after_commit"; the
simulator raises from it to crash there. A crash after the commit leaves the transaction
committed; a crash at the rollback leaves it open, with its locks, until somebody aborts it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import attrs

from ticketpay.adapters.memory.audit import MemoryAudit
from ticketpay.adapters.memory.cancellations import MemoryCancellations
from ticketpay.adapters.memory.catalog import MemoryCatalogReader
from ticketpay.adapters.memory.disputes import MemoryDisputes
from ticketpay.adapters.memory.exchange import MemoryExchangeRates
from ticketpay.adapters.memory.idempotency import MemoryIdempotencyKeys
from ticketpay.adapters.memory.inventory import MemoryStock
from ticketpay.adapters.memory.ledger import MemoryLedger
from ticketpay.adapters.memory.listings import MemoryListings
from ticketpay.adapters.memory.messaging import (
    MemoryInbox,
    MemoryOutbox,
    MemoryStreams,
    MemoryTimers,
)
from ticketpay.adapters.memory.orders import MemoryOrders
from ticketpay.adapters.memory.payments import MemoryPayments
from ticketpay.adapters.memory.payouts import MemoryPayouts, MemoryVenueAccounts
from ticketpay.adapters.memory.quotes import MemoryQuotes
from ticketpay.adapters.memory.refunds import MemoryRefunds
from ticketpay.adapters.memory.retries import MemoryRetries
from ticketpay.adapters.memory.sales import MemorySales
from ticketpay.adapters.memory.store import SerializationFailure, Store, Transaction
from ticketpay.adapters.memory.subscriptions import MemoryPlanInvoices, MemorySubscriptions
from ticketpay.domain.kernel.errors import ConcurrentUpdate
from ticketpay.domain.kernel.ids import TenantId
from ticketpay.domain.messaging.idempotency import TAKEOVER_SECONDS
from ticketpay.ports.transactions import PlatformTx, Tx

__all__ = ["MemoryPlatformTx", "MemoryTx", "MemoryUnitOfWork"]

T = TypeVar("T")

RUNS_MAX: Final = 5


@attrs.frozen
class MemoryPlatformTx:
    """``PlatformTx`` over the store."""

    inbox: MemoryInbox
    streams: MemoryStreams
    timers: MemoryTimers
    rates: MemoryExchangeRates


@attrs.frozen(kw_only=True)
class MemoryTx:
    """``Tx`` over the store, for one tenant."""

    tenant_id: TenantId
    inbox: MemoryInbox
    streams: MemoryStreams
    timers: MemoryTimers
    rates: MemoryExchangeRates
    idempotency: MemoryIdempotencyKeys
    catalog: MemoryCatalogReader
    quotes: MemoryQuotes
    stock: MemoryStock
    orders: MemoryOrders
    payments: MemoryPayments
    retries: MemoryRetries
    refunds: MemoryRefunds
    venue_accounts: MemoryVenueAccounts
    payouts: MemoryPayouts
    cancellations: MemoryCancellations
    disputes: MemoryDisputes
    subscriptions: MemorySubscriptions
    plan_invoices: MemoryPlanInvoices
    sales: MemorySales
    listings: MemoryListings
    ledger: MemoryLedger
    outbox: MemoryOutbox
    audit: MemoryAudit


class MemoryUnitOfWork:
    """``UnitOfWork`` over a ``Store``; ``store`` is public so that tests can look at all of it.

    Transactions run one after the other unless ``on_wait`` is given: then whoever listens to the
    steps may let others run in between, and writers of the same row wait for each other.
    """

    def __init__(
        self,
        *,
        takeover_seconds: float = TAKEOVER_SECONDS,
        on_step: Callable[[str], None] | None = None,
        on_wait: Callable[[Transaction], None] | None = None,
        on_commit: Callable[[Transaction], None] | None = None,
    ) -> None:
        self.store = Store(on_wait)
        self.open: list[Transaction] = []
        self._takeover_seconds = takeover_seconds
        self._on_step = on_step or _ignore
        self._on_commit = on_commit or _ignore
        self._lock = threading.RLock()

    def run(self, tenant: TenantId, fn: Callable[[Tx], T]) -> T:
        return self._repeat(lambda: fn(self._tx(tenant)))

    def platform(self, fn: Callable[[PlatformTx], T], near: TenantId | None = None) -> T:  # noqa: ARG002 - there is one store
        store = self.store
        tx = MemoryPlatformTx(
            MemoryInbox(store),
            MemoryStreams(store),
            MemoryTimers(store),
            MemoryExchangeRates(store),
        )
        return self._repeat(lambda: fn(tx))

    def everywhere(
        self,
        fn: Callable[[PlatformTx], T],
        *,
        without_gaps: bool = False,  # noqa: ARG002 - there is one store
    ) -> tuple[T, ...]:
        return (self.platform(fn),)

    def abort(self, tx: Transaction) -> None:
        """What the server does when it sees that the client of ``tx`` is gone."""
        self.store.rollback(tx)
        self.open.remove(tx)

    def _repeat(self, body: Callable[[], T]) -> T:
        for _ in range(RUNS_MAX):
            with suppress(SerializationFailure):
                return self._transact(body)
        raise ConcurrentUpdate("the transaction lost against others five times")

    def _transact(self, body: Callable[[], T]) -> T:
        with self._lock:
            assert self.store.current is None, "transactions do not nest"
            self._on_step("tx.begin")
            tx = self._begin()
            try:
                result = body()
                self._on_step("tx.before_commit")
                self.store.commit(tx)
            except BaseException:
                self._roll_back(tx)
                raise
            self._end(tx)
            self._on_commit(tx)
        self._on_step("tx.after_commit")
        return result

    def _begin(self) -> Transaction:
        tx = Transaction()
        self.open.append(tx)
        self.store.current = tx
        return tx

    def _roll_back(self, tx: Transaction) -> None:
        try:
            self._on_step("tx.rollback")
            self.abort(tx)
        finally:
            self.store.current = None

    def _end(self, tx: Transaction) -> None:
        self.open.remove(tx)
        self.store.current = None

    def _tx(self, tenant: TenantId) -> MemoryTx:
        store = self.store
        tables = store.of(tenant)
        return MemoryTx(
            tenant_id=tenant,
            inbox=MemoryInbox(store),
            streams=MemoryStreams(store),
            timers=MemoryTimers(store),
            rates=MemoryExchangeRates(store),
            idempotency=MemoryIdempotencyKeys(tables, self._takeover_seconds),
            catalog=MemoryCatalogReader(tenant, tables),
            quotes=MemoryQuotes(tables),
            stock=MemoryStock(tables),
            orders=MemoryOrders(store, tables),
            payments=MemoryPayments(tenant, store, tables),
            retries=MemoryRetries(tables),
            refunds=MemoryRefunds(store, tables),
            venue_accounts=MemoryVenueAccounts(store, tables),
            payouts=MemoryPayouts(store, tables),
            cancellations=MemoryCancellations(tables),
            disputes=MemoryDisputes(store, tables),
            subscriptions=MemorySubscriptions(store, tables),
            plan_invoices=MemoryPlanInvoices(tables),
            sales=MemorySales(tables),
            listings=MemoryListings(tables),
            ledger=MemoryLedger(store, tables),
            outbox=MemoryOutbox(tenant, store, tables),
            audit=MemoryAudit(tables),
        )


def _ignore(what: object) -> None:
    """Nobody listens."""
