"""A transaction on a sheet of paper: what production reads from it and what it writes on it.

It stands for ``Tx`` and ``UnitOfWork`` where the model check calls production: one payment, its
order, one refund. It does what the adapters do (``test_the_paper_is_the_adapter``) and writes
down whatever is asked of it, so that nothing that production does goes unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs

from tests.model.provider import PAYMENT
from tests.model.scope import NOW, phase_of, tries_in
from ticketpay.domain.kernel.fsm import Step
from ticketpay.domain.kernel.ids import EventId, OrderId, PaymentId, RefundId, TenantId
from ticketpay.domain.ledger import Posting
from ticketpay.domain.messaging import Message, TimerClaim, TimerKind
from ticketpay.domain.orders import Order
from ticketpay.domain.payments import Circumstances, Payment, Retry
from ticketpay.domain.refunds import Dispute, Refund
from ticketpay.ports.later import Later

__all__ = ["ORDER", "REFUND", "TENANT", "Broken", "PaperTx", "Sheet"]

TENANT: Final = TenantId(UUID(int=4))
ORDER: Final = OrderId(UUID(int=2))
REFUND: Final = RefundId(UUID(int=5))
STARTS_AT: Final = NOW + timedelta(days=60)
TIMER_SECONDS_MAX: Final = 8 * 24 * 3600
TOLD: Final = {
    "order": ("paid", "payment_failed", "cancelled", "expired"),
    "refund": ("completed", "failed"),
}

T = TypeVar("T")
Move = Step[Any, Any]


class Broken(AssertionError):
    """A promise that does not hold."""


def _known(value: T) -> Later[T]:
    return lambda: value


@attrs.define
class Sheet:
    """The rows, and what was done to them."""

    payment: Payment
    order: Order
    stock: str
    now: datetime
    refund: Refund | None = None
    due: TimerKind | None = None
    posted: list[str] = attrs.field(factory=list)
    timers: dict[TimerKind, bool] = attrs.field(factory=dict)
    steps: list[Move] = attrs.field(factory=list)
    told: list[str] = attrs.field(factory=list)
    expected: list[str] = attrs.field(factory=list)
    rung: list[str] = attrs.field(factory=list)
    complaint: str = ""

    def run(self, _tenant: TenantId, fn: Callable[[Any], T]) -> T:
        return fn(PaperTx(self))

    def platform(self, fn: Callable[[Any], T], _near: TenantId | None = None) -> T:
        return fn(PaperTx(self))

    def everywhere(self, fn: Callable[[Any], T], **_gaps: bool) -> tuple[T, ...]:
        return (self.platform(fn),)

    def raise_alert(self, kind: str, detail: str, **_ids: str) -> None:
        self.rung.append(f"{kind}: {detail}")

    def expect(self, aggregate: str, steps: Sequence[Move]) -> None:
        """Note which messages a walk must leave: of an order's only the last state is told (S32)."""
        self.steps += steps
        moved = [str(step.after) for step in steps if step.moves]
        told = TOLD.get(aggregate)
        if told is not None:
            moved = [state for state in moved[-1:] if state in told]
        self.expected += [f"{aggregate}.{state}" for state in moved]

    def insist(self, promise: bool, text: str) -> None:  # noqa: FBT001 - reads like assert
        """Remember what does not hold: the janitor swallows every error."""
        if not promise:
            self.complaint = self.complaint or text
            raise Broken(text)

    def check(self) -> None:
        """What was told is what happened; keys that the same transaction books twice are found."""
        if sorted(self.told) != sorted(self.expected):
            raise Broken(f"told was {self.told}, what happened is {self.expected}")
        if len(set(self.posted)) != len(self.posted):
            raise Broken(f"booked twice at once: {self.posted}")
        if self.complaint:
            raise Broken(self.complaint)
        refused = [line for line in self.rung if line.startswith("janitor_")]
        if refused:
            raise Broken(f"the janitor could not work: {refused}")
        ends = ("payment is cancelled", "payment is failed")
        if any(line.startswith("order_refuses") and line.endswith(ends) for line in self.rung):
            raise Broken(f"an order is asked to end that cannot: {self.rung}")


class PaperTx:
    """``Tx`` over a sheet."""

    tenant_id = TENANT

    def __init__(self, sheet: Sheet) -> None:
        self.payments = _Payments(sheet)
        self.orders = _Orders(sheet)
        self.stock = _Stock(sheet)
        self.retries = _Retries(sheet)
        self.disputes = _Disputes(sheet)
        self.refunds = _Refunds(sheet)
        self.timers = _Timers(sheet)
        self.ledger = _Ledger(sheet)
        self.outbox = _Outbox(sheet)


@attrs.frozen
class _Port:
    sheet: Sheet


