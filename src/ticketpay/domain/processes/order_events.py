"""Order events: what others say of an order is applied, or kept as refused (S34).

Nobody's word makes money: an order is paid only when its payment is. A cancellation is the
provider's first: the intent is cancelled there, and only then are the tickets free and the order
is cancelled. What is refused is in the audit trail with its reason, like what was done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import attrs

from ticketpay.domain.kernel.errors import Conflict, NotFound
from ticketpay.domain.orders import Order, OrderNews, OrderState, news_of, order_step
from ticketpay.domain.payments import PAYMENT_MACHINE, Payment, PaymentState, ProviderFact
from ticketpay.domain.processes.ending import cancelled_there, was_refused
from ticketpay.domain.processes.provider_facts import FactDesk, open_case

if TYPE_CHECKING:
    from ticketpay.domain.audit import AuditEntry
    from ticketpay.domain.kernel.ids import OrderId, PaymentId, TenantId
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.system import Clock
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = ["ApplyOrderEvent", "OrderEventResult"]

_ENDED: Final = (OrderState.CANCELLED, OrderState.EXPIRED)
_UNKNOWN: Final = "there is no such event"
_NO_MONEY: Final = "no payment of the order is completed"
_NOT_CANCELLED: Final = "the provider did not cancel its payment"


@attrs.frozen(kw_only=True)
class OrderEventResult:
    """From which state to which; ``refused`` says why it stayed, empty if it did not."""

    before: OrderState
    after: OrderState
    refused: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ApplyOrderEvent:
    """``ticketpay orders event``; see the module docstring."""

    uow: UnitOfWork
    gateway: PaymentGateway
    desk: FactDesk
    clock: Clock

    def __call__(
        self, tenant: TenantId, order_id: OrderId, kind: str, entry: AuditEntry
    ) -> OrderEventResult:
        """Apply the event ``kind`` or write down that it was refused.

        Raises ``NotFound``; ``Unavailable`` and ``OutcomeUnknown`` when the provider did not say
        what became of a cancellation, and ``Conflict`` when somebody else moved the order.
        """
        news = news_of(kind)
        if news is OrderNews.CANCELLED and not self.refusal(tenant, order_id, kind):
            return self._cancel(tenant, order_id, entry)
        return self.uow.run(tenant, lambda tx: self._apply(tx, order_id, news, entry))

    def refusal(self, tenant: TenantId, order_id: OrderId, kind: str) -> str:
        """Why the event would be refused now, empty if it would not; raises ``NotFound``."""

        def look(tx: Tx) -> str:
            paid = tx.payments.of_order(order_id)
            order = _known(tx.orders.get(order_id)(), order_id)
            return _refusal(order, news_of(kind), paid())

        return self.uow.run(tenant, look)

    def _apply(
        self, tx: Tx, order_id: OrderId, news: OrderNews | None, entry: AuditEntry
    ) -> OrderEventResult:
        now = self.clock.now()
        paid = [p for p in tx.payments.of_order(order_id)() if p.state is PaymentState.COMPLETED]
        case = open_case(tx, paid[0].id) if paid else None
        order = case.order if case else _known(tx.orders.lock(order_id)(), order_id)
        refused = _refusal(order, news, paid)
        after = order
        if news is OrderNews.CANCELLED and not refused:
            raise Conflict(f"order {order_id} was moved by somebody else")
        if news is OrderNews.PAYMENT_RECEIVED and case is not None and not refused:
            tx.stock.confirm(order_id)
            after = self.desk.follow(tx, case, now).order
        elif news is not None and not refused:
            step = order_step(order.state, news)
            assert step is not None, "what is not refused has a step"
            after = tx.orders.move(order, [step], now)
        return _recorded(tx, entry, order, after, refused)

    def _cancel(self, tenant: TenantId, order_id: OrderId, entry: AuditEntry) -> OrderEventResult:
        payments = self.uow.run(tenant, lambda tx: tx.payments.of_order(order_id)())
        # What failed comes last: without it the order is over already.
        unfinished = sorted(
            (p for p in payments if not PAYMENT_MACHINE.is_final(p.state)),
            key=lambda payment: payment.state is PaymentState.FAILED,
        )
        facts = [(p.id, self._cancelled_there(tenant, p, entry)) for p in unfinished]
        return self.uow.run(tenant, lambda tx: self._settle(tx, order_id, facts, entry))

    def _cancelled_there(
        self, tenant: TenantId, payment: Payment, entry: AuditEntry
    ) -> ProviderFact | None:
        return cancelled_there(self.gateway, tenant, payment, f"order:{payment.id}:{entry.id}")

    def _settle(
        self,
        tx: Tx,
        order_id: OrderId,
        facts: Sequence[tuple[PaymentId, ProviderFact | None]],
        entry: AuditEntry,
    ) -> OrderEventResult:
        now = self.clock.now()
        for payment_id in sorted(payment_id for payment_id, _ in facts):
            tx.payments.lock(payment_id)()
        before = _known(tx.orders.lock(order_id)(), order_id)
        for payment_id, fact in facts:
            case = open_case(tx, payment_id)
            if fact is not None:
                self.desk.apply(tx, case, fact, now)
            elif was_refused(case.payment):
                self.desk.give_up(tx, case, now)
        after, paid = tx.orders.lock(order_id), tx.payments.of_order(order_id)
        order, left = _known(after(), order_id), paid()
        over = all(payment.state is PaymentState.CANCELLED for payment in left)
        if over and order_step(order.state, OrderNews.CANCELLED) is not None:
            order = self.desk.close(tx, order, str(left[-1].id) if left else "", now)
        refused = "" if order.state in _ENDED else _NOT_CANCELLED
        return _recorded(tx, entry, before, order, refused)


def _known(order: Order | None, order_id: OrderId) -> Order:
    if order is None:
        raise NotFound(f"Order {order_id} not found")
    return order


def _refusal(order: Order, news: OrderNews | None, payments: Iterable[Payment]) -> str:
    if news is None:
        return _UNKNOWN
    if order_step(order.state, news) is None:
        return f"an order that is {order.state} refuses it"
    paid = any(payment.state is PaymentState.COMPLETED for payment in payments)
    return "" if paid or news is not OrderNews.PAYMENT_RECEIVED else _NO_MONEY


def _recorded(
    tx: Tx, entry: AuditEntry, before: Order, after: Order, refused: str
) -> OrderEventResult:
    details = dict(entry.details) | {
        "before": str(before.state),
        "after": str(after.state),
        "outcome": "rejected" if refused else "applied",
        "refused": refused or None,
    }
    tx.audit.record(attrs.evolve(entry, details=details))
    return OrderEventResult(before=before.state, after=after.state, refused=refused)
