"""Order events are applied from their legal states only, and what is refused leaves a trace (S34)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from tests.support.scenery import audit_entry
from ticketpay.domain.audit import AuditEntry
from ticketpay.domain.kernel.errors import NotFound, OutcomeUnknown
from ticketpay.domain.kernel.ids import OrderId
from ticketpay.domain.orders import OrderNews, OrderState
from ticketpay.domain.payments import Payment, PaymentState, ProviderStatus
from ticketpay.domain.processes.order_events import OrderEventResult

S = OrderState
KINDS = (*OrderNews, "order.items_shipped", "order.forgotten")
LEGAL = {
    (S.PAYMENT_PROCESSING, "order.payment_received"): S.PAID,
    (S.PAID, "order.tickets_issued"): S.FULFILLED,
    (S.PAID, "order.items_shipped"): S.FULFILLED,
    (S.CREATED, "order.cancelled"): S.CANCELLED,
    (S.PAYMENT_PENDING, "order.cancelled"): S.CANCELLED,
    (S.PAYMENT_FAILED, "order.cancelled"): S.CANCELLED,
}
UNPAID = (S.CREATED, S.PAYMENT_PENDING, S.PAYMENT_FAILED, S.CANCELLED, S.EXPIRED)


def bought(system: Sandboxed, card: str = "visa") -> Payment:
    """The payment of a new order."""
    actor = system.scenery.actor()
    system.app.checkout(place_order(actor, uuid4(), system.scenery.demand(2), card))
    return system.payments()[-1]


def forced(system: Sandboxed, payment: Payment, state: OrderState) -> None:
    """The order is in a state, however it came there."""
    tables = system.uow.store.of(system.scenery.tenant)

    def put(_tx: Any) -> None:
        order = tables.orders.lock(payment.order_id)
        assert order is not None
        tables.orders.put(order.id, attrs.evolve(order, state=state))

    system.uow.run(system.scenery.tenant, put)


def state_of(system: Sandboxed, payment: Payment) -> OrderState:
    """The state of the payment's order."""
    found = system.uow.store.of(system.scenery.tenant).orders.get(payment.order_id)
    assert found is not None
    return found.state


def tell(system: Sandboxed, order_id: OrderId, kind: str) -> OrderEventResult:
    """Somebody tells an event of an order."""
    entry = audit_entry(
        system.clock.now(), action="order.event", subject_id=str(order_id), details={"type": kind}
    )
    return system.app.order_event(system.scenery.tenant, order_id, kind, entry)


def trail(system: Sandboxed) -> list[AuditEntry]:
    """The audit trail."""
    return list(system.uow.store.of(system.scenery.tenant).audit_entries.values())


@pytest.mark.spec("S34", "S34 D1", "S34 D4")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("state", OrderState)
def test_every_state_and_every_event(system: Sandboxed, state: OrderState, kind: str) -> None:
    """Each legal pair moves the order; each other one moves nothing and is recorded as rejected."""
    payment = bought(system, "threeDSecureRequired" if state in UNPAID else "visa")
    forced(system, payment, state)
    refusal = system.app.order_event.refusal(system.scenery.tenant, payment.order_id, kind)
    done = tell(system, payment.order_id, kind)
    expected = LEGAL.get((state, kind))
    assert (done.before, done.after) == (state, expected or state)
    assert state_of(system, payment) is (expected or state)
    assert bool(done.refused) == (expected is None)
    assert refusal == done.refused
    (entry,) = trail(system)
    assert dict(entry.details) == {
        "type": kind,
        "before": str(state),
        "after": str(expected or state),
        "outcome": "applied" if expected else "rejected",
        "refused": done.refused or None,
    }


@pytest.mark.spec("S34")
def test_an_unknown_order_is_not_found(system: Sandboxed) -> None:
    """An order that does not exist is named in the error, whatever is told of it."""
    lost = OrderId(uuid4())
    for kind in KINDS:
        with pytest.raises(NotFound, match=f"^Order {lost} not found$"):
            tell(system, lost, kind)
    assert trail(system) == []