class _Payments(_Port):
    def get(self, _payment_id: PaymentId) -> Later[Payment]:
        return _known(self.sheet.payment)

    lock = get

    def save(self, payment: Payment, step: Move | None, _at: datetime) -> Payment:
        before = self.sheet.payment
        insist = self.sheet.insist
        insist(payment.version == before.version, "the payment was written with an old version")
        walked = (before.state,) * 2 if step is None else (step.before, step.after)
        went = (before.state, payment.state)
        insist(walked == went, f"recorded was {walked}, the payment went {went}")
        self.sheet.expect("payment", [] if step is None else [step])
        self.sheet.payment = attrs.evolve(payment, version=payment.version + 1)
        return self.sheet.payment


class _Orders(_Port):
    def get(self, _order_id: OrderId) -> Later[Order]:
        return _known(self.sheet.order)

    def lock_of_payment(self, _payment_id: PaymentId) -> Later[Order]:
        return _known(self.sheet.order)

    def move(self, order: Order, steps: Sequence[Move], _at: datetime) -> Order:
        self.sheet.insist(order == self.sheet.order, "the order was moved from an old state")
        self.sheet.expect("order", steps)
        for step in steps:
            self.sheet.insist(step.before is order.state, f"{step} was recorded in {order.state}")
            order = attrs.evolve(order, state=step.after)
        self.sheet.order = attrs.evolve(order, version=order.version + 1)
        return self.sheet.order


class _Stock(_Port):
    def lock_event(self, _order_id: OrderId, _event_id: EventId) -> None:
        """Nobody else writes on this paper."""

    def hold_again(self, _order_id: OrderId) -> Later[bool]:
        if self.sheet.stock == "released":
            self.sheet.stock = "held"
        return _known(self.sheet.stock != "gone")

    def confirm(self, _order_id: OrderId) -> None:
        if self.sheet.stock == "held":
            self.sheet.stock = "sold"

    def release(self, _order_id: OrderId) -> None:
        if self.sheet.stock == "held":
            self.sheet.stock = "released"


class _Retries(_Port):
    """The tries of what has failed, as the phase has them; nobody has bought again."""

    def end(self, _payment_id: PaymentId, _outcome: str) -> None:
        """A day later none is without an outcome."""

    def of_payment(self, payment_id: PaymentId) -> Later[tuple[Retry, ...]]:
        return _known(tries_in(phase_of(self.sheet.now), payment_id))

    def around(self, _payment: Payment) -> Later[Circumstances]:
        return _known(Circumstances(starts_at=STARTS_AT, on_sale=True))


class _Disputes(_Port):
    """No bank has asked about a payment."""

    def of_payment(self, _payment_id: PaymentId) -> Later[tuple[Dispute, ...]]:
        return _known(())


class _Refunds(_Port):
    def add(self, refund: Refund) -> None:
        self.sheet.insist(self.sheet.refund is None, "a payment is refunded twice")
        self.sheet.refund = refund
        self.sheet.expected.append("refund.initiated")

    def get(self, _refund_id: RefundId) -> Later[Refund | None]:
        return _known(self.sheet.refund)

    def lock(self, _refund_id: RefundId) -> Later[Refund | None]:
        return _known(self.sheet.refund)

    def move(self, refund: Refund, step: Move, _at: datetime) -> Refund:
        assert self.sheet.refund is not None, "only what exists is moved"
        state = self.sheet.refund.state
        self.sheet.insist(state is step.before, f"{step} was recorded of a refund that is {state}")
        self.sheet.expect("refund", [step])
        self.sheet.refund = attrs.evolve(refund, state=step.after)
        return self.sheet.refund


class _Timers(_Port):
    def set(self, _tenant: UUID, kind: TimerKind, _subject: UUID, due_at: datetime) -> None:
        wait = due_at - self.sheet.now
        sane = timedelta(0) <= wait <= timedelta(seconds=TIMER_SECONDS_MAX)
        self.sheet.insist(sane, f"a timer is set {wait} from now")
        self.sheet.timers[kind] = True

    def clear(self, _tenant: UUID, kind: TimerKind, _subject: UUID) -> None:
        self.sheet.timers[kind] = False

    def claim_due(
        self, _now: datetime, _lease_seconds: int, _limit: int
    ) -> Later[tuple[TimerClaim, ...]]:
        kind = self.sheet.due
        if kind is None:
            return _known(())
        subject = PAYMENT if kind is TimerKind.PAYMENT else REFUND
        claim = TimerClaim(tenant_id=TENANT, kind=kind, subject_id=subject, epoch=1, attempts=0)
        return _known((claim,))

    def lock(self, _claim: TimerClaim) -> Later[bool]:
        return _known(value=True)

    def postpone(self, claim: TimerClaim, due_at: datetime, _error: str) -> None:
        self.set(claim.tenant_id, claim.kind, claim.subject_id, due_at)


class _Ledger(_Port):
    def post(self, posting: Posting) -> None:
        kind, payment = posting.key.split(":")[:2]
        self.sheet.insist(payment == str(PAYMENT), f"{posting.key} is booked for somebody else")
        self.sheet.posted.append(kind)


class _Outbox(_Port):
    def emit(self, messages: Sequence[Message]) -> None:
        self.sheet.told += [message.type for message in messages]
