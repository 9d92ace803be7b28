"""What the provider has refunded of a payment, and what banks have taken, asked for instead of waited for.

Events about refunds that were made in the provider's dashboard, and about disputes, may be lost, or be
dead because a refund of ours stood in their way. The lists of a payment's refunds and disputes say all
that they would have said (S24, S38).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

from ticketpay.domain.kernel.errors import Conflict, NotFound
from ticketpay.domain.payments import FactMismatch
from ticketpay.domain.processes.provider_facts import open_case, open_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.kernel.ids import PaymentId, TenantId
    from ticketpay.domain.processes.provider_facts import Case, FactDesk
    from ticketpay.domain.refunds import Dispute, Refund
    from ticketpay.ports.payments import DisputeNotice, PaymentGateway, RefundNotice
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["Heard", "RefundSync"]

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Heard:
    """The refunds and the disputes of a payment that were heard of, each oldest first."""

    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()


@attrs.frozen(kw_only=True, eq=False, repr=False)
class RefundSync:
    """``ticketpay refunds sync-payment``, and the worker after a refusal or beside an open dispute."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: FactDesk
    clock: Clock

    def __call__(
        self, tenant: TenantId, payment_id: PaymentId, entry: AuditEntry | None = None
    ) -> Heard:
        """What was heard of; what fits nothing is left out and alerted.

        Raises ``NotFound``, ``Conflict`` for a payment without a charge, and as the gateway.
        """
        payment = self.uow.run(tenant, lambda tx: tx.payments.get(payment_id)())
        if payment is None:
            raise NotFound(f"there is no payment {payment_id}")
        if payment.ref is None:
            raise Conflict(f"payment {payment_id} has no charge")
        refunds = self.gateway.refunds_of(payment.ref)
        disputes = self.gateway.disputes_of(payment.ref)
        # One transaction each: after the stock of one no other may be locked. What a bank has given
        # back is refundable again, so it is heard of first.
        decided = _known(self._hear_dispute(tenant, payment_id, one) for one in disputes)
        sent = _known(self._hear_refund(tenant, payment_id, one) for one in refunds)
        heard = Heard(refunds=sent, disputes=decided)
        if entry is not None:
            counts = {"refunds": len(heard.refunds), "disputes": len(heard.disputes)}
            told = attrs.evolve(entry, at=self.clock.now(), details=counts)
            self.uow.run(tenant, lambda tx: tx.audit.record(told))
        return heard

    def _hear_refund(
        self, tenant: TenantId, payment_id: PaymentId, notice: RefundNotice
    ) -> Refund | None:
        def hear(tx: Tx, case: Case) -> Refund:
            now = self.clock.now()
            return self.desk.refunds.hear(tx, case.payment, case.order, notice, now)

        return self._hear(tenant, payment_id, "refund_mismatch", hear)

    def _hear_dispute(
        self, tenant: TenantId, payment_id: PaymentId, notice: DisputeNotice
    ) -> Dispute | None:
        def hear(tx: Tx, case: Case) -> Dispute:
            return self.desk.disputes.hear(tx, case, notice, self.clock.now())

        return self._hear(tenant, payment_id, "dispute_mismatch", hear)

    def _hear(
        self, tenant: TenantId, payment_id: PaymentId, alert: str, hear: Callable[[Tx, Case], T]
    ) -> T | None:
        try:
            return self.uow.run(
                tenant, lambda tx: hear(tx, open_order(tx, open_case(tx, payment_id)))
            )
        except FactMismatch as error:
            self.desk.alerts.raise_alert(alert, str(error), payment_id=str(payment_id))
            return None


def _known(found: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(one for one in found if one is not None)
