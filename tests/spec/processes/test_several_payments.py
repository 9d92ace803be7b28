"""Several payments of one order: one success pays it, the others go back (S32 D4)."""

from __future__ import annotations

from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.messaging import TimerKind
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import (
    ChargeRequest,
    Payment,
    PaymentMethod,
    PaymentState,
    ProviderFact,
)
from ticketpay.domain.refunds import RefundState


def begin(system: Sandboxed, card: str) -> tuple[Payment, Payment]:
    """An order of three tickets whose first payment is charged, and a second one that is not yet."""
    scenery = system.scenery
    system.app.checkout(place_order(scenery.actor(), uuid4(), scenery.demand(3), card))
    (first,) = system.payments()
    second = attrs.evolve(
        first,
        id=PaymentId(UUID(int=77)),
        share=2,
        state=PaymentState.PENDING,
        version=1,
        ref=None,
        received_cents=0,
        failure=None,
        last_fact_at=None,
    )
    system.uow.run(scenery.tenant, lambda tx: tx.payments.add(second))
    due_at = system.clock.now()
    system.uow.run(
        scenery.tenant,
        lambda tx: tx.timers.set(scenery.tenant, TimerKind.PAYMENT, second.id, due_at),
    )
    return first, second


def charge(system: Sandboxed, payment: Payment, card: str) -> ProviderFact:
    """The provider charges a payment."""
    return system.gateway.charge(
        ChargeRequest(
            tenant_id=system.scenery.tenant,
            payment_id=payment.id,
            order_id=payment.order_id,
            amount=payment.amount,
            capture_method=payment.capture_method,
            method=PaymentMethod(type="card", method_id=f"pm_card_{card}"),
            key=payment.charge_key,
        )
    )


def work(system: Sandboxed) -> None:
    """Deliver and work until nothing is left to do for now."""
    for _ in range(4):
        system.clock.advance(61)
        system.receive_all()
        system.work()


def ending(system: Sandboxed) -> tuple[OrderState, list[PaymentState], int]:
    """The order, its payments, and the standing tickets that are taken."""
    (order,) = system.uow.store.of(system.scenery.tenant).orders.values()
    return order.state, [p.state for p in system.payments()], system.stock()[0]


def refunds(system: Sandboxed) -> list[tuple[PaymentId, RefundState]]:
    """Which payments were refunded."""
    found = system.uow.store.of(system.scenery.tenant).refunds.values()
    return [(refund.payment_id, refund.state) for refund in found]


@pytest.mark.spec("S32 D4")
def test_a_second_success_goes_back(system: Sandboxed) -> None:
    """When an order is paid, the success of another payment of it is refunded and told."""
    _, second = begin(system, "visa")
    charge(system, second, "visa")
    work(system)

    both = [PaymentState.COMPLETED, PaymentState.CANCELLED]
    assert ending(system) == (OrderState.FULFILLED, both, 3)
    assert refunds(system) == [(second.id, RefundState.COMPLETED)]
    assert system.alerts.kinds() == ["late_success"]
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S32 D4", "S14")
def test_the_failure_of_another_payment_frees_the_stock_for_a_while(system: Sandboxed) -> None:
    """Stock that another payment's failure has freed is taken again when the money comes."""
    first, second = begin(system, "threeDSecureRequired")
    charge(system, second, "visa_chargeDeclined")
    work(system)
    assert ending(system)[::2] == (OrderState.PAYMENT_FAILED, 0)
    assert first.ref is not None
    system.authenticate(first.ref.object_id)
    work(system)

    both = [PaymentState.COMPLETED, PaymentState.FAILED]
    assert ending(system) == (OrderState.FULFILLED, both, 3)


@pytest.mark.spec("S32 D4")
def test_a_paid_order_does_not_hear_of_the_end_of_another_payment(system: Sandboxed) -> None:
    """A late cancellation of another payment leaves a paid order and its stock alone."""
    first, second = begin(system, "threeDSecureRequired")
    charge(system, second, "visa")
    work(system)
    assert first.ref is not None
    system.gateway.cancel(first.ref, "cancel")
    work(system)

    both = [PaymentState.CANCELLED, PaymentState.COMPLETED]
    assert ending(system) == (OrderState.FULFILLED, both, 3)
    assert system.alerts.kinds() == []


@pytest.mark.spec("S32 D4")
def test_an_order_that_is_over_keeps_no_money(system: Sandboxed) -> None:
    """When one payment's end has ended the order, the success of another one is refunded."""
    first, second = begin(system, "threeDSecureRequired")
    assert first.ref is not None
    system.gateway.cancel(first.ref, "cancel")
    work(system)
    charge(system, second, "visa")
    work(system)

    both = [PaymentState.CANCELLED, PaymentState.CANCELLED]
    assert ending(system) == (OrderState.CANCELLED, both, 0)
    assert refunds(system) == [(second.id, RefundState.COMPLETED)]
    assert system.app.verify_ledger(system.scenery.tenant).ok
