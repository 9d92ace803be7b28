"""What operators do by hand to one payment: ask the provider, cancel; and to a dead event: replay.

Each leaves its audit entry in the transaction of the change. Nothing here decides what a fact
means: that is the ``FactDesk``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from ticketpay.domain.kernel.errors import Conflict, NotFound, OutcomeUnknown
from ticketpay.domain.messaging import InboxStatus, TimerKind
from ticketpay.domain.payments import PAYMENT_MACHINE, Payment, PaymentState, ProviderFact
from ticketpay.domain.payments.history import Happening, Source, in_order
from ticketpay.domain.processes.provider_facts import Case, FactDesk, open_case

if TYPE_CHECKING:
    from datetime import datetime

    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.kernel.ids import PaymentId, TenantId
    from ticketpay.domain.messaging import ListedEvent
    from ticketpay.domain.orders import Order
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["InboxDesk", "PaymentDesk"]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class PaymentDesk:
    """Look at a payment, ask the provider about it, apply what it says, cancel it."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: FactDesk
    clock: Clock

    def look(self, tenant: TenantId, payment_id: PaymentId) -> Case:
        """The payment and its order, unlocked; raises ``NotFound``."""

        def read(tx: Tx) -> tuple[Payment | None, Order | None]:
            payment = tx.payments.get(payment_id)()
            return payment, tx.orders.get(payment.order_id)() if payment else None

        payment, order = self.uow.run(tenant, read)
        if payment is None or order is None:
            raise NotFound(f"there is no payment {payment_id}")
        return Case(payment, order)

    def history(self, tenant: TenantId, payment_id: PaymentId) -> tuple[Happening, ...]:
        """Everything that was written down about the payment, in order; raises ``NotFound``."""
        payment = self.look(tenant, payment_id).payment
        object_id = payment.ref.object_id if payment.ref else ""

        def read(tx: Tx) -> tuple[Happening, ...]:
            ours = tx.listings.history(payment_id, payment.order_id)
            theirs = tx.inbox.about(payment_id, object_id)
            return in_order([*ours(), *(_told(event, payment_id) for event in theirs())])

        return self.uow.run(tenant, read)

    def ask(self, tenant: TenantId, payment: Payment) -> ProviderFact | None:
        """What the provider says now; None when it has never seen the charge."""
        if payment.ref is None:
            return self.gateway.find(tenant, payment.id, payment.sent_at)
        return self.gateway.retrieve(payment.ref)

    def sync(self, tenant: TenantId, payment_id: PaymentId, entry: AuditEntry) -> Case:
        """Ask now and apply the answer; raises ``OutcomeUnknown`` when there is none."""
        fact = self.ask(tenant, self.look(tenant, payment_id).payment)
        if fact is None:
            raise OutcomeUnknown(f"the provider knows no charge of payment {payment_id} yet")
        return self._apply(tenant, payment_id, fact, entry)

    def cancel(self, tenant: TenantId, payment_id: PaymentId, entry: AuditEntry) -> Case:
        """Cancel at the provider first, then here.

        Raises ``Conflict`` for a payment that has ended, ``OutcomeUnknown`` when the provider does
        not know the charge yet.
        """
        payment = self.look(tenant, payment_id).payment
        if PAYMENT_MACHINE.is_final(payment.state):
            raise Conflict(f"payment {payment_id} is {payment.state} already")
        known = self.ask(tenant, payment)
        if known is None:
            raise OutcomeUnknown(f"the provider knows no charge of payment {payment_id} yet")
        fact = self.gateway.cancel(known.ref, f"operator:{payment_id}:{entry.id}")
        return self._apply(tenant, payment_id, fact, entry)

    def _apply(
        self, tenant: TenantId, payment_id: PaymentId, fact: ProviderFact, entry: AuditEntry
    ) -> Case:
        def settle(tx: Tx) -> Case:
            before = open_case(tx, payment_id)
            now = self.clock.now()
            after = self.desk.apply(tx, before, fact, now)
            self._look_again(tx, after, fact, now)
            tx.audit.record(attrs.evolve(entry, details=_changed(entry, before, after, fact)))
            return after

        return self.uow.run(tenant, settle)

    def _look_again(self, tx: Tx, case: Case, fact: ProviderFact, now: datetime) -> None:
        """Whatever is unfinished is the janitor's; an intent left open there, at once."""
        payment = case.payment
        if payment.state is PaymentState.FAILED and payment.ref is not None:
            # Its timer is that of the next try, or of its buyer's hold.
            return
        if not PAYMENT_MACHINE.is_final(payment.state):
            self.desk.set_timer(tx, case, now)
        elif payment.state is PaymentState.CANCELLED and fact.status.is_open:
            tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, payment.id, now)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class InboxDesk:
    """Let a dead event run again; needs the worker's rights."""

    uow: UnitOfWork
    clock: Clock

    def dead(self, tenant: TenantId, event_id: str) -> ListedEvent:
        """The dead event of the tenant, or of nobody.

        Raises ``NotFound`` when there is no such event, ``Conflict`` when it is not dead.
        """
        found = self.uow.platform(lambda tx: tx.inbox.get(event_id)(), tenant)
        if found is None or found.tenant_id not in ("", str(tenant)):
            raise NotFound(f"there is no event {event_id}")
        if found.status is not InboxStatus.DEAD:
            raise Conflict(f"event {event_id} is {found.status}, not dead")
        return found

    def replay(self, tenant: TenantId, event_id: str, entry: AuditEntry) -> bool:
        """Let it run again, recorded; False, and nothing recorded, when it is not dead."""

        def free(tx: Tx) -> bool:
            freed = tx.inbox.replay(event_id, tenant, self.clock.now())()
            if freed:
                tx.audit.record(entry)
            return freed

        return self.uow.run(tenant, free)


def _told(event: ListedEvent, payment_id: PaymentId) -> Happening:
    return Happening(
        at=event.received_at,
        source=Source.EVENT,
        about="payment",
        about_id=str(payment_id),
        what=event.event_type,
        detail=f"{event.event_id} {event.status} {event.note}".strip(),
    )


def _changed(
    entry: AuditEntry, before: Case, after: Case, fact: ProviderFact
) -> Mapping[str, str | int | bool | None]:
    return dict(entry.details) | {
        "provider": str(fact.status),
        "before": str(before.payment.state),
        "after": str(after.payment.state),
    }
