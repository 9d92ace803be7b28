"""Any order and duplication of the provider's events ends in the same place (S35)."""

from __future__ import annotations

import itertools
from uuid import UUID

import pytest

from tests.support.sandboxed import Sandboxed, place_order
from ticketpay.adapters.memory import SeededIds
from ticketpay.domain.kernel.errors import OutcomeUnknown
from ticketpay.domain.orders import OrderState
from ticketpay.domain.payments import PaymentState
from ticketpay.domain.processes.provider_facts import FactDesk, open_case

KEY = UUID(int=7)

Ending = tuple[object, ...]


def begin(system: Sandboxed) -> None:
    """A charge whose answer is lost, so that only events can tell what became of it."""
    command = place_order(
        system.scenery.actor(KEY), KEY, system.scenery.demand(2), "pm_sandbox_processing_fails"
    )
    system.on_step = _lose_the_answer
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(command)
    system.on_step = _listen


def _listen(step: str) -> None:
    """Nothing is lost."""


def _lose_the_answer(step: str) -> None:
    if step == "provider.after":
        raise OutcomeUnknown("the answer is lost")


def history(system: Sandboxed) -> list[tuple[bytes, str]]:
    """The events of an intent: created, processing, payment_failed, then another card: succeeded."""
    begin(system)
    system.clock.advance(6)
    system.model.tick()
    system.clock.advance(1)
    (fact,) = system.gateway.list_intents(system.scenery.tenant)
    assert system.try_card(fact.ref.object_id, "visa") == 200
    system.clock.advance(1)
    return [(d.body, d.headers["stripe-signature"]) for d in system.model.due_deliveries()]


def ending(system: Sandboxed) -> Ending:
    """All that a history leaves behind."""
    tables = system.uow.store.of(system.scenery.tenant)
    (payment,) = tables.payments.values()
    (order,) = tables.orders.values()
    books = [(p.key, p.entries) for p in tables.postings.values()]
    return payment.state, order.state, system.stock(), books


@pytest.mark.spec("S35")
def test_every_order_of_events_ends_the_same() -> None:
    """All permutations of a history, with every event twice or once, end paid and booked once."""
    system = Sandboxed(seed=3)
    events = history(system)
    assert len(events) == 4
    endings = set()
    orders = (
        list(itertools.permutations(events)) + list(itertools.permutations(events * 2, 5))[::211]
    )
    for sequence in orders:
        again = Sandboxed(seed=3)
        begin(again)
        again.clock.advance(8)
        for body, signature in sequence:
            again.app.receive_webhook(body, signature)
            again.app.process_inbox()
        for body, signature in events:
            again.app.receive_webhook(body, signature)
        again.app.process_inbox()
        endings.add(str(ending(again)))
        assert ending(again)[:3] == (PaymentState.COMPLETED, OrderState.PAID, (2, 0))
    assert len(endings) == 1


@pytest.mark.spec("S28")
def test_an_event_that_came_twice_is_applied_once(system: Sandboxed) -> None:
    """The second copy of an event is not stored, and a known fact changes nothing."""
    system.app.checkout(place_order(system.scenery.actor(), KEY, system.scenery.demand(1)))
    before = ending(system)
    deliveries = system.model.due_deliveries()
    news = [
        system.app.receive_webhook(d.body, d.headers["stripe-signature"])
        for d in deliveries
        for _ in range(2)
    ]
    assert news == [True, False] * len(deliveries)
    assert system.app.process_inbox() == len(deliveries)
    assert ending(system) == before


@pytest.mark.spec("S28")
def test_an_event_that_came_before_the_answer_is_enough(system: Sandboxed) -> None:
    """Events alone bring an unknown payment to its end, found by their metadata."""
    command = place_order(
        system.scenery.actor(KEY), KEY, system.scenery.demand(1), "pm_sandbox_timeout_after"
    )
    with pytest.raises(OutcomeUnknown):
        system.app.checkout(command)
    system.receive_all()
    system.app.process_inbox()
    assert ending(system)[:3] == (PaymentState.COMPLETED, OrderState.PAID, (1, 0))
    assert system.app.checkout(command).body["status"] == "completed"


@pytest.mark.spec("S35")
def test_a_refusal_that_is_known_changes_nothing() -> None:
    """When a charge is refused twice the payment fails once, and one message says so."""
    system = Sandboxed(seed=3)
    begin(system)
    tenant, now = system.scenery.tenant, system.clock.now()
    (payment,) = system.payments()
    desk = FactDesk(ids=SeededIds(9), alerts=system.alerts)
    for _ in range(2):
        system.uow.run(tenant, lambda tx: desk.refuse(tx, open_case(tx, payment.id), now))
    told = [m.type for m in system.uow.store.of(tenant).messages.values()]

    assert sorted(told) == ["order.payment_failed", "payment.created", "payment.failed"]
