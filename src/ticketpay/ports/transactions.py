"""Ports for transactions: a unit of work runs a function, and everything in it commits or nothing.

A read returns a ``Later``: calling it waits for the answer. Reads that are asked together and
called afterwards travel together, and writes travel with the commit; so a use case that reads
once, decides, and writes costs two round trips. Writes may report their failure at the commit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from ticketpay.domain.kernel.ids import TenantId
from ticketpay.ports.audit import AuditTrail
from ticketpay.ports.cancellations import Cancellations
from ticketpay.ports.catalog import CatalogReader
from ticketpay.ports.disputes import Disputes
from ticketpay.ports.exchange import ExchangeRates
from ticketpay.ports.inventory import Stock
from ticketpay.ports.ledger import LedgerBook
from ticketpay.ports.listings import Listings
from ticketpay.ports.messaging import IdempotencyKeys, Inbox, Outbox, Streams, Timers
from ticketpay.ports.orders import Orders
from ticketpay.ports.payments import Payments
from ticketpay.ports.payouts import Payouts, VenueAccounts
from ticketpay.ports.pricing import Quotes
from ticketpay.ports.refunds import Refunds
from ticketpay.ports.retries import Retries
from ticketpay.ports.sales import Sales
from ticketpay.ports.subscriptions import PlanInvoices, Subscriptions

__all__ = ["PlatformTx", "Tx", "UnitOfWork"]

T = TypeVar("T")


class PlatformTx(Protocol):
    """**Protocol:** what is reachable without a tenant: ids, queues and rates, no tenant data."""

    @property
    def inbox(self) -> Inbox: ...
    @property
    def streams(self) -> Streams: ...
    @property
    def timers(self) -> Timers: ...
    @property
    def rates(self) -> ExchangeRates: ...


class Tx(PlatformTx, Protocol):
    """**Protocol:** everything of one tenant, in one transaction."""

    @property
    def tenant_id(self) -> TenantId: ...
    @property
    def idempotency(self) -> IdempotencyKeys: ...
    @property
    def catalog(self) -> CatalogReader: ...
    @property
    def quotes(self) -> Quotes: ...
    @property
    def stock(self) -> Stock: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def payments(self) -> Payments: ...
    @property
    def retries(self) -> Retries: ...
    @property
    def refunds(self) -> Refunds: ...
    @property
    def venue_accounts(self) -> VenueAccounts: ...
    @property
    def payouts(self) -> Payouts: ...
    @property
    def cancellations(self) -> Cancellations: ...
    @property
    def disputes(self) -> Disputes: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def plan_invoices(self) -> PlanInvoices: ...
    @property
    def sales(self) -> Sales: ...
    @property
    def listings(self) -> Listings: ...
    @property
    def ledger(self) -> LedgerBook: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def audit(self) -> AuditTrail: ...


class UnitOfWork(Protocol):
    """**Protocol:** runs functions in transactions (READ COMMITTED).

    ``fn`` is repeated after a serialisation failure or a deadlock, at most five times, so it must
    touch nothing but its transaction. An exception rolls everything back. A connection that is
    lost at the commit raises ``OutcomeUnknown``.
    """

    def run(self, tenant: TenantId, fn: Callable[[Tx], T]) -> T:
        """Run ``fn`` in one transaction of ``tenant`` and return what it returns."""
        ...

    def platform(self, fn: Callable[[PlatformTx], T], near: TenantId | None = None) -> T:
        """Run ``fn`` in one transaction without a tenant, in the database of ``near``.

        Without ``near`` it runs in the first database.
        """
        ...

    def everywhere(
        self, fn: Callable[[PlatformTx], T], *, without_gaps: bool = False
    ) -> tuple[T, ...]:
        """Run ``fn`` without a tenant in every database that answers; what it returned in each.

        Raises what went wrong when none answers, or ``without_gaps`` when one does not.
        """
        ...
