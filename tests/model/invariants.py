"""What must be true in every state; none of it asks the code that is checked.

``check_side`` judges one payment against its intent and its books, ``check_order`` both payments
against the order and its stock, ``check_end`` a state in which nothing happens any more.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from tests.model.provider import ENDS, is_open, word_of
from tests.model.scope import DAY_LATER, Event, Intent, Pay, Shared, Side
from tests.model.sheet import Broken
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PaymentState

__all__ = [
    "Gist",
    "Row",
    "check_change",
    "check_end",
    "check_given_up",
    "check_heard",
    "check_order",
    "check_side",
    "gist_of",
]

PAID: Final = (OrderState.PAID, OrderState.FULFILLED)
OVER: Final = (OrderState.CANCELLED, OrderState.EXPIRED)
ENDED: Final = (PaymentState.COMPLETED, PaymentState.CANCELLED)
FOLLOWS: Final = {
    PaymentState.PENDING: (OrderState.PAYMENT_PENDING,),
    PaymentState.PROCESSING: (OrderState.PAYMENT_PROCESSING,),
    PaymentState.AUTHORIZED: (OrderState.PAYMENT_PROCESSING,),
    PaymentState.FAILED: (OrderState.PAYMENT_FAILED,),
    PaymentState.COMPLETED: PAID,
    PaymentState.CANCELLED: OVER,
}
"""Where S32 takes the order of a payment."""


BELIEVED: Final = {
    "processing": (PaymentState.PROCESSING,),
    "authorized": (PaymentState.AUTHORIZED,),
    "failed": (PaymentState.FAILED,),
}


class Gist(NamedTuple):
    """What the order's promises depend on, of one payment."""

    state: PaymentState
    captured: bool
    has_failed: bool


class Row(NamedTuple):
    """A payment with its order and its stock, as one call sees them."""

    pay: Pay
    order: OrderState
    stock: str


def check_change(before: Row, after: Row) -> None:
    """No call takes back what is over, forgets what is newer, or ends what another payment does."""
    old, new = before.pay, after.pay
    over = old.state in ENDED
    _holds(new.state is old.state or not over, f"a payment went from {old.state} to {new.state}")
    newer = new.last >= old.last or new.state in ENDED
    _holds(newer, f"what is known got older: {old.last} -> {new.last}")
    _holds(before.order not in PAID or after.order in PAID, f"an order went to {after.order}")
    follows = before.order in FOLLOWS[old.state]
    if new.state in (PaymentState.FAILED, PaymentState.CANCELLED) and not follows:
        same = before[1:] == after[1:] or after.stock == "held"
        _holds(same, f"the order was {before.order} for another payment, and is {after.order}")


def check_heard(before: Pay, after: Pay, event: Event) -> None:
    """An end is believed whenever it is heard; what else moves a payment is kept with its time."""
    _holds(event.word not in ENDS or after.state in ENDED, f"{event.word} left it {after.state}")
    moved = after.state is not before.state and after.state not in ENDED
    _holds(not moved or after.last == event.at, f"moved by {event}, the newest is {after.last}")


def check_given_up(intent: Intent, phase: int, *, looks_again: bool) -> None:
    """Nobody gives a charge up while it may still arrive, nor without another look later on."""
    _holds(bool(intent) or phase == DAY_LATER, "a charge was given up that may still arrive")
    _holds(looks_again, "nobody will look whether a charge came after all")


def gist_of(side: Side) -> Gist:
    """The gist of a payment."""
    return Gist(side.pay.state, "capture" in side.books, side.pay.has_failed)


def _holds(promise: bool, text: str) -> None:  # noqa: FBT001 - reads like assert
    if not promise:
        raise Broken(text)


