"""The relay: order per aggregate, patience, parking and replay, one trouble at a time."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.domain.kernel.errors import Rejected, Unavailable
from ticketpay.domain.orders import OrderState


def sell(system: Sandboxed) -> None:
    system.app.checkout(place_order(system.scenery.actor(), uuid4(), system.scenery.demand(1)))


def states(system: Sandboxed) -> list[OrderState]:
    return [o.state for o in system.uow.store.of(system.scenery.tenant).orders.values()]


@pytest.mark.spec("S40", "S40 D5")
def test_a_paid_order_is_tried_twelve_times_and_then_parked(system: Sandboxed) -> None:
    """A ticket service that stays down parks the stream with one alert; replay delivers it."""
    sell(system)
    system.tickets.failures.extend(Unavailable("down") for _ in range(12))
    for _ in range(12):
        assert system.app.relay_outbox() == 1
        assert system.app.relay_outbox() == 0
        system.clock.advance(61)
    assert system.app.relay_outbox() == 0
    assert system.alerts.kinds() == ["stream_parked"]
    ((key, error),) = system.uow.platform(lambda tx: tx.streams.parked()())
    assert "down" in error
    assert system.app.replay_stream(key)
    assert not system.app.replay_stream(key)
    system.app.relay_outbox()
    assert states(system) == [OrderState.FULFILLED]


@pytest.mark.spec("S41 D4", "S40")
def test_a_refused_message_parks_its_own_stream_at_once(system: Sandboxed) -> None:
    """What the ticket service will never take is parked; the order beside it is delivered."""
    sell(system)
    sell(system)
    system.tickets.failures.append(Rejected("no such event"))
    assert system.app.relay_outbox() == 2
    assert sorted(states(system)) == [OrderState.FULFILLED, OrderState.PAID]
    assert system.alerts.kinds() == ["stream_parked"]


@pytest.mark.spec("S40")
def test_what_comes_behind_a_failed_message_waits(system: Sandboxed) -> None:
    """An order that failed and was paid is told in this order, however often the first is tried."""
    order = place_order(
        system.scenery.actor(), uuid4(), system.scenery.demand(1), "visa_chargeDeclined"
    )
    system.app.checkout(order)
    (payment,) = system.payments()
    assert payment.ref is not None
    system.try_card(payment.ref.object_id, "visa")
    system.receive_all()
    system.app.process_inbox()
    system.tickets.failures.append(Unavailable("down"))
    system.app.relay_outbox()
    assert system.tickets.delivered == []
    system.clock.advance(61)
    system.app.relay_outbox()
    told = [message.type for message in system.tickets.delivered]
    assert told == ["order.payment_failed", "order.paid"]


@pytest.mark.spec("S40 D2")
def test_an_unexpected_error_counts_like_any_failure(system: Sandboxed) -> None:
    """A bug in the client of the ticket service delays one stream and stops no other."""
    sell(system)
    sell(system)
    system.tickets.failures.append(KeyError("bug"))
    assert system.app.relay_outbox() == 2
    assert sorted(states(system)) == [OrderState.FULFILLED, OrderState.PAID]
    system.clock.advance(61)
    system.app.relay_outbox()
    assert states(system) == [OrderState.FULFILLED, OrderState.FULFILLED]