@pytest.mark.spec("S34")
def test_nobodys_word_is_money(system: Sandboxed) -> None:
    """An order is not paid because somebody says so: its payment must be completed."""
    payment = bought(system, "pm_sandbox_processing")
    assert state_of(system, payment) is S.PAYMENT_PROCESSING
    done = tell(system, payment.order_id, "order.payment_received")
    assert done.refused == "no payment of the order is completed"
    assert state_of(system, payment) is S.PAYMENT_PROCESSING
    rows = system.uow.store.of(system.scenery.tenant)
    assert not list(rows.postings.values())


@pytest.mark.spec("S34")
def test_an_order_that_lags_behind_its_payment_is_paid(system: Sandboxed) -> None:
    """The money is there and the order is told: its tickets are asked for like any other's."""
    payment = bought(system)
    forced(system, payment, S.PAYMENT_PROCESSING)
    tell(system, payment.order_id, "order.payment_received")
    system.work()
    assert state_of(system, payment) is S.FULFILLED
    assert system.stock() == (2, 0)


@pytest.mark.spec("S34 D3")
@pytest.mark.parametrize("card", ["threeDSecureRequired", "chargeDeclined"])
def test_a_cancellation_is_the_providers_first(system: Sandboxed, card: str) -> None:
    """The intent is cancelled there and the tickets are free before the order is cancelled."""
    payment = bought(system, card)
    tell(system, payment.order_id, "order.cancelled")
    assert [fact.status for fact in system.provider_facts()] == [ProviderStatus.CANCELED]
    assert [p.state for p in system.payments()] == [PaymentState.CANCELLED]
    assert system.stock() == (0, 0)
    assert not system.uow.store.platform.timers


@pytest.mark.spec("S34 D3")
def test_a_cancellation_that_comes_after_the_money_is_refused(system: Sandboxed) -> None:
    """The buyer has paid and nobody has heard yet: the order is paid, and the refusal is recorded."""
    payment = bought(system, "threeDSecureRequired")
    assert payment.ref is not None
    system.authenticate(payment.ref.object_id)
    done = tell(system, payment.order_id, "order.cancelled")
    assert (done.after, done.refused) == (S.PAID, "the provider did not cancel its payment")
    (entry,) = trail(system)
    assert entry.details["outcome"] == "rejected"
    assert system.stock() == (2, 0)


@pytest.mark.spec("S34 D3")
def test_a_charge_that_is_not_known_yet_cannot_be_cancelled(system: Sandboxed) -> None:
    """While nobody knows whether there is an intent the event can be told again later."""
    actor = system.scenery.actor()
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(
            place_order(actor, uuid4(), system.scenery.demand(1), "pm_sandbox_timeout_before")
        )
    (payment,) = system.payments()
    with pytest.raises(OutcomeUnknown):
        tell(system, payment.order_id, "order.cancelled")
    assert state_of(system, payment) is S.PAYMENT_PENDING


@pytest.mark.spec("S34 D3")
def test_a_charge_without_an_intent_is_cancelled_here(system: Sandboxed) -> None:
    """What the provider refused outright has nothing to cancel there."""
    payment = bought(system, "pm_card_nonsense")
    assert payment.ref is None
    tell(system, payment.order_id, "order.cancelled")
    assert state_of(system, payment) is S.CANCELLED
    assert not system.uow.store.platform.timers


@pytest.mark.spec("S34 D3")
def test_an_order_whose_payment_is_over_is_closed(system: Sandboxed) -> None:
    """An order that was left behind by its cancelled payment is cancelled, its tickets freed, once."""
    payment = bought(system, "threeDSecureRequired")
    tell(system, payment.order_id, "order.cancelled")
    forced(system, payment, S.PAYMENT_PENDING)
    done = tell(system, payment.order_id, "order.cancelled")
    assert (done.after, done.refused) == (S.CANCELLED, "")
    assert system.stock() == (0, 0)
    messages = system.uow.store.of(system.scenery.tenant).messages.values()
    told = [m.data for m in messages if m.type == "order.cancelled"]
    assert told == [{"orderId": str(payment.order_id), "paymentId": str(payment.id)}] * 2


@pytest.mark.spec("S34 D2")
def test_an_event_told_twice_is_applied_once(system: Sandboxed) -> None:
    """The second time the order is elsewhere: refused and recorded."""
    payment = bought(system)
    results = [tell(system, payment.order_id, "order.tickets_issued") for _ in range(2)]
    assert [bool(done.refused) for done in results] == [False, True]
    assert len(trail(system)) == 2
