"""What the store of subscriptions promises: one per venue, by compare-and-set, and counted sales."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import a_subscription, a_wish, an_invoice
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import EventId, QuoteId, SubscriptionId, VenueId
from ticketpay.domain.orders import ORDER_MACHINE, Order, OrderEvent
from ticketpay.domain.payments import Failure
from ticketpay.domain.subscriptions import (
    SUBSCRIPTION_MACHINE,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
    WishState,
    check_cap,
    plan_of,
)
from ticketpay.ports.transactions import Tx

CROWD = 8


def stored(backend: Backend, plan: str = "pro") -> Subscription:
    held = a_subscription(backend.home.venue_id, backend.now(), plan)
    backend.run(lambda tx: tx.subscriptions.add(held))
    return held


def move(backend: Backend, order: Order, *events: OrderEvent) -> None:
    for event in events:
        step = ORDER_MACHINE.step(order.state, event)
        order = backend.run(lambda tx, o=order, s=step: tx.orders.move(o, [s], backend.now()))  # type: ignore[misc] # defaults bind the loop variables


@pytest.mark.spec("S19")
def test_a_subscription_is_found_by_its_venue_its_event_and_a_quote(backend: Backend) -> None:
    """Stored once, it is found in every way, and by no other tenant; without one there is None."""
    home, quote = backend.home, backend.home.quote(backend.home.demand(), backend.now())
    backend.run(lambda tx: tx.quotes.add(quote))
    assert backend.run(lambda tx: tx.subscriptions.get(home.venue_id)()) is None
    assert backend.run(lambda tx: tx.subscriptions.lock(home.venue_id)()) is None
    assert backend.run(lambda tx: tx.subscriptions.of_event(home.event_id)()) is None
    assert backend.run(lambda tx: tx.subscriptions.of_quote(quote.id)()) is None
    held = stored(backend)
    assert backend.run(lambda tx: tx.subscriptions.get(home.venue_id)()) == held
    assert backend.run(lambda tx: tx.subscriptions.lock(home.venue_id)()) == held
    assert backend.run(lambda tx: tx.subscriptions.of_event(home.event_id)()) == held
    assert backend.run(lambda tx: tx.subscriptions.of_quote(quote.id)()) == held
    assert backend.run(lambda tx: tx.subscriptions.of_event(EventId(uuid4()))()) is None
    assert backend.run(lambda tx: tx.subscriptions.of_quote(QuoteId(uuid4()))()) is None
    assert backend.run_as_other(lambda tx: tx.subscriptions.get(home.venue_id)()) is None


@pytest.mark.spec("S19")
def test_a_venue_has_at_most_one_subscription(backend: Backend) -> None:
    """A second one is a conflict, and the first one stays."""
    held = stored(backend)
    second = attrs.evolve(held, id=SubscriptionId(uuid4()), plan_id="starter")
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.subscriptions.add(second))
    assert backend.run(lambda tx: tx.subscriptions.get(held.venue_id)()) == held


@pytest.mark.spec("S19")
def test_only_a_venue_that_exists_has_a_subscription(backend: Backend) -> None:
    """One of a venue that nobody knows is a conflict."""
    lost = a_subscription(VenueId(uuid4()), backend.now())
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.subscriptions.add(lost))


@pytest.mark.spec("S19")
def test_a_subscription_is_saved_by_compare_and_set(backend: Backend) -> None:
    """What was read last is written with the next version; what was read before it is a conflict."""
    held = stored(backend)
    changed = attrs.evolve(
        held,
        plan_id="enterprise",
        provider_id="sub_2",
        state=SubscriptionState.PAST_DUE,
        current_period_end=held.current_period_end + timedelta(days=1),
    )
    saved = backend.run(lambda tx: tx.subscriptions.save(changed))
    assert saved == attrs.evolve(changed, version=2)
    assert backend.run(lambda tx: tx.subscriptions.get(held.venue_id)()) == saved
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.subscriptions.save(changed))


@pytest.mark.spec("S19")
def test_a_wish_is_kept_as_it_is_and_as_it_was_decided(backend: Backend) -> None:
    """Who pays, when it ends and what was asked for come back whole: pending, granted and refused."""
    held = stored(backend)
    ends = held.current_period_end
    wish = a_wish(backend.now(), plan_id="enterprise", ends=True)
    refused = wish.decided(Failure("card_declined", "insufficient_funds", "No."))
    waits = attrs.evolve(wish, state=WishState.WAITING)
    for kept in (wish, waits, wish.decided(), refused, None):
        held = attrs.evolve(held, wish=kept, customer_id="cus_1", cancels_at=ends)
        held = backend.run(lambda tx, h=held: tx.subscriptions.save(h))  # type: ignore[misc] # defaults bind the loop variables
        assert backend.run(lambda tx: tx.subscriptions.get(backend.home.venue_id)()) == held
    assert (wish.method, refused.method) == ("pm_card_visa", "")


@pytest.mark.spec("S19")
def test_a_move_of_a_subscription_is_recorded_once(backend: Backend) -> None:
    """A legal step is kept with its version; saved again from the same version, nothing is."""
    held = stored(backend)
    step = SUBSCRIPTION_MACHINE.step(held.state, SubscriptionEvent.FAIL)
    after = attrs.evolve(held, state=step.after)
    saved = backend.run(lambda tx: tx.subscriptions.save(after, step, backend.now()))
    assert (saved.state, saved.version) == (SubscriptionState.PAST_DUE, 2)
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.subscriptions.save(after, step, backend.now()))
    assert backend.run(lambda tx: tx.subscriptions.get(held.venue_id)()) == saved


@pytest.mark.spec("S19")
def test_a_paid_period_is_kept_once(backend: Backend) -> None:
    """Every invoice of a venue is found, oldest first, and by no other tenant; none is kept twice."""
    venue, now = stored(backend).venue_id, backend.now()
    second = an_invoice(now + timedelta(days=30), "in_2", "enterprise")
    first = an_invoice(now, "in_3")
    for paid in (second, first):
        backend.run(lambda tx, p=paid: tx.plan_invoices.add(venue, p))  # type: ignore[misc] # defaults bind the loop variables
    with pytest.raises(Conflict):
        backend.run(lambda tx: tx.plan_invoices.add(venue, first))
    assert backend.run(lambda tx: tx.plan_invoices.of_venue(venue)()) == (first, second)
    assert backend.run(lambda tx: tx.plan_invoices.of_venue(VenueId(uuid4()))()) == ()
    assert set(backend.run(lambda tx: tx.plan_invoices.of_tenant()())) == {first, second}
    assert backend.run_as_other(lambda tx: tx.plan_invoices.of_tenant()()) == ()
    assert backend.run_as_other(lambda tx: tx.plan_invoices.of_venue(venue)()) == ()


@pytest.mark.spec("S19 D1")
def test_tickets_of_a_month_are_those_of_orders_that_have_not_ended_unpaid(
    backend: Backend,
) -> None:
    """Open, failed and paid orders count; those that expired or were cancelled, or are older, do not."""
    venue, now = backend.home.venue_id, backend.now()

    def sold(since: timedelta = timedelta()) -> int:
        return backend.run(lambda tx: tx.subscriptions.tickets_sold(venue, now + since)())

    assert sold() == 0
    orders = [backend.stored_order(count) for count in (1, 2, 4, 8)]
    assert sold() == 15
    assert sold(timedelta(seconds=1)) == 0
    move(backend, orders[0], OrderEvent.CANCEL)
    move(backend, orders[1], OrderEvent.EXPIRE)
    assert sold() == 12
    move(backend, orders[2], OrderEvent.SUBMIT, OrderEvent.FAIL)
    move(backend, orders[3], OrderEvent.SUBMIT, OrderEvent.PAY)
    assert sold() == 12
    other = backend.run(lambda tx: tx.subscriptions.tickets_sold(VenueId(uuid4()), now)())
    assert other == 0
    assert backend.run_as_other(lambda tx: tx.subscriptions.tickets_sold(venue, now)()) == 0


@pytest.mark.spec("S19 D1")
def test_who_counts_under_the_lock_never_passes_the_cap(backend: Backend) -> None:
    """Of a crowd that sells 30 tickets each at once under a cap of 100, three sell."""
    plan = plan_of(stored(backend, "starter").plan_id)
    venue, now, barrier = backend.home.venue_id, backend.now(), threading.Barrier(CROWD)

    def sell(tx: Tx) -> None:
        tx.subscriptions.lock(venue)
        check_cap(plan, tx.subscriptions.tickets_sold(venue, now)(), 30)
        tx.orders.add(backend.home.order(now, backend.home.demand(30)))

    def buy(_: int) -> None:
        barrier.wait()
        with suppress(Conflict):
            backend.run(sell)

    with ThreadPoolExecutor(CROWD) as pool:
        list(pool.map(buy, range(CROWD)))
    assert backend.run(lambda tx: tx.subscriptions.tickets_sold(venue, now)()) == 90
