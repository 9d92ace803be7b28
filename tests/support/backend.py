"""A backend: one implementation of the ports of a transaction, ready for the contract tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import attrs

from tests.support.scenery import Scenery
from ticketpay.domain.catalog import Catalog
from ticketpay.domain.kernel.ids import TenantId, TicketTypeId
from ticketpay.domain.orders import Order
from ticketpay.domain.payments import Payment
from ticketpay.ports.catalog import CatalogWriter
from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["Backend"]

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Backend:
    """A unit of work with two tenants whose catalogues are loaded.

    ``stock_counts`` gives (capacity, taken) of a ticket type of the home tenant. Queues may hold
    what other tests left, so tests look only at their own.
    """

    uow: UnitOfWork
    writer: CatalogWriter
    home: Scenery
    away: Scenery
    now: Callable[[], datetime]
    stock_counts: Callable[[TicketTypeId], tuple[int, int]]

    @property
    def tenant(self) -> TenantId:
        """The tenant that the tests work for."""
        return self.home.tenant

    @property
    def other_tenant(self) -> TenantId:
        """The tenant that must see nothing of it."""
        return self.away.tenant

    @property
    def catalog(self) -> Catalog:
        """The catalogue of ``tenant``, as it was loaded."""
        return self.home.catalog

    def run(self, fn: Callable[[Tx], T]) -> T:
        """One transaction of ``tenant``."""
        return self.uow.run(self.tenant, fn)

    def run_as_other(self, fn: Callable[[Tx], T]) -> T:
        """One transaction of ``other_tenant``."""
        return self.uow.run(self.other_tenant, fn)

    def stored_order(self, count: int = 1, *seats: str) -> Order:
        """An order that is stored, without a hold."""
        order = self.home.order(self.now(), self.home.demand(count, *seats))
        self.run(lambda tx: tx.orders.add(order))
        return order

    def stored_payment(self, order: Order | None = None) -> Payment:
        """A payment that is stored, with its order."""
        payment = self.home.payment(order or self.stored_order(), self.now())
        self.run(lambda tx: tx.payments.add(payment))
        return payment
