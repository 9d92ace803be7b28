"""Confirm and cancel: once per key, for the owner only, and never against the provider's truth."""

from __future__ import annotations

from uuid import UUID, uuid4

import attrs
import pytest

from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.domain.kernel.errors import OutcomeUnknown
from ticketpay.domain.kernel.ids import PaymentId
from ticketpay.domain.messaging import Answer, KeyScope, Outcome
from ticketpay.domain.orders import OrderState
from ticketpay.domain.parties import Actor
from ticketpay.domain.payments import PaymentMethod, PaymentState, ProviderStatus
from ticketpay.domain.processes.ending import cancelled_there
from ticketpay.domain.processes.payment_actions import PaymentCommand


def bought(system: Sandboxed, card: str) -> tuple[Actor, Answer]:
    actor = system.scenery.actor()
    return actor, system.app.checkout(place_order(actor, uuid4(), system.scenery.demand(1), card))


def command(actor: Actor, payment: object, key: UUID | None = None) -> PaymentCommand:
    return PaymentCommand(
        actor=actor,
        key=KeyScope(actor.user_id, key or uuid4()),
        request_hash="action",
        payment_id=PaymentId(UUID(str(payment))),
    )


@pytest.mark.spec("S15", "S31")
def test_a_waiting_payment_can_be_cancelled_once(system: Sandboxed) -> None:
    """Cancelling frees the stock, closes the intent and answers the same when repeated."""
    actor, answer = bought(system, "threeDSecureRequired")
    key = uuid4()
    first = system.app.cancel_payment(command(actor, answer.body["id"], key))
    again = system.app.cancel_payment(command(actor, answer.body["id"], key))
    assert (first.outcome, first.body["status"]) == (Outcome.COMPLETED, "cancelled")
    assert (again.body, again.replayed) == (first.body, True)
    assert system.stock() == (0, 0)


@pytest.mark.spec("S30", "S31")
def test_a_paid_order_is_not_cancelled(system: Sandboxed) -> None:
    """Cancel after the money came is refused and changes nothing."""
    actor, answer = bought(system, "visa")
    refused = system.app.cancel_payment(command(actor, answer.body["id"]))
    assert (refused.outcome, refused.body["code"]) == (Outcome.REFUSED, "INVALID_TRANSITION")
    assert [p.state for p in system.payments()] == [PaymentState.COMPLETED]


@pytest.mark.spec("S16 D3")
def test_a_stranger_finds_nothing(system: Sandboxed) -> None:
    """Another user's payment looks like an unknown one, for confirm and for cancel."""
    _, answer = bought(system, "threeDSecureRequired")
    stranger = system.scenery.actor()
    for action in (system.app.confirm_payment, system.app.cancel_payment):
        foreign = action(command(stranger, answer.body["id"]))
        unknown = action(command(stranger, uuid4()))
        assert foreign.body["code"] == unknown.body["code"] == "NOT_FOUND"


@pytest.mark.spec("S11", "S38")
def test_an_unknown_charge_cannot_be_acted_on_yet(system: Sandboxed) -> None:
    """While the outcome is unknown, cancel says so and leaves its key free for a repeat."""
    actor, key = system.scenery.actor(), uuid4()
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(
            place_order(actor, uuid4(), system.scenery.demand(1), "pm_sandbox_timeout_before")
        )
    (payment,) = system.payments()
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            system.app.cancel_payment(command(actor, payment.id, key))


@pytest.mark.spec("S11", "S39")
def test_a_payment_that_ended_without_an_intent_says_how(system: Sandboxed) -> None:
    """After the janitor gave a charge up, confirm and cancel answer for good."""
    actor = system.scenery.actor()
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(
            place_order(actor, uuid4(), system.scenery.demand(1), "pm_sandbox_timeout_before")
        )
    for _ in range(17):
        system.clock.advance(61)
        system.app.janitor()
    (payment,) = system.payments()
    confirmed = system.app.confirm_payment(command(actor, payment.id))
    assert (confirmed.outcome, confirmed.body["code"]) == (Outcome.REFUSED, "ORDER_EXPIRED")
    cancelled = system.app.cancel_payment(command(actor, payment.id))
    assert (cancelled.outcome, cancelled.body["status"]) == (Outcome.COMPLETED, "cancelled")


@pytest.mark.spec("S15", "S37")
@pytest.mark.parametrize("method", [None, PaymentMethod(type="card", method_id="pm_card_visa")])
def test_a_payment_refused_without_an_intent_is_not_paid_any_more(
    system: Sandboxed, method: PaymentMethod | None
) -> None:
    """There is nothing to be confirmed: its buyer is sent to a new purchase, and not told a decline."""
    actor, answer = bought(system, "nonsense")
    assert answer.outcome is Outcome.DECLINED
    wish = attrs.evolve(command(actor, answer.body["id"]), method=method)
    refused = system.app.confirm_payment(wish)
    assert (refused.outcome, refused.body["code"]) == (Outcome.REFUSED, "PAYMENT_NOT_PAYABLE")
    assert "new purchase" in str(refused.body["detail"])
    assert system.app.confirm_payment(wish) == attrs.evolve(refused, replayed=True)
    assert [p.state for p in system.payments()] == [PaymentState.FAILED]


@pytest.mark.spec("S15", "S31", "S14")
def test_a_payment_refused_without_an_intent_is_cancelled_at_once(system: Sandboxed) -> None:
    """Its tickets are free already, and are not freed for a second time from somebody else."""
    actor, answer = bought(system, "nonsense")
    bought(system, "visa")
    key = uuid4()
    first = system.app.cancel_payment(command(actor, answer.body["id"], key))
    again = system.app.cancel_payment(command(actor, answer.body["id"], key))
    assert (first.outcome, first.body["status"]) == (Outcome.COMPLETED, "cancelled")
    assert again == attrs.evolve(first, replayed=True)
    assert system.stock() == (1, 0)
    orders = system.uow.store.of(system.scenery.tenant).orders
    states = {str(order.id): order.state for order in orders.values()}
    assert states[str(answer.body["orderId"])] is OrderState.CANCELLED
    system.clock.advance(86_400)
    system.work()
    assert system.stock() == (1, 0)


@pytest.mark.spec("S15", "S38")
def test_cancelling_looks_for_an_intent_first(system: Sandboxed) -> None:
    """An intent that turns up for a payment that was refused is cancelled at the provider, too."""
    bought(system, "threeDSecureRequired")
    (payment,) = system.payments()
    unheard_of = attrs.evolve(payment, ref=None, state=PaymentState.FAILED)
    fact = cancelled_there(system.gateway, system.scenery.tenant, unheard_of, "cancel")
    assert fact is not None
    assert (fact.ref, fact.status) == (payment.ref, ProviderStatus.CANCELED)
