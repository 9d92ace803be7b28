"""Payments in memory, and the directory that leads from an intent to its payment."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import attrs

from ticketpay.adapters.memory.store import Move, Store, TenantTables, known
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import OrderId, PaymentId, TenantId
from ticketpay.domain.payments import Payment, PaymentEvent, PaymentState, ProviderRef
from ticketpay.ports.later import Later

__all__ = ["MemoryPayments"]

_OPEN: Final = (PaymentState.PENDING, PaymentState.PROCESSING, PaymentState.AUTHORIZED)


@attrs.frozen
class MemoryPayments:
    """``Payments`` over the tables of one tenant."""

    tenant_id: TenantId
    store: Store
    tables: TenantTables

    def add(self, payment: Payment) -> None:
        if self.tables.payments.lock(payment.id) is not None:
            raise Conflict(f"there is a payment {payment.id} already")
        if payment.order_id not in self.tables.orders:
            raise Conflict(f"there is no order {payment.order_id}")
        siblings = self.tables.payments_of.lock(payment.order_id) or ()
        self._check_only_open(payment)
        self.tables.payments_of.put(payment.order_id, (*siblings, payment.id))
        self._put(payment, None)

    def get(self, payment_id: PaymentId) -> Later[Payment | None]:
        return known(self.tables.payments.get(payment_id))

    def lock(self, payment_id: PaymentId) -> Later[Payment | None]:
        return known(self.tables.payments.lock_found(payment_id))

    def of_order(self, order_id: OrderId) -> Later[tuple[Payment, ...]]:
        return known(tuple(self._of_order(order_id)))

    def sent_again(self, payment_id: PaymentId, at: datetime) -> None:
        before = self.tables.sent_again.lock(payment_id) or ()
        self.tables.sent_again.put(payment_id, (*before, at))

    def save(
        self, payment: Payment, step: Step[PaymentState, PaymentEvent] | None, at: datetime
    ) -> Payment:
        stored = self.tables.payments.lock_found(payment.id)
        if stored is None or stored.version != payment.version:
            raise Conflict(f"payment {payment.id} has been changed by somebody else")
        self._check_only_open(payment)
        saved = attrs.evolve(payment, version=payment.version + 1)
        self._put(saved, stored.ref)
        if step is not None:
            self.tables.moves.put(self.store.number(), Move(subject=payment.id, step=step, at=at))
        return saved

    def _put(self, payment: Payment, old_ref: ProviderRef | None) -> None:
        self.tables.payments.put(payment.id, payment)
        ref = payment.ref
        if ref is None or ref == old_ref:
            return
        key = (ref.provider, ref.account, ref.object_id)
        entry = (self.tenant_id, payment.id)
        if self.store.platform.directory.lock(key) not in (None, entry):
            raise Conflict(f"intent {ref.object_id} belongs to another payment")
        self.store.platform.directory.put(key, entry)

    def _of_order(self, order_id: OrderId) -> list[Payment]:
        found = map(self.tables.payments.get, self.tables.payments_of.get(order_id) or ())
        return [payment for payment in found if payment is not None]

    def _check_only_open(self, payment: Payment) -> None:
        if payment.state not in _OPEN:
            return
        for other in self._of_order(payment.order_id):
            if other.id != payment.id and other.share == payment.share and other.state in _OPEN:
                raise Conflict(f"order {payment.order_id} has an open payment already")
