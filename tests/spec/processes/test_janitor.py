"""What happens without the buyer: unknown payments, stale orders, money that came too late."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.adapters.memory.messaging import MemoryTimers
from ticketpay.adapters.stripe.gateway import StripeGateway
from ticketpay.domain.kernel.errors import OutcomeUnknown, Unavailable
from ticketpay.domain.kernel.ids import PaymentId, TenantId
from ticketpay.domain.messaging import Outcome
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import (
    PAYMENT_MACHINE,
    ChargeRequest,
    Payment,
    PaymentEvent,
    PaymentMethod,
    PaymentState,
    ProviderFact,
    ProviderRef,
    ProviderStatus,
)
from ticketpay.domain.refunds import Refund, RefundState
from ticketpay.ports.payments import RefundFact


def order_states(system: Sandboxed) -> list[OrderState]:
    """The states of all orders, oldest first."""
    return [o.state for o in system.uow.store.of(system.scenery.tenant).orders.values()]


@pytest.mark.spec("S38")
def test_an_unknown_payment_is_found_without_the_buyer(system: Sandboxed) -> None:
    """A minute after a lost answer the janitor finds the intent by its metadata."""
    card = "pm_sandbox_timeout_after"
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(
            place_order(
                system.scenery.actor(),
                uuid4(),
                system.scenery.demand(1),
                card,
                metadata={"sandbox_delivery": "none"},
            )
        )
    assert system.app.janitor() == 0
    system.clock.advance(61)
    assert system.app.janitor() == 1
    (payment,) = system.payments()
    assert payment.state is PaymentState.COMPLETED
    assert order_states(system) == [OrderState.PAID]


@pytest.mark.spec("S39")
def test_a_charge_that_never_arrived_is_given_up(system: Sandboxed) -> None:
    """When the provider knows nothing a minute after the hold, the order expires: a charge that was
    sent in the last moment of the hold has arrived by then."""
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(
            place_order(
                system.scenery.actor(),
                uuid4(),
                system.scenery.demand(2),
                "pm_sandbox_timeout_before",
            )
        )
    for _ in range(15):
        system.clock.advance(61)
        system.app.janitor()
        assert system.stock() == (2, 0)
    system.clock.advance(61)
    system.app.janitor()
    assert order_states(system) == [OrderState.EXPIRED]
    assert system.stock() == (0, 0)


@pytest.mark.spec("S39")
def test_a_stale_order_is_cancelled_at_the_provider_first(system: Sandboxed) -> None:
    """A challenge that nobody answers: the intent is cancelled, the order expires, stock is free."""
    command = place_order(
        system.scenery.actor(), uuid4(), system.scenery.demand(1), "threeDSecureRequired"
    )
    assert system.app.checkout(command).outcome is Outcome.ACCEPTED
    system.clock.advance(15 * 60 + 1)
    system.app.janitor()
    (fact,) = system.gateway.list_intents(system.scenery.tenant)
    assert fact.status is ProviderStatus.CANCELED
    assert order_states(system) == [OrderState.EXPIRED]
    assert system.stock() == (0, 0)
    assert not list(system.uow.store.platform.timers.keys())


@pytest.mark.spec("S39", "S38")
def test_a_cancellation_that_failed_is_tried_under_another_key(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider repeats a stored error under its key for a day: every try has a key of its own."""
    command = place_order(
        system.scenery.actor(), uuid4(), system.scenery.demand(1), "threeDSecureRequired"
    )
    assert system.app.checkout(command).outcome is Outcome.ACCEPTED
    cancel, keys = StripeGateway.cancel, list[str]()

    def fails_first(self: StripeGateway, ref: ProviderRef, key: str) -> ProviderFact:
        keys.append(key)
        if key == keys[0]:
            raise OutcomeUnknown("the stored error of the provider")
        return cancel(self, ref, key)

    monkeypatch.setattr(StripeGateway, "cancel", fails_first)
    system.clock.advance(15 * 60 + 1)
    system.app.janitor()
    assert order_states(system) == [OrderState.PAYMENT_PENDING]
    system.clock.advance(61)
    system.app.janitor()
    assert order_states(system) == [OrderState.EXPIRED]
    assert len(set(keys)) == len(keys) == 2


