"""Production, called on small states: ``FactDesk``, ``Janitor``, ``judge`` and the machines.

Every call is memoised on exactly what production gets to see of a state: what the payment
remembers, the order's and the stock's state, the fact or the intent, and the phase. That is
sound because the rules are functions of what they read through their ports (no clock, chance or
state of their own: ``lint-imports`` keeps vendors out, ``now`` is an argument), and the sheet
shows them nothing else. So every distinct argument is executed once, and
``test_a_walk_without_memory_agrees`` compares the memory with fresh calls.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, TypeVarTuple, cast
from uuid import UUID

import attrs

from tests.model.invariants import Row, check_change, check_given_up, check_heard
from tests.model.provider import (
    AMOUNT,
    DECLINED,
    NO_INTENT,
    PAYMENT,
    REF,
    cancelled,
    fact_of,
    latest,
    word_of,
)
from tests.model.scope import (
    EXPIRES_AT,
    MOMENTS,
    NOW,
    PLACES,
    Event,
    Intent,
    Pay,
    looks_at,
    moment,
    now_in,
    phase_of,
    when,
)
from tests.model.sheet import ORDER, REFUND, Broken, PaperTx, Sheet
from ticketpay.domain.kernel.fsm import Machine
from ticketpay.domain.kernel.ids import EventId, PaymentId, TenantId, UserId, VenueId
from ticketpay.domain.messaging import TimerKind
from ticketpay.domain.money import USD
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent, OrderState
from ticketpay.domain.payments import PAYMENT_MACHINE, Payment, ProviderFact, ProviderRef, judge
from ticketpay.domain.payments.policy import Ruling
from ticketpay.domain.processes.janitor import Janitor
from ticketpay.domain.processes.provider_facts import Case, FactDesk
from ticketpay.domain.refunds import REFUND_MACHINE, Refund, RefundState
from ticketpay.ports.payments import RefundFact

if TYPE_CHECKING:
    from ticketpay.ports.payments import PaymentGateway
    from ticketpay.ports.transactions import Tx, UnitOfWork

__all__ = [
    "MACHINES",
    "Effect",
    "FixedClock",
    "Gateway",
    "Production",
    "order_in",
    "payment_of",
    "remembered",
]

MACHINES: Final[tuple[Machine[Any, Any], ...]] = (PAYMENT_MACHINE, ORDER_MACHINE, REFUND_MACHINE)
T = TypeVar("T")
A = TypeVarTuple("A")
_AT: Final = {when(at): at for at in range(MOMENTS)}


class Effect(NamedTuple):
    """What a call leaves behind; a timer is True when set, False when cleared, None when left."""

    pay: Pay
    order: OrderState
    stock: str
    posted: tuple[str, ...] = ()
    timer: bool | None = None
    refund: str = ""
    refund_timer: bool | None = None
    rung: tuple[str, ...] = ()


class Production:
    """The production rules with a memory; ``covered`` has the moves that were made so far."""

    def __init__(self) -> None:
        self.covered: set[tuple[str, str, str]] = set()
        self.calls = 0
        self._memory: dict[Hashable, Any] = {}
        self.heard: dict[tuple[Pay, OrderState, str, Event, int], Effect] = {}

    def hear(self, pay: Pay, order: OrderState, stock: str, event: Event, phase: int) -> Effect:
        """A fact arrives: by webhook, as an answer or as a reading."""
        key = (pay, order, stock, event, phase)
        effect = self.heard.get(key)
        if effect is None:
            effect = self.heard[key] = self._hear(*key)
        return effect

    def _hear(self, pay: Pay, order: OrderState, stock: str, event: Event, phase: int) -> Effect:
        at = moment(event.at // PLACES, 1)
        last = -1 if pay.last < 0 else at + (pay.last > event.at) - (pay.last < event.at)
        effect = self._remembered(
            self.fact_arrives, pay._replace(last=last), order, stock, Event(event.word, at), phase
        )
        return _timed(effect, {last: pay.last, at: event.at})

    def look(
        self, pay: Pay, order: OrderState, stock: str, intent: Intent, phase: int
    ) -> tuple[Effect, Intent]:
        """The janitor looks at a payment; also the intent afterwards, which he may have cancelled."""
        word, at, last = word_of(intent), moment(phase, 0), -1
        past: Intent = () if word in NO_INTENT else (Event(word, at),)
        if past and pay.last >= 0:
            last = at + (pay.last == latest(intent, phase).at)
        seen = pay._replace(last=last)
        effect, then = self._remembered(self.janitor_looks, seen, order, stock, past, phase)
        times = {last: pay.last}
        if then != past:
            intent = cancelled(intent, phase)
        if past:
            times[latest(then, phase).at] = latest(intent, phase).at
        return _timed(effect, times), intent

    def refuse(self, pay: Pay, order: OrderState, stock: str, phase: int) -> Effect:
        """The provider refuses the charge without an intent."""
        return self._remembered(self.charge_is_refused, pay, order, stock, phase)

    def send_back(self, pay: Pay, refund: str, answer: str, phase: int) -> Effect:
        """The janitor asks the provider to refund a late success, and hears ``answer``."""
        return self._remembered(self.janitor_refunds, pay, refund, answer, phase)

    def _remembered(self, call: Callable[[*A], T], *arguments: *A) -> T:
        key = (call.__name__, *arguments)
        if key not in self._memory:
            self._memory[key] = call(*arguments)
        known: T = self._memory[key]
        return known

    def fact_arrives(
        self, pay: Pay, order: OrderState, stock: str, event: Event, phase: int
    ) -> Effect:
        """``FactDesk.apply``."""
        fact, payment = fact_of(event), payment_of(pay)
        self._judged(payment, fact)
        effect = self._called(
            Sheet(payment, order_in(order), stock, now_in(phase)),
            lambda sheet, desk: desk.apply(*_case(sheet), fact, sheet.now),
        )
        check_heard(pay, effect.pay, event)
        return effect

    def charge_is_refused(self, pay: Pay, order: OrderState, stock: str, phase: int) -> Effect:
        """What ``Checkout`` does with ``FactDesk.refuse``."""

        def refuse(sheet: Sheet, desk: FactDesk) -> None:
            tx, case = _case(sheet)
            failed = attrs.evolve(case.payment, failure=DECLINED)
            desk.refuse(tx, attrs.evolve(case, payment=failed), sheet.now)

        return self._called(Sheet(payment_of(pay), order_in(order), stock, now_in(phase)), refuse)

    def janitor_looks(
        self, pay: Pay, order: OrderState, stock: str, intent: Intent, phase: int
    ) -> tuple[Effect, Intent]:
        """``Janitor`` with the timer of a payment."""
        now = looks_at(phase)
        sheet = Sheet(payment_of(pay), order_in(order), stock, now, due=TimerKind.PAYMENT)
        gateway = Gateway(intent, phase)
        effect = self._called(sheet, lambda sheet, desk: _janitor(sheet, desk, gateway)())
        if word_of(intent) in NO_INTENT and effect.pay.state is not pay.state:
            check_given_up(intent, phase, looks_again=effect.timer is not False)
        return effect, gateway.intent

    def janitor_refunds(self, pay: Pay, refund: str, answer: str, phase: int) -> Effect:
        """``Janitor`` with the timer of a refund."""
        sheet = Sheet(
            payment_of(pay),
            order_in(OrderState.CANCELLED),
            "released",
            now_in(phase),
            refund=_refund_in(RefundState(refund)),
            due=TimerKind.REFUND,
        )
        gateway = Gateway((), phase, answer)
        return self._called(sheet, lambda sheet, desk: _janitor(sheet, desk, gateway)())

    def issue(self, order: OrderState) -> OrderState:
        """The ticket service has issued the tickets; the relay asks the machine."""
        if not ORDER_MACHINE.can(order, OrderEvent.ISSUE):
            return order
        self.covered.add(("order", order, OrderEvent.ISSUE))
        return ORDER_MACHINE.next(order, OrderEvent.ISSUE)

    def _judged(self, payment: Payment, fact: ProviderFact) -> None:
        verdict = judge(payment, fact)
        if verdict.ruling in (Ruling.KNOWN, Ruling.LATE_SUCCESS) and verdict.event is not None:
            PAYMENT_MACHINE.step(payment.state, verdict.event)
            self.covered.add(("payment", payment.state, verdict.event))

    def _called(self, sheet: Sheet, call: Callable[[Sheet, FactDesk], object]) -> Effect:
        self.calls += 1
        before = Row(remembered(sheet.payment), sheet.order.state, sheet.stock)
        try:
            call(sheet, FactDesk(ids=_Ids(), alerts=sheet))
        except Broken:
            raise
        except Exception as error:
            raise Broken(f"production raised {type(error).__name__}: {error}") from error
        sheet.check()
        effect = _effect(sheet)
        check_change(before, Row(effect.pay, effect.order, effect.stock))
        self.covered |= {(_name(step), step.before, step.event) for step in sheet.steps}
        return effect


def _name(step: Any) -> str:
    return next(machine.name for machine in MACHINES if isinstance(step.event, machine.events))


def _case(sheet: Sheet) -> tuple[Tx, Case]:
    return cast("Tx", PaperTx(sheet)), Case(sheet.payment, sheet.order)


def _effect(sheet: Sheet) -> Effect:
    return Effect(
        pay=remembered(sheet.payment),
        order=sheet.order.state,
        stock=sheet.stock,
        posted=tuple(sheet.posted),
        timer=sheet.timers.get(TimerKind.PAYMENT),
        refund=str(sheet.refund.state) if sheet.refund else "",
        refund_timer=sheet.timers.get(TimerKind.REFUND),
        rung=tuple(line.partition(":")[0] for line in sheet.rung),
    )


def remembered(payment: Payment) -> Pay:
    """The small state; nothing is compared with the time of the last fact of what is over."""
    over = PAYMENT_MACHINE.is_final(payment.state)
    last = None if over else payment.last_fact_at
    if payment.received_cents not in (0, payment.amount.cents):
        raise Broken(f"{payment.received_cents} cents were received of {payment.amount}")
    return Pay(
        state=payment.state,
        has_ref=payment.ref is not None,
        has_failed=payment.failure is not None and not over,
        received=payment.received_cents > 0,
        last=-1 if last is None else _AT[last],
        tried=-1 if over or payment.last_try_at is None else phase_of(payment.last_try_at),
    )


def _timed(effect: Effect, times: Mapping[int, int]) -> Effect:
    """The effect with the times that the memory has made equal."""
    last = effect.pay.last
    if last < 0 or times[last] == last:
        return effect
    return effect._replace(pay=effect.pay._replace(last=times[last]))


@cache
def payment_of(pay: Pay) -> Payment:
    """A payment that remembers ``pay``."""
    return Payment(
        id=PAYMENT,
        order_id=ORDER,
        state=pay.state,
        amount=AMOUNT,
        user_id=UserId(UUID(int=6)),
        event_id=EventId(UUID(int=7)),
        venue_id=VenueId(UUID(int=8)),
        ticket_count=2,
        method_type="card",
        device_fingerprint="device",
        created_at=NOW,
        sent_at=NOW,
        ref=REF if pay.has_ref else None,
        failure=DECLINED if pay.has_failed else None,
        received_cents=AMOUNT.cents if pay.received else 0,
        last_fact_at=when(pay.last) if pay.last >= 0 else None,
        last_try_at=now_in(pay.tried) if pay.tried >= 0 else None,
    )


@cache
def order_in(state: OrderState) -> Order:
    """The order in a state."""
    return Order(
        id=ORDER,
        user_id=UserId(UUID(int=6)),
        event_id=EventId(UUID(int=7)),
        venue_id=VenueId(UUID(int=8)),
        state=state,
        currency=USD,
        tickets_cents=10_000,
        fees_cents=1_000,
        taxes_cents=AMOUNT.cents - 11_000,
        ticket_count=2,
        tax_jurisdiction="US-TN",
        tax_date=date(2026, 3, 1),
        created_at=NOW,
        expires_at=EXPIRES_AT,
    )


def _refund_in(state: RefundState) -> Refund:
    return Refund(
        id=REFUND,
        payment_id=PAYMENT,
        ref=REF,
        amount=AMOUNT,
        reason="late_success",
        state=state,
        created_at=NOW,
    )


def _janitor(sheet: Sheet, desk: FactDesk, gateway: Gateway) -> Janitor:
    return Janitor(
        uow=cast("UnitOfWork", sheet),
        gateway=cast("PaymentGateway", gateway),
        desk=desk,
        clock=FixedClock(sheet.now),
        ids=_Ids(),
        random=_Chance(),
        alerts=sheet,
    )


@attrs.define
class Gateway:
    """``PaymentGateway`` of one intent, as far as the janitor may use it: he never charges."""

    intent: Intent
    phase: int
    refund_answer: str = ""
    tell: Callable[[Event], ProviderFact] = fact_of

    def find(
        self, _tenant_id: TenantId, _payment_id: PaymentId, _since: datetime
    ) -> ProviderFact | None:
        return None if word_of(self.intent) in NO_INTENT else self.retrieve(REF)

    def retrieve(self, _ref: ProviderRef) -> ProviderFact:
        return self.tell(latest(self.intent, self.phase))

    def cancel(self, _ref: ProviderRef, _key: str) -> ProviderFact:
        self.intent = cancelled(self.intent, self.phase)
        return self.retrieve(REF)

    def refund(self, _refund: Refund) -> RefundFact:
        return RefundFact(provider_refund_id="re_1", state=RefundState(self.refund_answer))


@attrs.frozen
class FixedClock:
    at: datetime

    def now(self) -> datetime:
        return self.at


class _Ids:
    def new(self) -> UUID:
        return REFUND


class _Chance:
    def ppm(self) -> int:
        return 0
