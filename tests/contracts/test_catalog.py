"""What the catalogue and the quotes promise."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import attrs
import pytest

from tests.support.backend import Backend
from tests.support.scenery import ref
from ticketpay.domain.catalog import Place
from ticketpay.domain.kernel.errors import Conflict
from ticketpay.domain.kernel.ids import EventId, QuoteId
from ticketpay.domain.money import Money
from ticketpay.domain.payments import PAYMENT_MACHINE, PaymentEvent
from ticketpay.ports.transactions import Tx


@pytest.mark.spec("S18")
def test_an_offer_is_what_was_loaded(backend: Backend) -> None:
    """The offer of an event has its venue, nexus states and all ticket types; others are None."""
    assert backend.run(lambda tx: tx.catalog.offer(backend.home.event_id)()) == backend.home.offer
    assert backend.run(lambda tx: tx.catalog.offer(EventId(uuid4()))()) is None


@pytest.mark.spec("S18")
def test_a_place_is_a_venue_with_the_nexus_of_its_tenant(backend: Backend) -> None:
    """The place of a venue is what decides its taxes; another tenant's venue is None."""
    home, offer = backend.home, backend.home.offer
    place = backend.run(lambda tx: tx.catalog.place(home.venue_id)())
    assert place == Place(offer.venue, offer.nexus_states)
    assert backend.run(lambda tx: tx.catalog.place(backend.away.venue_id)()) is None


@pytest.mark.spec("S18")
def test_loading_twice_changes_nothing(backend: Backend) -> None:
    """Loading the same catalogue again keeps what is taken and adds nothing."""
    home = backend.home
    order = backend.stored_order(2, "A1")

    def hold(tx: Tx) -> None:
        tx.stock.lock(home.demand(2, "A1"))()
        tx.stock.hold(order.id, home.demand(2, "A1"))

    backend.run(hold)
    backend.writer.load(home.catalog)
    assert backend.stock_counts(home.standing) == (5, 2)
    view = backend.run(lambda tx: tx.stock.lock(home.demand(0, "A1", "A2"))())
    assert dict(view.seats) == {(home.seated, "A1"): False, (home.seated, "A2"): True}


@pytest.mark.spec("S18")
def test_capacity_grows_but_not_below_what_is_taken(backend: Backend) -> None:
    """A greater capacity is taken over; one below what is taken is a conflict and changes nothing."""
    home = backend.home
    order = backend.stored_order(3)

    def hold(tx: Tx) -> None:
        tx.stock.lock(home.demand(3))()
        tx.stock.hold(order.id, home.demand(3))

    backend.run(hold)
    backend.writer.load(attrs.evolve(home, capacity=9).catalog)
    assert backend.stock_counts(home.standing) == (9, 3)
    with pytest.raises(Conflict):
        backend.writer.load(attrs.evolve(home, capacity=2).catalog)
    assert backend.stock_counts(home.standing) == (9, 3)


@pytest.mark.spec("S18")
def test_volume_counts_completed_payments_since(backend: Backend) -> None:
    """The volume of a venue is the sum of its completed payments since an instant."""
    now, home = backend.now(), backend.home
    done, _open = backend.stored_payment(), backend.stored_payment()
    step = PAYMENT_MACHINE.step(done.state, PaymentEvent.COMPLETE)
    completed = attrs.evolve(
        done,
        state=step.after,
        ref=ref(),
        received_cents=done.amount.cents,
        confirmed_at=now,
    )
    backend.run(lambda tx: tx.payments.save(completed, step, now))

    def volume(tx: Tx) -> tuple[tuple[Money, ...], tuple[Money, ...]]:
        return (
            tx.catalog.volume(home.venue_id, now - timedelta(days=1))(),
            tx.catalog.volume(home.venue_id, now + timedelta(days=1))(),
        )

    assert backend.run(volume) == ((done.amount,), ())


@pytest.mark.spec("S18")
def test_a_quote_comes_back_as_it_was(backend: Backend) -> None:
    """A stored quote equals what was stored, its offer is the event's, and others are None."""
    home, now = backend.home, backend.now()
    quote = home.quote(home.demand(2, "A1"), now)
    backend.run(lambda tx: tx.quotes.add(quote))
    assert backend.run(lambda tx: tx.quotes.get(quote.id)()) == quote
    assert backend.run(lambda tx: tx.catalog.offer_of_quote(quote.id)()) == home.offer
    assert backend.run(lambda tx: tx.quotes.get(QuoteId(uuid4()))()) is None
    assert backend.run(lambda tx: tx.catalog.offer_of_quote(QuoteId(uuid4()))()) is None