@pytest.mark.spec("S14")
def test_another_card_on_the_same_intent_pays_the_order(system: Sandboxed) -> None:
    """After a decline the stock is taken again when the money comes, if it is still there."""
    system.app.checkout(
        place_order(
            system.scenery.actor(), uuid4(), system.scenery.demand(3), "visa_chargeDeclined"
        )
    )
    (payment,) = system.payments()
    assert payment.ref is not None
    assert system.try_card(payment.ref.object_id, "visa") == 200
    system.clock.advance(1)
    system.receive_all()
    system.work()
    assert order_states(system) == [OrderState.FULFILLED]
    assert system.stock() == (3, 0)
    assert system.app.verify_ledger(system.scenery.tenant).ok


@pytest.mark.spec("S30")
@pytest.mark.parametrize("fault", ["", "refund:timeout_after", "refund:timeout_before"])
def test_money_that_came_too_late_goes_back(system: Sandboxed, fault: str) -> None:
    """When the stock is gone the money goes into suspense, is refunded once, and nothing is left;
    a refund whose answer is lost is asked for again.
    """
    scenery, asked = system.scenery, {"sandbox_fault": fault} if fault else {}
    declined = place_order(
        scenery.actor(), uuid4(), scenery.demand(3), "visa_chargeDeclined", metadata=asked
    )
    system.app.checkout(declined)
    (payment,) = system.payments()
    assert payment.ref is not None
    sold = system.app.checkout(place_order(scenery.actor(), uuid4(), scenery.demand(4)))
    assert sold.outcome is Outcome.COMPLETED
    system.try_card(payment.ref.object_id, "visa")
    system.clock.advance(1)
    for _ in range(3):
        system.receive_all()
        system.work()
        system.clock.advance(61)
    (refund,) = system.uow.store.of(scenery.tenant).refunds.values()
    assert (refund.state, refund.amount) == (RefundState.COMPLETED, payment.amount)
    assert order_states(system) == [OrderState.CANCELLED, OrderState.FULFILLED]
    assert system.stock() == (4, 0)
    report = system.app.verify_ledger(scenery.tenant)
    assert report.ok
    assert report.provider_cents == {"USD": sold.body["amountCents"]}
    assert system.alerts.kinds() == ["late_success"]