def check_side(side: Side) -> None:
    """The payment, its timers, its books and the provider's money agree."""
    pay, books, word = side.pay, side.books, word_of(side.intent)
    captured, late = "capture" in books, "late_success" in books
    _holds(captured == (pay.state is PaymentState.COMPLETED), f"{pay.state}, booked is {books}")
    _holds(pay.received == (captured or late), f"received is {pay.received}, booked is {books}")
    _holds(not (captured and late), "the same money is booked as a sale and as a late success")
    _holds(late == bool(side.refund), f"booked is {books}, the refund is {side.refund or 'none'}")
    _holds(not late or pay.state is PaymentState.CANCELLED, f"a late success of a {pay.state}")
    returned = "refund_settled" in books
    _holds(late == ("refund" in books), f"a late success goes back, booked is {books}")
    _holds(returned == (side.refund == "completed"), f"refund {side.refund}, booked is {books}")
    _holds(not books or word == "succeeded", f"the intent is {word}, booked is {books}")
    _holds(not returned or side.sent_back == "completed", "a refund is booked that was not made")
    _holds(not side.sent_back or late, "money is sent back that was not late")
    _check_timers(side)
    _check_knowledge(side)


def _check_knowledge(side: Side) -> None:
    """Whoever has heard the newest of an intent believes it; ``action`` says nothing new."""
    pay, intent = side.pay, side.intent
    tie = len(intent) > 1 and intent[-2].at == intent[-1].at == pay.last
    if pay.last >= 0 and pay.last >= intent[-1].at and not tie:
        believed = BELIEVED.get(intent[-1].word, (pay.state,))
        _holds(pay.state in believed, f"the intent is {intent[-1].word}, the payment {pay.state}")


def _check_timers(side: Side) -> None:
    pay = side.pay
    ended = pay.state in ENDED
    _holds(side.timer or ended, f"nobody will look at the {pay.state} payment")
    _holds(not side.timer or pay.state is not PaymentState.COMPLETED, "a timer is left")
    waits = side.refund in ("pending", "processing")
    _holds(side.refund_timer == waits, f"the refund is {side.refund}, timer: {side.refund_timer}")


def check_order(payments: list[Gist], shared: Shared) -> None:
    """Order, stock and captures agree; no order is captured twice, none that is over keeps money."""
    order, stock = shared.order, shared.stock
    captures = sum(payment.captured for payment in payments)
    _holds(captures <= 1, "the captures exceed the order's total")
    _holds((order in PAID) == bool(captures), f"the order is {order}, captures: {captures}")
    _holds((stock == "sold") == (order in PAID), f"the order is {order}, its stock {stock}")
    if order in OVER or order is OrderState.PAYMENT_FAILED:
        _holds(stock != "held", f"the order is {order}, its stock {stock}")
    if order in (OrderState.PAYMENT_PENDING, OrderState.PAYMENT_PROCESSING):
        failed = any(p.has_failed or p.state is PaymentState.CANCELLED for p in payments)
        _holds(stock == "held" or failed, f"the order is {order}, its stock {stock}")
    followed = [payment for payment in payments if order in FOLLOWS[payment.state]]
    states = [str(payment.state) for payment in payments]
    _holds(bool(followed), f"the order is {order}, its payments are {states}")


def check_end(sides: list[Side], shared: Shared) -> None:
    """Every payment is over, nothing is awaited, and no money is where it does not belong."""
    for side in sides:
        word = word_of(side.intent)
        _holds(side.pay.state in ENDED, f"a payment is left {side.pay.state}")
        _holds(not side.timer and not side.refund_timer, "a timer is left")
        _holds(not is_open(side.intent), f"the intent can still be paid: {word}")
        succeeded = word == "succeeded"
        _holds(succeeded == bool(side.books), f"the intent is {word}, booked is {side.books}")
        kept = succeeded and "capture" not in side.books
        _holds(not kept or side.refund in ("completed", "failed"), "suspense is not emptied")
    _holds(shared.order in (*OVER, OrderState.FULFILLED), f"the order is left {shared.order}")
