"""The twin: the same small world on the real adapter, with whole rows and two real payments.

What the model leaves out (versions, ids, rows of the other payment, stock by the ticket) is here,
so a walk of both shows that leaving it out changes nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, cast
from uuid import UUID

import attrs

from tests.model.production import FixedClock, Gateway, remembered
from tests.model.provider import DECLINED, fact_of
from tests.model.scope import (
    EXPIRES_AT,
    NOW,
    Event,
    Intent,
    Shared,
    Side,
    looks_at,
    now_in,
    tries_in,
)
from tests.support.scenery import Scenery, ref
from ticketpay.adapters.memory import (
    MemoryCatalog,
    MemoryUnitOfWork,
    RecordingAlerts,
    SeededIds,
    SeededRandom,
)
from ticketpay.domain.inventory import HoldState
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.messaging import TimerClaim, TimerKind
from ticketpay.domain.orders import ORDER_MACHINE, OrderEvent
from ticketpay.domain.payments import Payment, ProviderFact
from ticketpay.domain.processes.janitor import Janitor
from ticketpay.domain.processes.provider_facts import FactDesk, open_case
from ticketpay.domain.refunds import Refund

if TYPE_CHECKING:
    from datetime import datetime

    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.transactions import Tx

__all__ = ["Twin"]

HELD: Final = {
    HoldState.HELD: "held",
    HoldState.CONFIRMED: "sold",
    HoldState.RELEASED: "released",
}


class Twin:
    """An order with two payments on ``MemoryUnitOfWork``; ``intents`` are the provider's side."""

    def __init__(self) -> None:
        self.scenery, self.uow, self.phase = Scenery.seeded(1), MemoryUnitOfWork(), 0
        self.looks = 0
        MemoryCatalog(self.uow).load(self.scenery.catalog)
        self.tables = self.uow.store.of(self.scenery.tenant)
        self.desk = FactDesk(ids=SeededIds(1), alerts=RecordingAlerts())
        self.intents: list[Intent] = [(), ()]
        self.sent_back = ["", ""]
        demand = self.scenery.demand(3)
        order = self.scenery.order(NOW, demand)
        self.order = attrs.evolve(order, created_at=NOW, expires_at=EXPIRES_AT)
        self.payments = [self._payment(n) for n in (0, 1)]
        self.refs = [ref(f"pi_{n}") for n in (0, 1)]
        self.uow.run(self.scenery.tenant, self._open)

    def _payment(self, n: int) -> Payment:
        payment = self.scenery.payment(self.order, NOW, share=n + 1)
        return attrs.evolve(payment, id=PaymentId(UUID(int=100 + n)))

    def _open(self, tx: Tx) -> None:
        tx.orders.add(self.order)
        tx.stock.hold(self.order.id, self.scenery.demand(3))
        tx.orders.move(self.order, [ORDER_MACHINE.step(self.order.state, OrderEvent.SUBMIT)], NOW)
        for payment in self.payments:
            tx.payments.add(payment)
            tx.timers.set(tx.tenant_id, TimerKind.PAYMENT, payment.id, NOW)

    def fact(self, n: int, event: Event) -> ProviderFact:
        """The fact about payment ``n``."""
        fact, amount = fact_of(event), self.order.total
        received = amount if fact.received.cents else fact.received
        mine = str(self.payments[n].id)
        return attrs.evolve(
            fact, ref=self.refs[n], amount=amount, received=received, payment_id=mine
        )

    def hear(self, n: int, event: Event) -> None:
        """A fact arrives."""
        now = now_in(self.phase)
        self.uow.run(
            self.scenery.tenant,
            lambda tx: self.desk.apply(
                tx, open_case(tx, self.payments[n].id), self.fact(n, event), now
            ),
        )

    def refuse(self, n: int) -> None:
        """The charge is refused without an intent."""

        def refuse(tx: Tx) -> None:
            case = open_case(tx, self.payments[n].id)
            failed = attrs.evolve(case, payment=attrs.evolve(case.payment, failure=DECLINED))
            self.desk.refuse(tx, failed, now_in(self.phase))

        self.uow.run(self.scenery.tenant, refuse)

    def look(self, n: int) -> None:
        """The janitor looks at a payment."""
        gateway = Gateway(self.intents[n], self.phase, tell=partial(self.fact, n))
        payment_id = self.payments[n].id
        claim = self._claim(TimerKind.PAYMENT, payment_id)
        made = tries_in(self.phase, payment_id)
        self.uow.run(self.scenery.tenant, lambda _tx: self.tables.retries.put(payment_id, made))
        self.looks += 1
        self._janitor(gateway, looks_at(self.phase, self.looks))._look_at_payment(claim)
        self.intents[n] = gateway.intent

    def send_back(self, n: int, answer: str) -> None:
        """The janitor asks for a refund."""
        refund = self.refund(n)
        assert refund is not None, "only a refund is asked for"
        self.sent_back[n] = answer
        gateway = Gateway((), self.phase, answer)
        self._janitor(gateway, now_in(self.phase))._send_back(
            self._claim(TimerKind.REFUND, refund.id)
        )

    def issue(self) -> None:
        """The tickets are issued."""

        def issue(tx: Tx) -> None:
            order = tx.orders.lock(self.order.id)()
            assert order is not None, "the order is there"
            step = ORDER_MACHINE.step(order.state, OrderEvent.ISSUE)
            tx.orders.move(order, [step], now_in(self.phase))

        self.uow.run(self.scenery.tenant, issue)

    def rival(self, *, takes: bool) -> None:
        """Somebody else takes all tickets, or returns them."""
        type_id, stock = self.scenery.standing, self.tables.stock

        def take(_tx: Tx) -> None:
            row = stock.get(type_id)
            assert row is not None, "the stock is there"
            stock.put(type_id, attrs.evolve(row, taken=row.capacity if takes else 0))

        self.uow.run(self.scenery.tenant, take)

    def refund(self, n: int) -> Refund | None:
        """The refund of a payment."""
        mine = (r for r in self.tables.refunds.values() if r.payment_id == self.payments[n].id)
        return next(mine, None)

    def side(self, n: int) -> Side:
        """What the rows say about a payment, in small."""
        payment = self.tables.payments.get(self.payments[n].id)
        assert payment is not None, "payments are never deleted"
        keys = [p.key for p in self.tables.postings.values()]
        mine = [key for key in keys if key.split(":")[1] == str(payment.id)]
        refund = self.refund(n)
        return Side(
            pay=remembered(payment),
            intent=self.intents[n],
            books=tuple(sorted(key.partition(":")[0] for key in mine)),
            timer=self._rings(TimerKind.PAYMENT, payment.id),
            refund=str(refund.state) if refund else "",
            refund_timer=refund is not None and self._rings(TimerKind.REFUND, refund.id),
            sent_back=self.sent_back[n],
        )

    def shared(self) -> Shared:
        """What the rows say about the order and its stock, in small."""
        order = self.tables.orders.get(self.order.id)
        row = self.tables.stock.get(self.scenery.standing)
        (hold,) = (self.tables.holds.get(self.order.id) or {}).values()
        assert order is not None, "the order is there"
        assert row is not None, "the stock is there"
        gone = hold.state is HoldState.RELEASED and row.taken == row.capacity
        return Shared(order.state, "gone" if gone else HELD[hold.state], self.phase)

    def _rings(self, kind: TimerKind, subject: UUID) -> bool:
        return (self.scenery.tenant, kind, subject) in self.uow.store.platform.timers

    def _claim(self, kind: TimerKind, subject: UUID) -> TimerClaim:
        tenant = self.scenery.tenant
        row = self.uow.store.platform.timers.get((tenant, kind, subject))
        assert row is not None, "only a timer is claimed"
        return TimerClaim(
            tenant_id=tenant, kind=kind, subject_id=subject, epoch=row.epoch, attempts=0
        )

    def _janitor(self, gateway: Gateway, now: datetime) -> Janitor:
        return Janitor(
            uow=self.uow,
            gateway=cast("PaymentGateway", gateway),
            desk=self.desk,
            clock=FixedClock(now),
            ids=SeededIds(2),
            random=SeededRandom(1),
            alerts=self.desk.alerts,
        )