@pytest.mark.spec("S30")
def test_a_refund_that_takes_its_time_is_booked_once(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refund that the provider works on is asked for again, and booked when it is done."""
    fact = charge_late(system, given_up(system), "pm_card_visa")
    assert fact.status is ProviderStatus.SUCCEEDED
    refund, states = StripeGateway.refund, [RefundState.PROCESSING, RefundState.PROCESSING]

    def slow(self: StripeGateway, asked: Refund) -> RefundFact:
        done = refund(self, asked)
        return attrs.evolve(done, state=states.pop()) if states else done

    monkeypatch.setattr(StripeGateway, "refund", slow)
    system.receive_all()
    booked = []
    for _ in range(4):
        system.work()
        keys = [p.key for p in system.uow.store.of(system.scenery.tenant).postings.values()]
        booked.append(any(key.startswith("refund_settled") for key in keys))
        system.clock.advance(601)
    assert booked == [False, False, True, True]
    (done,) = system.uow.store.of(system.scenery.tenant).refunds.values()
    assert done.state is RefundState.COMPLETED
    assert system.alerts.kinds() == ["late_success"]
    assert system.app.verify_ledger(system.scenery.tenant).ok


def given_up(system: Sandboxed) -> Payment:
    """A payment whose charge never reached the provider, after the janitor gave it up."""
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(
            place_order(
                system.scenery.actor(),
                uuid4(),
                system.scenery.demand(2),
                "pm_sandbox_timeout_before",
            )
        )
    for _ in range(16):
        system.clock.advance(61)
        system.app.janitor()
    (payment,) = system.payments()
    assert payment.state is PaymentState.CANCELLED
    return payment


def charge_late(system: Sandboxed, payment: Payment, card: str) -> ProviderFact:
    """What a process does that slept through the whole hold: it sends the charge after all."""
    return system.gateway.charge(
        ChargeRequest(
            tenant_id=system.scenery.tenant,
            payment_id=payment.id,
            order_id=payment.order_id,
            amount=payment.amount,
            capture_method=payment.capture_method,
            method=PaymentMethod(type="card", method_id=card),
            key="a key of its own",
        )
    )


@pytest.mark.spec("S30", "S38")
def test_money_for_a_given_up_payment_is_found_without_any_event(system: Sandboxed) -> None:
    """A charge that arrives after giving up, with every webhook lost, is refunded a day later."""
    payment = given_up(system)
    charge_late(system, payment, "pm_card_visa")
    system.clock.advance(25 * 3600)
    for _ in range(3):
        system.app.janitor()
        system.clock.advance(61)
    assert [fact.received.cents for fact in system.gateway.list_intents(system.scenery.tenant)] == [
        0
    ]
    balances = system.app.trial_balance(system.scenery.tenant)
    assert [b.cents for b in balances if b.cents] == []
    assert "late_success" in system.alerts.kinds()


@pytest.mark.spec("S30", "S39 D2")
def test_an_open_intent_of_a_cancelled_payment_is_cancelled(system: Sandboxed) -> None:
    """An intent that still waits for the buyer after its order expired can no longer take money."""
    payment = given_up(system)
    fact = charge_late(system, payment, "pm_card_threeDSecure2Required")
    assert fact.status is ProviderStatus.REQUIRES_ACTION
    system.receive_all()
    system.app.process_inbox()
    system.app.janitor()
    assert system.gateway.retrieve(fact.ref).status is ProviderStatus.CANCELED


@pytest.mark.spec("S28", "S38")
@pytest.mark.parametrize("away", [False, True])
def test_a_poisonous_timer_does_not_starve_its_neighbours(
    system: Sandboxed, monkeypatch: pytest.MonkeyPatch, *, away: bool
) -> None:
    """An unexpected error at one payment is told and postponed, if it can be; the next one is found."""
    if away:

        def refuse(*_values: object) -> None:
            raise Unavailable("the database is away")

        monkeypatch.setattr(MemoryTimers, "postpone", refuse)
    buyers = [system.scenery.actor(), system.scenery.actor()]
    for buyer in buyers:
        with pytest.raises(OutcomeUnknown):
            system.app.checkout(
                place_order(buyer, uuid4(), system.scenery.demand(1), "pm_sandbox_timeout_after")
            )
    poison = system.payments()[0].id
    find = StripeGateway.find

    def broken(
        self: StripeGateway, tenant: TenantId, payment: PaymentId, since: datetime
    ) -> object:
        if payment == poison:
            raise KeyError("poison")
        return find(self, tenant, payment, since)

    monkeypatch.setattr(StripeGateway, "find", broken)
    system.clock.advance(61)
    system.app.janitor()
    assert sorted(p.state for p in system.payments()) == [
        PaymentState.COMPLETED,
        PaymentState.PENDING,
    ]
    assert "janitor_refused" in system.alerts.kinds()


@pytest.mark.spec("S38", "S39 D2")
def test_an_authorization_that_ended_unheard_of_does_not_wait_for_ever(system: Sandboxed) -> None:
    """A payment that we think authorized, whose intent waits for the buyer again, is given up."""
    command = place_order(
        system.scenery.actor(), uuid4(), system.scenery.demand(1), "threeDSecureRequired"
    )
    system.app.checkout(command)
    (payment,) = system.payments()
    authorized = attrs.evolve(payment, state=PaymentState.AUTHORIZED)
    step = PAYMENT_MACHINE.step(payment.state, PaymentEvent.AUTHORIZE)
    now = system.clock.now()
    system.uow.run(system.scenery.tenant, lambda tx: tx.payments.save(authorized, step, now))
    system.clock.advance(15 * 60 + 1)
    system.app.janitor()

    (fact,) = system.gateway.list_intents(system.scenery.tenant)
    assert fact.status is ProviderStatus.CANCELED
    assert system.payments()[0].state is PaymentState.CANCELLED
    assert not list(system.uow.store.platform.timers.keys())
