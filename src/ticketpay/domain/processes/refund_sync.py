"""What the provider has refunded of a payment, asked for instead of waited for (S24, S38).

Events about refunds that were made in the provider's dashboard may be lost, or be dead because a
refund of ours stood in their way. The list of a payment's refunds says all that they would have said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.kernel.errors import Conflict, NotFound
from ticketpay.domain.payments import FactMismatch
from ticketpay.domain.processes.provider_facts import open_case, open_order

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.kernel.ids import PaymentId, TenantId
    from ticketpay.domain.processes.refund_desk import RefundDesk
    from ticketpay.domain.refunds import Refund
    from ticketpay.ports.payments import PaymentGateway, RefundNotice
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["RefundSync"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RefundSync:
    """``ticketpay refunds sync-payment``, and the worker after a refusal."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: RefundDesk
    clock: Clock

    def __call__(
        self, tenant: TenantId, payment_id: PaymentId, entry: AuditEntry | None = None
    ) -> tuple[Refund, ...]:
        """The refunds that were heard of, oldest first; what fits nothing is left out and alerted.

        Raises ``NotFound``, ``Conflict`` for a payment without a charge, and as the gateway.
        """
        payment = self.uow.run(tenant, lambda tx: tx.payments.get(payment_id)())
        if payment is None:
            raise NotFound(f"there is no payment {payment_id}")
        if payment.ref is None:
            raise Conflict(f"payment {payment_id} has no charge")
        notices = self.gateway.refunds_of(payment.ref)
        # One transaction each: after the stock of one no other refund may be locked.
        found = [self._hear(tenant, payment_id, notice) for notice in notices]
        heard = tuple(refund for refund in found if refund is not None)
        if entry is not None:
            told = attrs.evolve(entry, at=self.clock.now(), details={"refunds": len(heard)})
            self.uow.run(tenant, lambda tx: tx.audit.record(told))
        return heard

    def _hear(self, tenant: TenantId, payment_id: PaymentId, notice: RefundNotice) -> Refund | None:
        def hear(tx: Tx) -> Refund:
            case = open_order(tx, open_case(tx, payment_id))
            return self.desk.hear(tx, case.payment, case.order, notice, self.clock.now())

        try:
            return self.uow.run(tenant, hear)
        except FactMismatch as error:
            self.desk.alerts.raise_alert("refund_mismatch", str(error), payment_id=str(payment_id))
            return None
